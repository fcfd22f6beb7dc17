"""Datasets and rows to test with. Rows follow from their ids, so that the same ids always make the same rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pyarrow as pa
from attrs import evolve

from bcore.instants import SECOND
from bcore.records import Batch, Dataset

BEGIN = 1_767_225_600 * SECOND  # 2026-01-01T00:00:00Z
INSTANT = pa.timestamp("us", tz="UTC")
ODD_SYMBOLS = (
    "A",
    "BTC-USDT",
    "a/b",
    "..",
    ".hidden",
    "a b%2F'\"",
    "x.y~z_hot",
    "这是测试币456",
    "Ωmega",
    "CON",
    "btcusdt",
)


def _column(name: str, kind: pa.DataType) -> pa.Field:
    return pa.field(name, kind, nullable=False)


TICKS = Dataset(
    "ticks",
    pa.schema(
        [
            _column("id", pa.int64()),
            _column("timestamp", INSTANT),
            _column("symbol", pa.string()),
            _column("price", pa.float64()),
            _column("lot", pa.float64()),
            pa.field("note", pa.string()),
        ]
    ),
    key=("id",),
    sequence="id",
    facets=("lot",),
    highlight="price",
    summary="Sample rows with a contiguous id, times that do not rise with it, and a facet",
)
QUOTES = Dataset(
    "quotes",
    pa.schema(
        [
            _column("timestamp", INSTANT),
            _column("symbol", pa.string()),
            _column("size", pa.float64()),
            pa.field("bid", pa.float64()),
        ]
    ),
    key=("timestamp", "size"),
    facets=("size",),
    summary="Sample rows without an id: two sizes at each instant",
)
TRADES = Dataset(
    "trades",
    pa.schema(
        [
            _column("agg_trade_id", pa.int64()),
            _column("timestamp", INSTANT),
            _column("symbol", pa.string()),
            _column("price", pa.float64()),
            _column("quantity", pa.float64()),
            _column("first_trade_id", pa.int64()),
            _column("last_trade_id", pa.int64()),
            _column("is_buyer_maker", pa.bool_()),
            _column("is_best_match", pa.bool_()),
        ]
    ),
    key=("agg_trade_id",),
    sequence="agg_trade_id",
    chain=("first_trade_id", "last_trade_id"),
    highlight="price",
    summary="Sample aggregate trades, as the dataset of that name has them",
)


def time_of(number: int) -> int:
    """When a sample row happens: about a second after the one before it, now and then with it, or before it."""
    return BEGIN + number * SECOND + number * 7 % 5 // 2 * 2 * SECOND


def ticks(ids: Iterable[int], symbol: str = "AAA", **more: Any) -> Batch:
    """Rows of TICKS with these ids; `more` is what else the batch says (`origin`, `findings`)."""
    wanted = list(ids)
    columns = {
        "id": wanted,
        "timestamp": pa.array([time_of(number) for number in wanted], INSTANT),
        "symbol": [symbol] * len(wanted),
        "price": [100 + number % 97 / 100 for number in wanted],
        "lot": [float(number % 3) for number in wanted],
        "note": [None if number % 5 else f"note {number}" for number in wanted],
    }
    return Batch(TICKS, symbol, pa.table(columns, schema=TICKS.schema), **more)


def quotes(seconds: Iterable[int], symbol: str = "AAA", sizes: tuple[float, ...] = (1.0, 10.0)) -> Batch:
    """A row of QUOTES for each of these seconds and sizes."""
    rows = [
        {
            "timestamp": BEGIN + second * SECOND,
            "symbol": symbol,
            "size": size,
            "bid": None if second % 7 == 0 else second + size,
        }
        for second in seconds
        for size in sizes
    ]
    return Batch(QUOTES, symbol, pa.Table.from_pylist(rows, schema=QUOTES.schema))


def trades(ids: Iterable[int], symbol: str = "BTCUSDT", voided: Iterable[int] = ()) -> Batch:
    """Rows of TRADES with these ids. Each sums up two trades, but those of the ids that are `voided`.

    A voided aggregate is one that the exchange took back: it keeps its id; price and quantity are 0, trade ids -1.
    """
    wanted, gone = list(ids), set(voided)
    rows = [_voided(number, symbol) if number in gone else _trade(number, symbol) for number in wanted]
    return Batch(TRADES, symbol, pa.Table.from_pylist(rows, schema=TRADES.schema))


def _trade(number: int, symbol: str) -> dict[str, Any]:
    return {
        "agg_trade_id": number,
        "timestamp": time_of(number),
        "symbol": symbol,
        "price": 20_000 + number * 37 % 101 / 4,
        "quantity": (1 + number % 7) / 8,
        "first_trade_id": 2 * number,
        "last_trade_id": 2 * number + 1,
        "is_buyer_maker": number % 3 == 0,
        "is_best_match": True,
    }


def _voided(number: int, symbol: str) -> dict[str, Any]:
    nothing = {"price": 0.0, "quantity": 0.0, "first_trade_id": -1, "last_trade_id": -1}
    return {**_trade(number, symbol), **nothing}


def archive() -> list[Batch]:
    """A small archive: 3000 ticks and 50 seconds of quotes of AAA, and some ticks of symbols with odd names."""
    odd = [ticks(range(number + 1), symbol) for number, symbol in enumerate(ODD_SYMBOLS)]
    return [ticks(range(3000)), quotes(range(50)), *odd]


def grown(batch: Batch, name: str = "extra") -> Batch:
    """The batch as a later version of its plugin would send it: its dataset has one more column, that may be null."""
    schema = batch.dataset.schema.append(pa.field(name, pa.float64()))
    values = pa.array([number / 2 for number in range(batch.table.num_rows)], pa.float64())
    table = batch.table.append_column(schema.field(name), values)
    return evolve(batch, dataset=evolve(batch.dataset, schema=schema), table=table)
