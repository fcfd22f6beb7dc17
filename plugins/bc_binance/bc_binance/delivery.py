"""The way from connections to the consumer: in order, in small portions, and bounded."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol

import msgspec
from attrs import define, field

from bc_binance.oddities import Oddities

log = logging.getLogger(__name__)
TURN = 0.02  # seconds that the consumer may take before the sockets are looked after again
REST = 0.003  # seconds after a turn in which sockets gather what comes: being woken costs more than a message does


class Sink(Protocol):
    """Where a feed's messages go. Called in the feed's thread; must be quick and never block.

    Messages come in the order of their connection. While one connection takes over from another each brings them, so
    that a message comes twice and may come before an earlier one.
    """

    def message(self, stream: str, data: bytes | msgspec.Raw, received: int) -> None:
        """An event's JSON text; `received` is the exchange's clock at receipt, int us UTC."""

    def joined(self, streams: tuple[str, ...]) -> None:
        """The streams are acknowledged on a live connection: from now on everything arrives."""

    def lost(self, streams: tuple[str, ...], reason: str) -> None:
        """Their connection died without a successor, or the consumer was too slow: something may be missing by now."""


@define(eq=False)
class Delivery:
    """Queues what connections receive and hands it to the sink in turns.

    A slow sink fills the queue while the connections go on answering pings. Once `limit` messages wait, further ones
    are dropped until half of them are gone; then the sink is told which streams lost something, and that they go on.

    After each turn the event loop, which is the feed's own, sleeps for a moment: what would come one by one then comes
    by the dozen.
    """

    sink: Sink
    limit: int
    oddities: Oddities
    received: int = field(default=0, init=False)
    dropped: int = field(default=0, init=False)
    _stopped: bool = field(default=False, init=False)
    _waiting: deque[tuple[str, msgspec.Raw, int] | Callable[[], None]] = field(factory=deque, init=False)
    _scheduled: bool = field(default=False, init=False)
    _short: dict[str, None] = field(factory=dict, init=False)

    @property
    def waiting(self) -> int:
        """How far the consumer is behind, in messages."""
        return len(self._waiting)

    def message(self, stream: str, data: msgspec.Raw, received: int) -> None:
        self.received += 1
        if self._short or len(self._waiting) >= self.limit:
            self._drop(stream)
            return
        self._waiting.append((stream, data, received))
        if not self._scheduled:
            self._schedule()

    def joined(self, streams: Iterable[str]) -> None:
        told = tuple(streams)
        if told:
            self._note(lambda: self.sink.joined(told))

    def lost(self, streams: Iterable[str], reason: str) -> None:
        told = tuple(streams)
        for stream in told:
            self._short.pop(stream, None)
        if told:
            self._note(lambda: self.sink.lost(told, reason))

    def stop(self) -> None:
        """Nothing is handed over any more."""
        self._stopped = True
        self._waiting.clear()

    def _note(self, note: Callable[[], None]) -> None:
        self._waiting.append(note)
        if not self._scheduled:
            self._schedule()

    def _schedule(self) -> None:
        if self._stopped:
            self._waiting.clear()
            return
        self._scheduled = True
        asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        deadline = time.perf_counter() + TURN
        waiting, hand_over = self._waiting, self._hand_over
        while waiting and not self._stopped and time.perf_counter() < deadline:
            hand_over(waiting.popleft())
        if self._short and len(waiting) <= self.limit // 2:
            self._go_on()
        self._scheduled = False
        if waiting and not self._stopped:
            self._schedule()
        elif not self._stopped:
            time.sleep(REST)

    def _hand_over(self, entry: tuple[str, msgspec.Raw, int] | Callable[[], None]) -> None:
        try:
            if isinstance(entry, tuple):
                self.sink.message(*entry)
            else:
                entry()
        except Exception as error:
            # The consumer's mistake must not cost the other streams their connection.
            self.oddities.note("a consumer that fails", repr(error), error)

    def _drop(self, stream: str) -> None:
        if not self._short:
            log.warning("the consumer is %d messages behind: dropping what comes, to be asked for again", self.limit)
        self._short[stream] = None
        self.dropped += 1

    def _go_on(self) -> None:
        short = tuple(self._short)
        self._short.clear()
        self.lost(short, f"the consumer was {self.limit} messages behind")
        self.joined(short)
