"""One symbol's book, kept from the stream and from snapshots, and how sure it is (protocol section 7).

Pure: no clock, no I/O. `now` is in seconds; times of the exchange are int us UTC.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from attrs import define, field

from bc_orderbook.diffs import UNKNOWN
from bc_orderbook.events import Arrival, DepthEvent, read_events
from bc_orderbook.inbox import Turn
from bc_orderbook.journal import Journal
from bc_orderbook.localbook import LocalBook, Seed
from bc_orderbook.need import Need
from bc_orderbook.ordering import Ordering
from bc_orderbook.reconciling import Reconciler
from bc_orderbook.resyncs import Ask, Purpose, Reply
from bc_orderbook.silence import Watch
from bc_orderbook.standing import Standing
from bcore.errors import RefusedError

log = logging.getLogger(__name__)
GRACE = 0.3  # seconds in which events that came too early may be followed by those before them
INSPECTION = 2.0  # seconds between inspections of the book, for which all changes must be worked in
SILENCE, LONGEST = 60.0, 240.0  # seconds between snapshots of a book whose stream says nothing: at first, at most
UNJOINED, RARELY = 10.0, 60.0  # seconds between questions what REST has against a symbol whose stream is not joined


@define(eq=False)
class Keeper:
    """Applies events in order, asks for snapshots where that breaks off, and tells the journal everything."""

    symbol: str
    journal: Journal
    limit: int  # levels of a snapshot
    reconcile: float = 0.0  # seconds between comparisons with the exchange's book; 0 for none
    watch: Watch = field(factory=Watch)
    standing: Standing = field(init=False)
    book: LocalBook | None = field(default=None, init=False)
    deaf: bool = field(default=False, init=False)
    refused: bool = field(default=False, init=False)
    failures: int = field(default=0, init=False)
    _order: Ordering = field(factory=Ordering, init=False)
    _need: Need = field(factory=Need, init=False)
    _seeded: bool = field(default=False, init=False)  # since the stream was subscribed
    _inspection_due: float = field(default=0.0, init=False)
    _silences: int = field(default=0, init=False)  # books asked for since the stream last spoke
    _silence_due: float = field(default=0.0, init=False)  # when the next one may be
    _sound: int = field(default=0, init=False)  # the book's time when it was last seen not to be crossed
    _anchored: int = field(default=0, init=False)  # the book's time when it last was the exchange's
    _asked: Ask | None = field(default=None, init=False)
    _resting: float = field(default=0.0, init=False)
    _probe_due: float | None = field(default=None, init=False)
    _reconciler: Reconciler = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.standing, self._reconciler = Standing(self.journal), Reconciler(self.reconcile)

    @property
    def sure(self) -> bool:
        """Whether all that the exchange has sent is in order. A symbol that it does not know has nothing."""
        return self.refused or (self.standing.verified and not self._order.ahead)

    def resume(self, time: int) -> None:
        """Something is stored, the newest of it at `time`: nobody was looking from then on."""
        self.standing.unknow(time, 0, "nothing was recorded from here on")

    def finish(self) -> None:
        """The collector stops: nobody looks any more from the last event on."""
        if self.book is not None and self.standing.state != UNKNOWN:
            self.standing.unknow(self.book.time, self.book.id, "the collector was stopped")

    def take_in(self, arrivals: Sequence[Arrival | Turn], now: float) -> None:
        """What the stream has brought, in order."""
        messages: list[Arrival] = []
        for each in arrivals:
            if isinstance(each, Arrival):
                messages.append(each)
                continue
            self._hear(messages, now)
            messages = []
            self._join(now) if each.joined else self._lose(each.reason)
        self._hear(messages, now)

    def tend(self, now: float, time: int | None) -> None:
        """What time itself brings. `time` is the exchange's clock, less what events may be late; None if unknown."""
        if self._order.gap_since is not None and now - self._order.gap_since > GRACE:
            self._break(now)
        book = self.book
        if book is None:
            return
        if now >= self._inspection_due:
            self._inspection_due = now + INSPECTION
            self._inspect(book, now)
        if self.watch.overdue(now, self._reached):
            self._overdue(now)
        if self.standing.verified and time is not None and time > self.journal.due:
            self.journal.take(book, time)

    # Asking over REST

    def ask(self, now: float) -> Ask | None:
        """What is to be asked now, once: it counts as asked until `wants` says no, `answer` or `fail`."""
        if self._asked is not None or now < self._resting:
            return None
        purpose = self._purpose(now) if self.watch.joined else self._probe(now)
        if purpose is not None:
            self._asked = Ask(self.symbol, purpose, 1 if purpose is Purpose.LOOK else self.limit)
        if purpose is Purpose.RECONCILE:
            self._reconciler.begin()
        return self._asked

    def _purpose(self, now: float) -> Purpose | None:
        if self._need.open:
            return Purpose.SEED if self._need.due(now) else None
        if self.watch.due(now):
            return Purpose.LOOK
        return Purpose.RECONCILE if self.standing.verified and now >= self._reconciler.due else None

    def _probe(self, now: float) -> Purpose | None:
        if self._probe_due is None or now < self._probe_due:
            self._probe_due = now + UNJOINED if self._probe_due is None else self._probe_due
            return None
        self._probe_due = now + RARELY
        return Purpose.LOOK if self.book is None else None

    def wants(self, ask: Ask) -> bool:
        """Whether an answer is of any use still."""
        useful = {
            Purpose.SEED: self._need.open,
            Purpose.LOOK: not (self._need.open and self.watch.joined),
            Purpose.RECONCILE: self._reconciler.under_way,
        }[ask.purpose]
        if not useful:
            self._asked = None
        return useful

    def answer(self, reply: Reply, now: float) -> None:
        """The exchange's book, or its id."""
        assert reply.seed is not None
        self._asked, self.failures, self.refused, self._resting = None, 0, False, 0.0
        if reply.ask.purpose is Purpose.SEED:
            self._seed(reply.seed, now)
        elif reply.ask.purpose is Purpose.LOOK:
            self._look(reply.seed, now)
        else:
            self._reconciler.seed = reply.seed
            if reply.seed.last_update_id > self._reached:
                self.watch.look(now, reply.seed.last_update_id, self._reached)
            self._compare(now)
        self._judge()

    def fail(self, reply: Reply, now: float, pause: float) -> None:
        """A request without an answer; nothing is asked for this symbol for `pause` seconds."""
        self.failures += 1
        self._asked, self._resting = None, now + pause
        self._reconciler.cancel()
        self.refused = isinstance(reply.error, RefusedError) and self._order.top is None

    def renew(self, now: float) -> None:
        """The stream was deaf, and is subscribed again."""
        self.deaf = self._seeded = False
        self.watch.renew(now)
        self._doubt("it says nothing while the book changes")

    # What the stream says

    def _hear(self, messages: Sequence[Arrival], now: float) -> None:
        if not messages:
            return
        run = read_events(messages, self.symbol)
        fresh = self._order.fresh(run.events)
        self.journal.events(fresh, run)
        if fresh:
            if not self.watch.spoke:
                self._need.begun(now)
            self.watch.hear(now, len(fresh))
            self._silences, self._silence_due = 0, 0.0
        for event in fresh:
            self._take(event)
        self._advance(now)
        self._compare(now)
        self._judge()

    def _take(self, event: DepthEvent) -> None:
        book = self.book
        if book is None or self._need.open or self._order.ahead or event.first > book.id + 1:
            self._order.wait(event)
        else:
            self._apply(book, event)

    def _apply(self, book: LocalBook, event: DepthEvent) -> None:
        if event.time > self.journal.due and self.standing.verified:
            self.journal.take(book, event.time)
        book.apply(event)
        self._reconciler.hear(event)

    def _advance(self, now: float) -> None:
        """Those that waited and now follow."""
        if self.book is None or (self._need.open and not self._need.gapped):
            return
        following = self._order.following(self.book.id)
        for event in following:
            self._apply(self.book, event)
        self._order.note_gap(now, moved=bool(following))
        if self._need.gapped and not self._order.ahead:  # what was missing has come after all
            self._need.settle()

    def _join(self, now: float) -> None:
        if not self.watch.joined:
            self._seeded = False
            self._need.joined(now)
        self.watch.join(now)

    def _lose(self, reason: str) -> None:
        self.watch.lose()
        self._doubt(reason)

    def _doubt(self, reason: str) -> None:
        self._reconciler.cancel()
        if self.book is not None:
            self.standing.suspect(self.book.time, self.book.id, f"the stream was lost: {reason}")

    # What REST says

    def _seed(self, seed: Seed, now: float) -> None:
        if self._need.reason is None:
            return
        reach = self._order.reach(seed.last_update_id)
        if seed.last_update_id < reach:
            self._need.disappointed(now)
            log.info("%s: the snapshot %d is behind the stream at %d", self.symbol, seed.last_update_id, reach)
            return
        held = self.book.time if self.book is not None and self.book.id <= seed.last_update_id else 0
        time = max(seed.received, held, self._order.forget(seed.last_update_id))
        waiting, self._order.ahead, self._order.gap_since = self._order.ahead, [], None
        self._adopt(LocalBook.of(seed, time), seed, time, self._need.reason, now)
        self._judge()  # before the events after it: from the snapshot on, whatever is missing later
        self._order.ahead = waiting
        self._advance(now)

    def _adopt(self, book: LocalBook, seed: Seed, time: int, reason: str, now: float) -> None:
        self.book = book
        self._need.settle()
        self._anchored = self._sound = book.time
        self._seeded = True
        self._reconciler.adopted(book, now)
        self.standing.vouch(time, f"{reason}: snapshot {seed.last_update_id}")
        self.journal.seeded(seed, time, reason)
        if self.watch.unsure:
            self.watch.put_off(now)

    def _look(self, seed: Seed, now: float) -> None:
        book = self.book
        if book is None:
            return
        self.watch.look(now, seed.last_update_id, self._reached)
        if seed.last_update_id == book.id:
            self.standing.vouch(max(book.time, seed.received), f"nothing was missed: REST has nothing after {book.id}")

    def _compare(self, now: float) -> None:
        book = self.book
        met = None if book is None else self._reconciler.meet(book, now)
        if book is None or met is None:
            return
        seed, theirs = met
        time, found = max(seed.received, theirs.time), book.differences(theirs)
        if found:
            reason = f"reconciled: {len(found)} levels differ, first {found[0]}"
            self.standing.suspect(self._anchored, book.id, reason)
            self._adopt(theirs, seed, max(time, book.time), f"resync: {reason}", now)
        else:
            theirs.adopt_beyond(book)
            self._adopt(theirs, seed, time, "reconciled", now)

    # What speaks against the book

    @property
    def _reached(self) -> int:
        return max(self._order.top or 0, 0 if self.book is None else self.book.id)

    def _inspect(self, book: LocalBook, now: float) -> None:
        self._reconciler.look_ahead(book, now)
        if not self.standing.verified:
            return
        if book.crossed:
            reason = f"crossed: the best bid, {book.bids.best}, is not below the best ask, {book.asks.best}"
            self._distrust(now, self._sound, reason)
        else:
            self._sound = book.time

    def _overdue(self, now: float) -> None:
        """REST has had what the stream does not bring: it was missed, or the stream is deaf."""
        if self.watch.unsure and not self._seeded and self.book is not None and now >= self._silence_due:
            self._silence_due = now + min(SILENCE * 2.0**self._silences, LONGEST)
            self._silences += 1
            self._distrust(now, self.book.time, f"the stream does not bring what REST has after {self._reached}")
        else:
            self.deaf = True

    def _break(self, now: float) -> None:
        if self._need.open or self.book is None:
            return
        first, last = self._order.missing(self.book.id)
        self._distrust(now, self.book.time, f"gap {first}..{last}", gapped=True)

    def _distrust(self, now: float, since: int, reason: str, *, gapped: bool = False) -> None:
        assert self.book is not None
        self.standing.suspect(since, self.book.id, reason)
        self._need.arise(reason, now, gapped=gapped)
        self._reconciler.cancel()

    def _judge(self) -> None:
        """Verified, once nothing speaks against it any more."""
        book = self.book
        if book is not None and not self._need.open and not self._order.ahead and not self.watch.unsure:
            self.standing.verify(book.time, book.id)
