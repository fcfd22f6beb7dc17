"""The symbols of a source, each answerable for itself: one that fails waits and is said, the others go on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from attrs import define, field

from bcore.backoff import Backoff
from bcore.errors import ExchangeError, FaultyReplyError, RefusedError, SymbolsError, UnreachableError
from bcore.protocols import Clock


@define
class Roster:
    """Whose turn it is. A source asks for each symbol inside `asking`, and calls `check` at the end of its pass."""

    symbols: tuple[str, ...]
    clock: Clock
    backoff: Backoff = field(factory=Backoff)
    _order: list[str] = field(init=False)
    _failures: dict[str, ExchangeError] = field(factory=dict, init=False)
    _counts: dict[str, int] = field(factory=dict, init=False)
    _due: dict[str, float] = field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        self._order = list(self.symbols)

    def due(self) -> tuple[str, ...]:
        """The symbols to ask for now: all but those that failed and still wait."""
        now = self.clock.monotonic()
        return tuple(symbol for symbol in self._order if self._due.get(symbol, now) <= now)

    @contextmanager
    def asking(self, symbol: str) -> Iterator[None]:
        """What the exchange says against this symbol alone is noted and goes no further.

        An exchange that cannot be reached is everybody's trouble and goes on up. If only this symbol hangs, it must
        not be the first to hang again while the others wait: it goes to the end.
        """
        try:
            yield
        except (RefusedError, FaultyReplyError) as error:
            self._note(symbol, error)
        except UnreachableError:
            self._order.remove(symbol)
            self._order.append(symbol)
            raise
        else:
            for noted in (self._failures, self._counts, self._due):
                noted.pop(symbol, None)

    def check(self) -> None:
        """Raises `SymbolsError` as long as any symbol fails."""
        if self._failures:
            raise SymbolsError(dict(self._failures))

    def _note(self, symbol: str, error: ExchangeError) -> None:
        self._failures[symbol] = error
        self._counts[symbol] = self._counts.get(symbol, 0) + 1
        self._due[symbol] = self.clock.monotonic() + self.backoff.seconds(self._counts[symbol], error)
