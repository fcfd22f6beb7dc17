"""How much of the time goes into writing."""

from __future__ import annotations

from attrs import define, field

SHARE = 1 / 10  # of the time may be spent in writing
SAVED, OWED = 0.5, 2.0  # seconds of writing that may be saved up, and owed after a disk that hung


@define
class Pace:
    """A write costs the same whatever it holds, so that many small ones are a waste.

    Every second earns `SHARE` seconds of writing, and each write is paid for with the time it took. With a few symbols
    nothing ever waits; with hundreds, each is written as often as that allows, with more rows at once.
    """

    now: float
    _credit: float = field(default=SAVED, init=False)

    def may_write(self, now: float) -> bool:
        self._credit = min(self._credit + SHARE * max(now - self.now, 0.0), SAVED)
        self.now = now
        return self._credit > 0.0

    def wrote(self, seconds: float) -> None:
        self._credit = max(self._credit - seconds, -OWED)
