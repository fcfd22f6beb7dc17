"""Remote and server, through the tests that every one has to pass, over a real connection."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import bcore
from bc_wire.plugin import bcore_transports
from bc_wire.remote import RemoteConfig, WireReader
from bcore.local import StoreReader
from bcore.memory import MemoryStore
from bcore.protocols import Reader
from bcore.records import Factory
from bcore.registry import Registry
from bcore.testing import ServerTests, TransportTests, made, samples


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Of a server of the kit's archive."""
    store = MemoryStore()
    for batch in samples.archive():
        store.append(batch)
    (transport,) = bcore_transports()
    assert transport.server is not None
    server: Any = made(transport.server, {"port": 0})
    server.start(StoreReader((store,), (samples.TICKS, samples.QUOTES)))
    yield f"wire://127.0.0.1:{server.port}"
    server.close()


@pytest.fixture
def remote(url: str) -> Reader:
    return WireReader(RemoteConfig(url))


def nobody() -> Reader:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return WireReader(RemoteConfig(f"wire://127.0.0.1:{taken.getsockname()[1]}"))


class TestWire(TransportTests):
    @pytest.fixture
    def unreachable(self) -> Callable[[], Reader]:
        return nobody


class TestWireServer(ServerTests):
    @pytest.fixture
    def factory(self) -> Factory[Any]:
        (transport,) = bcore_transports()
        assert transport.server is not None
        return transport.server


def test_the_installed_plugin_opens_its_addresses(url: str) -> None:
    assert "wire" in Registry.load(environ={}).of("transports")
    with bcore.open(url) as client:
        assert 3 == client.read("ticks", "AAA", limit=3).num_rows
