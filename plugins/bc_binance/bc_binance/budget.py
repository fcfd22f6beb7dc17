"""The request-weight budget of this IP address (protocol sections 3.1 and 3.2)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock

from attrs import define, field, frozen

from bcore.errors import RefusedError
from bcore.protocols import Clock

log = logging.getLogger(__name__)
SECOND = 1_000_000
LATE = 250_000
BEHIND = 0.05  # seconds by which background work comes after live work that waits for the same window


@frozen
class Reservation:
    """Weight taken out of one window for a request that is under way."""

    weight: int
    window: int


@define
class WeightBudget:
    """Keeps the weight spent in each calendar-aligned window at or below `share` of the exchange's limit.

    `now` is the exchange's clock (int us UTC). What the exchange says is used counts, because other processes may share
    the address. A window is taken to begin `LATE` us after the exchange's own: clocks differ by about a round trip, and
    what is sent at the seam must not fall into the window that is already full.

    Background work finds room only in the first `background_share` of what may be used, and never while live work
    waits: however much is back-filled, live work always has the rest of each window.
    """

    clock: Clock
    now: Callable[[], int]
    share: float = 0.8
    limit: int = 6000
    seconds: int = 60
    used_header: str = "X-MBX-USED-WEIGHT-1M"
    background_share: float = 0.75
    _window: int = field(default=-1, init=False)
    _used: int = field(default=0, init=False)
    _flying: int = field(default=0, init=False)
    _in_front: int = field(default=0, init=False)
    _lock: Lock = field(factory=Lock, init=False)

    @property
    def allowance(self) -> int:
        """The weight that one window may hold."""
        return int(self.limit * self.share)

    @property
    def background_allowance(self) -> int:
        """The weight of one window beyond which background work waits."""
        return int(self.allowance * self.background_share)

    @property
    def used(self) -> int:
        """The weight of the current window that is spent or reserved."""
        with self._lock:
            self._enter()
            return self._used

    def resize(self, limit: int, seconds: int, used_header: str) -> None:
        """Takes over the limit that the exchange publishes, and the reply header that tells how much is used."""
        with self._lock:
            self.limit, self.seconds, self.used_header = limit, seconds, used_header

    def reserve(self, weight: int, background: bool = False) -> Reservation:
        """Takes `weight` out of the budget, waiting for a later window if this one has no room.

        Raises `Stopped` while waiting, and `RefusedError` if no window could ever hold it.
        """
        reservation = self._take(weight, background)
        if reservation is not None:
            return reservation
        with self._in_line(background):
            log.info("request weight: %d of %d used in this window, waiting for room", self.used, self.limit)
            while reservation is None:
                self.clock.sleep(self._wait(weight, background))
                reservation = self._take(weight, background)
        return reservation

    def settle(self, reservation: Reservation, used: int | None) -> None:
        """The request is over; `used` is what the exchange counted in its window, None where it did not say.

        Replies overtake one another, so the count only ever rises within a window. What the exchange says of a request
        that crossed from one window into the next may be of either, and is left out.
        """
        with self._lock:
            self._flying -= reservation.weight
            if self._enter() == reservation.window and used is not None:
                self._used = max(self._used, used + self._flying)

    def _take(self, weight: int, background: bool) -> Reservation | None:
        with self._lock:
            window = self._enter()
            if not self._fits(weight, background) or (background and self._in_front):
                return None
            self._used += weight
            self._flying += weight
            return Reservation(weight, window)

    def _fits(self, weight: int, background: bool) -> bool:
        room = self.background_allowance if background else self.allowance
        if weight > room:
            raise self._never(weight, room)
        return self._used + weight <= room

    @contextmanager
    def _in_line(self, background: bool) -> Iterator[None]:
        """While live work waits, background work does not start."""
        with self._lock:
            self._in_front += not background
        try:
            yield
        finally:
            with self._lock:
                self._in_front -= not background

    def _wait(self, weight: int, background: bool) -> float:
        """Until the next window, or until the live work in front has gone."""
        with self._lock:
            window = self._enter()
            until_next = ((window + 1) * self.seconds * SECOND + LATE - self.now()) / SECOND
            return BEHIND if self._fits(weight, background) else until_next + BEHIND * background

    def _enter(self) -> int:
        window = (self.now() - LATE) // (self.seconds * SECOND)
        if window != self._window:
            self._window, self._used = window, self._flying
        return window

    def _never(self, weight: int, room: int) -> RefusedError:
        return RefusedError(
            f"a request of weight {weight} does not fit a budget of {room} per {self.seconds} s ({room / self.limit:g} "
            f"of the exchange's {self.limit}): ask for fewer levels, or raise the exchange's budget"
        )
