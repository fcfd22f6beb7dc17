"""Whole books and their states as tables of `depth_snapshots` and `depth_states`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from attrs import frozen

from bc_orderbook.diffs import ASK, BID, BOOK, DEPTH_SNAPSHOTS, DEPTH_STATES, NEITHER, REST
from bc_orderbook.localbook import Level, LocalBook, Seed

CHECKPOINT = "checkpoint"
_INSTANT = pa.timestamp("us", tz="UTC")


@frozen
class Turning:
    """A change of a book's state: from `time` on, int us UTC."""

    time: int
    update_id: int
    state: str
    reason: str


def seed_table(symbol: str, seed: Seed, time: int, reason: str) -> pa.Table:
    """A book as the exchange showed it."""
    common = {"last_update_id": seed.last_update_id, "timestamp": time, "kind": REST, "reason": reason}
    return _table(symbol, seed.bids.items(), seed.asks.items(), seed.horizon, common)


def book_table(symbol: str, book: LocalBook) -> pa.Table:
    """A maintained book, as of its last event."""
    common = {"last_update_id": book.id, "timestamp": book.time, "kind": BOOK, "reason": CHECKPOINT}
    return _table(symbol, *book.levels(), book.horizon, common)


def states_table(symbol: str, turnings: Sequence[Turning]) -> pa.Table:
    columns: dict[str, Iterable[Any]] = {
        "timestamp": [each.time for each in turnings],
        "symbol": [symbol] * len(turnings),
        "update_id": [each.update_id for each in turnings],
        "state": [each.state for each in turnings],
        "reason": [each.reason for each in turnings],
    }
    return pa.table({field.name: pa.array(columns[field.name], field.type) for field in DEPTH_STATES.schema})


def _table(
    symbol: str,
    bids: Iterable[Level],
    asks: Iterable[Level],
    horizon: tuple[float, float],
    common: dict[str, Any],
) -> pa.Table:
    levels = [*((ASK, *level) for level in sorted(asks)), *((BID, *level) for level in sorted(bids))]
    numbers = np.array(levels or [(NEITHER, 0.0, 0.0)], np.float64)
    columns = {
        "side": pa.array(numbers[:, 0].astype(np.int8)),
        "price": pa.array(numbers[:, 1].copy()),
        "quantity": pa.array(numbers[:, 2].copy()),
    }
    common = {**common, "symbol": symbol, "bid_horizon": horizon[0], "ask_horizon": horizon[1]}
    for field in DEPTH_SNAPSHOTS.schema:
        if field.name in common:
            columns[field.name] = pa.repeat(pa.scalar(common[field.name], field.type), len(numbers))
    return pa.table({name: columns[name] for name in DEPTH_SNAPSHOTS.schema.names}, schema=DEPTH_SNAPSHOTS.schema)
