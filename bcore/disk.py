"""Disks fill up: how much is free where a store keeps its files, for how many days that lasts, and an early warning.

Warned is at less than `LOW_DAYS` left at the present pace, or less than `LOW_SHARE` of the disk or `LOW_BYTES` free;
at most once an hour.
"""

from __future__ import annotations

import shutil
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path

from attrs import define, field, frozen

from bcore.events import DiskLow, Event
from bcore.instants import DAY, HOUR
from bcore.protocols import Clock
from bcore.records import SeriesStats
from bcore.status import DiskStatus

LOW_DAYS = 7.0
LOW_SHARE = 0.05
LOW_BYTES = 2**30
QUIET = 3600.0  # seconds between two warnings
WINDOW, ENOUGH = 6 * 3600.0, 1800.0  # seconds that the pace is measured over, and that it takes to know one
EVERY, SPARING = 60.0, 100  # seconds between two measurements, and how much longer than one takes at the least
SECONDS_A_DAY = 86_400.0


@frozen
class Space:
    """Bytes free and in all on one disk."""

    free: int
    total: int

    @classmethod
    def at(cls, path: Path) -> Space:
        """Of the disk that the folder is on, or will be on. Raises `OSError`."""
        there = next(each for each in (path.absolute(), *path.absolute().parents) if each.exists())
        usage = shutil.disk_usage(there)
        return cls(usage.free, usage.total)


@frozen
class Sample:
    """What was stored and what was free, in bytes, `at` (seconds that never jump)."""

    at: float
    stored: int
    free: int


@define
class Forecast:
    """Bytes a day: of the last hours, whoever wrote them; before that is known, what the archive took on average."""

    _samples: deque[Sample] = field(factory=deque, init=False)
    _average: float = field(default=0.0, init=False)

    def add(self, at: float, free: int, held: Iterable[SeriesStats]) -> None:
        stats = [each for each in held if each.bytes]
        self._average = sum(map(_a_day, stats))
        self._samples.append(Sample(at, sum(each.bytes for each in stats), free))
        while at - self._samples[0].at > WINDOW:
            self._samples.popleft()

    def pace(self) -> float:
        """Bytes a day, 0 where nothing grows or nothing is known."""
        if not self._samples or self._samples[-1].at - self._samples[0].at < ENOUGH:
            return self._average
        first, last = self._samples[0], self._samples[-1]
        # Others may fill the disk too, and a merge may free what is soon taken again: the faster of the two counts.
        grown = max(last.stored - first.stored, first.free - last.free, 0)
        return grown / (last.at - first.at) * SECONDS_A_DAY

    def days(self, free: int) -> float | None:
        """How long `free` bytes last; None where nothing grows or nothing is known."""
        pace = self.pace()
        return free / pace if pace > 0 else None


def _a_day(stats: SeriesStats) -> float:
    """Bytes a day over the series' own time; one of less than an hour tells nothing."""
    if stats.first_time is None or stats.last_time is None or stats.last_time - stats.first_time < HOUR:
        return 0.0
    return stats.bytes / (stats.last_time - stats.first_time) * DAY


@define
class DiskWatch:
    """Looks at the disk of one store. `held` gives the stats of what is being written there."""

    store: str
    path: Path
    held: Callable[[], Iterable[SeriesStats]]
    clock: Clock
    emit: Callable[[Event], None]
    space: Callable[[Path], Space] = Space.at
    _forecast: Forecast = field(factory=Forecast, init=False)
    _next: float | None = field(default=None, init=False)
    _warned: float | None = field(default=None, init=False)

    def look(self) -> DiskStatus:
        """How the disk stands now; warns by an event. Raises `OSError`."""
        space = self.space(self.path)
        self._sample(space)
        days = self._forecast.days(space.free)
        low = is_low(space, days)
        if low:
            self._warn(space, days)
        return DiskStatus(self.store, str(self.path), space.free, space.total, days, low)

    def _sample(self, space: Space) -> None:
        began = self.clock.monotonic()
        if self._next is not None and began < self._next:
            return
        self._forecast.add(began, space.free, self.held())
        now = self.clock.monotonic()
        self._next = now + max(EVERY, SPARING * (now - began))

    def _warn(self, space: Space, days: float | None) -> None:
        now = self.clock.monotonic()
        if self._warned is None or now - self._warned >= QUIET:
            self._warned = now
            self.emit(DiskLow(self.store, str(self.path), space.free, days))


def is_low(space: Space, days: float | None) -> bool:
    """Whether it is time to make room."""
    return space.free < max(LOW_BYTES, LOW_SHARE * space.total) or (days is not None and days < LOW_DAYS)
