"""The fixtures of the kit, as a plugin's conftest.py brings them in."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

from bcore.local import StoreReader
from bcore.memory import MemoryStore
from bcore.query import Request
from bcore.testing import NetworkClosed
from bcore.testing.samples import quotes, trades

pytest_plugins = ["bcore.testing.fixtures"]


@pytest.mark.usefixtures("no_network")
def test_the_network_is_closed_for_who_asks_for_it() -> None:
    with pytest.raises(NetworkClosed):
        socket.create_connection(("192.0.2.1", 80), timeout=1)


def test_a_reader_of_batches_answers_for_them(reader_of: Callable[..., StoreReader]) -> None:
    reader = reader_of(trades(range(5)), trades(range(9)), quotes([1]))
    assert 9 == reader.read(Request("trades", "BTCUSDT")).num_rows
    assert {"trades", "quotes"} == set(reader.views())


def test_a_store_is_empty(memory_store: MemoryStore) -> None:
    assert [] == memory_store.series()
