"""Events of one stream brought into order by their ids: each once, and those that came too early put aside."""

from __future__ import annotations

from bisect import insort
from collections.abc import Sequence
from operator import attrgetter

from attrs import define, field

from bc_orderbook.events import DepthEvent
from bcore.spans import Span, Spans

AHEAD = 1000  # events that wait for what is before them; one more drops a quarter: a later snapshot contains them
HOLES = 64  # known at a time

_last = attrgetter("last")


@define(eq=False)
class Ordering:
    """`top` is the highest u that has come. `ahead` are events that the book cannot take yet: there is none, or
    something before them is missing since `gap_since` (seconds)."""

    top: int | None = field(default=None, init=False)
    ahead: list[DepthEvent] = field(factory=list, init=False)
    gap_since: float | None = field(default=None, init=False)
    _holes: Spans = field(factory=Spans, init=False)

    def fresh(self, events: Sequence[DepthEvent]) -> list[DepthEvent]:
        """Those that have not come before: above all that have, or in a hole between."""
        fresh = []
        for event in events:
            if self.top is None or event.last > self.top:
                if self.top is not None and event.first > self.top + 1:
                    self._holes = Spans.of([*self._holes, (self.top + 1, event.first - 1)][-HOLES:])
                self.top = event.last
                fresh.append(event)
            elif self._holes and event.last in self._holes:
                self._holes = self._holes.subtract(Spans.of([(event.first, event.last)]))
                fresh.append(event)
        return fresh

    def wait(self, event: DepthEvent) -> None:
        """It came too early."""
        insort(self.ahead, event, key=_last)
        if len(self.ahead) > AHEAD:
            del self.ahead[: AHEAD // 4]

    def following(self, number: int) -> list[DepthEvent]:
        """Those that can be applied, one after the other, to a book with this id; they wait no longer."""
        count = 0
        for event in self.ahead:
            if event.first > number + 1:
                break
            number = max(number, event.last)
            count += 1
        attached, self.ahead = self.ahead[:count], self.ahead[count:]
        return attached

    def reach(self, number: int) -> int:
        """The least id with which a snapshot joins what came after update `number`."""
        after = next((event for event in self.ahead if event.last > number), None)
        return (self.top or 0) if after is None else after.first - 1

    def forget(self, number: int) -> int:
        """Drops what a snapshot with this id contains; the time of the newest of it, 0 where there is none."""
        gone = [event.time for event in self.ahead if event.last <= number]
        self.ahead = [event for event in self.ahead if event.last > number]
        return max(gone, default=0)

    def missing(self, number: int) -> Span:
        """What lies between a book with this id and the first that waits."""
        return number + 1, self.ahead[0].first - 1

    def note_gap(self, now: float, *, moved: bool) -> None:
        """Whether anything waits for what is missing, since when."""
        if not self.ahead:
            self.gap_since = None
        elif self.gap_since is None or moved:
            self.gap_since = now
