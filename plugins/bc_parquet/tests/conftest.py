"""Datasets and rows for the tests of the store."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from bc_parquet import ParquetStore
from bcore.records import Batch, Dataset

sys.path.insert(0, str(Path(__file__).parent))
INSTANT = pa.timestamp("us", tz="UTC")
BEGIN = 1_723_161_255_000_000

TRADES = Dataset(
    "trades",
    pa.schema(
        [
            pa.field("agg_trade_id", pa.int64(), nullable=False),
            pa.field("timestamp", INSTANT),
            pa.field("symbol", pa.string()),
            pa.field("price", pa.float64()),
            pa.field("is_buyer_maker", pa.bool_()),
        ]
    ),
    key=("agg_trade_id",),
    sequence="agg_trade_id",
    highlight="price",
)
BOOKS = Dataset(
    "books",
    pa.schema(
        [
            pa.field("timestamp", INSTANT, nullable=False),
            pa.field("symbol", pa.string()),
            pa.field("tick_size", pa.float64(), nullable=False),
            pa.field("bid", pa.float64()),
        ]
    ),
    key=("timestamp", "tick_size"),
    facets=("tick_size",),
)


def trades(ids: Iterable[int], symbol: str = "BTCUSDT") -> Batch:
    """Trades whose other columns follow from the id; times wander a little, as the exchange's do."""
    wanted = list(ids)
    table = pa.table(
        {
            "agg_trade_id": pa.array(wanted, pa.int64()),
            "timestamp": pa.array([BEGIN + id_ * 1000 + id_ * 7919 % 5000 for id_ in wanted], INSTANT),
            "price": pa.array([60000 + id_ % 977 / 100 for id_ in wanted], pa.float64()),
            "is_buyer_maker": pa.array([id_ % 3 == 0 for id_ in wanted], pa.bool_()),
        }
    )
    return Batch(TRADES, symbol, table)


def books(seconds: Iterable[int], ticks: Iterable[float] = (1.0, 10.0)) -> Batch:
    """One row per second and tick size; every fifth has no bid."""
    rows = [
        (BEGIN + second * 10**6, tick, float("nan") if second % 5 == 0 else second + tick)
        for second in seconds
        for tick in ticks
    ]
    times, sizes, bids = (list(column) for column in zip(*rows, strict=True))
    table = pa.table({"timestamp": pa.array(times, INSTANT), "tick_size": sizes, "bid": bids})
    return Batch(BOOKS, "BTCUSDT", table)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ParquetStore]:
    opened = ParquetStore(tmp_path / "data")
    yield opened
    opened.close()
