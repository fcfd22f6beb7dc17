"""The server, through the tests that every server has to pass."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

from bc_prometheus.plugin import bcore_transports
from bcore.records import Factory
from bcore.testing import ServerTests


def scraped(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as reply:
            return b"bcore_archive_rows" in reply.read()
    except OSError:
        return False


class TestMetrics(ServerTests):
    kind = "prometheus"

    @pytest.fixture
    def factory(self) -> Factory[Any]:
        (transport,) = bcore_transports()
        assert transport.server is not None
        return transport.server

    @pytest.fixture
    def answers(self) -> Callable[[int], bool]:
        return scraped
