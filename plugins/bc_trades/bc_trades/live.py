"""The live trades source: streams joined to what is held, by id, in one loop."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping

from attrs import define, field

from bc_trades.asking import Ask, Askers, Reply
from bc_trades.config import TradesConfig
from bc_trades.inbox import Inbox
from bc_trades.joining import Line
from bc_trades.silence import Watch
from bc_trades.strand import Strand
from bc_trades.venue import Feed, LiveVenue, rules_of
from bcore.errors import ExchangeError, FaultyReplyError, Stopped
from bcore.pacing import Portion, Rounds
from bcore.protocols import Clock
from bcore.records import Batch
from bcore.spans import Spans
from bcore.troubles import Troubles

log = logging.getLogger(__name__)
TICK = 0.05  # seconds between looks at what REST has answered and what is to be written
LOOK, LONGEST_LOOK = 0.001, 0.5  # seconds between looks at what the streams have brought: per symbol, and at most
LIGHT = 5  # times as many rows may wait to be stored as trades in the queue: their columns take a fifth of the memory
OLDER = 3  # requests for old holes at once, at most: one is left for what live rows wait for


def stream_of(symbol: str) -> str:
    """The name of a symbol's stream (protocol section 6)."""
    return f"{symbol.lower()}@aggTrade"


@define(eq=False)
class Live:
    """Follows the streams of some symbols and hands out batches that a store can take as they come.

    Each of its `Rounds` writes every symbol that has anything, those with most rows first.
    """

    config: TradesConfig
    venue: LiveVenue
    clock: Clock
    strands: Mapping[str, Strand]
    troubles: Troubles
    _inbox: Inbox = field(init=False)
    _askers: Askers = field(init=False)
    _rounds: Rounds = field(init=False)
    _turns: deque[Strand] = field(init=False)
    _crowded: bool = field(default=False, init=False)
    _look_at: float = field(default=float("-inf"), init=False)

    def __attrs_post_init__(self) -> None:
        # Of symbols that differ in case only, the stream is the one's in capitals: the exchange knows no others.
        listed = sorted(self.strands, key=str.isupper)
        self._inbox = Inbox({stream_of(symbol): symbol for symbol in listed}, self.config.queue)
        self._askers = Askers(self.venue)
        self._rounds = Rounds(self.clock, self.config.flush, self._gather)
        self._turns = deque(self.strands.values())

    @classmethod
    def of(
        cls,
        config: TradesConfig,
        venue: LiveVenue,
        clock: Clock,
        symbols: tuple[str, ...],
        held: Mapping[str, Spans],
        troubles: Troubles,
    ) -> Live:
        """`held` has the ids that are stored already."""
        now, tiled = clock.monotonic(), rules_of(venue).trades_tile
        lines = {symbol: Line.after(held.get(symbol, Spans()), now, tiled) for symbol in symbols}
        strands = {symbol: Strand(symbol, config, line, Watch(now)) for symbol, line in lines.items()}
        return cls(config, venue, clock, strands, troubles)

    def batches(self) -> Generator[Batch | None, None, None]:
        """Until closed; raises `Stopped` after everything that has come was handed out."""
        feed = self.venue.feed(tuple(stream_of(symbol) for symbol in self.strands if _is_word(symbol)), self._inbox)
        try:
            while True:
                if self.clock.monotonic() >= self._look_at:
                    self._look(feed)
                if self._askers.busy:
                    self._take_replies()
                    self._ask()
                yield from self._rounds.batches(crowded=self._crowded)
                self.clock.sleep(TICK)
        except Stopped:
            yield from self._write_all()
            raise
        finally:
            feed.close()
            self._askers.close()

    def _look(self, feed: Feed) -> None:
        """Looking costs something per symbol, whatever has come: hundreds of them are looked at less often."""
        self._look_at = self.clock.monotonic() + min(TICK + LOOK * len(self.strands), LONGEST_LOOK)
        self._take_in()
        self._tend(feed)
        self._ask()

    def _take_in(self) -> None:
        waiting, turns, received = self._inbox.empty()
        now = self.clock.monotonic()
        for symbol, messages in waiting.items():
            self.strands[symbol].hear(messages, now, received)
        for turn in turns:
            strand = self.strands[turn.symbol]
            if turn.joined:
                strand.join(now)
            else:
                strand.watch.lose(now)

    def _take_replies(self) -> None:
        for reply in self._askers.replies():
            strand, now = self.strands[reply.ask.symbol], self.clock.monotonic()
            if reply.error is None:
                self.troubles.answered(strand.symbol)
                strand.answer(reply, now)
            else:
                self._failed(strand, reply, reply.error, now)

    def _failed(self, strand: Strand, reply: Reply, error: Exception, now: float) -> None:
        if isinstance(error, Stopped):
            return
        if not isinstance(error, ExchangeError):
            error = FaultyReplyError(f"{strand.symbol}: {error!r}")
        pause = self.troubles.failed(strand.symbol, error, strand.failures + 1, now)
        strand.fail(reply, now, pause)

    def _tend(self, feed: Feed) -> None:
        now, deaf, waiting, ready = self.clock.monotonic(), [], 0, 0
        for strand in self.strands.values():
            strand.tend(now)
            waiting, ready = waiting + strand.line.waiting, ready + strand.rows
            if strand.watch.deaf and now >= strand.watch.due:
                strand.watch.renew(now)
                deaf.append(strand.symbol)
        self._crowded = ready > LIGHT * self.config.queue
        if waiting > self.config.queue:
            fullest = max(self.strands.values(), key=lambda strand: strand.line.waiting)
            fullest.give_way(f"more than {self.config.queue} trades wait")
        if deaf:
            log.warning("%s: REST has trades that the stream does not bring; subscribing again", ", ".join(deaf))
            feed.resubscribe([stream_of(symbol) for symbol in deaf])

    def _ask(self) -> None:
        """What live rows wait for first. Old holes only as long as there is room for what they bring."""
        now = self.clock.monotonic()
        if now < self.troubles.resting:
            return
        self._ask_each(lambda strand: strand.ask(now), lambda: self._askers.free > 0)
        if not self._crowded:
            self._ask_each(
                lambda strand: strand.ask_older(now), lambda: self._askers.free > 0 and self._askers.background < OLDER
            )

    def _ask_each(self, wanted: Callable[[Strand], Ask | None], may: Callable[[], bool]) -> None:
        """As long as anybody has anything to ask; a symbol that did goes to the end."""
        asked = True
        while asked:
            asked = False
            for strand in tuple(self._turns):
                if not may():
                    return
                if (ask := wanted(strand)) is not None:
                    self._askers.put(ask)
                    self._turns.remove(strand)
                    self._turns.append(strand)
                    asked = True

    def _gather(self) -> tuple[list[Portion], bool]:
        """Everything that has come is in line or known to be missing: what is ready now is to be stored."""
        self._take_in()
        laden = [strand for strand in self._by_rows() if strand.laden]
        return [strand.batches for strand in laden], all(strand.sure for strand in self.strands.values())

    def _by_rows(self) -> list[Strand]:
        """Those with most rows first."""
        return sorted(self.strands.values(), key=lambda strand: strand.rows, reverse=True)

    def _write_all(self) -> Iterator[Batch]:
        """What has come, whatever it costs."""
        self._take_in()
        self._take_replies()
        now = self.clock.monotonic()
        for strand in self.strands.values():
            strand.finish(now)
        for strand in self._by_rows():
            if strand.laden:
                yield from strand.batches()


def _is_word(symbol: str) -> bool:
    """Whether there can be a stream of that name: what cannot be one must not cost the others theirs."""
    return symbol.isprintable() and not any(letter.isspace() for letter in symbol)
