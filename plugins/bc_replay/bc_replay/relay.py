"""One client connection, relayed to the application server; where the wire misbehaves on demand."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable
from enum import Enum

from attrs import define, field

from bc_replay.frames import CLOSE, Boundaries, FrameReader, close_frame
from bc_replay.heads import BadHead, Head, Messages, Piece
from bc_replay.keepalive import Keepalive

PATIENCE = 5.0  # seconds that the client of a closed stream gets to close its side
NO_LINGER = struct.pack("ii", 1, 0)
BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
BODILESS = (204, 304)
EARLY = 64 * 1024  # bytes kept for an application that is not there yet; more stay with the client


class State(Enum):
    HTTP = "http"
    STREAM = "stream"
    MUTE = "mute"  # nothing is relayed any more, the socket stays open
    CLOSING = "closing"  # our close frame is out
    CLOSED = "closed"


@define(eq=False)
class Relay:
    """`number` names the connection to the application behind it; `ended` is told when the client is gone."""

    number: int
    client: str
    transport: asyncio.Transport
    keepalive: Callable[[], Keepalive]
    ended: Callable[[Relay], None]
    upstream: asyncio.Transport | None = None
    state: State = State.HTTP
    truncating: bool = False
    health: Keepalive | None = None
    _early: bytes = b""  # came before there was an upstream
    _room: asyncio.Event = field(factory=asyncio.Event)  # for stream events; none before the upgrade
    _requests: Messages = field(factory=Messages)
    _responses: Messages = field(factory=Messages)
    _methods: deque[bytes] = field(factory=deque)
    _boundaries: Boundaries = field(factory=Boundaries)
    _frames: FrameReader = field(factory=FrameReader)
    _injected: bytes = b""  # goes out at the next frame boundary
    _final: bool = False  # nothing follows what is injected
    _left: int | None = None  # bytes of body still let through where the reply is cut

    # What the two sides bring

    def from_client(self, data: bytes) -> None:
        if self.state is State.HTTP:
            self._relay_requests(data)
        elif self.state is State.STREAM:
            self._relay_frames(data)

    def from_server(self, data: bytes) -> None:
        if self.state is State.HTTP:
            self._relay_responses(data)
        elif self.state is State.STREAM:
            self._relay_stream(data)

    def client_full(self) -> None:
        """The client takes less than it is sent."""
        self._room.clear()
        if self.upstream is not None:
            self.upstream.pause_reading()

    def client_ready(self) -> None:
        if self.state is State.STREAM:
            self._room.set()
        if self.upstream is not None:
            self.upstream.resume_reading()

    def client_gone(self) -> None:
        self.state = State.CLOSED
        self._room.set()
        if self.upstream is not None:
            self.upstream.abort()
        self.ended(self)

    def server_ready(self, upstream: asyncio.Transport) -> None:
        """The application has taken the connection: what the client has sent by now comes first."""
        if self.state is not State.HTTP:  # the client did not wait, or the connection was silenced
            upstream.abort()
            return
        self.upstream = upstream
        self.transport.resume_reading()
        early, self._early = self._early, b""
        upstream.write(early)

    def server_gone(self) -> None:
        if self.state in (State.HTTP, State.STREAM):
            self.transport.close()

    async def send(self, frames: bytes) -> None:
        """Whole frames of the application's, past its socket; waits until the client has taken enough of those before.

        On a connection that is no open stream any more they vanish, as they would on the way.
        """
        await self._room.wait()
        if not self._final:
            self._inject(frames)

    # What the wire does by itself or on demand

    def tend(self) -> None:
        """Pings, and the end of connections that do not answer them or are too old."""
        if self.state is not State.STREAM or self.health is None:
            return
        if self.health.unresponsive:
            self.transport.abort()
        elif self.health.too_old:
            self.close(1001, "24 hours are over")
        elif (ping := self.health.ping()) is not None:
            self._inject(ping)

    def close(self, code: int, reason: str) -> None:
        """An orderly end: close frame, then FIN; the client gets a while to do the same."""
        self._inject(close_frame(code, reason), final=True)

    def reset(self) -> None:
        """RST instead of FIN."""
        connection = self.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        self.transport.abort()

    def mute(self) -> None:
        """Half-open: nothing comes any more, nothing is read, and nothing is closed."""
        self.state = State.MUTE
        if self.upstream is not None:
            self.upstream.abort()

    def hang(self, seconds: float) -> None:
        """Answer nothing, and drop the connection at last."""
        self.mute()
        asyncio.get_running_loop().call_later(seconds, self.transport.abort)

    def truncate(self) -> None:
        """Cut the body of the reply that comes next in the middle."""
        self.truncating = True

    # HTTP

    def _relay_requests(self, data: bytes) -> None:
        try:
            for piece, content in self._requests.feed(data):
                self._send_up(self._admitted(content) if piece is Piece.HEAD else content)
        except BadHead:
            self.transport.write(BAD_REQUEST)
            self.transport.close()

    def _admitted(self, content: bytes) -> bytes:
        head = Head.parse(content)
        self._requests.body = None if head.chunked else head.length or 0
        self._methods.append(head.method)
        return head.marked(x_replay_client=self.client, x_replay_connection=str(self.number))

    def _relay_responses(self, data: bytes) -> None:
        for piece, content in self._responses.feed(data):
            if self.state is not State.HTTP:
                self.from_server(content)
            elif piece is Piece.HEAD:
                self._begin_response(content)
            else:
                self._pass_body(content)

    def _begin_response(self, content: bytes) -> None:
        head = Head.parse(content)
        method = self._methods.popleft() if self._methods else b"GET"
        self.transport.write(content)
        if head.status == 101:
            self.state, self.health, self._responses.body = State.STREAM, self.keepalive(), None
            self._room.set()
            return
        bodiless = method == b"HEAD" or head.status in BODILESS
        self._responses.body = 0 if bodiless else head.length
        if self.truncating:
            self._left, self.truncating = (head.length or 0) // 2, False

    def _pass_body(self, content: bytes) -> None:
        if self._left is None:
            self.transport.write(content)
            return
        self.transport.write(content[: self._left])
        self._left -= min(self._left, len(content))
        if not self._left:
            self.state = State.CLOSING
            self.transport.close()

    # Streams

    def _relay_frames(self, data: bytes) -> None:
        self._send_up(data)
        for frame in self._frames.feed(data):
            if frame.opcode != CLOSE and self.health is not None and not self.health.heard(frame):
                self.close(1008, "Too many requests")
                return

    def _relay_stream(self, data: bytes) -> None:
        boundary = self._boundaries.feed(data)
        if not self._injected or not (boundary or self._boundaries.between):
            self.transport.write(data)
            return
        self.transport.write(data[:boundary])
        if self._release():
            self.transport.write(data[boundary:])

    def _inject(self, frame: bytes, *, final: bool = False) -> None:
        if self.state is not State.STREAM:
            return
        self._injected += frame
        self._final = self._final or final
        if self._boundaries.between:
            self._release()

    def _release(self) -> bool:
        """Send what waited for a frame boundary; False where that was the last of the stream."""
        self.transport.write(self._injected)
        self._injected = b""
        if self._final:
            self._finish()
        return not self._final

    def _finish(self) -> None:
        self.state = State.CLOSING
        if self.upstream is not None:
            self.upstream.abort()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        asyncio.get_running_loop().call_later(PATIENCE, self.transport.abort)

    def _send_up(self, data: bytes) -> None:
        if self.upstream is not None:
            self.upstream.write(data)
            return
        self._early += data
        if len(self._early) > EARLY:
            self.transport.pause_reading()
