"""The virtual clock: where the recording stands, as a function of wall time."""

from __future__ import annotations

import time
from collections.abc import Callable

from attrs import define, field

SECOND = 1_000_000


@define
class Clock:
    """Recorded time in us UTC. `speed` recorded seconds pass in one wall second; at speed 0 only `advance` moves it.

    It begins just before `start`, so that what is recorded first happens too. `now` runs on beyond `end` (it is the
    exchange's server time); `market` stops there, because nothing happens after it.
    """

    start: int
    end: int
    speed: float = 1.0
    waiting: bool = False  # for its first client
    paused: bool = False
    wall: Callable[[], float] = time.monotonic
    _virtual: int = field(init=False)
    _since: float = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._virtual, self._since = self.start - 1, self.wall()

    def now(self) -> int:
        if self.held or self.speed == 0:
            return self._virtual
        return self._virtual + int((self.wall() - self._since) * self.speed * SECOND)

    @property
    def held(self) -> bool:
        return self.waiting or self.paused

    def market(self) -> int:
        return min(self.now(), self.end)

    @property
    def ended(self) -> bool:
        return self.now() >= self.end

    def begin(self) -> None:
        """The first client is there."""
        if self.waiting:
            self._since, self.waiting = self.wall(), False

    def pause(self) -> None:
        self._virtual, self.paused = self.now(), True

    def resume(self) -> None:
        if self.paused:
            self._since, self.paused = self.wall(), False

    def change_speed(self, speed: float) -> None:
        self._virtual, self._since, self.speed = self.now(), self.wall(), speed

    def seek(self, at: int) -> None:
        """Go to an instant; one after the end is the exchange's time long after its last trade."""
        self._virtual, self._since = max(at, self.start - 1), self.wall()

    def rewind(self) -> None:
        self.seek(self.start - 1)

    def advance(self, at: int) -> None:
        """Move a clock of speed 0 forward to `at`, never back and never beyond the end. Others move by themselves."""
        if self.speed == 0:
            self._virtual = max(self._virtual, min(at, self.end))

    def wall_seconds_until(self, at: int) -> float | None:
        """None where the clock will not get there by itself."""
        if self.held or self.speed == 0:
            return None
        return max(0.0, (at - self.now()) / (self.speed * SECOND))
