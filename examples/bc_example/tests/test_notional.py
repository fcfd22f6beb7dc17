"""The example, through the same reader that a user's request goes through."""

from __future__ import annotations

import pyarrow as pa
import pytest

from bc_example.notional import NOTIONAL
from bcore.client import Client
from bcore.local import StoreReader
from bcore.memory import MemoryStore
from bcore.records import Batch, Dataset
from bcore.registry import Registry

TRADES = Dataset(
    "trades",
    pa.schema(
        [
            pa.field("agg_trade_id", pa.int64(), nullable=False),
            pa.field("timestamp", pa.timestamp("us", tz="UTC")),
            pa.field("symbol", pa.string()),
            pa.field("price", pa.float64()),
            pa.field("quantity", pa.float64()),
        ]
    ),
    key=("agg_trade_id",),
    sequence="agg_trade_id",
)


@pytest.fixture
def client() -> Client:
    store = MemoryStore()
    rows = {"agg_trade_id": [1, 2, 3], "price": [10.0, 20.0, 30.0], "quantity": [1.0, 2.0, 3.0]}
    times = pa.array([1, 2, 3], pa.timestamp("us", tz="UTC"))
    store.append(Batch(TRADES, "BTCUSDT", pa.table({**rows, "timestamp": times})))
    return Client(StoreReader((store,), derivations=(NOTIONAL,)))


def test_each_trade_is_worth_its_price_times_its_quantity(client: Client) -> None:
    assert [10.0, 40.0, 90.0] == client.get_notional("BTCUSDT")["notional"].tolist()


def test_limit_gives_the_newest_and_offset_skips_newer_ones(client: Client) -> None:
    assert [10.0, 40.0] == client.get_notional("BTCUSDT", limit=2, offset=1)["notional"].tolist()


def test_small_trades_are_left_out(client: Client) -> None:
    assert [40.0] == client.get_notional("BTCUSDT", min_value="15", limit=1, offset=1)["notional"].tolist()


def test_the_installed_plugin_offers_the_view() -> None:
    assert "notional" in Registry.load(environ={}).of("derivations")
