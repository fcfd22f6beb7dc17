"""One symbol's trades brought into line by id: each once, none missing at the end, whatever way they come.

Pure: no clock, no I/O. Times are seconds that come in as `now`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter

from attrs import define, field, frozen

from bc_trades.chain import Chain
from bc_trades.holes import Gap, Hole, Holes
from bc_trades.trade import Trade
from bcore.records import Finding
from bcore.spans import Span, Spans

GRACE = 0.15  # seconds in which rows that came too early may be followed by those before them
STREAM, REST = "stream", "rest"
FEW = 20  # broken neighbours that are told one by one


@frozen
class Page:
    """An answer of REST: its good trades, and all ids in it, readable otherwise or not, sorted. `at`: int us UTC."""

    trades: Sequence[Trade]
    ids: Sequence[int]
    at: int = 0

    def why_not(self, first: int, last: int) -> str:
        """What this answer says of ids that it does not give, though it goes on after them."""
        when = datetime.fromtimestamp(self.at / 1e6, UTC).isoformat(timespec="seconds")
        following = self.ids[bisect_left(self.ids, first)]
        if following <= last:
            return f"REST gives {following} badly formed, twice, last at {when}"
        return f"asked REST twice from {first} on, last at {when}: the first that it has is {following}"


@define
class Line:
    """Where trades of the stream and of REST pages meet.

    A row is new if its id is above every id seen, or is missing. Ids that a row skips are a gap: rows after it wait
    until REST has filled it, or until it is `let_go` because that takes too long. Then the rows flow on, and the gap is
    filled beside them. What is in line is handed out by `take`, what was found out on the way by `discoveries`.
    """

    top: int | None = None  # the id after the highest seen
    tiled: bool = True  # whether trade ids that do not join are told
    holes: Holes = field(factory=Holes, init=False)
    duplicates: int = field(default=0, init=False)
    _findings: list[Finding] = field(factory=list, init=False)
    _early: list[Trade] = field(factory=list, init=False)
    _fresh: bool = field(default=True, init=False)
    _waiting: dict[int, tuple[str, Trade]] = field(factory=dict, init=False)
    _ready: list[tuple[str, Sequence[Trade]]] = field(factory=list, init=False)
    _chain: Chain = field(factory=Chain, init=False)

    @classmethod
    def after(cls, held: Spans, now: float, tiled: bool = True) -> Line:
        """Goes on after the ids that are held; their holes are to be filled too, but nothing waits for them."""
        line = cls(None if held.last is None else held.last + 1, tiled)
        for first, last in held.gaps():
            line.holes.add(Gap(first, last, now, noted=True), due=now, holding=False)
        return line

    @property
    def begun(self) -> bool:
        """Whether rows can be brought into line: it is known where they begin."""
        return self.top is not None

    @property
    def waiting(self) -> int:
        """Rows that have come and are not in line yet."""
        return len(self._waiting) + len(self._early)

    @property
    def whole(self) -> bool:
        """Whether nothing is missing of what is known to exist."""
        return self.begun and not (self.holes or self._waiting)

    def take(self) -> list[tuple[str, Sequence[Trade]]]:
        """Rows in line, with where they came from, each once."""
        ready, self._ready = self._ready, []
        return ready

    def discoveries(self) -> tuple[Finding, ...]:
        """What was found out about ids since it was last asked for."""
        found = (*self._findings, *_gathered(self._chain.breaks))
        self._findings, self._chain.breaks = [], []
        return found

    def live(self, trades: Sequence[Trade], now: float) -> None:
        """Rows of the stream. Those of a line that has not begun wait for its beginning."""
        if self.begun:
            self._offer(STREAM, trades, now)
        else:
            self._early.extend(trades)

    def begin(self, page: Page, now: float) -> None:
        """The first page of a series that holds nothing: its first row is where the series begins."""
        if page.trades:
            self._begin(min(trade.a for trade in page.trades), page.trades, now)

    def begin_anyway(self, now: float) -> None:
        """Begins with the first live row."""
        if self._early:
            self._begin(min(trade.a for trade in self._early), (), now)

    def forget_early(self) -> int:
        """Drops the live rows of a line that has not begun; once it has, they are a gap. Returns how many."""
        dropped, self._early = len(self._early), []
        return dropped

    def _begin(self, first: int, trades: Sequence[Trade], now: float) -> None:
        self.top = first if self.top is None else self.top
        early, self._early = self._early, []
        self._offer(REST, trades, now)
        self._offer(STREAM, early, now)

    def newer(self, page: Page, now: float) -> bool:
        """A page that was asked for from `top` on; whether it had anything new."""
        before = self.top
        self._offer(REST, page.trades, now)
        if self.top is not None and page.ids and page.ids[-1] >= self.top:  # badly formed at its end
            self._miss(page.ids[-1] + 1, now)
        return self.top != before

    def answered(self, asked: Span, page: Page, now: float) -> None:
        """A page that was asked for to fill `asked`; later ids in it say only how far REST has got."""
        first, last = asked
        self._offer(REST, [trade for trade in page.trades if first <= trade.a <= last], now)
        reached = page.ids[-1] if page.ids else first - 1
        given_up = self.holes.answered(first, last, reached, now)
        if page.ids and page.ids[0] > last + 1:  # it goes back no further: that speaks of other pages too
            given_up += self.holes.doubt(last + 1, page.ids[0] - 1, now)
        self._give_up(given_up, page)
        self._release()

    def _give_up(self, holes: Sequence[Hole], page: Page) -> None:
        for hole in holes:
            self.holes.give_up(hole)
        for first, last in Spans.of((hole.first, hole.last) for hole in holes):
            self._findings.append(Finding(first, last, "unfillable", page.why_not(first, last)))
        for gap in dict.fromkeys(hole.gap for hole in holes):
            self._settle(gap)

    def failed(self, asked: Span, due: float) -> None:
        """No answer came; ask again at `due`."""
        self.holes.failed(*asked, due)

    def let_go(self, reason: str) -> None:
        """Waits for nothing any more: the archive has a hole for a while, and the ledger knows."""
        for gap in self.holes.let_go():
            self._note(gap, reason)
        self._release()

    def note_old(self, since: float, reason: str) -> None:
        """Tells of gaps that were found before `since` and are open still."""
        for gap in self.holes.gaps:
            if gap.since < since and not gap.quiet:
                self._note(gap, reason)

    def _note(self, gap: Gap, reason: str) -> None:
        if not gap.noted:
            gap.noted = True
            self._findings.append(Finding(gap.first, gap.last, "open", reason))

    def _settle(self, gap: Gap) -> None:
        """Tells what has come of a gap of which nothing is left."""
        if gap.left == 0 and (gap.noted or (gap.asked and not gap.quiet)):
            for first, last in gap.filled():
                self._findings.append(Finding(first, last, "filled", f"{last - first + 1} trades, asked for over REST"))

    def _offer(self, origin: str, trades: Sequence[Trade], now: float) -> None:
        ids = [trade.a for trade in trades]
        if not ids:
            return
        if ids == list(range(ids[0], ids[0] + len(ids))):
            self._offer_run(origin, trades, now)
            return
        for run in _runs(trades):
            self._offer_run(origin, run, now)

    def _offer_run(self, origin: str, run: Sequence[Trade], now: float) -> None:
        """Rows with consecutive ids: all new, all known, or some of each."""
        assert self.top is not None
        first, last = run[0].a, run[-1].a
        if first >= self.top:
            if first > self.top:
                self._miss(first, now)
            self.top = last + 1
            self._accept(origin, run)
        elif gap := self.holes.close(first, last):
            self._settle(gap)
            self._accept(origin, run)
        elif first == last:
            self.duplicates += 1
        else:
            self._offer_parts(origin, run, now)

    def _offer_parts(self, origin: str, run: Sequence[Trade], now: float) -> None:
        assert self.top is not None
        seen = min(self.top - run[0].a, len(run))
        for trade in run[:seen]:
            self._offer_run(origin, [trade], now)
        if run[seen:]:
            self._offer_run(origin, run[seen:], now)

    def _miss(self, until: int, now: float) -> None:
        """The ids from `top` to before `until` are skipped."""
        assert self.top is not None
        gap = Gap(self.top, until - 1, now, quiet=self._fresh)
        self.holes.add(gap, due=now if gap.quiet else now + GRACE, holding=True)
        self.top = until

    def _accept(self, origin: str, run: Sequence[Trade]) -> None:
        barrier = self.holes.barrier
        if barrier is None or run[0].a < barrier:
            self._line_up(origin, run)
            self._release()
        else:
            self._waiting.update((trade.a, (origin, trade)) for trade in run)

    def _release(self) -> None:
        """Lets the rows pass that nothing is missing before."""
        if not self._waiting:
            return
        barrier = self.holes.barrier
        free = sorted(number for number in self._waiting if barrier is None or number < barrier)
        released = [self._waiting.pop(number) for number in free]
        for origin, group in groupby(released, key=itemgetter(0)):
            for run in _runs([trade for _, trade in group]):
                self._line_up(origin, run)

    def _line_up(self, origin: str, run: Sequence[Trade]) -> None:
        self._fresh = self._fresh and origin == REST
        if self.tiled:
            self._chain.follow(run)
        self._ready.append((origin, run))


def _runs(trades: Sequence[Trade]) -> Iterator[Sequence[Trade]]:
    """Rows in any order as runs with consecutive ids; of equal ids the first."""
    once = {trade.a: trade for trade in reversed(trades)}
    ids = sorted(once)
    begin = 0
    for at in range(1, len(ids) + 1):
        if at == len(ids) or ids[at] != ids[at - 1] + 1:
            yield [once[number] for number in ids[begin:at]]
            begin = at


def _gathered(breaks: Sequence[Finding]) -> Sequence[Finding]:
    """Many breaks are one finding: a series that never tiles must not flood the ledger."""
    if len(breaks) <= FEW:
        return breaks
    first, last = min(each.first for each in breaks), max(each.last for each in breaks)
    return [Finding(first, last, "broken", f"{len(breaks)} times; {breaks[0].reason}")]
