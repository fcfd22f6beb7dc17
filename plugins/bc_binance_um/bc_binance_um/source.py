"""The source `mark_price`: followed live, one a second, or asked for over REST."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import Protocol, runtime_checkable

import msgspec
from attrs import define, field

from bc_binance_um.config import POLL, STREAM, MarkPriceConfig
from bc_binance_um.inbox import Heard, Inbox, Message
from bc_binance_um.marks import MARK_PRICE, table_of
from bc_binance_um.messages import Mark, MarkEvent, PremiumIndex, fault
from bcore.clock import SystemClock
from bcore.errors import ConfigError, FaultyReplyError, Stopped
from bcore.protocols import Clock, Key
from bcore.records import Batch, Context, Dataset, Origin, Rejected
from bcore.roster import Roster
from bcore.spans import Spans

log = logging.getLogger(__name__)
TICK = 0.1  # seconds between looks at what has come
RARELY = 900.0  # seconds between two subscriptions of a stream that stays silent, at most
_decoder = msgspec.json.Decoder(MarkEvent)


class Feed(Protocol):
    """Streams followed live until closed."""

    def resubscribe(self, streams: Sequence[str]) -> None: ...
    def close(self) -> None: ...


@runtime_checkable
class Venue(Protocol):
    """An exchange with mark prices; `BinanceUm` is one, any object of this shape will do."""

    def now(self) -> int:
        """The exchange's clock, int us UTC."""

    def premium_index(self, symbol: str) -> PremiumIndex:
        """The mark price as it stands. Raises `ExchangeError`."""

    def feed(self, streams: Sequence[str], sink: Inbox) -> Feed:
        """Follows combined streams from now on."""


def stream_of(symbol: str) -> str:
    """The name of a symbol's stream."""
    return f"{symbol.lower()}@markPrice@1s"


@define
class MarkPriceSource:
    """A mark that is missed stays missed: nobody has it afterwards."""

    config: MarkPriceConfig
    venue: Venue
    symbols: tuple[str, ...]
    clock: Clock = field(factory=SystemClock)
    datasets: tuple[Dataset, ...] = field(default=(MARK_PRICE,), init=False)
    interval: float = field(init=False)
    _roster: Roster = field(init=False)
    _heard_at: dict[str, float] = field(factory=dict, init=False)
    _woken: dict[str, int] = field(factory=dict, init=False)  # how often in vain, since it last said anything
    _newest: dict[str, int] = field(factory=dict, init=False)
    _rows: dict[str, list[Mark]] = field(factory=dict, init=False)
    _rejected: dict[str, list[Rejected]] = field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        self.interval = self.config.interval
        self._roster = Roster(self.symbols, self.clock)

    @classmethod
    def build(cls, config: MarkPriceConfig, context: Context) -> MarkPriceSource:
        venue = context.exchange()
        if not isinstance(venue, Venue):
            raise ConfigError([f"{context.section}.exchange: {venue.name} has no mark prices; name another"])
        return cls(config, venue, context.symbols, context.clock)

    @property
    def streaming(self) -> bool:
        """Whether the configuration asks for it."""
        return self.config.mode == STREAM

    def catch_up(self, after: Mapping[str, Key]) -> Iterator[Batch]:
        """The mark price of every symbol as it stands: all that there is to have of the past."""
        for symbol in self._roster.due():
            with self._roster.asking(symbol):
                mark = self.venue.premium_index(symbol)
                if problem := fault(mark, symbol):
                    raise FaultyReplyError(f"{symbol}: the exchange's mark price is none: {problem}")
                yield Batch(MARK_PRICE, symbol, table_of([mark], symbol), self.venue.now(), origin=Origin("rest"))
        self._roster.check()

    def stream(self, held: Mapping[str, Spans]) -> Generator[Batch | None, None, None]:
        """As `bcore.protocols.Streams.stream`; there is no history to fill holes from, so `held` decides nothing."""
        if self.config.mode == POLL:
            raise ConfigError(['mark_price: mode = "poll" follows no stream'])
        streams = {stream_of(symbol): symbol for symbol in self.symbols}
        inbox = Inbox(streams, self.config.queue)
        self._heard_at = {}
        feed = self.venue.feed(tuple(streams), inbox)
        due, observed = self.clock.monotonic() + self.config.flush, None
        try:
            while True:
                observed = self._take_in(inbox.empty()) or observed
                self._wake(feed)
                if self.clock.monotonic() >= due:
                    due = self.clock.monotonic() + self.config.flush
                    yield from self._batches(observed)
                    yield None
                self.clock.sleep(TICK)
        except Stopped:
            self._take_in(inbox.empty())
            yield from self._batches(observed)
            raise
        finally:
            feed.close()

    def _take_in(self, heard: Heard) -> int | None:
        now = self.clock.monotonic()
        for symbol, reason in heard.lost.items():
            log.warning("%s: mark prices may be missing: %s", symbol, reason)
            self._heard_at.pop(symbol, None)
        self._heard_at.update(dict.fromkeys(heard.joined, now))
        for symbol, messages in heard.messages.items():
            self._heard_at[symbol] = now
            self._woken.pop(symbol, None)
            self._read(symbol, messages)
        return heard.newest

    def _read(self, symbol: str, messages: Sequence[Message]) -> None:
        for message in messages:
            try:
                mark = _decoder.decode(message)
                problem = fault(mark, symbol)
            except msgspec.MsgspecError as error:
                mark, problem = None, str(error)
            if mark is None or problem:
                reason = f"this is no mark price: {problem}"
                self._rejected.setdefault(symbol, []).append(
                    Rejected(reason, (bytes(message).decode("utf-8", "replace"),))
                )
            elif mark.time > self._newest.get(symbol, 0):  # connections that take over from one another overlap
                self._newest[symbol] = mark.time
                self._rows.setdefault(symbol, []).append(mark)

    def _wake(self, feed: Feed) -> None:
        """A stream that has one a second and says nothing is deaf. One that stays so is asked ever more rarely."""
        now = self.clock.monotonic()
        deaf = [symbol for symbol, at in self._heard_at.items() if now - at > self._patience(symbol)]
        for symbol in deaf:
            self._heard_at[symbol], self._woken[symbol] = now, self._woken.get(symbol, 0) + 1
        if deaf:
            log.warning("%s: no mark price comes; subscribing again", ", ".join(deaf))
            feed.resubscribe([stream_of(symbol) for symbol in deaf])

    def _patience(self, symbol: str) -> float:
        return min(self.config.patience * 2.0 ** self._woken.get(symbol, 0), max(RARELY, self.config.patience))

    def _batches(self, observed: int | None) -> Iterator[Batch]:
        rows, self._rows = self._rows, {}
        rejected, self._rejected = self._rejected, {}
        for symbol in dict.fromkeys((*rows, *rejected)):
            table = table_of(rows.get(symbol, ()), symbol)
            yield Batch(MARK_PRICE, symbol, table, observed, tuple(rejected.get(symbol, ())), origin=Origin("stream"))
