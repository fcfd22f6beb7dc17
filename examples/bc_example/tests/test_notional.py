"""The view, through the tests that every derivation has to pass, and what is its own affair."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from bc_example.notional import NOTIONAL
from bcore.client import Client
from bcore.local import StoreReader
from bcore.memory import MemoryStore
from bcore.registry import Registry
from bcore.testing import DerivationTests
from bcore.testing.samples import TRADES, trades


class TestNotional(DerivationTests):
    derivation = NOTIONAL

    @pytest.fixture
    def parameters(self) -> tuple[Mapping[str, Any], ...]:
        return ({}, {"min_value": "9000"})


@pytest.fixture
def client() -> Client:
    """Of eight trades; their prices and quantities follow from their ids."""
    store = MemoryStore()
    store.append(trades(range(8)))
    return Client(StoreReader((store,), (TRADES,), (NOTIONAL,)))


def test_each_trade_is_worth_its_price_times_its_quantity(client: Client) -> None:
    table = trades(range(8)).table
    pairs = zip(table["price"].to_pylist(), table["quantity"].to_pylist(), strict=True)
    expected = {number: price * quantity for number, (price, quantity) in enumerate(pairs)}
    found = client.read("notional", "BTCUSDT")
    assert expected == dict(zip(found["agg_trade_id"].to_pylist(), found["notional"].to_pylist(), strict=True))


def test_small_trades_are_left_out(client: Client) -> None:
    found = client.read("notional", "BTCUSDT", min_value="10000")["notional"].to_pylist()
    assert 0 < len(found) < 8
    assert min(found) >= 10000


def test_the_installed_plugin_offers_the_view() -> None:
    assert "notional" in Registry.load(environ={}).of("derivations")
