"""For tests: an archive of a depth stream written by hand, and the book at an instant by plain Python."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import nan
from typing import Any

import pyarrow as pa
from attrs import define, field, frozen

from bc_orderbook.diffs import ASK, BID, BOOK, DEPTH, DEPTH_SNAPSHOTS, DEPTH_STATES, DEPTH_TICKERS, NEITHER
from bcore.memory import MemoryStore
from bcore.protocols import Store
from bcore.records import Batch, Dataset

Side = Mapping[float, float]
Horizon = tuple[float, float]


@frozen
class Event:
    """Updates `first`..`last`, sent at `time` (int us UTC): prices with their new quantities."""

    first: int
    last: int
    time: int
    bids: Side = field(factory=dict)
    asks: Side = field(factory=dict)


@frozen
class Shown:
    """A whole book as of update `last`, known since `time` (int us UTC)."""

    last: int
    time: int
    bids: Side
    asks: Side
    kind: str = BOOK
    horizon: Horizon = (nan, nan)


@define
class HandWritten:
    """Writes into the store what a collector would have written."""

    store: Store = field(factory=MemoryStore)
    symbol: str = "AAA"

    def events(self, events: Iterable[Event]) -> None:
        common = ("first_update_id", "last_update_id", "timestamp", "received")
        self._write(
            DEPTH,
            [
                {**dict(zip(common, (each.first, each.last, each.time, each.time), strict=True)), **level}
                for each in events
                for level in _levels(each.bids, each.asks)
            ],
        )

    def snapshot(self, shown: Shown) -> None:
        common = {
            "last_update_id": shown.last,
            "timestamp": shown.time,
            "kind": shown.kind,
            "bid_horizon": shown.horizon[0],
            "ask_horizon": shown.horizon[1],
            "reason": "test",
        }
        self._write(DEPTH_SNAPSHOTS, [{**common, **level} for level in _levels(shown.bids, shown.asks)])

    def state(self, time: int, update_id: int, state: str) -> None:
        self._write(DEPTH_STATES, [{"timestamp": time, "update_id": update_id, "state": state, "reason": "test"}])

    def ticker(self, update_id: int, time: int, best: tuple[float, float, float, float]) -> None:
        names = ("bid_price", "bid_quantity", "ask_price", "ask_quantity")
        row = {"update_id": update_id, "timestamp": time, **dict(zip(names, best, strict=True))}
        self._write(DEPTH_TICKERS, [row])

    def _write(self, dataset: Dataset, rows: list[dict[str, Any]]) -> None:
        if rows:
            table = pa.Table.from_pylist([{"symbol": self.symbol, **row} for row in rows], schema=dataset.schema)
            self.store.append(Batch(dataset, self.symbol, table))


def _levels(bids: Side, asks: Side) -> list[dict[str, Any]]:
    """An event or a book without any level is one row of neither side."""
    named = [(BID, *level) for level in bids.items()] + [(ASK, *level) for level in asks.items()]
    rows = named or [(NEITHER, 0.0, 0.0)]
    return [{"side": side, "price": price, "quantity": quantity} for side, price, quantity in rows]


@frozen
class Reference:
    """The book at an instant, one event after the other."""

    update_id: int
    bids: list[tuple[float, float]]
    asks: list[tuple[float, float]]
    broken: bool
    proven: bool

    @classmethod
    def at(cls, instant: int, events: Iterable[Event], snapshots: Iterable[Shown]) -> Reference | None:
        """None where no snapshot is known. `proven`: the events go on behind it without a break, or end with it."""
        seen = [each for each in snapshots if each.time <= instant]
        if not seen:
            return None
        base = max(seen, key=lambda each: (each.last, each.kind))
        bids, asks, update_id, time, broken = dict(base.bids), dict(base.asks), base.last, base.time, False
        ordered = sorted(events, key=lambda each: each.last)
        reached = max((place + 1 for place, each in enumerate(ordered) if each.time <= instant), default=0)
        for event in ordered[:reached]:
            if event.last > update_id and not broken:
                broken = event.first > update_id + 1
                if not broken:
                    bids.update(event.bids)
                    asks.update(event.asks)
                    update_id, time = event.last, event.time
        later = [each for each in ordered[reached:] if each.last > base.last]
        goes_on = later[0].first <= update_id + 1 if later else instant <= max(time, base.time)
        return cls(update_id, _best_first(bids, -1), _best_first(asks, 1), broken, not broken and goes_on)


def _best_first(side: Side, sign: int) -> list[tuple[float, float]]:
    standing = [(price, quantity) for price, quantity in side.items() if quantity]
    return sorted(standing, key=lambda level: sign * level[0])
