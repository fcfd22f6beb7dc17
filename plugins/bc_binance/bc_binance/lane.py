"""Streams that share a connection, and the connections that carry them one after another (protocol section 5)."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

from attrs import define, field

from bc_binance.config import BinanceConfig
from bc_binance.connection import Connection
from bc_binance.delivery import Delivery
from bcore.backoff import Backoff
from bcore.errors import ExchangeError, UnreachableError

log = logging.getLogger(__name__)
HEALTHY = 20.0  # seconds that a connection must live for the failures before it to be forgotten
JITTER = 0.05  # share of the lifetime by which connections are replaced earlier
MOVE_PAUSE = 300.0  # seconds between two moves to another connection that were asked for

Connect = Callable[["Lane"], Awaitable[Connection]]


@define(eq=False)
class Lane:
    """Keeps its streams, which share a `route`, carried by one connection, by two while one takes over from the other.

    `connect` opens a connection that reports to this lane; `opened` and `closed` are told of each that carried
    something, `closed` with whether another had taken over. A stream is covered from when the sink is told that it
    joined until it is told that it is lost.
    """

    streams: tuple[str, ...]
    config: BinanceConfig
    delivery: Delivery
    connect: Connect
    opened: Callable[[Connection], None]
    closed: Callable[[Connection, bool], None]
    route: str = ""
    backoff: Backoff = field(factory=lambda: Backoff(first=0.5, cap=30.0))
    reconnects: int = field(default=0, init=False)
    rotations: int = field(default=0, init=False)
    refused: dict[str, str] = field(factory=dict, init=False)
    _current: Connection | None = field(default=None, init=False)
    _next: Connection | None = field(default=None, init=False)
    _covered: dict[str, None] = field(factory=dict, init=False)
    _failures: int = field(default=0, init=False)
    _moved: float = field(default=float("-inf"), init=False)

    @property
    def live(self) -> list[Connection]:
        """The connections that carry streams now: none, one, or two while they change."""
        return [each for each in (self._current, self._next) if each is not None and not each.over]

    @property
    def covered(self) -> int:
        """How many streams are carried without a hole at this moment."""
        return len(self._covered)

    async def run(self) -> None:
        """Carries the streams until cancelled."""
        connection: Connection | None = await self._begin()
        while True:
            while connection is not None:
                self._current, self._next = connection, None
                connection = await self._carry(connection)
            connection = await self._begin()
            self.reconnects += 1

    async def close(self, reason: str) -> None:
        """Takes leave of the exchange; the sink is told nothing."""
        for each in self.live:
            await each.close(reason)
            if each is self._current:
                self.closed(each, True)

    async def recover(self, error: Exception) -> None:
        """Gives up whatever there is, after something that should not have happened."""
        for each in self.live:
            await each.close(f"a mistake in the feed: {error!r}")
        self._lose(list(self._covered), f"a mistake in the feed: {error!r}")
        self._current = self._next = None
        await self._pause(error)

    def acknowledged(self, connection: Connection, streams: Sequence[str]) -> None:
        """The exchange sends these streams over the connection from now on."""
        self._join(streams)

    def released(self, connection: Connection, streams: Sequence[str]) -> None:
        """It no longer does, because they are about to be subscribed again."""
        others = [each for each in self.live if each is not connection]
        gone = [name for name in streams if not any(name in each.joined for each in others)]
        self._lose(gone, "it was silent and is subscribed again")

    async def resubscribe(self, streams: Sequence[str]) -> None:
        """The streams are acknowledged and silent: asks for them anew, and on another connection if that was done."""
        for stream in streams:
            self.refused.pop(stream, None)
        connection, now = self._current, asyncio.get_running_loop().time()
        if connection is None or connection.over:
            return
        if connection.retried.issuperset(streams) and now - self._moved > MOVE_PAUSE:
            self._moved = now
            connection.leaving.set()
            return
        try:
            await connection.subscribe_again(streams)
            self.refused.update(connection.refused)
        except ExchangeError as error:
            await connection.close(str(error))

    async def _begin(self) -> Connection:
        """A connection on which every stream is acknowledged or refused, however often that must be tried."""
        while True:
            try:
                return await self._open()
            except ExchangeError as error:
                await self._pause(error)

    async def _open(self) -> Connection:
        self._next = connection = await self.connect(self)
        try:
            await connection.subscribe([each for each in self.streams if each not in self.refused])
        except ExchangeError as error:
            await connection.close(str(error))
            self._died(connection)
            raise
        self.refused.update(connection.refused)
        self.opened(connection)
        return connection

    async def _carry(self, connection: Connection) -> Connection | None:
        """Until the connection is over without a successor (None), or the one that it returns has taken over."""
        await self._until_due(connection)
        if not connection.over:
            return await self._succeed(connection)
        await self._bury(connection)
        return None

    async def _until_due(self, connection: Connection) -> None:
        age = asyncio.get_running_loop().time() - connection.opened
        lifetime = self.config.stream_lifetime * (1 - JITTER * random.random())
        leaving = asyncio.create_task(connection.leaving.wait())
        try:
            await _first(leaving, connection.ended, timeout=max(lifetime - age, 0.0))
        finally:
            leaving.cancel()

    async def _succeed(self, old: Connection) -> Connection:
        """Opens the next connection beside the old one, which goes on as long as that takes."""
        beginning = asyncio.create_task(self._begin())
        try:
            await _first(beginning, old.ended)
            if not beginning.done():
                self._died(old)
                self.closed(old, False)
                self.reconnects += 1
                return await beginning
        finally:
            beginning.cancel()
        return await self._take_over(old, beginning.result())

    async def _take_over(self, old: Connection, successor: Connection) -> Connection:
        await _first(old.ended, successor.ended, timeout=self.config.stream_overlap)
        if successor.over and not old.over:
            await self._bury(successor, old)
            return old
        await old.close("its successor has taken over")
        self._died(old)
        self.closed(old, old.ended.result().orderly)
        self.rotations += 1
        return successor

    async def _bury(self, connection: Connection, beside: Connection | None = None) -> None:
        """It ended by itself: what it carried alone may have a hole now. `beside` is one that still lives."""
        self._died(connection)
        self.closed(connection, False)
        if asyncio.get_running_loop().time() - connection.opened >= HEALTHY:
            self._failures = 0
        await self._pause(UnreachableError(connection.ended.result().reason), beside)

    async def _pause(self, error: Exception, beside: Connection | None = None) -> None:
        """Waits before the next attempt, or until a connection that still lives is over."""
        self._failures += 1
        wait = self.backoff.seconds(self._failures, error)
        log.warning("%s; connecting again in %.1f s", error, wait)
        if beside is None:
            await asyncio.sleep(wait)
        else:
            await _first(beside.ended, timeout=wait)

    def _died(self, connection: Connection) -> None:
        """Streams that another connection carries have no hole, unless what was on its way here came to nothing.

        An older connection carried them all along; a younger one may have begun after what was cut off.
        """
        ending, others = connection.ended.result(), [each for each in self.live if each is not connection]
        safe = [each for each in others if ending.orderly or each.number < connection.number]
        missing = [name for name in connection.joined if not any(name in each.joined for each in safe)]
        self._lose(missing, ending.reason)
        for each in others:
            self._join(each.joined)

    def _join(self, streams: Iterable[str]) -> None:
        fresh = [each for each in streams if each not in self._covered]
        self._covered.update(dict.fromkeys(fresh))
        self.delivery.joined(fresh)

    def _lose(self, streams: Iterable[str], reason: str) -> None:
        gone = [each for each in streams if each in self._covered]
        for each in gone:
            del self._covered[each]
        self.delivery.lost(gone, reason)


async def _first(*futures: asyncio.Future[Any], timeout: float | None = None) -> None:
    await asyncio.wait(futures, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
