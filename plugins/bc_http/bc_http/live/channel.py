"""Channels: what is new in a view becomes messages, made once for everybody who follows it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Hashable, Iterator
from concurrent.futures import Executor
from functools import partial
from typing import Any, TypeVar

import msgspec
from attrs import define, field, frozen

from bc_http.live.feeds import Feed, Page
from bcore.errors import BcoreError

T = TypeVar("T")
log = logging.getLogger(__name__)
RETRY = 1.0  # seconds after a failure
PATIENCE = 1.0  # seconds for which many new rows at once wait until they have been read
BREATH = 0.005
LONGEST = 60.0  # seconds between two computations of a view
SHARE = 4  # a view that takes long to compute is computed for one part in so many of the time


@frozen(eq=False)
class Message:
    """Something to tell clients: `kind` is rows, dropped or error."""

    kind: str
    text: str
    cursor: str | None = None

    @property
    def sse(self) -> bytes:
        name = f"id: {self.cursor}\n" if self.kind == "rows" and self.cursor is not None else ""
        return f"event: {self.kind}\n{name}data: {self.text}\n\n".encode()


@define(eq=False)
class Watch:
    """Looks whether some series have changed, every `interval` seconds, while anybody waits for it."""

    stamp: Callable[[], Hashable]
    pool: Executor
    interval: float
    _known: Hashable = field(default=None, init=False)
    _waiting: set[asyncio.Event] = field(factory=set, init=False)
    _task: asyncio.Task[None] | None = field(default=None, init=False)

    def join(self) -> asyncio.Event:
        """An event that is set whenever there may be something new; the first time at once."""
        event = asyncio.Event()
        event.set()
        self._waiting.add(event)
        if self._task is None:
            self._task = asyncio.ensure_future(self._run())
        return event

    def leave(self, event: asyncio.Event) -> None:
        self._waiting.discard(event)
        if not self._waiting and self._task is not None:
            self._task.cancel()
            self._task = None

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                found = await loop.run_in_executor(self.pool, self.stamp)
            except (BcoreError, OSError) as error:
                log.warning("the archive cannot be looked at: %s", error)
                await asyncio.sleep(RETRY)
                continue
            if found != self._known:
                self._known = found
                for event in self._waiting:
                    event.set()
            await asyncio.sleep(self.interval)


@define(eq=False)
class Client:
    """Someone who follows a channel: messages that wait to be sent, one or up to `room` bytes."""

    room: int
    cursor: str
    noted: Callable[[], None]  # is told when it is dropped
    closing: bool = False
    waiting: deque[Message] = field(factory=deque, init=False)
    dropped: bool = field(default=False, init=False)
    event: asyncio.Event = field(factory=asyncio.Event, init=False)
    _bytes: int = field(default=0, init=False)

    def put(self, message: Message) -> None:
        if self.dropped:
            return
        if self.waiting and self._bytes + len(message.text) > self.room:
            self.dropped = True
            self.waiting.clear()
            self.noted()
        else:
            self.waiting.append(message)
            self._bytes += len(message.text)
        self.event.set()

    @property
    def laden(self) -> bool:
        """Whether it had better take what waits before there is more."""
        return self._bytes > self.room / 2 and not self.dropped

    def close(self) -> None:
        self.closing = True
        self.event.set()

    async def next(self, heartbeat: float) -> Message | None:
        """The next message; None if there was none for so long. Raises `Left` when there will be no more."""
        while not self.waiting:
            if self.dropped or self.closing:
                raise Left
            self.event.clear()
            try:
                async with asyncio.timeout(heartbeat):
                    await self.event.wait()
            except TimeoutError:
                return None
        message = self.waiting.popleft()
        self._bytes -= len(message.text)
        self.cursor = message.cursor or self.cursor
        return message


class Left(Exception):
    """A client gets no more messages."""


@define(eq=False)
class Channel:
    """One view of one symbol with its parameters, in one worker."""

    name: tuple[str, str]
    feed: Feed[Any]
    watch: Watch
    pool: Executor
    room: int
    noted: Callable[[], None]
    users: int = field(default=0, init=False)  # clients, and those who are still being told what they missed
    clients: set[Client] = field(factory=set, init=False)
    position: Any = field(default=None, init=False)
    ended: bool = field(default=False, init=False)
    failing: bool = field(default=False, init=False)
    _moved: asyncio.Event = field(factory=asyncio.Event, init=False)
    _lock: asyncio.Lock = field(factory=asyncio.Lock, init=False)
    _task: asyncio.Task[None] | None = field(default=None, init=False)

    async def begin(self) -> None:
        async with self._lock:
            if self._task is None:
                self.position = await self._threaded(self.feed.present)
                self._task = asyncio.ensure_future(self._run())

    def end(self) -> None:
        """Nobody is left, or the server goes."""
        self.ended = True
        if self._task is not None:
            self._task.cancel()
        for client in self.clients:
            client.close()
        self._step()

    async def missed(self, cursor: str | None) -> AsyncIterator[Message]:
        """What somebody who comes with the cursor has not been told; after the last of it nothing is missing, if
        `join` is called at once and the channel has not ended."""
        begin = self.feed.newest(self.position) if cursor is None else self.feed.parsed(cursor)
        async with self._lock:
            self.position = await self._threaded(partial(self.feed.joined, self.position, begin))
        while self.feed.beyond(begin, self.position) and not self.ended:
            await self._moved.wait()
        while begin != self.position and not self.ended:
            end = self.position
            pages = self.feed.pages(begin, end)
            while (told := await self._threaded(partial(self._next, pages))) is not None:
                yield told[0]
            begin = end

    def join(self) -> Client:
        """From here on every message; the first says where one is."""
        client = Client(self.room, self.feed.cursor(self.position), self.noted, closing=self.ended)
        self.clients.add(client)
        client.put(self.message(Page(b"[]", self.position)))
        return client

    def message(self, page: Page[Any]) -> Message:
        view, symbol = self.name
        cursor = self.feed.cursor(page.position)
        head = msgspec.json.encode({"type": "rows", "view": view, "symbol": symbol, "last": cursor})
        return Message("rows", (head[:-1] + b',"data":' + page.rows + b"}").decode(), cursor)

    async def _run(self) -> None:
        changed = self.watch.join()
        try:
            while True:
                await changed.wait()
                changed.clear()
                began = time.monotonic()
                if not await self._looked():
                    changed.set()
                    await asyncio.sleep(RETRY)
                await asyncio.sleep(min(SHARE * (time.monotonic() - began), LONGEST))
        except Exception as error:
            log.exception("%s/%s cannot be followed", *self.name, exc_info=error)
            self._tell(_failure("this is a fault of the server, and in its log"))
            self.end()
        finally:
            self.watch.leave(changed)

    async def _looked(self) -> bool:
        """Tells everybody what is new; False if the archive could not be read."""
        try:
            async with self._lock:
                await self._advance()
        except (BcoreError, OSError) as error:
            if not self.failing:
                log.warning("%s/%s: %s", *self.name, error)
                self._tell(_failure(f"the archive cannot be read, and is tried again: {error}"))
            self.failing = True
            return False
        self.failing = False
        return True

    async def _advance(self) -> None:
        end = await self._threaded(partial(self.feed.look, self.position))
        if end == self.position:
            return
        pages, until = self.feed.pages(self.position, end), time.monotonic() + PATIENCE
        while (told := await self._threaded(partial(self._next, pages))) is not None:
            message, self.position = told
            self._tell(message)
            while any(client.laden for client in self.clients) and time.monotonic() < until:
                await asyncio.sleep(BREATH)
        self.position = end
        self._step()

    def _next(self, pages: Iterator[Page[Any]]) -> tuple[Message, Any] | None:
        page = next(pages, None)
        return None if page is None else (self.message(page), page.position)

    def _tell(self, message: Message) -> None:
        for client in self.clients:
            client.put(message)

    def _step(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()

    async def _threaded(self, function: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self.pool, function)


def _failure(detail: str) -> Message:
    return Message("error", msgspec.json.encode({"type": "error", "status": 503, "detail": detail}).decode())
