"""Events on their way into a table of the dataset `depth`: a few numbers per event and two per level, nothing boxed."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from attrs import define, field
from numpy.typing import NDArray

from bc_orderbook.diffs import ASK, BID, DEPTH, NEITHER
from bc_orderbook.events import DepthEvent, numbers_of


def _ints() -> array[int]:
    return array("q")


def _floats() -> array[float]:
    return array("d")


@define
class DiffRows:
    """Columns that grow. Once made into a table they are its memory, and must not grow any more."""

    firsts: array[int] = field(factory=_ints)
    lasts: array[int] = field(factory=_ints)
    times: array[int] = field(factory=_ints)
    received: array[int] = field(factory=_ints)
    counts: array[int] = field(factory=_ints)  # of each event: asks, nothing, bids
    numbers: array[float] = field(factory=_floats)

    def __len__(self) -> int:
        return len(self.numbers) // 2

    def extend(self, events: Sequence[DepthEvent], numbers: array[float] | None = None) -> None:
        """`numbers` are those of the events, where they are at hand already."""
        self.firsts.fromlist([event.first for event in events])
        self.lasts.fromlist([event.last for event in events])
        self.times.fromlist([event.time for event in events])
        self.received.fromlist([event.received for event in events])
        self.counts.extend([count for event in events for count in (len(event.asks), event.empty, len(event.bids))])
        self.numbers += numbers_of(events) if numbers is None else numbers

    def table(self, symbol: str) -> pa.Table:
        """The rows in the schema of DEPTH, sorted by its key as far as the events came in order."""
        counts = np.frombuffer(self.counts, np.int64)
        per_event = counts.reshape(-1, 3).sum(axis=1)
        levels = np.frombuffer(self.numbers).reshape(-1, 2)
        sides = np.tile(np.array([ASK, NEITHER, BID], np.int8), len(per_event))
        instant = pa.timestamp("us", tz="UTC")
        columns = [
            pa.array(_spread(self.firsts, per_event)),
            pa.array(_spread(self.lasts, per_event)),
            pa.array(_spread(self.times, per_event)).cast(instant),
            pa.array(_spread(self.received, per_event)).cast(instant),
            pa.repeat(pa.scalar(symbol, pa.string()), len(levels)),
            pa.array(np.repeat(sides, counts)),
            pa.array(np.ascontiguousarray(levels[:, 0])),
            pa.array(np.ascontiguousarray(levels[:, 1])),
        ]
        return _last_of_each(pa.Table.from_arrays(columns, schema=DEPTH.schema))


def _spread(values: array[int], counts: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.repeat(np.frombuffer(values, np.int64), counts)


def _last_of_each(table: pa.Table) -> pa.Table:
    """Sorted by key, with the last row of each: an event may name a level twice, and then the later quantity counts."""
    keys: list[NDArray[Any]] = [table.column(name).to_numpy() for name in DEPTH.key]
    if _rising(keys):
        return table
    turned = -keys[1] * np.arange(len(table))  # bids come backwards (`numbers_of`)
    order = np.lexsort([turned, *keys[::-1]])
    ordered = [key[order] for key in keys]
    same = np.logical_and.reduce([key[1:] == key[:-1] for key in ordered])
    return table.take(order[np.append(~same, True)])


def _rising(keys: list[NDArray[Any]]) -> bool:
    ids, sides, prices = ((key[1:], key[:-1]) for key in keys)
    within = (sides[0] > sides[1]) | ((sides[0] == sides[1]) & (prices[0] > prices[1]))
    return bool(((ids[0] > ids[1]) | ((ids[0] == ids[1]) & within)).all())
