"""How far a book can be trusted at an instant, as its collector noted it."""

from __future__ import annotations

from bisect import bisect_right

import pyarrow as pa
from attrs import frozen

from bc_orderbook.diffs import UNKNOWN, VERIFIED
from bcore.computing import Access

DATASET = "depth_states"
BEFORE = 16  # rows that are read before the first instant: many may share a time where a clock stood still


@frozen(order=True)
class Mark:
    """From `time` (int us UTC) and the book's id on, the state is another."""

    time: int
    update_id: int
    doubtful: bool
    state: str

    @classmethod
    def of(cls, time: int, update_id: int, state: str) -> Mark:
        return cls(time, update_id, state != VERIFIED, state)


@frozen
class Trust:
    """The marks of a symbol in order. Before the first everything is unknown.

    Verified is a book from the event on that the mark names. A doubt begins *after* its event, the last good one: of
    the book at that very instant there is none.
    """

    marks: tuple[Mark, ...]

    @classmethod
    def over(cls, access: Access, start: int, end: int) -> Trust:
        """What has to be known for instants of [start, end]."""
        before = access.read(DATASET, end=start, tail=BEFORE)
        within = access.read(DATASET, start=start, end=end + 1)
        rows = pa.concat_tables([before, within])
        times = rows.column("timestamp").cast(pa.int64()).to_pylist()
        columns = zip(times, rows.column("update_id").to_pylist(), rows.column("state").to_pylist(), strict=True)
        return cls(tuple(sorted(Mark.of(*each) for each in columns)))

    def at(self, instant: int) -> str:
        for mark in reversed(self.marks[: bisect_right(self.marks, instant, key=lambda mark: mark.time)]):
            if mark.time < instant or not mark.doubtful:
                return mark.state
        return UNKNOWN
