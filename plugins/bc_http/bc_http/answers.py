"""Answers that are kept while the archive does not change, and pieces that are sent as they are made."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Iterator
from concurrent.futures import Executor
from functools import partial

from attrs import define, field, frozen

SHARE = 8  # one answer may take one part in so many of the room


@frozen(eq=False)
class Answer:
    """What goes out: a `body`, or `pieces` of one that is too long to hold."""

    media: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    pieces: Iterator[bytes] | None = None

    @property
    def bytes(self) -> int:
        return len(self.body) + 200 + sum(len(name) + len(value) for name, value in self.headers)


Make = Callable[[], Awaitable[Answer]]


@define(eq=False)
class Answers:
    """The newest answers, up to `room` bytes. Equal requests at one time are worked out once."""

    room: int
    _held: OrderedDict[Hashable, tuple[str, Answer]] = field(factory=OrderedDict, init=False)
    _made: dict[Hashable, asyncio.Future[Answer]] = field(factory=dict, init=False)
    _bytes: int = field(default=0, init=False)

    def held(self, key: Hashable, tag: str | None) -> Answer | None:
        """The answer for the key, if it was made of rows with this tag."""
        found = self._held.get(key)
        if found is None or found[0] != tag:
            return None
        self._held.move_to_end(key)
        return found[1]

    async def of(self, key: Hashable, tag: str | None, make: Make) -> Answer:
        """The answer that is held, or else made. Without a tag nothing is held."""
        if tag is None:
            return await make()
        found = self.held(key, tag)
        if found is not None:
            return found
        making = self._made.get((key, tag))
        if making is None:
            making = self._made[key, tag] = asyncio.ensure_future(make())
            making.add_done_callback(partial(self._done, key, tag))
            return await asyncio.shield(making)
        answer = await asyncio.shield(making)
        # Pieces are for the one who came first: they cannot be sent twice.
        return answer if answer.pieces is None else await make()

    def _done(self, key: Hashable, tag: str, made: asyncio.Future[Answer]) -> None:
        self._made.pop((key, tag), None)
        if not made.cancelled() and made.exception() is None and made.result().pieces is None:
            self._hold(key, tag, made.result())

    def _hold(self, key: Hashable, tag: str, answer: Answer) -> None:
        if key in self._held:
            self._bytes -= self._held.pop(key)[1].bytes
        if answer.bytes * SHARE > self.room:
            return
        self._held[key] = (tag, answer)
        self._bytes += answer.bytes
        while self._bytes > self.room:
            self._bytes -= self._held.popitem(last=False)[1][1].bytes


@define(eq=False)
class Flow:
    """Pieces for Falcon to send: each is made in a thread while the one before it is on its way, and no sooner."""

    pieces: Iterator[bytes]
    pool: Executor
    _ahead: asyncio.Future[bytes | None] | None = field(default=None, init=False)

    def __aiter__(self) -> Flow:
        return self

    async def __anext__(self) -> bytes:
        # Shielded: a thread goes on with a piece although nobody waits for it any more.
        piece = await asyncio.shield(self._ahead or self._begun())
        if piece is None:
            raise StopAsyncIteration
        self._begun()
        return piece

    async def close(self) -> None:
        """Lets go of what the pieces are made from."""
        if self._ahead is not None:
            await asyncio.wait([self._ahead])
            self._ahead.exception()  # looked at: whoever asked for the piece has it, or has gone
        await asyncio.get_running_loop().run_in_executor(self.pool, _closed, self.pieces)

    def _begun(self) -> asyncio.Future[bytes | None]:
        self._ahead = asyncio.get_running_loop().run_in_executor(self.pool, next, self.pieces, None)
        return self._ahead


def _closed(pieces: Iterator[bytes]) -> None:
    close = getattr(pieces, "close", None)
    if close is not None:
        close()
