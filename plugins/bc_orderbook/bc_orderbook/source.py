"""The source `orderbook`: one snapshot of each symbol's book per pass, at several tick sizes."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from datetime import datetime
from fractions import Fraction

from attrs import define, field

from bc_orderbook.book import Book, MalformedBookError
from bc_orderbook.config import OrderBookConfig, TickSizes
from bc_orderbook.datasets import orderbook_dataset
from bc_orderbook.snapshot import Snapshot
from bc_orderbook.ticks import automatic_ticks
from bc_orderbook.venue import Depth, Venue
from bcore.clock import SystemClock
from bcore.errors import ConfigError, FaultyReplyError
from bcore.instants import from_datetime, iso
from bcore.protocols import Clock, Key
from bcore.records import Batch, Context, Dataset, Rejected
from bcore.roster import Roster

log = logging.getLogger(__name__)


@define
class OrderBookSource:
    """Asks for every symbol's book once per pass and buckets it. A snapshot that is missed stays missed."""

    config: OrderBookConfig
    venue: Venue
    symbols: tuple[str, ...]
    clock: Clock = field(factory=SystemClock)
    datasets: tuple[Dataset, ...] = field(init=False)
    interval: float = field(init=False)
    _ticks: dict[str, TickSizes] = field(factory=dict, init=False)
    _roster: Roster = field(init=False)
    _put_aside: dict[str, bytes] = field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        self._roster = Roster(self.symbols, self.clock)
        self.datasets = (orderbook_dataset(self.config.num_levels),)
        self.interval = self.config.interval

    @classmethod
    def build(cls, config: OrderBookConfig, context: Context) -> OrderBookSource:
        venue = context.exchange()
        if not isinstance(venue, Venue):
            raise ConfigError([f"{context.section}.exchange: {venue.name} shows no order books; name another"])
        for symbol in config.unused(context.symbols):
            log.warning("%s.tick_sizes: %s is not collected: its tick sizes are not used", context.section, symbol)
        return cls(config, venue, context.symbols, context.clock)

    def catch_up(self, after: Mapping[str, Key]) -> Iterator[Batch]:
        """One batch per symbol: a row per tick size, or the whole reply as rejected if it is no valid book.

        What goes wrong with one symbol is raised after the others were served; an exchange that cannot be reached,
        or that asks us to wait, is not asked for the rest.
        """
        self.venue.measure_clock()
        for symbol in self._roster.due():
            with self._roster.asking(symbol):
                batch = self._batch(symbol, after.get(symbol))
                if batch.table.num_rows or batch.rejected:
                    yield batch
        self._roster.check()

    def _batch(self, symbol: str, last: Key | None) -> Batch:
        depth = self.venue.depth(symbol, self.config.depth)
        _check_clock(symbol, depth, last)
        try:
            book = Book.of(depth.bids, depth.asks)
            ticks = self._ticks_of(symbol, book, last)
        except MalformedBookError as error:
            return self._rejected(symbol, depth, str(error))
        snapshot = Snapshot(symbol, depth.received, book)
        table = snapshot.table(ticks, self.datasets[0])
        return Batch(self.datasets[0], symbol, table, observed=depth.received)

    def _rejected(self, symbol: str, depth: Depth, reason: str) -> Batch:
        """A batch without rows. A book that stands still, as in a halt, is put aside once and not with every pass."""
        dataset, fresh = self.datasets[0], self._put_aside.get(symbol) != depth.body
        self._put_aside[symbol] = depth.body
        rejected = (Rejected(reason, (depth.body.decode("utf-8", "replace"),)),) if fresh else ()
        return Batch(dataset, symbol, dataset.schema.empty_table(), observed=depth.received, rejected=rejected)

    def _ticks_of(self, symbol: str, book: Book, last: Key | None) -> TickSizes:
        """Configured, or chosen once and kept while the process lives: a series should not change its tick sizes."""
        if symbol not in self._ticks:
            self._ticks[symbol] = self.config.ticks_of(symbol) or self._automatic(symbol, book, last)
        return self._ticks[symbol]

    def _automatic(self, symbol: str, book: Book, last: Key | None) -> TickSizes:
        if book.mid is None:
            raise MalformedBookError("the book is empty, which leaves no price to choose tick sizes by")
        rules = self.venue.exchange_info((symbol,)).symbols
        grid = next((Fraction(rule.tick_size) for rule in rules if rule.symbol == symbol and rule.tick_size), None)
        return automatic_ticks(book.mid, grid or book.price_step, None if last is None else float(last[1]))


def _check_clock(symbol: str, depth: Depth, last: Key | None) -> None:
    """Two snapshots never share a time, and a later one never has an earlier: the key would lie about the order."""
    if last is None:
        return
    newest = from_datetime(last[0]) if isinstance(last[0], datetime) else int(last[0])
    if depth.received <= newest:
        raise FaultyReplyError(
            f"the exchange's clock reads {iso(depth.received)}, not after the last stored snapshot of {symbol} at "
            f"{iso(newest)}; nothing is stored until it does (a replay needs an archive of its own)"
        )
