"""Archives of trades and order books, told by ids and seconds."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from bc_orderbook.datasets import ORDERBOOK
from bc_trades.datasets import TRADES
from bcore.app import App
from bcore.protocols import Store
from bcore.query import Query
from bcore.records import Batch, Series

SECOND = 1_000_000
BEGIN = 1_771_113_600 * SECOND  # 2026-02-15
DEALS, BOOKS = Series(TRADES, "BTCUSDT"), Series(ORDERBOOK, "BTCUSDT")


def trades(first: int, last: int) -> Batch:
    """Trades with the ids first..last, three in each millisecond."""
    ids = range(first, last + 1)
    columns = {
        "agg_trade_id": ids,
        "timestamp": [BEGIN + number // 3 * 1000 for number in ids],
        "symbol": ["BTCUSDT"] * len(ids),
        "price": [60_000 + (number * 7919 % 1000) / 100 for number in ids],
        "quantity": [number * 2_654_435_761 % 2**31 / 1e5 for number in ids],
        "first_trade_id": ids,
        "last_trade_id": ids,
        "is_buyer_maker": [number % 2 == 0 for number in ids],
        "is_best_match": [True] * len(ids),
    }
    arrays = [pa.array(columns[each.name], each.type) for each in TRADES.schema]
    return Batch(TRADES, "BTCUSDT", pa.Table.from_arrays(arrays, schema=TRADES.schema))


def books(first: int, last: int, ticks: Sequence[float] = (10.0, 50.0)) -> Batch:
    """Snapshots at some tick sizes, a second apart, with all 129 columns of prices and sums drawn at random."""
    rows = []
    for number in range(first, last + 1):
        for tick in ticks:
            draw = random.Random(f"{number} {tick}")
            row: dict[str, Any] = {name: round(draw.uniform(0, 60_000), 2) for name in ORDERBOOK.schema.names}
            rows.append(row | {"timestamp": BEGIN + number * SECOND, "symbol": "BTCUSDT", "tick_size": tick})
    return Batch(ORDERBOOK, "BTCUSDT", pa.Table.from_pylist(rows, schema=ORDERBOOK.schema))


def store_at(path: Path) -> Store:
    app = App.of({"stores": {"main": {"kind": "parquet", "path": str(path)}}})
    return app.stores()["main"]


def filled(path: Path, *batches: Batch) -> Path:
    store = store_at(path)
    for each in batches:
        store.append(each)
    store.close()
    return path


def rows(path: Path, series: Series) -> pa.Table:
    store = store_at(path)
    table = store.read(Query(series.dataset, series.symbol))
    store.close()
    return table
