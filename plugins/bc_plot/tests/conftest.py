"""An archive of some days: trades of two symbols with a hole, and order books."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import bcore
from bc_orderbook import ORDERBOOK
from bc_parquet import ParquetStore
from bc_trades import TRADES
from bcore.client import Client
from bcore.records import Batch

MINUTE = 60_000_000
DAY = 24 * 60 * MINUTE
START = 1_771_113_600_000_000  # 2026-02-15 00:00:00 UTC


def trades(symbol: str, ids: range, start: int = START) -> Batch:
    """One trade a minute, from `start` on for id 0; the price goes up and down."""
    numbers = np.arange(ids.start, ids.stop)
    columns = {
        "agg_trade_id": numbers,
        "timestamp": pa.array(start + numbers * MINUTE, pa.timestamp("us", tz="UTC")),
        "symbol": pa.array([symbol] * len(numbers)),
        "price": 100.0 + 10 * np.sin(numbers / 50),
        "quantity": 1.0 + numbers % 3,
        "first_trade_id": numbers,
        "last_trade_id": numbers,
        "is_buyer_maker": numbers % 2 == 0,
        "is_best_match": np.ones(len(numbers), bool),
    }
    return Batch(TRADES, symbol, pa.table(columns))


def books(symbol: str, count: int) -> Batch:
    """Snapshots at two tick sizes, one every ten seconds; the second side ends after twelve buckets."""
    rows = []
    for number in range(count):
        for tick in (1.0, 10.0):
            row = {name: float("nan") for name in ORDERBOOK.schema.names}
            row |= {"timestamp": START + number * 10_000_000, "symbol": symbol, "tick_size": tick}
            row |= {"best_bid": 99.5, "best_ask": 100.5 + number % 2, "spread": 1.0 + number % 2}
            for level in range(1, 16):
                for side, sign, most in (("bid", -1, 15), ("ask", 1, 12)):
                    if level <= most:
                        row[f"{side}_price_{level}"] = 100 + sign * tick * level
                        row[f"{side}_cum_qty_{level}"] = 2.0 * level
            rows.append(row)
    return Batch(ORDERBOOK, symbol, pa.Table.from_pylist(rows, ORDERBOOK.schema))


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """BTCUSDT: five days, of which the third has a hole; ETHUSDT: the fourth to the sixth."""
    folder = tmp_path_factory.mktemp("archive") / "data"
    store = ParquetStore(folder)
    store.append(trades("BTCUSDT", range(3 * 1440 - 700)))
    store.append(trades("BTCUSDT", range(3 * 1440 - 600, 5 * 1440)))
    store.append(trades("ETHUSDT", range(10, 3 * 1440), START + 3 * DAY))
    store.append(books("BTCUSDT", 30))
    store.close()
    return folder


@pytest.fixture
def client(archive: Path) -> Iterator[Client]:
    with bcore.open(archive) as opened:
        yield opened


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder where files may be left."""
    monkeypatch.chdir(tmp_path)
