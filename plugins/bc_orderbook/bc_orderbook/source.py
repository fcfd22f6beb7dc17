"""The source `orderbook`: snapshots of each symbol's book at several tick sizes, from a book kept live or over REST."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from datetime import datetime
from fractions import Fraction

from attrs import define, field

from bc_orderbook.book import Book, MalformedBookError
from bc_orderbook.config import BOOK, MAX_DEPTH, REST, OrderBookConfig, TickSizes
from bc_orderbook.datasets import orderbook_dataset
from bc_orderbook.following import Following
from bc_orderbook.gallery import Gallery
from bc_orderbook.journal import SECOND
from bc_orderbook.keeping import Keeper
from bc_orderbook.localbook import LocalBook, Seed
from bc_orderbook.snapshot import Snapshot
from bc_orderbook.ticks import automatic_ticks
from bc_orderbook.venue import Depth, LiveVenue, Venue, rules_of
from bcore.clock import SystemClock
from bcore.errors import ConfigError, FaultyReplyError
from bcore.events import Event
from bcore.instants import from_datetime, iso
from bcore.protocols import Clock, Key
from bcore.records import Batch, Context, Dataset, Rejected, SeriesStats
from bcore.roster import Roster
from bcore.spans import Spans
from bcore.troubles import Troubles

log = logging.getLogger(__name__)


def _tell_nobody(event: Event) -> None:
    pass


@define
class OrderBookSource:
    """Buckets every symbol's book: as it stands at the multiples of the interval, or as REST shows it once per pass.

    A snapshot that is missed stays missed. `emit` is told what REST says against us while streams are followed, under
    `name`.
    """

    config: OrderBookConfig
    venue: Venue
    symbols: tuple[str, ...]
    clock: Clock = field(factory=SystemClock)
    name: str = "orderbook"
    emit: Callable[[Event], None] = _tell_nobody
    datasets: tuple[Dataset, ...] = field(init=False)
    interval: float = field(init=False)
    _ticks: dict[str, TickSizes] = field(factory=dict, init=False)
    _coarsest: dict[str, float] = field(factory=dict, init=False)
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
        offered: object = venue
        if config.from_ == BOOK and not isinstance(offered, LiveVenue):
            raise ConfigError([f'{context.section}.from: {venue.name} has no streams to follow; set from = "{REST}"'])
        name = context.section.rpartition(".")[2]
        return cls(config, venue, context.symbols, context.clock, name, context.emit)

    @property
    def streaming(self) -> bool:
        """Whether the configuration asks for a book that is kept live."""
        return self.config.from_ == BOOK

    def resume(self, held: Mapping[str, Sequence[SeriesStats]]) -> None:
        """What is stored already, by symbol: its coarsest tick size is the one to go on with."""
        keys = {symbol: stats[0].last_key for symbol, stats in held.items() if stats}
        self._coarsest = {symbol: float(key[1]) for symbol, key in keys.items() if key is not None}

    def stream(self, held: Mapping[str, Spans]) -> Generator[Batch | None, None, None]:
        """As `bcore.protocols.Streams.stream`; nobody has snapshots of the past, so `held` decides nothing."""
        offered: object = self.venue
        if not isinstance(offered, LiveVenue):
            raise ConfigError([f'{self.name}: the exchange has no streams to follow; set from = "{REST}"'])
        most = min(MAX_DEPTH, rules_of(self.venue).most_levels)
        keepers = {symbol: Keeper(symbol, self._gallery(symbol), most) for symbol in self.symbols}
        troubles = Troubles(self.name, self.emit)
        following = Following(offered, self.clock, keepers, troubles, flush=self.config.flush, prepare=self._prepare)
        yield from following.batches()

    def _gallery(self, symbol: str) -> Gallery:
        interval = round(self.config.interval * SECOND)
        return Gallery(symbol, self.datasets[0], interval, self.config.depth, lambda: self._ticks.get(symbol))

    def _prepare(self, symbol: str, seed: Seed) -> None:
        """Tick sizes are chosen by the first book, in the thread that fetched it: it may have to ask for the rules."""
        try:
            book = Book.of_numbers(*LocalBook.of(seed).levels(self.config.depth))
            self._ticks_of(symbol, book, self._coarsest.get(symbol))
        except MalformedBookError as error:
            raise FaultyReplyError(f"{symbol}: {error}") from error

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
        depth = self.venue.depth(symbol, min(self.config.depth, rules_of(self.venue).most_levels))
        _check_clock(symbol, depth, last)
        try:
            book = Book.of(depth.bids, depth.asks)
            ticks = self._ticks_of(symbol, book, None if last is None else float(last[1]))
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

    def _ticks_of(self, symbol: str, book: Book, coarsest: float | None) -> TickSizes:
        """Configured, or chosen once and kept while the process lives: a series should not change its tick sizes."""
        if symbol not in self._ticks:
            self._ticks[symbol] = self.config.ticks_of(symbol) or self._automatic(symbol, book, coarsest)
        return self._ticks[symbol]

    def _automatic(self, symbol: str, book: Book, coarsest: float | None) -> TickSizes:
        if book.mid is None:
            raise MalformedBookError("the book is empty, which leaves no price to choose tick sizes by")
        rules = self.venue.exchange_info((symbol,)).symbols
        grid = next((Fraction(rule.tick_size) for rule in rules if rule.symbol == symbol and rule.tick_size), None)
        return automatic_ticks(book.mid, grid or book.price_step, coarsest)


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
