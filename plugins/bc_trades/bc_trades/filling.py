"""Given ids once more, over REST: for repair."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from attrs import evolve, frozen

from bc_trades.aside import Aside
from bc_trades.asking import Ask, fetch
from bc_trades.datasets import TRADES
from bc_trades.joining import REST, Line, Page
from bc_trades.rows import Rows
from bc_trades.venue import Venue, rules_of
from bcore.errors import FaultyReplyError
from bcore.protocols import Clock
from bcore.records import Batch, Origin
from bcore.spans import Spans

LOOK = 0.1  # seconds between looks at whether it is time to ask again
TARDY = 6  # times that REST may end before what was asked for


class History(Protocol):
    """Where trades can be had that REST does not go back to."""

    def fill(self, symbol: str, first: int, last: int) -> Iterator[Batch]:
        """The rows with the ids `first`..`last`; what is not to be had is told in findings."""


@frozen
class Filler:
    """Brings ids page by page, lowest first."""

    venue: Venue
    clock: Clock
    page: int
    history: History | None = None

    def fill(self, symbol: str, first: int, last: int) -> Iterator[Batch]:
        """As `bcore.protocols.Fills.fill`. What REST leaves out twice is asked of the history, or told."""
        around, tiled = Spans.of([(first - 1, first - 1), (last + 1, last + 1)]), rules_of(self.venue).trades_tile
        line = Line.after(around, self.clock.monotonic(), tiled)
        aside = Aside()
        while line.holes:
            span = line.holes.take(self.clock.monotonic(), self.page, holding=False)
            if span is None:
                self._check(symbol, line)
                self.clock.sleep(LOOK)
                continue
            reply = fetch(self.venue, Ask(symbol, span[1] - span[0] + 1, span[0], span, background=True))
            assert reply.page is not None
            line.answered(span, reply.page, self.clock.monotonic())
            batch = evolve(_batch(symbol, line, reply.page), rejected=aside.fresh(reply.rejected))
            if batch.table.num_rows or batch.findings or batch.rejected:
                yield from self._completed(batch)

    def _completed(self, batch: Batch) -> Iterator[Batch]:
        """The batch; and what it says that REST has not, from the history where there is one."""
        if self.history is None:
            yield batch
            return
        gone = [found for found in batch.findings if found.state == "unfillable"]
        others = tuple(found for found in batch.findings if found not in gone)
        if batch.table.num_rows or batch.rejected or others:
            yield evolve(batch, findings=others)
        for found in gone:
            yield from self.history.fill(batch.symbol, found.first, found.last)

    def _check(self, symbol: str, line: Line) -> None:
        for hole in line.holes:
            if hole.tardy > TARDY:
                raise FaultyReplyError(
                    f"{symbol}: the exchange has no aggregate trades from {hole.first} on yet; ask again later"
                )


def _batch(symbol: str, line: Line, page: Page) -> Batch:
    rows = Rows()
    for _, run in line.take():
        rows.extend(run)
    return Batch(TRADES, symbol, rows.table(symbol), page.at, findings=line.discoveries(), origin=Origin(REST))
