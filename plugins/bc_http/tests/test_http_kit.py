"""The remote, through the tests that every transport has to pass."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bc_http.config import RemoteConfig
from bc_http.remote import HttpReader
from bcore.protocols import Reader
from bcore.testing import TransportTests
from bcore.testing.samples import ODD_SYMBOLS


@pytest.fixture(scope="module")
def remote(start: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    server = start(tmp_path_factory.mktemp("kit"), {}, {"ARCHIVE": "kit"})
    reader = HttpReader(RemoteConfig(server.url))
    yield reader
    reader.close()
    server.stop()


def nobody() -> Reader:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    return HttpReader(RemoteConfig(f"http://127.0.0.1:{port}", retries=1))


class TestHttp(TransportTests):
    kind = "http"

    @pytest.fixture
    def symbols(self) -> tuple[str, ...]:
        """In a path `..` is the way up, for every client and proxy, however it is written."""
        return tuple(symbol for symbol in ODD_SYMBOLS if symbol != "..")

    @pytest.fixture
    def unreachable(self) -> Callable[[], Reader]:
        return nobody
