"""One stream connection: its subscriptions, and its queue of outgoing frames."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence

from attrs import define, field

from bc_replay.channels import encoded
from bc_replay.commands import answer
from bc_replay.frames import text_frame
from bc_replay.hub import Hub

FULL = 64  # a queue this long makes a clock of speed 0 wait
RUN = 256  # frames sent at once
OVERFULL = 500_000  # a client this far behind is let go

Send = Callable[[bytes], Awaitable[None]]


@define(eq=False)
class Session:
    """`mute_until` is the wall instant before which a new subscription of a stream delivers nothing (fault acksilent).

    `let_go` ends the connection of a client that is too far behind, `connection` is its number at the wire front.
    """

    hub: Hub
    combined: bool
    micros: bool
    mute_until: Callable[[str], float | None] = lambda stream: None
    let_go: Callable[[], None] = lambda: None
    route: str = ""
    connection: int = 0
    _names: dict[str, None] = field(factory=dict)  # an ordered set
    _queue: deque[bytes] = field(factory=deque)
    _filled: asyncio.Event = field(factory=asyncio.Event)
    _emptied: asyncio.Event = field(factory=asyncio.Event)
    _sending: int = 0

    @property
    def names(self) -> Sequence[str]:
        return tuple(self._names)

    @property
    def most_streams(self) -> int:
        return self.hub.market.most_streams

    @property
    def waiting(self) -> int:
        """Messages that have not been handed to the socket."""
        return len(self._queue) + self._sending

    def subscribe(self, names: Iterable[str]) -> None:
        for name in names:
            if name in self._names:
                continue
            self._names[name] = None
            if (until := self.mute_until(name)) is None:
                self.hub.subscribe(self, name)
            else:
                self.hub.subscribe_later(self, name, until)

    def unsubscribe(self, names: Iterable[str]) -> None:
        for name in names:
            self._names.pop(name, None)
            self.hub.unsubscribe(self, name)

    def close(self) -> None:
        self.unsubscribe(self.names)
        self._queue.clear()
        self._emptied.set()

    def obey(self, text: str) -> None:
        """Carry out a control message; its reply queues up behind the events already sent."""
        reply = answer(self, text)
        if reply is not None:
            self.deliver(text_frame(encoded(reply)))

    def deliver(self, frame: bytes) -> None:
        self._queue.append(frame)
        if len(self._queue) > OVERFULL:
            self._queue.clear()
            self.let_go()
        self._filled.set()

    def announce(self, event: str, body: dict[str, object]) -> None:
        """An event that nobody subscribed to, such as serverShutdown, in this connection's form."""
        self.deliver(text_frame(encoded({"stream": f"!{event}", "data": body} if self.combined else body)))

    async def room(self) -> None:
        """Returns when the queue is short."""
        while len(self._queue) >= FULL:
            self._emptied.clear()
            await self._emptied.wait()

    async def drain(self, send: Send) -> None:
        """Send what is queued, a run of frames at a time, for ever."""
        while True:
            if not self._queue:
                self._sending = 0
                self._filled.clear()
                await self._filled.wait()
            run = [self._queue.popleft() for _ in range(min(len(self._queue), RUN))]
            self._sending = len(run)
            await send(b"".join(run))
            if len(self._queue) < FULL:
                self._emptied.set()
