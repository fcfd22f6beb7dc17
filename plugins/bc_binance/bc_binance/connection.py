"""One stream connection, from the handshake to its end (protocol sections 5 and 5.1)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Literal, Protocol

import aiohttp
import msgspec
from aiohttp import WSMsgType
from attrs import define, field, frozen

from bc_binance.controls import Controls
from bc_binance.delivery import Delivery
from bc_binance.oddities import Oddities
from bc_binance.stream_messages import Notice, envelope, event_kind, notice
from bc_binance.subscriptions import packed
from bcore.errors import RefusedError, UnreachableError

log = logging.getLogger(__name__)
Socket = aiohttp.ClientWebSocketResponse[Literal[False]]
GRACE = 0.25  # seconds in which a loop that was held up may find what had come meanwhile
INSTANT = 0.001  # seconds in which messages that come together are stamped alike: reading a clock costs as one does
LEAVE = 2.0  # seconds to wait for the other side's own close frame
SHUTDOWN = "serverShutdown"


@frozen
class Ending:
    """Why a connection is over. `orderly`: it was closed by the protocol, so all that was sent has arrived."""

    reason: str
    orderly: bool


class Carrier(Protocol):
    """Whoever answers for the streams. Called as soon as an answer is read, before any later message is."""

    def acknowledged(self, connection: Connection, streams: Sequence[str]) -> None:
        """The exchange sends these streams over the connection from now on."""

    def released(self, connection: Connection, streams: Sequence[str]) -> None:
        """The exchange no longer does."""


@define(eq=False)
class Connection:
    """Carries streams until it ends. `stamp` is the exchange's clock; `carrier` hears what is acknowledged.

    After `silence` seconds without any frame it is over; an answer is waited for `patience` seconds.
    `joined` holds the streams that are acknowledged, `refused` the exchange's words on those that it does not take,
    `retried` those that were subscribed again. `leaving` is set when the exchange says that it will close.
    """

    number: int
    host: str
    socket: Socket
    delivery: Delivery
    oddities: Oddities
    stamp: Callable[[], int]
    silence: float
    patience: float
    carrier: Carrier
    since: int = field(init=False)
    opened: float = field(init=False)
    messages: int = field(default=0, init=False)
    joined: dict[str, None] = field(factory=dict, init=False)
    refused: dict[str, str] = field(factory=dict, init=False)
    retried: set[str] = field(factory=set, init=False)
    leaving: asyncio.Event = field(factory=asyncio.Event, init=False)
    ended: asyncio.Future[Ending] = field(init=False)
    _known: dict[str, str] = field(factory=dict, init=False)
    _heard: float = field(init=False)
    _stamped: float = field(default=float("-inf"), init=False)
    _received: int = field(default=0, init=False)
    _controls: Controls = field(init=False)
    _running: asyncio.Task[None] = field(init=False)

    def __attrs_post_init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.since, self.opened = self.stamp(), loop.time()
        self._heard, self.ended = self.opened, loop.create_future()
        self._controls = Controls(self.host, self._send, self.patience)
        self._running = loop.create_task(self._run())

    @property
    def over(self) -> bool:
        return self.ended.done()

    async def subscribe(self, names: Iterable[str]) -> None:
        """Asks for the streams, and waits until each is acknowledged or refused. Raises `UnreachableError`."""
        for run in packed(tuple(names)):
            await self._subscribe(run)

    async def subscribe_again(self, names: Sequence[str]) -> None:
        """Gives the streams up and asks for them anew. Raises `UnreachableError`."""
        self.retried.update(names)
        for run in packed([name for name in names if name in self.joined]):
            await self._controls.ask("UNSUBSCRIBE", run, partial(self._released, run))
        await self.subscribe(names)

    async def close(self, reason: str) -> None:
        """Takes leave as the protocol has it; one that does not answer is dropped after two seconds."""
        self._finish(Ending(reason, orderly=True))
        await asyncio.wait([self._running])

    async def _subscribe(self, run: Sequence[str]) -> None:
        self._known.update((name, name) for name in run)
        try:
            await self._controls.ask("SUBSCRIBE", run, partial(self._granted, run))
        except RefusedError as error:
            await self._narrow_down(run, error)

    async def _narrow_down(self, run: Sequence[str], error: RefusedError) -> None:
        """One name that the exchange does not take refuses the whole request: the others must not suffer."""
        if len(run) == 1:
            log.error("%s: %s", run[0], error)
            self.refused[run[0]] = str(error)
            return
        await self._subscribe(run[: len(run) // 2])
        await self._subscribe(run[len(run) // 2 :])

    def _granted(self, run: Sequence[str]) -> None:
        self.joined.update(dict.fromkeys(run))
        self.carrier.acknowledged(self, run)

    def _released(self, run: Sequence[str]) -> None:
        for name in run:
            self.joined.pop(name, None)
        self.carrier.released(self, run)

    async def _send(self, text: bytes) -> None:
        await self.socket.send_frame(text, WSMsgType.TEXT)

    def _finish(self, ending: Ending) -> None:
        if not self.ended.done():
            self.ended.set_result(ending)
            self._controls.fail(UnreachableError(ending.reason))

    async def _run(self) -> None:
        """Reads until the connection is over, for whichever reason comes first."""
        reading = asyncio.create_task(self._read())
        watching = asyncio.create_task(self._watch())
        until: list[asyncio.Future[Any]] = [reading, watching, self.ended]
        try:
            await asyncio.wait(until, return_when=asyncio.FIRST_COMPLETED)
        finally:
            watching.cancel()
            self._finish(_outcome(self, reading))
            await self._hang_up(reading)

    async def _hang_up(self, reading: asyncio.Task[Ending]) -> None:
        try:
            async with asyncio.timeout(LEAVE):
                await self.socket.close()
        except (aiohttp.ClientError, OSError) as error:
            log.debug("connection %d: closing failed: %s", self.number, error)
        finally:
            reading.cancel()
            await asyncio.wait([reading])

    async def _read(self) -> Ending:
        loop, receive = asyncio.get_running_loop(), self.socket.receive
        while True:
            message = await receive()
            self._heard = loop.time()
            if message.type is WSMsgType.TEXT:
                self._text(message.data)
            elif message.type is WSMsgType.PING:
                with suppress(OSError):  # what came before the end is still to be read
                    await self.socket.pong(message.data)
            elif message.type is WSMsgType.BINARY:
                self.oddities.note("binary frames", repr(message.data))
            elif message.type is not WSMsgType.PONG:
                return self._closed(message.type, message.data, message.extra)

    def _text(self, text: bytes) -> None:
        try:
            event = envelope.decode(text)
        except (msgspec.MsgspecError, UnicodeError):
            self.oddities.note("frames of another form", repr(text))
            return
        name = self._known.get(event.stream)
        if name is None:
            self._other(event.stream, event.data, text)
            return
        self.messages += 1
        if self._heard - self._stamped > INSTANT:
            self._stamped, self._received = self._heard, self.stamp()
        self.delivery.message(name, event.data, self._received)

    def _other(self, stream: str, data: msgspec.Raw, text: bytes) -> None:
        """What is no event of a stream that was asked for."""
        kind = event_kind(data if stream else text)
        if kind == SHUTDOWN or stream == f"!{SHUTDOWN}":
            self.leaving.set()
        elif stream:
            self.oddities.note(f"events {kind[:40]!r} of streams that nobody asked for", repr(text))
        elif not self._answer(text):
            self.oddities.note(f"messages {kind[:40]!r} of an unknown kind", repr(text))

    def _answer(self, text: bytes) -> bool:
        try:
            reply: Notice = notice.decode(text)
        except (msgspec.MsgspecError, UnicodeError):
            return False
        return reply.is_answer and self._controls.answered(reply)

    def _closed(self, kind: WSMsgType, what: object, words: str | None) -> Ending:
        if kind is WSMsgType.CLOSE:
            code = f"{what or 'no code'}: {words}" if words else f"{what or 'no code'}"
            return Ending(f"{self.host} closed the connection ({code})", orderly=True)
        if kind is WSMsgType.ERROR:
            return Ending(f"{self.host} broke the protocol: {what}", orderly=False)
        return Ending(f"the connection to {self.host} broke", orderly=False)

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        while (quiet := loop.time() - self._heard) < self.silence:
            await asyncio.sleep(self.silence - quiet + GRACE)


def _outcome(connection: Connection, reading: asyncio.Task[Ending]) -> Ending:
    if not reading.done():
        return Ending(f"{connection.host} was silent for {connection.silence:g} s", orderly=False)
    error = None if reading.cancelled() else reading.exception()
    if error is None and not reading.cancelled():
        return reading.result()
    return Ending(f"the connection to {connection.host} broke: {error or 'stopped'}", orderly=False)
