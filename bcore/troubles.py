"""What an exchange says against a source that follows it live: said, counted and waited out."""

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
    """Failures by symbol, and those of the whole exchange. `resting` is when REST may be asked again at all."""

    source: str
    emit: Callable[[Event], None]
    backoff: Backoff = field(factory=Backoff)
    resting: float = field(default=0.0, init=False)
    _symbols: dict[str, ExchangeError] = field(factory=dict, init=False)
    _failures: int = field(default=0, init=False)

    def failed(self, symbol: str, error: Exception, failures: int, now: float) -> float:
        """Notes the symbol's error, its `failures`th in a row; returns the seconds that it is to wait."""
        if not isinstance(error, ExchangeError):
            error = FaultyReplyError(f"{symbol}: {error!r}")
        if isinstance(error, (RefusedError, FaultyReplyError)):
            self._symbols[symbol] = error
            return self._told(SymbolsError(self._symbols), error, failures)
        self._failures += 1
        pause = self._told(error, error, self._failures)
        # One reply that is lost says nothing about the next; being told to wait does.
        if self._failures > 1 or error.retry_after is not None:
            self.resting = max(self.resting, now + pause)
        return pause

    def answered(self, symbol: str) -> None:
        """The exchange answers, and has nothing against this symbol."""
        failures, self._failures = self._failures, 0
        mended = self._symbols.pop(symbol, None) is not None and not self._symbols
        if failures or mended:
            self.emit(SourceRecovered(self.source, failures or 1))

    def _told(self, whole: ExchangeError, error: ExchangeError, failures: int) -> float:
        pause = self.backoff.seconds(failures, error)
        log.info("%s: %s; asking again in %.1f s", self.source, error, pause)
        self.emit(SourceFailed(self.source, whole, pause, failures))
        return pause
