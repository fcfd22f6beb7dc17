"""One symbol's recorded history, and what of it has happened by an instant.

For the server: `from bc_replay.recording import Recording, read_recording`,
`from bc_replay.tape import Tape, Seen`, `from bc_replay.records import AggTrade, Trade, ...` (re-exported here).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import cached_property
from heapq import merge
from operator import attrgetter

from bc_replay.book import Books
from bc_replay.candles import candles
from bc_replay.columns import AggTrades, Trades
from bc_replay.grid import grid_of
from bc_replay.records import (
    AggTrade,
    Book,
    Candle,
    DepthUpdate,
    Event,
    Snapshot,
    Stats24h,
    Ticker,
    Trade,
)
from bc_replay.statistics import average_price, stats_24h
from bc_replay.sums import TradeSums

__all__ = [
    "AggTrade",
    "AggTrades",
    "Book",
    "Candle",
    "DepthUpdate",
    "Event",
    "Seen",
    "Snapshot",
    "Stats24h",
    "Tape",
    "Ticker",
    "Trade",
    "Trades",
]

_at = attrgetter("at")


class Tape:
    """All that was recorded of one symbol; immutable, apart from caches.

    agg_trades, trades    columnar sequences in id order, `at` never falling (see columns.py for the lookups)
    updates, tickers      in update id order, `at` never falling; snapshots in `at` order
    trades_complete       False where trades are only those aggregates that are one fill: the others cannot be known
    start, end            `at` of the first and last record of any kind
    horizon               until when silence means that nothing traded: the end of the whole recording
    """

    def __init__(
        self,
        symbol: str,
        agg_trades: AggTrades,
        trades: Trades,
        updates: Sequence[DepthUpdate] = (),
        snapshots: Sequence[Snapshot] = (),
        tickers: Sequence[Ticker] = (),
        *,
        trades_complete: bool = True,
        horizon: int | None = None,
    ) -> None:
        self.symbol = symbol
        self.agg_trades, self.trades = agg_trades, trades
        self.updates, self.snapshots, self.tickers = tuple(updates), tuple(snapshots), tuple(tickers)
        self.trades_complete = trades_complete
        self.start, self.end = self._bounds()
        self.horizon = self.end if horizon is None else horizon
        self._sums = TradeSums(agg_trades)
        self._books = Books(self.updates, self.snapshots)

    def happened(self, now: int) -> Seen:
        """The prefix of the tape with at <= now: the only thing that REST may answer from."""
        return Seen(self, now, self._sums, self._books)

    def events(self) -> Iterator[Event]:
        """What the streams carried, in happening order; snapshots are no stream events."""
        return merge(self.trades, self.agg_trades, self.tickers, self.updates, key=_at)

    @cached_property
    def born(self) -> int | None:
        """The earliest T of an aggregate; None where there is none."""
        return self._sums.first_time(len(self.agg_trades))

    @cached_property
    def grid(self) -> tuple[int, int]:
        """The steps of price and of quantity that the recording shows, in units of 1e-8."""
        return grid_of(self.agg_trades, self.snapshots, self.updates)

    @property
    def gaps(self) -> tuple[tuple[int, int], ...]:
        """Runs (first, last) of aggregate ids that the recording lacks between ids that it has."""
        return self.agg_trades.gaps()

    @property
    def trade_gaps(self) -> tuple[tuple[int, int], ...]:
        """Runs (first, last) of trade ids that the recorded trades lack; () where trades are not complete anyway."""
        return self.trades.gaps() if self.trades_complete else ()

    def _bounds(self) -> tuple[int, int]:
        kinds: tuple[Sequence[Event | Snapshot], ...]
        kinds = (self.agg_trades, self.trades, self.updates, self.snapshots, self.tickers)
        held = [kind for kind in kinds if kind]
        if not held:
            raise ValueError(f"the tape of {self.symbol} is empty")
        return min(kind[0].at for kind in held), max(kind[-1].at for kind in held)


class Seen:
    """A tape as of `now`; cheap to make, shares the tape's storage."""

    def __init__(self, tape: Tape, now: int, sums: TradeSums, books: Books) -> None:
        self.tape, self.now = tape, now
        self._sums, self._books = sums, books

    @property
    def agg_trades(self) -> AggTrades:
        """Newest last."""
        return self.tape.agg_trades.until(self.now)

    @property
    def trades(self) -> Trades:
        """Newest last."""
        return self.tape.trades.until(self.now)

    def book(self, limit: int = 5000) -> Book | None:
        """The best `limit` levels a side; None where no depth is known (no recording of it, or a hole in it)."""
        return self._books.at(self.now, limit)

    def ticker(self) -> Ticker | None:
        """The newest recorded bookTicker, or the top of the book where none is recorded."""
        count = bisect_right(self.tape.tickers, self.now, key=_at)
        return self.tape.tickers[count - 1] if count else self._top()

    def candles(
        self,
        interval: str,
        start: int | None = None,
        end: int | None = None,
        limit: int = 500,
        tz: int = 0,
    ) -> list[Candle]:
        """Klines by the time rule of protocol section 2, ascending; `start` and `end` bound the open time, inclusive.

        `tz` is the offset in us that shifts interval boundaries. KeyError for an unknown interval (INTERVALS has all).
        A bar that the recording covers only partly is what the recording knows of it.
        """
        return candles(self._sums, self.agg_trades, min(self.now, self.tape.horizon), interval, start, end, limit, tz)

    def stats_24h(self) -> Stats24h:
        """Sums over the trades with now - 24 h < T <= now."""
        return stats_24h(self._sums, self.agg_trades, self.now)

    def average_price(self) -> tuple[str, int] | None:
        """Volume-weighted price of the last 5 minutes and the last trade's time; None before the first trade."""
        return average_price(self._sums, self.agg_trades, self.now)

    def _top(self) -> Ticker | None:
        book = self.book(1)
        if book is None or not book.bids or not book.asks:
            return None
        (bid, ask), at = (book.bids[0], book.asks[0]), min(self.now, self.tape.end)
        return Ticker(book.last_update_id, bid[0], bid[1], ask[0], ask[1], at)
