"""The order book at any instant of a tape, by the rule of protocol section 7.

Seeded from the newest snapshot. Before the first one the book is told from it: a level of the snapshot that no update
touched in between stood there all the time. Where no snapshot joins the first updates, the book begins empty and knows
only the levels that changed since, which is all that a stranger could know. A hole between updates leaves the book
unknown until the next snapshot.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Sequence
from itertools import pairwise
from operator import attrgetter

from bc_replay.decimals import scaled
from bc_replay.records import Book, DepthUpdate, Level, Levels, Snapshot

NOTHING = "0.00000000"
CURSORS = 4

_at = attrgetter("at")
_first = attrgetter("first")
_last = attrgetter("last")


class Side:
    """One side's levels, kept best first; `sign` is -1 for bids."""

    def __init__(self, sign: int, levels: Levels = ()) -> None:
        self._sign = sign
        self._levels = {sign * scaled(level[0]): level for level in levels if level[1] != NOTHING}
        self._order = sorted(self._levels)

    def apply(self, levels: Levels) -> None:
        for level in levels:
            key = self._sign * scaled(level[0])
            if level[1] == NOTHING:
                self._remove(key)
            else:
                self._set(key, level)

    def best(self, limit: int) -> Levels:
        return tuple(map(self._levels.__getitem__, self._order[:limit]))

    def _set(self, key: int, level: Level) -> None:
        if key not in self._levels:
            insort(self._order, key)
        self._levels[key] = level

    def _remove(self, key: int) -> None:
        # Removing a level that is not held is normal: it lay beyond the snapshot's horizon.
        if self._levels.pop(key, None) is not None:
            del self._order[bisect_left(self._order, key)]


class Cursor:
    """A book that moves forward over the updates and snapshots of one tape."""

    def __init__(self, updates: Sequence[DepthUpdate], snapshots: Sequence[Snapshot]) -> None:
        self._updates, self._snapshots = updates, snapshots
        self._applied = 0
        self._seeded = 0
        self._id: int | None = updates[0].first - 1 if updates else None
        self._bids, self._asks = Side(-1), Side(1)
        self.now = -1

    def forward(self, now: int) -> None:
        """Take in all that happened up to `now`, which must not lie before `self.now`."""
        seeds = bisect_right(self._snapshots, now, key=_at)
        if seeds > self._seeded:
            self._seed(self._snapshots[seeds - 1])
            self._seeded = seeds
        stop = bisect_right(self._updates, now, key=_at)
        for index in range(self._applied, stop):
            self._apply(self._updates[index])
        self._applied = max(self._applied, stop)
        self.now = now

    def book(self, limit: int) -> Book | None:
        if self._id is None or not (self._applied or self._seeded):
            return None
        return Book(self._id, self._bids.best(limit), self._asks.best(limit))

    def _seed(self, snapshot: Snapshot) -> None:
        self._id = snapshot.last_update_id
        self._bids, self._asks = Side(-1, snapshot.bids), Side(1, snapshot.asks)
        # A snapshot may lie behind the stream: what came before it but is newer by id has to be applied again.
        self._applied = bisect_right(self._updates, snapshot.last_update_id, key=_last)

    def _apply(self, update: DepthUpdate) -> None:
        if self._id is None or update.last <= self._id:
            return
        if update.after > self._id and not self._restart(update):
            return
        self._bids.apply(update.bids)
        self._asks.apply(update.asks)
        self._id = update.last

    def _restart(self, update: DepthUpdate) -> bool:
        """After a hole nothing is known, except that before the first update there is no hole, only an old snapshot."""
        if update is not self._updates[0]:
            self._id = None
            return False
        self._bids, self._asks = Side(-1), Side(1)
        return True


class Books:
    """Books at any instants. Forward steps are cheap; a few cursors keep views that lag behind each other cheap too."""

    def __init__(self, updates: Sequence[DepthUpdate], snapshots: Sequence[Snapshot]) -> None:
        self._updates, self._snapshots = updates, [*_told_back(updates, snapshots), *snapshots]
        self._cursors: list[Cursor] = []

    def at(self, now: int, limit: int) -> Book | None:
        cursor = self._nearest(now)
        cursor.forward(now)
        return cursor.book(limit)

    def _nearest(self, now: int) -> Cursor:
        """The most advanced cursor not past `now`, or a new one; the most recently used stands last."""
        usable = [cursor for cursor in self._cursors if cursor.now <= now]
        chosen = max(usable, key=lambda cursor: cursor.now, default=None)
        if chosen is None:
            chosen = Cursor(self._updates, self._snapshots)
            self._cursors = self._cursors[1 - CURSORS :]
        else:
            self._cursors.remove(chosen)
        self._cursors.append(chosen)
        return chosen


def _told_back(updates: Sequence[DepthUpdate], snapshots: Sequence[Snapshot]) -> list[Snapshot]:
    """The book at the first update, as far as the first snapshot tells it; none if a hole lies between."""
    if not updates or not snapshots or snapshots[0].at <= updates[0].at:
        return []
    first = snapshots[0]
    between = updates[: bisect_right(updates, first.last_update_id, key=_first)]
    holed = any(late.after > early.last for early, late in pairwise(between))
    if not between or holed or between[-1].last < first.last_update_id:
        return []
    bids = {scaled(level[0]) for update in between for level in update.bids}
    asks = {scaled(level[0]) for update in between for level in update.asks}
    return [
        Snapshot(
            last_update_id=updates[0].after,
            bids=tuple(level for level in first.bids if scaled(level[0]) not in bids),
            asks=tuple(level for level in first.asks if scaled(level[0]) not in asks),
            at=updates[0].at,
        )
    ]
