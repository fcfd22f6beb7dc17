"""Trying again what may work later."""

from __future__ import annotations

from collections.abc import Callable

from attrs import field, frozen

from bcore.backoff import Backoff
from bcore.errors import RefusedError, RestrictedError, SeriesBusyError, SourceError, StoreError
from bcore.protocols import Clock

HOPELESS = (RefusedError, RestrictedError, SeriesBusyError)
Told = Callable[[Exception, float], object]


@frozen
class Persistence:
    """Does a piece of work until it succeeds or has failed `tries` times in a row without getting any further.

    `told(error, seconds)` hears of each failure that is followed by another try.
    """

    clock: Clock
    told: Told = field(default=lambda error, seconds: None)
    tries: int = 5
    backoff: Backoff = field(factory=Backoff)

    def __call__(self, work: Callable[[], object], progress: Callable[[], int] = lambda: 0) -> None:
        """`progress` is any number that rises as the work gets on. Raises the last error, and `Stopped`."""
        failures, reached = 0, progress()
        while True:
            try:
                work()
                return
            except HOPELESS:
                raise
            except (SourceError, StoreError, OSError) as error:
                failures, reached = (failures + 1, reached) if progress() == reached else (1, progress())
                if failures >= self.tries:
                    raise
                seconds = self.backoff.seconds(failures, error)
                self.told(error, seconds)
            self.clock.sleep(seconds)
