"""The wire front: listens on the public port and relays each connection to the application server's private socket.

It is there for what an ASGI application cannot do: ping, see pongs, count frames, reset, stay silent, cut a body.
"""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections.abc import Callable, Coroutine, Iterator
from typing import cast

from attrs import define, field

from bc_replay.keepalive import Habits, Keepalive
from bc_replay.relay import Relay, State

TEND = 0.25  # seconds between two looks at the stream connections
SMALL_BUFFER = 64 * 1024


class ClientSide(asyncio.Protocol):
    """The public end of a relay."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._relay: Relay | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._relay = self._front.admit(cast(asyncio.Transport, transport))

    def data_received(self, data: bytes) -> None:
        if self._relay is not None:
            self._relay.from_client(data)

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        if self._relay is not None:
            self._relay.client_gone()

    def pause_writing(self) -> None:
        if self._relay is not None:
            self._relay.client_full()

    def resume_writing(self) -> None:
        if self._relay is not None:
            self._relay.client_ready()


class ServerSide(asyncio.Protocol):
    """The private end of a relay."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._relay.server_ready(cast(asyncio.Transport, transport))

    def data_received(self, data: bytes) -> None:
        self._relay.from_server(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._relay.server_gone()

    def pause_writing(self) -> None:
        self._relay.transport.pause_reading()

    def resume_writing(self) -> None:
        self._relay.transport.resume_reading()


@define(eq=False)
class Front:
    """`address` is where clients connect; `upstream` is the path of the private socket.

    `tight` keeps the send buffers small, so that what a client has not taken holds a clock of speed 0 back.
    """

    address: tuple[str, int]
    upstream: str
    habits: Habits = field(factory=Habits)
    tight: bool = False
    relays: dict[int, Relay] = field(factory=dict)
    accepted: int = 0
    _numbers: Iterator[int] = field(factory=lambda: itertools.count(1))
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(factory=set)

    async def open(self) -> None:
        await self._listen()
        self._spawn(self._tend())

    def shut(self) -> None:
        """Take no more connections, and take leave of the streams."""
        for task in tuple(self._tasks):
            task.cancel()
        if self._server is not None:
            self._server.close()
        self.each_stream(lambda relay: relay.close(1001, "the server is going away"))

    def admit(self, transport: asyncio.Transport) -> Relay:
        self.accepted += 1
        if self.tight:
            connection = transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL_BUFFER)
        client = transport.get_extra_info("peername")[0]
        relay = Relay(next(self._numbers), client, transport, lambda: Keepalive(self.habits), self._forget)
        self.relays[relay.number] = relay
        self._spawn(self._connect(relay))
        return relay

    def streams(self) -> list[Relay]:
        return [relay for relay in self.relays.values() if relay.state is State.STREAM]

    def find(self, number: str | None) -> Relay | None:
        """The connection of this number, as the application sees it in the header X-Replay-Connection."""
        return self.relays.get(int(number or 0))

    def each_stream(self, act: Callable[[Relay], None]) -> int:
        """Do it to every open stream connection; how many there were."""
        streams = self.streams()
        for relay in streams:
            act(relay)
        return len(streams)

    async def refuse(self, seconds: float) -> None:
        """Refuse new connections for a while: nobody listens on the port."""
        if self._server is not None:
            self._server.close()
        await asyncio.sleep(seconds)
        await self._listen()

    @property
    def unsent(self) -> int:
        """Bytes that clients have not taken yet."""
        return sum(relay.transport.get_write_buffer_size() for relay in self.streams())

    def _forget(self, relay: Relay) -> None:
        self.relays.pop(relay.number, None)

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: ClientSide(self), sock=bound(*self.address), backlog=1024)

    async def _connect(self, relay: Relay) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.create_unix_connection(lambda: ServerSide(relay), self.upstream)
        except OSError:
            relay.transport.abort()

    async def _tend(self) -> None:
        while True:
            await asyncio.sleep(TEND)
            for relay in tuple(self.relays.values()):
                relay.tend()

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def bound(host: str, port: int) -> socket.socket:
    """A TCP socket bound to an address and not yet listening; OSError where that cannot be.

    Several may be bound to one port as long as at most one listens. So the process that starts the server keeps the
    port reserved with one of its own, whatever becomes of the listening one.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    listener.setblocking(False)
    return listener
