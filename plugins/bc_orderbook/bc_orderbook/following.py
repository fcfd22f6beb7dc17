"""The books of some symbols, kept live in one loop: streams in, snapshots asked for, batches out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterator, Mapping
from functools import partial

from attrs import define, field

from bc_orderbook.inbox import Inbox
from bc_orderbook.keeping import Keeper
from bc_orderbook.localbook import Seed
from bc_orderbook.resyncs import Resyncs
from bc_orderbook.tickers import Tickers
from bc_orderbook.venue import Feed, LiveVenue, rules_of
from bcore.errors import Stopped
from bcore.pacing import Portion, Rounds
from bcore.protocols import Clock
from bcore.records import Batch
from bcore.troubles import Troubles

log = logging.getLogger(__name__)
TICK = 0.05  # seconds between looks at what REST has answered and what is to be written
LOOK, LONGEST_LOOK = 0.001, 0.5  # seconds between looks at what the streams have brought: per symbol, and at most
LATE = 1_500_000  # us by which an event may come after its time
CROWD = 1_000_000  # rows that wait, beyond which they are written whatever share of the time that takes


def stream_of(symbol: str, suffix: str = "@100ms") -> str:
    """The name of a symbol's diff stream (protocol section 6); `suffix` is the exchange's word for its speed."""
    return f"{symbol.lower()}@depth{suffix}"


def _nothing(symbol: str, seed: Seed) -> None:
    pass


@define(eq=False)
class Following:
    """Each of its `Rounds` writes every symbol that has anything, those with most rows first.

    `prepare` is called with each new snapshot in the thread that fetched it.
    """

    venue: LiveVenue
    clock: Clock
    keepers: Mapping[str, Keeper]
    troubles: Troubles
    speed: str = "100ms"
    flush: float = 1.0
    queue: int = 200_000
    prepare: Callable[[str, Seed], None] = _nothing
    tickers: bool = False
    _streams: dict[str, str] = field(init=False)
    _inbox: Inbox = field(init=False)
    _tickers: Tickers = field(init=False)
    _resyncs: Resyncs = field(init=False)
    _rounds: Rounds = field(init=False)
    _crowded: bool = field(default=False, init=False)
    _look_at: float = field(default=float("-inf"), init=False)
    _observed: int | None = field(default=None, init=False)
    _ahead: int | None = field(default=None, init=False)  # the exchange's clock less ours, us

    def __attrs_post_init__(self) -> None:
        suffix = rules_of(self.venue).depth_speeds[self.speed]
        self._streams = {symbol: stream_of(symbol, suffix) for symbol in self.keepers if _is_word(symbol)}
        self._inbox = Inbox({stream: symbol for symbol, stream in self._streams.items()}, self.queue)
        best = {f"{symbol.lower()}@bookTicker": symbol for symbol in self._streams} if self.tickers else {}
        self._tickers = Tickers(best, self._inbox, self.queue)
        self._resyncs = Resyncs(self.venue, self.prepare)
        self._rounds = Rounds(self.clock, self.flush, self._gather)

    def batches(self) -> Generator[Batch | None, None, None]:
        """Until closed; raises `Stopped` after everything that has come was handed out."""
        streams = (*self._streams.values(), *self._tickers.streams)
        feed = self.venue.feed(streams, self._tickers) if streams else None
        try:
            while True:
                if self.clock.monotonic() >= self._look_at:
                    self._look(feed)
                if self._resyncs.busy:
                    self._take_replies()
                yield from self._rounds.batches(crowded=self._crowded)
                self.clock.sleep(TICK)
        except Stopped:
            yield from self._write_all()
            raise
        finally:
            if feed is not None:
                feed.close()
            self._resyncs.close()

    def _look(self, feed: Feed | None) -> None:
        """Looking costs something per symbol, whatever has come: hundreds of them are looked at less often."""
        now = self.clock.monotonic()
        self._look_at = now + min(TICK + LOOK * len(self.keepers), LONGEST_LOOK)
        self._take_in()
        time, deaf = self._exchange_time(), []
        for keeper in self.keepers.values():
            keeper.tend(now, None if time is None else time - LATE)
            if keeper.deaf:
                keeper.renew(now)
                deaf.append(keeper.symbol)
            if (ask := keeper.ask(now)) is not None:
                self._resyncs.put(ask)
        self._crowded = sum(keeper.journal.rows for keeper in self.keepers.values()) > CROWD
        self._resubscribe(feed, deaf)
        self._dispatch(now)

    def _resubscribe(self, feed: Feed | None, deaf: list[str]) -> None:
        if deaf and feed is not None:
            log.warning("%s: REST has updates that the stream does not bring; subscribing again", ", ".join(deaf))
            feed.resubscribe([self._streams[symbol] for symbol in deaf])

    def _take_in(self) -> None:
        waiting, newest = self._inbox.empty()
        now = self.clock.monotonic()
        if newest is not None:
            self._observed, self._ahead = newest, newest - self.clock.now()
        for symbol, arrivals in waiting.items():
            self.keepers[symbol].take_in(arrivals, now)

    def _exchange_time(self) -> int | None:
        """As far as it is known from what has come, without asking."""
        return None if self._ahead is None else self.clock.now() + self._ahead

    def _dispatch(self, now: float) -> None:
        if now >= self.troubles.resting:
            self._resyncs.dispatch(now, lambda ask: self.keepers[ask.symbol].wants(ask))

    def _take_replies(self) -> None:
        now = self.clock.monotonic()
        for reply in self._resyncs.replies():
            keeper = self.keepers[reply.ask.symbol]
            if reply.error is None:
                self.troubles.answered(keeper.symbol)
                keeper.answer(reply, now)
            elif not isinstance(reply.error, Stopped):
                pause = self.troubles.failed(keeper.symbol, reply.error, keeper.failures + 1, now)
                keeper.fail(reply, now, pause)
        self._dispatch(now)

    def _gather(self) -> tuple[list[Portion], bool]:
        self._take_in()
        laden = [keeper for keeper in self._by_rows() if keeper.journal.laden]
        portions: list[Portion] = [*(partial(self._batches, keeper) for keeper in laden), self._best]
        return portions, all(keeper.sure for keeper in self.keepers.values())

    def _by_rows(self) -> list[Keeper]:
        """Those with most rows first."""
        return sorted(self.keepers.values(), key=lambda keeper: keeper.journal.rows, reverse=True)

    def _batches(self, keeper: Keeper) -> Iterator[Batch]:
        return keeper.journal.batches(self._observed)

    def _best(self) -> Iterator[Batch]:
        return self._tickers.batches(self._observed)

    def _write_all(self) -> Iterator[Batch]:
        """What has come, whatever it costs."""
        self._take_in()
        for keeper in self.keepers.values():
            keeper.finish()
        for keeper in self._by_rows():
            yield from self._batches(keeper)
        yield from self._best()


def _is_word(symbol: str) -> bool:
    """Whether there can be a stream of that name: what cannot be one must not cost the others theirs."""
    return symbol.isprintable() and not any(letter.isspace() for letter in symbol)
