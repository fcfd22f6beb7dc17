"""The request-weight budget of this IP address (protocol sections 3.1 and 3.2)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Lock

from attrs import define, field, frozen

from bcore.errors import RefusedError
from bcore.protocols import Clock

log = logging.getLogger(__name__)
SECOND = 1_000_000
LATE = 250_000


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
    """

    clock: Clock
    now: Callable[[], int]
    share: float = 0.8
    limit: int = 6000
    seconds: int = 60
    used_header: str = "X-MBX-USED-WEIGHT-1M"
    _window: int = field(default=-1, init=False)
    _used: int = field(default=0, init=False)
    _flying: int = field(default=0, init=False)
    _lock: Lock = field(factory=Lock, init=False)

    @property
    def allowance(self) -> int:
        """The weight that one window may hold."""
        return int(self.limit * self.share)

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

    def reserve(self, weight: int) -> Reservation:
        """Takes `weight` out of the budget, waiting for a later window if this one has no room.

        Raises `Stopped` while waiting, and `RefusedError` if no window could ever hold it.
        """
        while True:
            with self._lock:
                window = self._enter()
                if self._used + weight <= self.allowance:
                    self._used += weight
                    self._flying += weight
                    return Reservation(weight, window)
                self._possible(weight)
                wait = self._until_next(window)
            log.info("request weight: %d of %d used in this window, waiting %.1f s", self._used, self.limit, wait)
            self.clock.sleep(wait)

    def settle(self, reservation: Reservation, used: int | None) -> None:
        """The request is over; `used` is what the exchange counted in its window, None where it did not say.

        Replies overtake one another, so the count only ever rises within a window. What the exchange says of a request
        that crossed from one window into the next may be of either, and is left out.
        """
        with self._lock:
            self._flying -= reservation.weight
            if self._enter() == reservation.window and used is not None:
                self._used = max(self._used, used + self._flying)

    def _enter(self) -> int:
        window = (self.now() - LATE) // (self.seconds * SECOND)
        if window != self._window:
            self._window, self._used = window, self._flying
        return window

    def _until_next(self, window: int) -> float:
        return ((window + 1) * self.seconds * SECOND + LATE - self.now()) / SECOND

    def _possible(self, weight: int) -> None:
        if weight > self.allowance:
            raise RefusedError(
                f"a request of weight {weight} does not fit a budget of {self.allowance} per {self.seconds} s "
                f"({self.share:g} of the exchange's {self.limit}): ask for fewer levels, or raise the exchange's budget"
            )
