"""For tests of whatever follows streams: a real WebSocket server on loopback that sends what it is told to."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from threading import Condition, Event, Thread
from time import monotonic
from typing import Any, TypeVar

from aiohttp import WSCloseCode, WSMsgType, web
from attrs import define, field
from msgspec import Raw

T = TypeVar("T")
PATIENCE = 60.0  # seconds
Command = dict[str, Any]


def acknowledge(command: Command) -> Command | None:
    """What the exchange answers to whatever it can parse (protocol section 5.1)."""
    return {"result": None, "id": command["id"]}


@define(eq=False)
class Client:
    """A connection as the server sees it."""

    query: dict[str, str]
    socket: web.WebSocketResponse
    transport: asyncio.Transport
    commands: list[Command] = field(factory=list)
    sizes: list[int] = field(factory=list)
    pongs: list[bytes] = field(factory=list)
    streams: set[str] = field(factory=set)
    close_code: int | None = None

    def obey(self, command: Command) -> None:
        names = command["params"]
        if command["method"] == "SUBSCRIBE":
            self.streams.update(names)
        elif command["method"] == "UNSUBSCRIBE":
            self.streams.difference_update(names)

    def reset(self) -> None:
        held = self.transport.get_extra_info("socket")
        held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()


@define(eq=False)
class Recorder:
    """A sink that keeps what it is told.

    `told` has ("message", stream, data), ("joined", streams) and ("lost", streams, reason) in order; `on_message` is
    called in the feed's thread at every message.
    """

    told: list[tuple[Any, ...]] = field(factory=list)
    stamps: list[int] = field(factory=list)
    on_message: Callable[[str, bytes], None] = field(default=lambda stream, data: None)
    _changed: Condition = field(factory=Condition)

    def message(self, stream: str, data: bytes | Raw, received: int) -> None:
        self.stamps.append(received)
        self._tell("message", stream, json.loads(bytes(data)))
        self.on_message(stream, bytes(data))

    def joined(self, streams: tuple[str, ...]) -> None:
        self._tell("joined", streams)

    def lost(self, streams: tuple[str, ...], reason: str) -> None:
        self._tell("lost", streams, reason)

    @property
    def messages(self) -> list[Any]:
        return [each[2] for each in self.told if each[0] == "message"]

    def count(self, kind: str) -> int:
        return sum(each[0] == kind for each in self.told)

    def until(self, what: Callable[[], object], patience: float = PATIENCE) -> None:
        """Waits until `what()` is true; fails after `patience` seconds with what was told."""
        with self._changed:
            deadline = monotonic() + patience
            while not what():
                if monotonic() > deadline:
                    raise AssertionError(f"did not come within {patience:g} s; told: {self.told[-20:]}")
                self._changed.wait(0.02)

    def _tell(self, *what: Any) -> None:
        with self._changed:
            self.told.append(what)
            self._changed.notify_all()


class LocalStreams:
    """A context manager; `url` is where it listens. `clients` has every connection so far, `live` the open ones.

    `refusals` are HTTP statuses for the next handshakes; `answer` says what a command gets, None for nothing at all.
    """

    def __init__(self) -> None:
        self.clients: list[Client] = []
        self.refusals: deque[int] = deque()
        self.answer: Callable[[Command], Command | None] = acknowledge
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._up = Event()
        self._end = asyncio.Event()
        self._thread = Thread(target=self._serve, daemon=True)

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    @property
    def live(self) -> list[Client]:
        return [each for each in self.clients if each.close_code is None]

    def send(self, stream: str, data: Any) -> int:
        """To every connection that subscribed the stream; how many there are."""
        text = json.dumps({"stream": stream, "data": data}, separators=(",", ":"), ensure_ascii=False)
        chosen = [each for each in self.live if stream in each.streams]
        return self._run(self._to(chosen, text))

    def say(self, text: str | bytes) -> int:
        """A text frame, or a binary one, to everybody."""
        return self._run(self._to(self.live, text))

    def ping(self, payload: bytes) -> None:
        for each in self.live:
            self._run(each.socket.ping(payload))

    def close(self, client: Client, code: int = WSCloseCode.OK, words: bytes = b"") -> None:
        """As the protocol has it."""
        self._run(client.socket.close(code=code, message=words))

    def reset(self, client: Client) -> None:
        """Without a word."""
        self._loop.call_soon_threadsafe(client.reset)

    def __enter__(self) -> LocalStreams:
        self._thread.start()
        self._up.wait(PATIENCE)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(PATIENCE)

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE)

    async def _to(self, clients: list[Client], text: str | bytes) -> int:
        sent = 0
        for each in clients:
            with suppress(OSError):  # one that is just ending must not cost the others their message
                await (each.socket.send_str(text) if isinstance(text, str) else each.socket.send_bytes(text))
                sent += 1
        return sent

    def _serve(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._main())

    async def _main(self) -> None:
        app = web.Application()
        app.router.add_get("/stream", self._accept)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", self.port)
        await site.start()
        self.port = runner.addresses[0][1]
        self._up.set()
        await self._end.wait()
        for each in self.live:
            each.reset()
        await runner.cleanup()

    async def _accept(self, request: web.Request) -> web.StreamResponse:
        if self.refusals:
            return web.Response(status=self.refusals.popleft(), headers={"Retry-After": "0"})
        response = web.WebSocketResponse(autoping=False, timeout=1.0)
        await response.prepare(request)
        assert isinstance(request.transport, asyncio.Transport)
        client = Client(dict(request.query), response, request.transport)
        self.clients.append(client)
        try:
            await self._listen(client)
        finally:
            client.close_code = response.close_code or WSCloseCode.ABNORMAL_CLOSURE
        return response

    async def _listen(self, client: Client) -> None:
        async for message in client.socket:
            if message.type is WSMsgType.PONG:
                client.pongs.append(bytes(message.data))
            elif message.type is WSMsgType.TEXT:
                await self._command(client, message.data)

    async def _command(self, client: Client, text: str) -> None:
        command = json.loads(text)
        client.commands.append(command)
        client.sizes.append(len(text.encode()))
        reply = self.answer(command)
        if reply is None:
            return
        if "result" in reply:
            client.obey(command)
        await client.socket.send_json(reply)
