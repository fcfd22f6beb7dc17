"""The exchange's clock, as measured from here."""

from __future__ import annotations

import logging
from collections.abc import Callable

from attrs import define, field

from bcore.errors import ExchangeError
from bcore.protocols import Clock

log = logging.getLogger(__name__)
STALE_SECONDS = 60.0


@define
class ExchangeClock:
    """This machine's clock plus the last measured offset. `ask` gets the exchange's time, int us UTC."""

    clock: Clock
    ask: Callable[[], int]
    _offset: int = field(default=0, init=False)
    _measured: float | None = field(default=None, init=False)

    def measure(self) -> int:
        """Asks the exchange; returns its offset from this machine's clock in us, good to half a round trip."""
        before = self.clock.now()
        theirs = self.ask()
        after = self.clock.now()
        self._offset = theirs - (before + after) // 2
        self._measured = self.clock.monotonic()
        return self._offset

    def refresh(self) -> None:
        """Measures if that was never done, or more than a minute ago; an older offset serves where that fails."""
        if self._measured is None:
            self.measure()
        elif self.clock.monotonic() - self._measured > STALE_SECONDS:
            try:
                self.measure()
            except ExchangeError as error:
                log.debug("the exchange's clock could not be measured again: %s", error)

    def reading(self) -> int:
        """The exchange's time as far as it is known, without asking."""
        return self.clock.now() + self._offset
