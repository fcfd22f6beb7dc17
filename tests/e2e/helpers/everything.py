"""Rows of every dataset that installed plugins have, so that every view has an answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from bc_orderbook.diffs import DEPTH, DEPTH_SNAPSHOTS, DEPTH_STATES
from bcore.app import App
from bcore.instants import SECOND
from bcore.records import Batch, Dataset

Rows = list[dict[str, Any]]
COUNT = 300
SECONDS = 3  # of a book that is shown a thousand times a second if somebody asks


def fill(path: Path, symbol: str, begin: int) -> None:
    """An archive at `path` with a little of everything from `begin` on (int us UTC)."""
    app = App.of({"stores": {"main": {"kind": "parquet", "path": str(path)}}})
    store, known = app.stores()["main"], dict(depth(symbol, begin, SECONDS))
    datasets = {view.dataset.name: view.dataset for view in app.reader().views().values()}
    for dataset in datasets.values():
        rows = known.get(dataset) or plain(dataset, symbol, begin)
        store.append(Batch(dataset, symbol, pa.Table.from_pylist(rows, schema=dataset.schema)))
    app.close()


def depth(symbol: str, begin: int, seconds: int = 300) -> Iterator[tuple[Dataset, Rows]]:
    """A small book: one snapshot, a verified state, and `seconds` of changes of its levels, two a second."""
    common = {"symbol": symbol, "timestamp": begin, "received": begin + 1000}
    sides = [(side, price) for side in (1, -1) for price in range(10)]
    levels = [{"side": side, "price": 60_000.0 - side * (each + 1), "quantity": 1.0 + each} for side, each in sides]
    whole = {"last_update_id": 100, "kind": "rest", "bid_horizon": float("nan"), "ask_horizon": float("nan")}
    yield DEPTH_SNAPSHOTS, [{**common, **whole, "reason": "start", **level} for level in levels]
    yield DEPTH_STATES, [{**common, "update_id": 100, "state": "verified", "reason": "start"}]
    changes = []
    for number in range(2 * seconds):
        at, ids = begin + number * SECOND // 2, {"first_update_id": 101 + number, "last_update_id": 101 + number}
        level = {**levels[number % 20], "quantity": 0.5 + number % 7}
        changes.append({**common, **ids, **level, "timestamp": at, "received": at + 1000})
    yield DEPTH, changes


def plain(dataset: Dataset, symbol: str, begin: int) -> Rows:
    """Row N of any dataset: at N seconds, its numbers N, its texts the symbol."""
    return [
        {column.name: _cell(column.type, number, symbol, begin) for column in dataset.schema} for number in range(COUNT)
    ]


def _cell(kind: pa.DataType, number: int, symbol: str, begin: int) -> Any:
    if pa.types.is_timestamp(kind):
        return begin + number * SECOND
    if pa.types.is_boolean(kind):
        return number % 2 == 0
    if pa.types.is_floating(kind):
        return 1.0 + number
    return number if pa.types.is_integer(kind) else symbol
