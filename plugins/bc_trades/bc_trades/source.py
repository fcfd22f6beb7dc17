"""The source `trades`: every aggregate trade by id over REST, page by page (protocol sections 4.6 and 9)."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator, Mapping

from attrs import define, evolve, field, frozen

from bc_trades.config import TradesConfig, resolve
from bc_trades.datasets import TRADES
from bc_trades.parsing import Parsed, id_of, to_table
from bc_trades.venue import Venue
from bcore.clock import SystemClock
from bcore.errors import ConfigError, FaultyReplyError
from bcore.protocols import Clock, Key
from bcore.records import Batch, Context, Dataset, Rejected
from bcore.roster import Roster

log = logging.getLogger(__name__)


@frozen
class Turn:
    """The next page that a symbol is due: from `next_id` on, or its first."""

    symbol: str
    next_id: int | None


@define
class TradesSource:
    """Collects by id, so that nothing is fetched twice and a lost trade shows as a missing id.

    Symbols take turns page by page: one that is far behind does not keep the others waiting.
    """

    config: TradesConfig
    venue: Venue
    symbols: tuple[str, ...]
    clock: Clock = field(factory=SystemClock)
    datasets: tuple[Dataset, ...] = field(default=(TRADES,), init=False)
    interval: float = field(init=False)
    _roster: Roster = field(init=False)
    _put_aside: dict[str, frozenset[str]] = field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        self.interval = self.config.interval
        self._roster = Roster(self.symbols, self.clock)

    @classmethod
    def build(cls, config: TradesConfig, context: Context) -> TradesSource:
        venue = context.exchange()
        if not isinstance(venue, Venue):
            raise ConfigError([f"{context.section}.exchange: {venue.name} serves no aggregate trades; name another"])
        return cls(config, venue, context.symbols, context.clock)

    def catch_up(self, after: Mapping[str, Key]) -> Iterator[Batch]:
        """Pages of every symbol from the id after the last stored one, until each gives a short page.

        A symbol that the exchange refuses or answers badly is raised after the others were served. An exchange that
        cannot be reached, or that asks us to wait, is not asked for the rest.
        """
        self.venue.measure_clock()
        turns = deque(Turn(symbol, after[symbol][0] + 1 if symbol in after else None) for symbol in self._roster.due())
        while turns:
            turn = turns.popleft()
            with self._roster.asking(turn.symbol):
                rows = self._ask(turn)
                batch, later = self._batch(turn, rows), self._after(turn, rows)
                if later is not None:
                    turns.append(later)
                if batch.table.num_rows or batch.rejected:
                    yield batch
        self._roster.check()

    def _ask(self, turn: Turn) -> list[bytes]:
        limit = self.config.page
        if turn.next_id is not None:
            return self.venue.agg_trades(turn.symbol, from_id=turn.next_id, limit=limit)
        start = resolve(self.config.start, self.venue.now())
        if start is None:
            return self.venue.agg_trades(turn.symbol, limit=limit)
        return self.venue.agg_trades(turn.symbol, start=start, limit=limit)

    def _batch(self, turn: Turn, rows: list[bytes]) -> Batch:
        _check_ids(turn, rows)
        parsed = to_table(rows, turn.symbol)
        rejected = self._newly_rejected(turn.symbol, parsed)
        return Batch(TRADES, turn.symbol, parsed.table, observed=self.venue.now(), rejected=rejected)

    def _newly_rejected(self, symbol: str, parsed: Parsed) -> tuple[Rejected, ...]:
        """A bad record at the end of what there is comes again with every pass: it is put aside once."""
        known = self._put_aside.get(symbol, frozenset())
        self._put_aside[symbol] = frozenset(row for each in parsed.rejected for row in each.rows)
        fresh = [evolve(each, rows=[row for row in each.rows if row not in known]) for each in parsed.rejected]
        return tuple(each for each in fresh if each.rows)

    def _after(self, turn: Turn, rows: list[bytes]) -> Turn | None:
        """The symbol's next turn in this pass; None when the page was short, which means that there is no more."""
        if len(rows) < self.config.page:
            return None
        last = max((number for number in map(id_of, rows) if number is not None), default=None)
        if last is None:
            raise FaultyReplyError(f"{turn.symbol}: not one of {len(rows)} aggregate trades has an id")
        return Turn(turn.symbol, last + 1)


def _check_ids(turn: Turn, rows: list[bytes]) -> None:
    """Ids that the exchange leaves out cannot be had over REST, and that is said: it never says so itself."""
    ids = sorted({number for number in map(id_of, rows) if number is not None})
    if not ids:
        return
    due = ids[0] if turn.next_id is None else turn.next_id
    if ids[0] < due:
        raise FaultyReplyError(f"{turn.symbol}: asked for aggregate trades from {due} on and got {ids[0]}")
    for number in ids:
        if number > due:
            log.warning("%s: the exchange does not serve aggregate trades %d to %d", turn.symbol, due, number - 1)
        due = number + 1
