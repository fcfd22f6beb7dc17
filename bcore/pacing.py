"""When live rows are handed out to be written, and how much of the time goes into that."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from attrs import define, field

if TYPE_CHECKING:
    from bcore.protocols import Clock
    from bcore.records import Batch


SHARE = 1 / 10  # of the time may be spent in writing
WAITED = 1 / 4  # what a second of waiting counts, for the disk or for others that have the processor
SAVED, OWED = 0.5, 2.0  # seconds of writing that may be saved up, and owed after a disk that hung
ASSURANCE = 1.0  # seconds, at the least, between two words that everything is stored

Portion = Callable[[], "Iterator[Batch]"]


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


@define(eq=False)
class Rounds:
    """Rows are written in rounds, each begun `flush` seconds after the last at the earliest, or when that is over.

    `gather` is asked at the beginning of each for its portions, in order, and whether everything that has come will be
    stored with them. A portion is called when its turn has come, as soon as `Pace` allows that.
    """

    clock: Clock
    flush: float
    gather: Callable[[], tuple[Sequence[Portion], bool]]
    _pace: Pace = field(init=False)
    _begun_at: float = field(init=False)
    _left: list[Portion] | None = field(default=None, init=False)  # the next one last; None between two rounds
    _clean: bool = field(default=False, init=False)
    _assured_at: float = field(default=float("-inf"), init=False)

    def __attrs_post_init__(self) -> None:
        self._begun_at = self.clock.monotonic()
        self._pace = Pace(self._begun_at)

    def batches(self, *, crowded: bool = False) -> Iterator[Batch | None]:
        """What may be written now; None where nothing waits any more. `crowded`: it is to be written at any cost."""
        if self._left is None and not self._begin():
            return
        while self._left:
            if not self._pace.may_write(self.clock.monotonic()) and not crowded:
                return
            yield from self._timed(self._left.pop()())
        self._left = None
        now = self.clock.monotonic()
        if self._clean and now - self._assured_at >= ASSURANCE:
            self._assured_at = now
            yield None

    def _begin(self) -> bool:
        now = self.clock.monotonic()
        if now - self._begun_at < self.flush:
            return False
        self._begun_at = now
        portions, self._clean = self.gather()
        self._left = list(reversed(portions))
        return True

    def _timed(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        for batch in batches:
            begun, busy = self.clock.monotonic(), time.thread_time()
            yield batch
            self._pace.wrote(self.clock.monotonic() - begun, time.thread_time() - busy)
