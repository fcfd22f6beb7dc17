"""Requests under way: a few at once, each in a thread that the end of the process does not wait for."""

from __future__ import annotations

import logging
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

from attrs import define, field, frozen

from bc_trades.config import NEWEST, resolve
from bc_trades.joining import Page
from bc_trades.parsing import id_of, read_records
from bc_trades.venue import Venue
from bcore.errors import ExchangeError, FaultyReplyError, Stopped
from bcore.records import Rejected
from bcore.spans import Span

log = logging.getLogger(__name__)


@frozen
class Ask:
    """A page of a symbol: from id `first` on, to fill `hole` or to see what is newer; without `first`, its first page.

    `start` is where a series begins that holds nothing, as configured.
    """

    symbol: str
    limit: int
    first: int | None = None
    hole: Span | None = None
    start: Any = NEWEST
    background: bool = False


@frozen
class Reply:
    """What came of it: a page, and whether it was full; or an error."""

    ask: Ask
    page: Page | None = None
    full: bool = False
    rejected: tuple[Rejected, ...] = ()
    error: Exception | None = None


def fetch(venue: Venue, ask: Ask) -> Reply:
    """Asks once. Raises `ExchangeError`, `Stopped`."""
    rows = _rows(venue, ask)
    ids = sorted({number for number in map(id_of, rows) if number is not None})
    if rows and not ids:
        raise FaultyReplyError(f"{ask.symbol}: not one of {len(rows)} aggregate trades has an id")
    if ask.first is not None and ids and ids[0] < ask.first:
        raise FaultyReplyError(f"{ask.symbol}: asked for aggregate trades from {ask.first} on and got {ids[0]}")
    read = read_records(rows)
    return Reply(ask, Page(read.trades, ids, venue.now()), len(rows) >= ask.limit, read.rejected)


def _rows(venue: Venue, ask: Ask) -> list[bytes]:
    if ask.first is not None:
        return venue.agg_trades(ask.symbol, from_id=ask.first, limit=ask.limit, background=ask.background)
    start = resolve(ask.start, venue.now())
    if start is not None:
        return venue.agg_trades(ask.symbol, start=start, limit=ask.limit)
    return venue.agg_trades(ask.symbol, limit=ask.limit)


@define(eq=False)
class Askers:
    """`count` threads that ask. `put` never blocks; `replies` gives what has come since."""

    venue: Venue
    count: int = 4
    busy: int = field(default=0, init=False)
    background: int = field(default=0, init=False)
    _asks: SimpleQueue[Ask | None] = field(factory=SimpleQueue, init=False)
    _replies: SimpleQueue[Reply] = field(factory=SimpleQueue, init=False)
    _threads: list[Thread] = field(factory=list, init=False)

    @property
    def free(self) -> int:
        """How many requests may be put."""
        return self.count - self.busy

    def put(self, ask: Ask) -> None:
        if len(self._threads) < self.count:
            self._threads.append(Thread(target=self._work, name=f"trades-rest-{len(self._threads)}", daemon=True))
            self._threads[-1].start()
        self.busy += 1
        self.background += ask.background
        self._asks.put(ask)

    def replies(self) -> list[Reply]:
        come = []
        while True:
            try:
                come.append(self._replies.get_nowait())
            except Empty:
                self.busy -= len(come)
                self.background -= sum(reply.ask.background for reply in come)
                return come

    def close(self) -> None:
        """The threads end when what they are asking is answered; nobody waits for that."""
        for _ in self._threads:
            self._asks.put(None)

    def _work(self) -> None:
        while (ask := self._asks.get()) is not None:
            try:
                self._replies.put(fetch(self.venue, ask))
            except (ExchangeError, Stopped) as error:
                self._replies.put(Reply(ask, error=error))
            except Exception as error:
                log.exception("asking for trades of %s failed", ask.symbol)
                self._replies.put(Reply(ask, error=error))
