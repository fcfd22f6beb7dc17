"""Comparing a maintained book with one that the exchange shows: at the same id, inside the horizons of both."""

from __future__ import annotations

from math import isnan

from attrs import define, field

from bc_orderbook.events import DepthEvent
from bc_orderbook.localbook import LocalBook, Seed

MOST = 3000  # events; an answer that takes longer is given up
SPARSE = 0.5  # of a snapshot's levels, below which a side is too close to its horizon
CALM = 60.0  # seconds between two comparisons, at least
NEVER = float("inf")


@define(eq=False)
class Reconciler:
    """When a book is to be compared, every `every` seconds (0: never) or when it comes close to its horizon, and how.

    A snapshot rarely ends where an event does, so both books are brought to a later one: for that, all events are kept
    that are applied from the request on. `seed` is the answer.
    """

    every: float
    due: float = field(default=NEVER, init=False)
    seed: Seed | None = field(default=None, init=False)
    _events: list[DepthEvent] | None = field(default=None, init=False)
    _last: float = field(default=0.0, init=False)
    _levels: tuple[int, int] = field(default=(0, 0), init=False)

    @property
    def under_way(self) -> bool:
        return self._events is not None

    def adopted(self, book: LocalBook, now: float) -> None:
        """The book is fresh from the exchange."""
        self._levels, self._last = (book.bids.known, book.asks.known), now
        self.due = now + self.every if self.every else NEVER

    def begin(self) -> None:
        """The request is put."""
        self._events, self.seed = [], None

    def cancel(self) -> None:
        """The book is in doubt anyway."""
        self._events, self.seed = None, None

    def hear(self, event: DepthEvent) -> None:
        """It was applied to the book."""
        if self._events is not None:
            self._events.append(event)

    def look_ahead(self, book: LocalBook, now: float) -> None:
        """Where most known levels of a side have gone, a fresh snapshot is due: it shows what lies beyond."""
        if now - self._last < CALM or now >= self.due:
            return
        sides = zip((book.bids, book.asks), self._levels, strict=True)
        if any(side.known < SPARSE * shown and not isnan(side.horizon) for side, shown in sides):
            self.due = now

    def meet(self, book: LocalBook, now: float) -> tuple[Seed, LocalBook] | None:
        """The answer, and the exchange's book at the id of ours; None where they have not met, or cannot."""
        seed, events = self.seed, self._events
        if events is None or not (len(events) > MOST or (seed is not None and book.id >= seed.last_update_id)):
            return None
        self.cancel()
        self._last = now
        self.due = now + max(self.every, CALM) if self.every else NEVER
        if seed is None or len(events) > MOST:
            return None
        theirs = _brought_on(seed, events, book.id)
        return None if theirs is None else (seed, theirs)


def _brought_on(seed: Seed, events: list[DepthEvent], number: int) -> LocalBook | None:
    """The snapshot with the events after it applied, up to update `number`; None if it is older than the events."""
    following = [event for event in events if event.last > seed.last_update_id]
    reach = following[0].first - 1 if following else number
    if seed.last_update_id < reach:
        return None
    made = LocalBook.of(seed)
    for event in following:
        made.apply(event)
    return made
