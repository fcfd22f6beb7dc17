"""The source `trades`: every aggregate trade by id, live over streams or page by page over REST."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing

from attrs import define, evolve, field

from bc_trades.checking import Check
from bc_trades.config import STREAM, TradesConfig
from bc_trades.datasets import TRADES, UNTILED_TRADES
from bc_trades.filling import Filler
from bc_trades.history import History
from bc_trades.live import Live
from bc_trades.past import Budgeted, CandleVenue
from bc_trades.polling import Poll
from bc_trades.portions import TradesPortion
from bc_trades.venue import LiveVenue, Venue, rules_of
from bcore.clock import SystemClock
from bcore.errors import ConfigError, SourceError
from bcore.events import Event
from bcore.protocols import Clock, Key, Portion, Reader
from bcore.records import Batch, Compared, Context, Dataset, Origin
from bcore.spans import Spans
from bcore.troubles import Troubles

USUAL_WEIGHT = 3600  # a minute, for an exchange that does not tell


def _tell_nobody(event: Event) -> None:
    pass


@define
class TradesSource:
    """Collects by id, so that nothing is fetched twice and a lost trade shows as a missing id.

    `history` has what REST does not go back to; without one there is no back-fill. `emit` is told what REST says
    against us while a stream is followed, under `name`.
    """

    config: TradesConfig
    venue: Venue
    symbols: tuple[str, ...]
    clock: Clock = field(factory=SystemClock)
    name: str = "trades"
    emit: Callable[[Event], None] = _tell_nobody
    history: History | None = None
    datasets: tuple[Dataset, ...] = field(init=False)
    interval: float = field(init=False)
    _poll: Poll = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.datasets = (TRADES if rules_of(self.venue).trades_tile else UNTILED_TRADES,)
        self.interval = self.config.interval
        self._poll = Poll(self.config, self.venue, self.symbols, self.clock)

    @classmethod
    def build(cls, config: TradesConfig, context: Context) -> TradesSource:
        venue, path = context.exchange(), context.section
        if not isinstance(venue, Venue):
            raise ConfigError([f"{path}.exchange: {venue.name} serves no aggregate trades; name another"])
        offered: object = venue
        if config.mode == STREAM and not isinstance(offered, LiveVenue):
            raise ConfigError([f'{path}.mode: {venue.name} has no streams to follow; set mode = "poll"'])
        name, history = path.rpartition(".")[2], History(config, venue, context.clock)
        return cls(config, venue, context.symbols, context.clock, name, context.emit, history)

    @property
    def streaming(self) -> bool:
        """Whether the configuration asks for it."""
        return self.config.mode == STREAM

    def stream(self, held: Mapping[str, Spans]) -> Generator[Batch | None, None, None]:
        """As `bcore.protocols.Streams.stream`; needs an exchange with streams."""
        if not isinstance(self.venue, LiveVenue):
            raise ConfigError(['trades: the exchange has no streams to follow; set mode = "poll"'])
        troubles = Troubles(self.name, self.emit)
        live = Live.of(self.config, self.venue, self.clock, self.symbols, held, troubles)
        with closing(live.batches()) as batches:
            for batch in batches:
                yield batch and self._own(batch)

    def catch_up(self, after: Mapping[str, Key]) -> Iterator[Batch]:
        """Pages of every symbol from the id after the last stored one, until each gives a short page.

        A symbol that the exchange refuses or answers badly is raised after the others were served. An exchange that
        cannot be reached, or that asks us to wait, is not asked for the rest.
        """
        return map(self._own, self._poll.catch_up(after))

    def fill(self, symbol: str, first: int, last: int) -> Iterator[Batch]:
        """The rows with the ids `first`..`last`, oldest first (`bcore.protocols.Fills`)."""
        filler = Filler(self.venue, self.clock, self.config.page, self.history)
        return map(self._own, filler.fill(symbol, first, last))

    @property
    def weight_per_minute(self) -> int:
        """What history may spend on requests (`bcore.protocols.Paced`)."""
        venue: object = self.venue
        if not isinstance(venue, Budgeted):
            return USUAL_WEIGHT
        return venue.budget.background_allowance * 60 // venue.budget.seconds

    def plan(self, symbol: str, start: int, end: int, done: Sequence[Origin], held: Spans) -> Sequence[TradesPortion]:
        """Bulk files, and ids over REST for what they do not have (`bcore.protocols.Backfills`)."""
        return self._past().plan(symbol, start, end, done, held)

    def fetch(self, portion: Portion) -> Iterator[Batch]:
        """The rows of a portion of `plan`."""
        return map(self._own, self._past().fetch(portion))

    def check(self, symbol: str, reader: Reader, start: int, end: int) -> Iterator[Compared]:
        """Candles of what is held against the exchange's own (`bcore.protocols.Checks`)."""
        venue: object = self.venue
        if not isinstance(venue, CandleVenue):
            raise SourceError(f"{self.name}: the exchange has no candles to compare with")
        return Check(venue, reader, symbol).compare(start, end)

    def revised(self, symbol: str, origins: Sequence[Origin]) -> Iterator[tuple[Origin, str]]:
        """The bulk files that are not what rows came from any more (`bcore.protocols.Revises`)."""
        return self._past().revised(symbol, origins)

    def _own(self, batch: Batch) -> Batch:
        """As a batch of the dataset that this source's exchange fills."""
        return batch if batch.dataset is self.datasets[0] else evolve(batch, dataset=self.datasets[0])

    def _past(self) -> History:
        if self.history is None:
            raise SourceError(f"{self.name}: this source was made without a history")
        return self.history
