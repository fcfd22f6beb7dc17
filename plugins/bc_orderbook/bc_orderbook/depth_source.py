"""The source `depth`: the full diff stream of every symbol, with the snapshots that anchor it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence

from attrs import define, field

from bc_orderbook.booktables import seed_table
from bc_orderbook.depth_config import DepthConfig
from bc_orderbook.diffs import DEPTH, DEPTH_SNAPSHOTS, DEPTH_STATES, DEPTH_TICKERS
from bc_orderbook.following import Following
from bc_orderbook.journal import SECOND, DepthJournal
from bc_orderbook.keeping import Keeper
from bc_orderbook.resyncs import Ask, Purpose, fetch
from bc_orderbook.venue import LiveVenue, rules_of
from bcore.clock import SystemClock
from bcore.errors import ConfigError
from bcore.events import Event
from bcore.protocols import Clock, Key
from bcore.records import Batch, Context, Dataset, SeriesStats
from bcore.roster import Roster
from bcore.spans import Spans
from bcore.troubles import Troubles

log = logging.getLogger(__name__)


BOOKS = (DEPTH, DEPTH_SNAPSHOTS, DEPTH_STATES)


def tell_nobody(event: Event) -> None:
    pass


@define
class DepthSource:
    """Records every change, whatever the state of the book, and says since when which book is verified.

    `emit` is told what REST says against us, under `name`.
    """

    config: DepthConfig
    venue: LiveVenue
    symbols: tuple[str, ...]
    clock: Clock = field(factory=SystemClock)
    name: str = "depth"
    emit: Callable[[Event], None] = tell_nobody
    datasets: tuple[Dataset, ...] = field(default=(*BOOKS, DEPTH_TICKERS), init=False)
    interval: float = field(default=1.0, init=False)
    streaming: bool = field(default=True, init=False)
    _newest: dict[str, int] = field(factory=dict, init=False)
    _reached: dict[str, int] = field(factory=dict, init=False)
    _roster: Roster = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._roster = Roster(self.symbols, self.clock)

    @classmethod
    def build(cls, config: DepthConfig, context: Context) -> DepthSource:
        venue, path = context.exchange(), context.section
        offered: object = venue
        if not isinstance(offered, LiveVenue):
            raise ConfigError([f"{path}.exchange: {venue.name} streams no order books; name another"])
        speeds = rules_of(offered).depth_speeds
        if config.speed not in speeds:
            known = ", ".join(speeds)
            raise ConfigError([f"{path}.speed: {venue.name} sends changes each {known}, not each {config.speed}"])
        return cls(config, offered, context.symbols, context.clock, path.rpartition(".")[2], context.emit)

    def resume(self, held: Mapping[str, Sequence[SeriesStats]]) -> None:
        """What is stored already, by symbol, of any of the datasets: from its end on nobody was looking."""
        books = {symbol: stats[: len(BOOKS)] for symbol, stats in held.items()}
        times = {
            symbol: [each.last_time for each in stats if each.last_time is not None] for symbol, stats in books.items()
        }
        # After the newest row, not with it: that may be a state, and of two at one time neither would be the later.
        self._newest = {symbol: max(each) + 1 for symbol, each in times.items() if each}
        keys = {symbol: stats[0].last_key for symbol, stats in held.items() if stats}
        self._reached = {symbol: int(key[0]) for symbol, key in keys.items() if key is not None}

    def stream(self, held: Mapping[str, Spans]) -> Generator[Batch | None, None, None]:
        """As `bcore.protocols.Streams.stream`; there is no history to fill holes from, so `held` decides nothing."""
        keepers = {symbol: self._keeper(symbol, number) for number, symbol in enumerate(self.symbols, 1)}
        for symbol, time in self._newest.items():
            if symbol in keepers:
                keepers[symbol].resume(time)
        config, troubles = self.config, Troubles(self.name, self.emit)
        yield from Following(
            self.venue, self.clock, keepers, troubles, config.speed, config.flush, config.queue, tickers=config.tickers
        ).batches()

    def catch_up(self, after: Mapping[str, Key]) -> Iterator[Batch]:
        """One snapshot of every symbol: all that there is to have of a book without following it."""
        for symbol in self._roster.due():
            with self._roster.asking(symbol):
                seed = fetch(self.venue, Ask(symbol, Purpose.SEED, self._levels))
                table = seed_table(symbol, seed, seed.received, "once")
                yield Batch(DEPTH_SNAPSHOTS, symbol, table, seed.received)
        self._roster.check()

    def _keeper(self, symbol: str, number: int) -> Keeper:
        journal = DepthJournal(symbol, int(self.config.checkpoint * SECOND), number / len(self.symbols))
        if symbol in self._reached:
            journal.resume(self._reached[symbol])
        return Keeper(symbol, journal, self._levels, self.config.reconcile)

    @property
    def _levels(self) -> int:
        """Of a snapshot: a side with fewer than were asked for is taken to be whole, so no more than there can be."""
        return min(self.config.snapshot_levels, rules_of(self.venue).most_levels)
