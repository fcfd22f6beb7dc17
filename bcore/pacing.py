"""How much of the time goes into writing."""

from __future__ import annotations

from attrs import define, field

SHARE = 1 / 10  # of the time may be spent in writing
WAITED = 1 / 4  # what a second of waiting counts, for the disk or for others that have the processor
SAVED, OWED = 0.5, 2.0  # seconds of writing that may be saved up, and owed after a disk that hung


@define
class Pace:
    """A write costs the same whatever it holds, so that many small ones are a waste.

    Every second earns `SHARE` seconds of writing, and each write is paid for with the processor time it took, or with
    a part of the time that it lasted if that is more. With a few symbols nothing ever waits; with hundreds, each is
    written as often as that allows, with more rows at once.
    """

    now: float
    _credit: float = field(default=SAVED, init=False)

    def may_write(self, now: float) -> bool:
        self._credit = min(self._credit + SHARE * max(now - self.now, 0.0), SAVED)
        self.now = now
        return self._credit > 0.0

    def wrote(self, seconds: float, busy: float = 0.0) -> None:
        """A write lasted `seconds`, of which the processor was `busy` with it."""
        self._credit = max(self._credit - max(busy, WAITED * seconds), -OWED)
