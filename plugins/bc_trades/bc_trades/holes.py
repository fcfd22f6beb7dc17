"""Missing ids of one series: what is to be asked for, and what became of it. Pure: time comes in as seconds."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator

from attrs import define, evolve, field

from bcore.spans import Span, Spans

DOUBT = 1.0  # seconds after which an exchange that left ids out is asked for them once more
LARGEST = 2**63 - 1
BEHIND, LONGEST = 0.25, 15.0  # seconds until an exchange that is behind is asked again: at first, and at most


@define(eq=False)
class Gap:
    """Ids `first`..`last` that were found missing together, at `since`.

    `quiet`: they came after everything held when we began, so no ledger speaks of them as long as they are caught up.
    """

    first: int
    last: int
    since: float
    quiet: bool = False
    asked: bool = False
    noted: bool = False
    left: int = field(init=False)
    lost: list[Span] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.left = self.last - self.first + 1

    def filled(self) -> Spans:
        """What has come of it, once nothing is left."""
        return Spans.of([(self.first, self.last)]).subtract(Spans.of(self.lost))


@define(eq=False)
class Hole:
    """A run of ids that are missing still. `holding`: later rows wait for it. `asked`: a request is under way.

    `doubts` counts the answers that had later ids and not these, `tardy` those that ended before.
    """

    first: int
    last: int
    gap: Gap
    due: float
    holding: bool
    asked: bool = False
    doubts: int = 0
    tardy: int = 0

    def ready(self, now: float, holding: bool) -> bool:
        """Whether to ask for it now."""
        return self.holding == holding and not self.asked and self.due <= now


@define
class Holes:
    """The missing ids as holes, sorted and disjoint."""

    _runs: list[Hole] = field(factory=list)

    def __bool__(self) -> bool:
        return bool(self._runs)

    def __iter__(self) -> Iterator[Hole]:
        return iter(self._runs)

    def __len__(self) -> int:
        """How many ids are missing."""
        return sum(hole.last - hole.first + 1 for hole in self._runs)

    @property
    def barrier(self) -> int | None:
        """The lowest id that later rows wait for."""
        return next((hole.first for hole in self._runs if hole.holding), None)

    @property
    def held(self) -> int:
        """How many ids later rows wait for."""
        return sum(hole.last - hole.first + 1 for hole in self._runs if hole.holding)

    @property
    def gaps(self) -> list[Gap]:
        """What the holes are left of, in order."""
        return list(dict.fromkeys(hole.gap for hole in self._runs))

    def add(self, gap: Gap, *, due: float, holding: bool) -> None:
        """None of the ids may be missing already."""
        at = bisect_right(self._runs, gap.first, key=_first)
        self._runs.insert(at, Hole(gap.first, gap.last, gap, due, holding))

    def close(self, first: int, last: int) -> Gap | None:
        """Ids that have come; None, and nothing is changed, where not all of them are of one hole."""
        at = bisect_right(self._runs, first, key=_first) - 1
        if at < 0 or not self._runs[at].first <= first <= last <= self._runs[at].last:
            return None
        hole = self._runs[at]
        self._runs[at : at + 1] = _around(hole, first, last)
        hole.gap.left -= last - first + 1
        return hole.gap

    def take(self, now: float, page: int, *, holding: bool) -> Span | None:
        """The lowest ids that are due, at most `page`: they count as asked for until `answered` or `failed`."""
        ready = (at for at, hole in enumerate(self._runs) if hole.ready(now, holding))
        at = next(ready, None)
        if at is None:
            return None
        hole = self._runs[at]
        last = min(hole.last, hole.first + page - 1)
        if last < hole.last:
            self._runs.insert(at + 1, evolve(hole, first=last + 1))
            hole.last = last
        hole.asked = hole.gap.asked = True
        return hole.first, last

    def answered(self, first: int, last: int, reached: int, now: float) -> list[Hole]:
        """Settles what an answer to a request for `first`..`last` left missing; `reached` is its highest id.

        Returns the holes that it had none of for the second time, though it had later ids: nobody will fill them.
        """
        self._cut(reached + 1, last)
        for hole in self._within(first, last):
            hole.asked = False
            if hole.first > reached:
                hole.due = now + min(BEHIND * 2.0**hole.tardy, LONGEST)
                hole.tardy += 1
        return self.doubt(first, min(reached, last), now)

    def doubt(self, first: int, last: int, now: float) -> list[Hole]:
        """An answer has none of `first`..`last`, and later ids; returns the holes of which that is known twice."""
        if first > last:
            return []
        self._cut(last + 1, LARGEST)
        doubted = [hole for hole in self._within(first, last) if not hole.asked]
        for hole in doubted:
            hole.doubts += 1
            hole.due = now + DOUBT
        return [hole for hole in doubted if hole.doubts > 1]

    def failed(self, first: int, last: int, due: float) -> None:
        """There was no answer: the ids are to be asked for again at `due`."""
        for hole in self._within(first, last):
            hole.asked, hole.due = False, due

    def give_up(self, hole: Hole) -> None:
        """Takes a hole away that cannot be filled."""
        self._runs.remove(hole)
        hole.gap.left -= hole.last - hole.first + 1
        hole.gap.lost.append((hole.first, hole.last))

    def let_go(self) -> list[Gap]:
        """Later rows wait for nothing any more; returns the gaps that they waited for."""
        released = list(dict.fromkeys(hole.gap for hole in self._runs if hole.holding))
        for hole in self._runs:
            hole.holding = False
        return released

    def _within(self, first: int, last: int) -> list[Hole]:
        begin = bisect_right(self._runs, first - 1, key=_first)
        return self._runs[begin : bisect_right(self._runs, last, key=_first)]

    def _cut(self, number: int, last: int) -> None:
        """A hole that begins before `number` and goes on after it becomes two, so that each has one fate."""
        at = bisect_right(self._runs, number, key=_first) - 1
        if number <= last and at >= 0 and self._runs[at].first < number <= self._runs[at].last:
            hole = self._runs[at]
            self._runs.insert(at + 1, evolve(hole, first=number))
            hole.last = number - 1


def _first(hole: Hole) -> int:
    return hole.first


def _around(hole: Hole, first: int, last: int) -> list[Hole]:
    """What is left of a hole without the ids `first`..`last`."""
    rest = []
    if hole.first < first:
        rest.append(evolve(hole, last=first - 1))
    if last < hole.last:
        rest.append(evolve(hole, first=last + 1))
    return rest
