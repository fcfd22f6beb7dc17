"""What REST says against us while streams are followed: said once, counted, and waited out."""

from __future__ import annotations

import logging
from collections.abc import Callable

from attrs import define, field

from bcore.backoff import Backoff
from bcore.errors import ExchangeError, FaultyReplyError, RefusedError, SymbolsError
from bcore.events import Event, SourceFailed, SourceRecovered

log = logging.getLogger(__name__)


@define
class Troubles:
    """Complaints about single symbols, and those about everything. REST may be asked again at `resting`."""

    source: str
    emit: Callable[[Event], None]
    backoff: Backoff = field(factory=Backoff)
    resting: float = field(default=0.0, init=False)
    _of_symbols: dict[str, ExchangeError] = field(factory=dict, init=False)
    _in_a_row: int = field(default=0, init=False)
    _told: int = field(default=0, init=False)

    def failed(self, symbol: str, error: Exception, failures: int, now: float) -> float:
        """A request came to nothing, for this symbol `failures` times in a row; the seconds that it is to wait."""
        if not isinstance(error, ExchangeError):
            error = FaultyReplyError(f"{symbol}: {error!r}")
        if isinstance(error, (RefusedError, FaultyReplyError)):
            self._of_symbols[symbol] = error
            return self._tell(SymbolsError(self._of_symbols), self.backoff.seconds(failures, error))
        self._in_a_row += 1
        pause = self._tell(error, self.backoff.seconds(self._in_a_row, error))
        # One reply that is lost says nothing about the next; being told to wait does.
        if self._in_a_row > 1 or error.retry_after is not None:
            self.resting = max(self.resting, now + pause)
        return pause

    def answered(self, symbol: str) -> None:
        """Nothing is wrong with this symbol, nor with the exchange."""
        self._in_a_row = 0
        self._of_symbols.pop(symbol, None)
        if self._told and not self._of_symbols:
            self.emit(SourceRecovered(self.source, self._told))
            self._told = 0

    def _tell(self, error: ExchangeError, pause: float) -> float:
        self._told += 1
        log.info("%s: %s; asking again in %.1f s", self.source, error, pause)
        self.emit(SourceFailed(self.source, error, pause, self._told))
        return pause
