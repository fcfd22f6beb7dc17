"""Following streams live: any number of them, over as many connections as that takes, until closed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from threading import Thread, current_thread

from attrs import define, field, frozen

from bc_binance.attempts import Attempts
from bc_binance.config import BinanceConfig
from bc_binance.connection import Connection
from bc_binance.delivery import Delivery, Sink
from bc_binance.dialling import Dialler, open_dialler
from bc_binance.lane import Lane
from bc_binance.oddities import Oddities
from bc_binance.subscriptions import shared_out, stream_name, stream_names
from bcore.errors import RequestError
from bcore.events import Event, StreamClosed, StreamOpened

log = logging.getLogger(__name__)
LEAVE = 5.0  # seconds in which a feed closes


def _no_route(stream: str) -> str:
    return ""


def _listed(streams: Sequence[str]) -> str:
    first, more = streams[0] if streams else "nothing", len(streams) - 1
    return f"{first} and {more} more are" if more > 0 else f"{first} is"


@frozen
class ConnectionFacts:
    """One live connection: `since` when (int us UTC), how many `streams` are acknowledged, `messages` so far."""

    number: int
    since: int
    streams: int
    messages: int


@frozen
class FeedFacts:
    """How a feed stands. `streams` are asked for, `joined` are carried without a hole at this moment.

    `messages` are events received over all connections, of which `waiting` are not handed over yet and `dropped` never
    will be; `oddities` counts by kind what was not understood, `refused` has the exchange's words by stream.
    """

    streams: int
    joined: int
    reconnects: int
    rotations: int
    messages: int
    waiting: int
    dropped: int
    connections: tuple[ConnectionFacts, ...]
    oddities: Mapping[str, int]
    refused: Mapping[str, str]

    @property
    def count(self) -> int:
        """How many connections are open."""
        return len(self.connections)

    @property
    def since(self) -> int | None:
        """Since when the oldest of them is, int us UTC."""
        return min((each.since for each in self.connections), default=None)


@define(eq=False)
class Feed:
    """Follows streams in its own thread and never gives up until `close`. Made by `Binance.feed`.

    `stamp` is the exchange's clock as last measured, `emit` takes `StreamOpened` and `StreamClosed`, both in the feed's
    thread. `route` is the path below `stream_url` by which a stream comes: streams of different ones never share a
    connection. `advice` is said where streams turn out to be acknowledged and silent. Raises `RequestError` for what is
    no stream name.
    """

    name: str
    config: BinanceConfig
    streams: tuple[str, ...] = field(converter=stream_names)
    sink: Sink
    attempts: Attempts
    stamp: Callable[[], int]
    emit: Callable[[Event], None]
    route: Callable[[str], str] = _no_route
    microseconds: bool = True
    advice: str = ""
    _oddities: Oddities = field(factory=Oddities, init=False)
    _delivery: Delivery = field(init=False)
    _lanes: tuple[Lane, ...] = field(init=False)
    _loop: asyncio.AbstractEventLoop = field(init=False)
    _stop: asyncio.Event = field(factory=asyncio.Event, init=False)
    _dialler: Dialler | None = field(default=None, init=False)
    _chores: set[asyncio.Task[None]] = field(factory=set, init=False)
    _thread: Thread = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._delivery = Delivery(self.sink, self.config.stream_backlog, self._oddities)
        if not self.streams:
            raise RequestError("a feed needs at least one stream")
        self._lanes = tuple(self._lane(route, group) for route, group in self._groups())
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._live, name=f"feed-{self.name}", daemon=True)
        self._thread.start()

    def resubscribe(self, streams: Sequence[str]) -> None:
        """For streams that are acknowledged and silent: subscribes them again, then moves them to a new connection.

        Streams that the feed does not follow raise `RequestError`. From any thread; returns at once.
        """
        wanted = [stream_name(each) for each in streams]
        foreign = sorted(set(wanted) - set(self.streams))
        if foreign:
            raise RequestError(f"this feed does not follow {', '.join(foreign)}")
        if self.advice:
            log.warning("%s: %s acknowledged and silent: %s", self.name, _listed(wanted), self.advice)
        self._call(lambda: self._resubscribe(wanted))

    def connections(self) -> FeedFacts:
        """How the feed stands; from any thread."""
        live = [each for lane in self._lanes for each in lane.live]
        return FeedFacts(
            len(self.streams),
            sum(lane.covered for lane in self._lanes),
            sum(lane.reconnects for lane in self._lanes),
            sum(lane.rotations for lane in self._lanes),
            self._delivery.received,
            self._delivery.waiting,
            self._delivery.dropped,
            tuple(ConnectionFacts(each.number, each.since, len(each.joined), each.messages) for each in live),
            dict(self._oddities.counts),
            {stream: words for lane in self._lanes for stream, words in dict(lane.refused).items()},
        )

    def close(self) -> None:
        """Takes leave of the exchange and ends the thread; the sink is not called after. Safe to call again.

        Called from the sink itself it returns at once, and the feed ends after that call.
        """
        self._call(self._stop.set)
        if current_thread() is not self._thread:
            self._thread.join(LEAVE)

    def wait_closed(self, timeout: float) -> bool:
        """Waits until the feed has ended, at most `timeout` seconds; whether it has."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _call(self, what: Callable[[], object]) -> None:
        with suppress(RuntimeError):  # the loop is closed: there is nothing left to tell it
            self._loop.call_soon_threadsafe(what)

    def _live(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._main())

    async def _main(self) -> None:
        self._dialler = open_dialler(self.config, self.attempts, microseconds=self.microseconds)
        lanes = [asyncio.create_task(self._keep(lane)) for lane in self._lanes]
        await self._stop.wait()
        self._delivery.stop()
        for task in [*lanes, *self._chores]:
            task.cancel()
        await asyncio.wait(lanes)
        await asyncio.gather(*(lane.close("the feed was closed") for lane in self._lanes))
        await self._dialler.session.close()

    async def _keep(self, lane: Lane) -> None:
        """A lane that fails for a reason nobody thought of begins again: a feed gives up for nothing."""
        while True:
            try:
                await lane.run()
            except Exception as error:
                log.exception("the feed %s made a mistake", self.name)
                await lane.recover(error)

    def _groups(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Streams that share a connection, with their route."""
        for route in dict.fromkeys(map(self.route, self.streams)):
            alike = [stream for stream in self.streams if self.route(stream) == route]
            yield from ((route, group) for group in shared_out(alike, self.config.stream_limit))

    def _lane(self, route: str, streams: tuple[str, ...]) -> Lane:
        return Lane(streams, self.config, self._delivery, self._connect, self._opened, self._closed, route)

    async def _connect(self, lane: Lane) -> Connection:
        assert self._dialler is not None
        socket = await self._dialler.dial(lane.route)
        return Connection(
            self.attempts.number(),
            self._dialler.host,
            socket,
            self._delivery,
            self._oddities,
            self.stamp,
            self.config.stream_silence,
            self.config.timeout,
            lane,
        )

    def _opened(self, connection: Connection) -> None:
        log.info("%s: connection %d carries %d streams", self.name, connection.number, len(connection.joined))
        self.emit(StreamOpened(self.name, connection.number, len(connection.joined)))

    def _closed(self, connection: Connection, planned: bool) -> None:
        reason = connection.ended.result().reason
        log.info("%s: connection %d is over: %s", self.name, connection.number, reason)
        self.emit(StreamClosed(self.name, connection.number, reason, planned))

    def _resubscribe(self, wanted: Sequence[str]) -> None:
        for lane in self._lanes:
            mine = [each for each in wanted if each in lane.streams]
            if mine:
                task = asyncio.create_task(lane.resubscribe(mine))
                self._chores.add(task)
                task.add_done_callback(self._chores.discard)
