"""One symbol of the live source: its line, its watch, and its rows on their way into the store. No I/O."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

from attrs import define, field

from bc_trades.aside import Aside
from bc_trades.asking import Ask, Reply
from bc_trades.config import NEWEST, TradesConfig
from bc_trades.datasets import TRADES
from bc_trades.inbox import Message
from bc_trades.joining import REST, STREAM, Line
from bc_trades.parsing import read_events
from bc_trades.rows import Rows
from bc_trades.silence import UNJOINED, Watch
from bcore.errors import RefusedError
from bcore.records import Batch, Finding, Origin, Rejected

log = logging.getLogger(__name__)
PATIENCE = 30.0  # seconds that live rows wait for those before them
OPEN_AFTER = 5.0  # seconds after which a gap is worth a line in the ledger though it is not filled yet
EMPTY, RARELY = 1.0, 60.0  # seconds until a series without trades is looked at again: at first, and at most


@define(eq=False)
class Strand:
    """Turns what the stream and REST bring of one symbol into batches, and says what is to be asked for."""

    symbol: str
    config: TradesConfig
    line: Line
    watch: Watch
    refused: bool = field(default=False, init=False)
    failures: int = field(default=0, init=False)
    _resting: float = field(default=0.0, init=False)
    _seek_due: float = field(init=False)
    _sought: int = field(default=0, init=False)
    _seeking: bool = field(default=False, init=False)
    _early_since: float | None = field(default=None, init=False)
    _observed: int | None = field(default=None, init=False)
    _rows: dict[str, Rows] = field(init=False)
    _rejected: list[Rejected] = field(factory=list, init=False)
    _aside: Aside = field(factory=Aside, init=False)
    _findings: list[Finding] = field(factory=list, init=False)

    def __attrs_post_init__(self) -> None:
        self._rows = {REST: Rows(), STREAM: Rows()}
        self._seek_due = self.watch.now + UNJOINED

    @property
    def rows(self) -> int:
        """How many are ready to be stored."""
        return len(self._rows[REST]) + len(self._rows[STREAM])

    @property
    def laden(self) -> bool:
        """Whether there is anything to store."""
        return bool(self.rows or self._rejected or self._findings)

    @property
    def sure(self) -> bool:
        """Whether all that the exchange has sent is in line. A symbol that it does not know has nothing."""
        return self.refused or (self.line.whole and not self.watch.unsure)

    def hear(self, messages: Sequence[Message], now: float, received: int | None) -> None:
        """Events of the stream. There is nothing to expect of one whose symbol REST has refused from the beginning."""
        if self.refused and not self.line.begun:
            return
        read = read_events(messages, self.symbol)
        self._rejected += read.rejected
        self._observed = received
        if not read.trades:
            return
        if not self.line.begun and self._early_since is None:
            self._early_since, self._seek_due = now, min(self._seek_due, now)
        self.line.live(read.trades, now)
        self.watch.hear(now, len(read.trades))
        self._collect()

    def join(self, now: float) -> None:
        """Its stream is followed from now on: what a series begins with can be asked for without a gap after it."""
        self.watch.join(now)
        if not self._seeking:
            self._seek_due = min(self._seek_due, now)

    def tend(self, now: float) -> None:
        """What time itself brings: waiting that lasts too long."""
        if self.line.begun:
            if self.line.holes:
                self._tend_holes(now)
        elif self._early_since is not None and now - self._early_since > PATIENCE and self.config.start == NEWEST:
            self.line.begin_anyway(now)
            self._collect()

    def give_way(self, reason: str) -> None:
        """Live rows wait no longer for what is before them; those before the beginning are dropped."""
        if self.line.begun:
            self.line.let_go(reason)
            self._collect()
        elif dropped := self.line.forget_early():
            log.warning("%s: %d trades are dropped, to be asked for again over REST: %s", self.symbol, dropped, reason)

    def finish(self, now: float) -> None:
        """Makes ready whatever can be stored. Rows after a hole are kept: the next start fills the hole."""
        if self.config.start == NEWEST:
            self.line.begin_anyway(now)
        self.line.let_go("the collector was stopped before REST had filled it")
        self._collect()

    def ask(self, now: float) -> Ask | None:
        """What is to be asked for before anything else: what live rows wait for, or whether they are missing."""
        if now < self._resting:
            return None
        if (hole := self.line.holes.take(now, self.config.page, holding=True)) is not None:
            return self._ask_hole(hole, background=False)
        if not self.line.begun and not self._seeking and now >= self._seek_due:
            self._seeking = True
            return Ask(self.symbol, self.config.page, start=self.config.start)
        if self.line.begun and self.watch.ask(now):
            return Ask(self.symbol, self.config.page, first=self.line.top)
        return None

    def ask_older(self, now: float) -> Ask | None:
        """What is to be asked for when there is time."""
        if not self.line.holes or now < self._resting:
            return None
        hole = self.line.holes.take(now, self.config.page, holding=False)
        return None if hole is None else self._ask_hole(hole, background=True)

    def answer(self, reply: Reply, now: float) -> None:
        """A page that was asked for."""
        page, ask = reply.page, reply.ask
        assert page is not None
        self.failures, self.refused, self._resting = 0, False, 0.0
        self._observed = page.at if self._observed is None else max(self._observed, page.at)
        self._rejected += self._aside.fresh(reply.rejected)
        if ask.hole is not None:
            self.line.answered(ask.hole, page, now)
        elif ask.first is not None:
            news = self.line.newer(page, now)
            self.watch.look(now, news=news, more=news and reply.full)
        else:
            self._begin(reply, now)
        self._collect()

    def fail(self, reply: Reply, now: float, pause: float) -> None:
        """A request without an answer; nothing is asked for this symbol for `pause` seconds."""
        self.failures += 1
        self.refused = isinstance(reply.error, RefusedError)
        self._resting = due = now + pause
        if reply.ask.hole is not None:
            self.line.failed(reply.ask.hole, due)
        elif reply.ask.first is not None:
            self.watch.fail(due)
        else:
            self._seeking, self._seek_due = False, due

    def batches(self) -> Iterator[Batch]:
        """Everything that is ready, each origin a batch; the last one carries what was found out."""
        ready = [(origin, rows) for origin, rows in self._rows.items() if len(rows)] or [(STREAM, Rows())]
        self._rows = {REST: Rows(), STREAM: Rows()}
        rejected, findings = tuple(self._rejected), tuple(self._findings)
        self._rejected, self._findings = [], []
        for number, (origin, rows) in enumerate(ready, 1):
            notes = (rejected, findings) if number == len(ready) else ((), ())
            yield Batch(TRADES, self.symbol, rows.table(self.symbol), self._observed, *notes, Origin(origin))

    def _tend_holes(self, now: float) -> None:
        holes = self.line.holes
        self.line.note_old(now - OPEN_AFTER, "REST has not filled it yet")
        waited = next((hole.gap.since for hole in holes if hole.holding), now)
        if holes.held > self.config.hold:
            self.give_way(f"{holes.held} trades, too many for live ones to wait for")
        elif now - waited > PATIENCE:
            self.give_way(f"REST has not filled it in {PATIENCE:.0f} s")
        self._collect()

    def _ask_hole(self, hole: tuple[int, int], *, background: bool) -> Ask:
        first, last = hole
        return Ask(self.symbol, last - first + 1, first, hole, background=background)

    def _begin(self, reply: Reply, now: float) -> None:
        assert reply.page is not None
        self._seeking = False
        self.line.begin(reply.page, now)
        if not self.line.begun:
            soon = self._early_since is not None
            self._seek_due = now + (EMPTY / 2 if soon else min(EMPTY * 2.0**self._sought, RARELY))
            self._sought = min(self._sought + 1, 10)

    def _collect(self) -> None:
        for origin, run in self.line.take():
            self._rows[origin].extend(run)
        self._findings += self.line.discoveries()
