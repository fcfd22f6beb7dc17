"""One pass over REST: everything new of every symbol, page by page (protocol sections 4.6 and 9)."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator, Mapping

from attrs import define, evolve, field, frozen

from bc_trades.aside import Aside
from bc_trades.asking import Ask, Reply, fetch
from bc_trades.config import TradesConfig
from bc_trades.datasets import TRADES
from bc_trades.joining import REST, Page
from bc_trades.rows import Rows
from bc_trades.venue import Venue
from bcore.protocols import Clock, Key
from bcore.records import Batch, Finding, Origin
from bcore.roster import Roster
from bcore.spans import Spans

log = logging.getLogger(__name__)
DOUBT = 0.25  # seconds until a page that left ids out is asked for once more


@frozen
class Turn:
    """A symbol's next page: from `next_id` on, or its first. `doubted` are ids that it left out before."""

    symbol: str
    next_id: int | None
    doubted: Spans = field(factory=Spans)


@define
class Poll:
    """Symbols take turns page by page: one that is far behind does not keep the others waiting."""

    config: TradesConfig
    venue: Venue
    symbols: tuple[str, ...]
    clock: Clock
    _roster: Roster = field(init=False)
    _asides: dict[str, Aside] = field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        self._roster = Roster(self.symbols, self.clock)

    def catch_up(self, after: Mapping[str, Key]) -> Iterator[Batch]:
        """As `bcore.protocols.Source.catch_up`."""
        self.venue.measure_clock()
        turns = deque(Turn(symbol, after[symbol][0] + 1 if symbol in after else None) for symbol in self._roster.due())
        while turns:
            turn = turns.popleft()
            with self._roster.asking(turn.symbol):
                reply, left_out = self._ask(turn)
                if left_out.subtract(turn.doubted):
                    turns.append(evolve(turn, doubted=left_out.add(turn.doubted)))
                    continue
                batch, later = self._batch(turn, reply, left_out), self._after(turn, reply)
                if later is not None:
                    turns.append(later)
                if batch.table.num_rows or batch.rejected or batch.findings:
                    yield batch
        self._roster.check()

    def _ask(self, turn: Turn) -> tuple[Reply, Spans]:
        """A page, and the ids that it leaves out though it has later ones."""
        if turn.doubted:
            self.clock.sleep(DOUBT)
        reply = fetch(self.venue, Ask(turn.symbol, self.config.page, turn.next_id, start=self.config.start))
        assert reply.page is not None
        ids = reply.page.ids
        if not ids:
            return reply, Spans()
        due = ids[0] if turn.next_id is None else turn.next_id
        return reply, Spans.of([(due, ids[-1])]).subtract(Spans.of((number, number) for number in ids))

    def _batch(self, turn: Turn, reply: Reply, left_out: Spans) -> Batch:
        page, rows = reply.page, Rows()
        assert page is not None
        rows.extend(page.trades)
        rejected = self._asides.setdefault(turn.symbol, Aside()).fresh(reply.rejected)
        findings = [*_unfillable(turn, page, left_out), *(_badly_formed(page) if rejected else ())]
        return Batch(TRADES, turn.symbol, rows.table(turn.symbol), page.at, rejected, tuple(findings), Origin(REST))

    def _after(self, turn: Turn, reply: Reply) -> Turn | None:
        """The symbol's next turn in this pass; None when the page was short, which means that there is no more."""
        assert reply.page is not None
        return Turn(turn.symbol, reply.page.ids[-1] + 1) if reply.full else None


def _unfillable(turn: Turn, page: Page, left_out: Spans) -> Iterator[Finding]:
    """Ids that the exchange leaves out cannot be had over REST, and that is said: it never says so itself."""
    for first, last in left_out:
        log.warning("%s: the exchange does not serve aggregate trades %d to %d", turn.symbol, first, last)
        yield Finding(first, last, "unfillable", page.why_not(first, last))


def _badly_formed(page: Page) -> Iterator[Finding]:
    good = {trade.a for trade in page.trades}
    for first, last in Spans.of((number, number) for number in page.ids if number not in good):
        yield Finding(first, last, "open", "REST gives it badly formed")
