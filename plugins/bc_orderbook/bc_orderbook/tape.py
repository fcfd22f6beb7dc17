"""The events of the depth stream in order of id, read from an archive no further than they are needed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import numpy as np
import pyarrow as pa
from attrs import define, field, frozen
from numpy.typing import NDArray

from bc_orderbook.pricelevels import Floats, keys_of
from bcore.computing import Access
from bcore.instants import SECOND

Ints = NDArray[np.int64]
COLUMNS = ("first_update_id", "last_update_id", "timestamp", "side", "price", "quantity")
DISORDER = SECOND  # how far the times of events may run backwards while their ids rise
AHEAD = 5 * SECOND  # in which the event that comes next is likely to be


@frozen(eq=False)
class Changes:
    """Rows of events, sorted by the events' ids: U, u and E of the event, the level's key and its new quantity."""

    firsts: Ints
    lasts: Ints
    times: Ints
    keys: Floats
    quantities: Floats

    @classmethod
    def of(cls, batch: pa.RecordBatch) -> Changes:
        column = {name: batch.column(name) for name in COLUMNS}
        return cls(
            column["first_update_id"].to_numpy(),
            column["last_update_id"].to_numpy(),
            column["timestamp"].view(pa.int64()).to_numpy(),
            keys_of(column["side"].to_numpy(), column["price"].to_numpy()),
            column["quantity"].to_numpy(),
        )

    @classmethod
    def nothing(cls) -> Changes:
        ids, numbers = np.empty(0, np.int64), np.empty(0)
        return cls(ids, ids, ids, numbers, numbers)

    def __len__(self) -> int:
        return len(self.lasts)

    def between(self, begin: int, end: int | None = None) -> Changes:
        """Some of the rows, by their place."""
        cut: list[Any] = [column[begin:end] for column in self._columns()]
        return Changes(*cut)

    def and_then(self, more: Changes) -> Changes:
        pairs = zip(self._columns(), more._columns(), strict=True)
        joined: list[Any] = [np.concatenate(pair) for pair in pairs]
        if len(self) and len(more) and more.lasts[0] < self.lasts[-1]:  # read in two pieces, where times run backwards
            order = np.argsort(joined[1], kind="stable")
            joined = [column[order] for column in joined]
        return Changes(*joined)

    @property
    def starts(self) -> NDArray[np.intp]:
        """Where the rows of each event begin."""
        return np.flatnonzero(np.append(True, self.lasts[1:] != self.lasts[:-1])[: len(self)])

    @property
    def event_firsts(self) -> Ints:
        """The U of each event, the lowest where two connections brought it in different pieces."""
        starts = self.starts
        return np.minimum.reduceat(self.firsts, starts) if len(starts) else self.firsts

    def tiling(self, update_id: int) -> int:
        """How many rows come before the first event that does not follow on the one before it (protocol section 7.2).

        The first must follow on `update_id`: its U must not be above it plus 1.
        """
        starts = self.starts
        before = np.append(update_id, self.lasts[starts[1:] - 1])[: len(starts)]
        broken = np.flatnonzero(self.event_firsts > before + 1)
        return int(starts[broken[0]]) if len(broken) else len(self)

    def _columns(self) -> tuple[NDArray[Any], ...]:
        return self.firsts, self.lasts, self.times, self.keys, self.quantities


@define(eq=False)
class Tape:
    """Takes the events of a symbol from an instant on, up to one time after the other.

    An event belongs to an instant if its time (E) is not after it. Where times run backwards for a moment, so do all
    events before it by id.
    """

    _batches: Iterator[pa.RecordBatch]
    _held: Changes = field(factory=Changes.nothing, init=False)
    _ended: bool = field(default=False, init=False)

    @classmethod
    def since(cls, access: Access, start: int, until: int) -> Tape:
        """`until` is the last instant that will be asked for: what is later is read only for the event that comes next.

        Reading ahead would take most of the time of a single book.
        """
        border = max(start, until + DISORDER + 1) + AHEAD
        scans = ({"start": start, "end": border}, {"start": border})
        return cls(batch for each in scans for batch in access.scan("depth", columns=COLUMNS, **each))

    def begins_by(self, update_id: int) -> bool:
        """Whether the first event begins with that update or an earlier one; also if there is none."""
        first = self.next_first
        return first is None or first <= update_id

    def skip(self, update_id: int) -> None:
        """Leaves out the events up to that id."""
        while True:
            self._take(int(np.searchsorted(self._held.lasts, update_id, side="right")))
            if len(self._held) or self._ended:
                return
            self._read()

    def until(self, instant: int) -> Iterator[Changes]:
        """The next events that belong to the instant, in pieces: what is far is not held all at once."""
        while not (self._ended or (len(self._held) and self._held.times[-1] > instant + DISORDER)):
            if len(self._held) and self._held.times[-1] <= instant:
                yield self._take(int(np.searchsorted(self._held.lasts, self._held.lasts[-1])))
            self._read()
        belong = np.flatnonzero(self._held.times <= instant)
        last = int(self._held.lasts[belong[-1]]) if len(belong) else -1
        yield self._take(int(np.searchsorted(self._held.lasts, last, side="right")))

    def through(self, update_id: int) -> Iterator[Changes]:
        """The next events up to that id, in pieces."""
        while not (self._ended or (len(self._held) and self._held.lasts[-1] > update_id)):
            yield self._take(int(np.searchsorted(self._held.lasts, self._held.lasts[-1])) if len(self._held) else 0)
            self._read()
        yield self._take(int(np.searchsorted(self._held.lasts, update_id, side="right")))

    @property
    def upcoming(self) -> Changes:
        """The rows of the event that comes next; none if none comes."""
        while not (self._ended or (len(self._held) and self._held.times[-1] > self._held.times[0] + DISORDER)):
            self._read()
        held = self._held
        return held.between(0, int(np.searchsorted(held.lasts, held.lasts[0], side="right")) if len(held) else 0)

    @property
    def next_first(self) -> int | None:
        """The U of the event that comes next; None if none comes."""
        event = self.upcoming
        return int(event.firsts.min()) if len(event) else None

    def _take(self, count: int) -> Changes:
        taken, self._held = self._held.between(0, count), self._held.between(count)
        return taken

    def _read(self) -> None:
        with suppress(StopIteration):
            more = Changes.of(next(self._batches))
            self._held = self._held.and_then(more) if len(self._held) else more
            return
        self._ended = True
