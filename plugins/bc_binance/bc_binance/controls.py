"""Requests on a stream connection: numbered, paced, one after the other, each answered (protocol section 5.1)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import msgspec
from attrs import define, field

from bc_binance.stream_messages import Notice
from bcore.errors import ExchangeError, RefusedError, UnreachableError

PACE = 1 / 3  # seconds; the exchange closes at more than 5 messages in a second, and pongs count too


@define(eq=False)
class Asked:
    """The request under way. `granted` is called as soon as the answer is read, before any later message is."""

    id: int
    granted: Callable[[], None]
    answer: asyncio.Future[None]


@define(eq=False)
class Controls:
    """`send` puts a text message on the wire; `host` is how errors name the other side.

    An answer is waited for `patience` seconds.
    """

    host: str
    send: Callable[[bytes], Awaitable[None]]
    patience: float
    _last: float = field(default=-1.0, init=False)
    _count: int = field(default=0, init=False)
    _asked: Asked | None = field(default=None, init=False)
    _broken: ExchangeError | None = field(default=None, init=False)
    _turn: asyncio.Lock = field(factory=asyncio.Lock, init=False)

    async def ask(self, method: str, names: Sequence[str], granted: Callable[[], None]) -> None:
        """Raises `RefusedError` with the exchange's words, `UnreachableError` where no answer comes."""
        async with self._turn:
            await self._pause()
            if self._broken is not None:
                raise self._broken
            self._count += 1
            self._asked = Asked(self._count, granted, asyncio.get_running_loop().create_future())
            try:
                await self._exchange(method, names, self._asked)
            finally:
                self._asked = None

    def answered(self, reply: Notice) -> bool:
        """Takes in an answer; False if it answers nothing that was asked."""
        asked = self._asked
        if asked is None or asked.answer.done() or reply.id not in (asked.id, None):
            return False
        refusal = reply.refusal
        if refusal is None:
            asked.granted()
            asked.answer.set_result(None)
        else:
            words = f"{self.host} refused a subscription: {refusal.msg} ({refusal.code})"
            asked.answer.set_exception(RefusedError(words, code=refusal.code))
        return True

    def fail(self, error: ExchangeError) -> None:
        """The connection is over: whoever waits for an answer, or asks later, gets `error`."""
        self._broken = error
        if self._asked is not None and not self._asked.answer.done():
            self._asked.answer.set_exception(error)

    async def _pause(self) -> None:
        now = asyncio.get_running_loop().time()
        self._last = max(now, self._last + PACE)
        await asyncio.sleep(self._last - now)

    async def _exchange(self, method: str, names: Sequence[str], asked: Asked) -> None:
        request = {"method": method, "params": list(names), "id": asked.id}
        try:
            async with asyncio.timeout(self.patience):
                await self.send(msgspec.json.encode(request))
                await asked.answer
        except TimeoutError as error:
            raise UnreachableError(
                f"{self.host} did not answer a {method} of {len(names)} streams within {self.patience:g} s"
            ) from error
        except OSError as error:
            raise UnreachableError(f"{self.host} took no {method} of {len(names)} streams: {error}") from error
