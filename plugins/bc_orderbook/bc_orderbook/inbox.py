"""What the streams have brought and nobody has looked at yet: by symbol, in order, and bounded."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from threading import Lock

from attrs import define, field, frozen

from bc_orderbook.events import Arrival, Message

log = logging.getLogger(__name__)


@frozen
class Turn:
    """From here on the stream is followed, or from here on something may be missing."""

    joined: bool
    reason: str = ""


@define(eq=False)
class Inbox:
    """A feed's sink, in its thread; the source empties it in its own.

    At most `limit` messages wait. One more throws out what waits of the symbol that has most, and says that it is lost:
    no exchange has the events of the past, but a new snapshot mends the book.
    """

    symbols: Mapping[str, str]  # the name of a stream -> its symbol
    limit: int
    dropped: int = field(default=0, init=False)
    _waiting: dict[str, list[Arrival | Turn]] = field(factory=dict, init=False)
    _count: int = field(default=0, init=False)
    _newest: int | None = field(default=None, init=False)
    _lock: Lock = field(factory=Lock, init=False)

    def message(self, stream: str, data: Message, received: int) -> None:
        symbol = self.symbols.get(stream)
        if symbol is None:
            return
        with self._lock:
            self._newest = received
            self._put(symbol, Arrival(data, received))
            self._count += 1
            if self._count > self.limit:
                self._throw_out()

    def joined(self, streams: tuple[str, ...]) -> None:
        self._turn(streams, Turn(True))

    def lost(self, streams: tuple[str, ...], reason: str) -> None:
        self._turn(streams, Turn(False, reason))

    def empty(self) -> tuple[dict[str, list[Arrival | Turn]], int | None]:
        """All that waits by symbol, and the exchange's clock when the newest message of all came (int us UTC)."""
        with self._lock:
            waiting, self._waiting = self._waiting, {}
            newest, self._newest = self._newest, None
            self._count = 0
            return waiting, newest

    def _turn(self, streams: tuple[str, ...], turn: Turn) -> None:
        with self._lock:
            for stream in streams:
                if stream in self.symbols:
                    self._put(self.symbols[stream], turn)

    def _put(self, symbol: str, what: Arrival | Turn) -> None:
        waiting = self._waiting.get(symbol)
        if waiting is None:
            self._waiting[symbol] = [what]
        else:
            waiting.append(what)

    def _throw_out(self) -> None:
        fullest = max(self._waiting, key=lambda symbol: len(self._waiting[symbol]))
        # Turns stay: a stream that was left or joined meanwhile still is.
        kept: list[Arrival | Turn] = [each for each in self._waiting[fullest] if isinstance(each, Turn)]
        thrown = len(self._waiting[fullest]) - len(kept)
        self._waiting[fullest] = [*kept, Turn(False, "too many events waited to be stored"), Turn(True)]
        self._count -= thrown
        self.dropped += thrown
        log.warning("more than %d depth events wait: %d of %s are dropped", self.limit, thrown, fullest)
