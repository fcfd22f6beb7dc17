"""gunicorn's asgi worker with patience that ends: for headers that do not come, and for clients that do not read.

The worker itself waits for a connection's first request, and for a client to take its answer, as long as they like; a
few thousand silent connections would be all that it could hold.
"""

from __future__ import annotations

import asyncio
import logging
from asyncio.base_events import Server
from collections.abc import MutableMapping
from functools import partial
from typing import Any

from attrs import frozen
from gunicorn.asgi.protocol import ASGIProtocol
from gunicorn.workers.gasgi import ASGIWorker

from bc_http.gate import Gate, Receive, Scope, Send
from bc_http.problems import MEDIA_TYPE, Problem
from bcore.verdicts import count

log = logging.getLogger(__name__)
PING = b"\x89\x00"
SETTLE = 0.1  # seconds in which connections that are accepted already become ours when the server is to stop,
MOMENT = 1.0  # and in which their requests may still come
ASLEEP = 0.8  # seconds that a worker is sure to sleep after it looked whether it is to stop: it looks each second


@frozen
class Patience:
    """Seconds for a request's headers, for the next piece of an answer, and between pings; how many connections."""

    headers: float
    write: float
    connections: int
    heartbeat: float = 15.0


class PatientProtocol(ASGIProtocol):  # type: ignore[misc]
    """One connection."""

    app: Any  # gunicorn's attributes, of which it has no types
    transport: Any
    worker: Any

    def __init__(self, worker: Any, patience: Patience) -> None:
        super().__init__(worker)
        self.patience = patience
        self.answering, self.app = self.app, self.answer
        self.waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if self.worker.nr_conns > self.patience.connections:
            self._refuse()
            return
        self.worker.silent.add(self)
        # Between requests gunicorn's keep-alive ends a silence; before the first nobody would.
        self.waiting = self.worker.loop.call_later(self.patience.headers, self._too_slow)

    def connection_lost(self, exc: Exception | None) -> None:
        self._arrived()
        super().connection_lost(exc)

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The application, each message of which must be taken in time."""
        self._arrived()

        async def patiently(message: MutableMapping[str, Any]) -> None:
            try:
                async with asyncio.timeout(self.patience.write):
                    await send(message)
            except TimeoutError:
                log.info("%s does not read its answer: the connection is closed", scope.get("client"))
                self.transport.abort()
                raise
            if message["type"] == "websocket.accept":
                self._ping()

        try:
            await self.answering(scope, receive, patiently)
        except TimeoutError:
            pass
        except Exception as error:
            log.error("%s broke off: %s: %s", scope.get("path"), type(error).__name__, error)
            self.transport.abort()  # a client must not take half an answer for a whole one
        finally:
            self._arrived()
            self.worker.idle.add(self)

    def _ping(self) -> None:
        """ASGI has no word for it. Frames are written whole, so that between any two there is room for a ping; a client
        that is gone is found out by the writing."""
        self.transport.write(PING)
        self.waiting = self.worker.loop.call_later(self.patience.heartbeat, self._ping)

    def _arrived(self) -> None:
        self.worker.idle.discard(self)
        self.worker.silent.discard(self)
        if self.waiting is not None:
            self.waiting.cancel()
            self.waiting = None

    def _too_slow(self) -> None:
        self._last_words(Problem(408, f"no request came within {self.patience.headers:g} s"))

    def _refuse(self) -> None:
        self._last_words(Problem(503, f"{self.patience.connections} connections are open, which is the most"))

    def _last_words(self, problem: Problem) -> None:
        body = problem.body()
        head = f"HTTP/1.1 {problem.status} -\r\nContent-Type: {MEDIA_TYPE}\r\nContent-Length: {len(body)}\r\n"
        self.transport.write(head.encode() + b"Retry-After: 1\r\nConnection: close\r\n\r\n" + body)
        self.transport.close()


class PatientLoop(asyncio.SelectorEventLoop):
    """An event loop whose servers are made of patient connections: gunicorn offers no other place to say so."""

    def __init__(self, worker: Any) -> None:
        super().__init__()
        self.worker = worker
        self.main: asyncio.Future[Any] | None = None

    def run_until_complete(self, future: Any) -> Any:
        """What is run first is the worker's own work."""
        work = asyncio.ensure_future(future, loop=self)
        self.main = self.main or work
        return super().run_until_complete(work)

    def wake(self) -> None:
        """Ends the sleep of the worker's own work."""
        if self.main is not None:
            self.main.cancel()

    async def create_server(self, protocol_factory: Any, *args: Any, **options: Any) -> Server:
        """Lets nobody in yet: whom a worker accepts that stops before it is at work, it would drop."""
        made = partial(PatientProtocol, self.worker, self.worker.app.patience)
        return await super().create_server(made, *args, **{**options, "start_serving": False})


class PatientWorker(ASGIWorker):  # type: ignore[misc]
    """gunicorn's asgi worker with that loop."""

    loop: Any
    asgi: Any
    alive: bool
    cfg: Any
    nr_conns: int
    servers: list[Server]

    def init_signals(self) -> None:
        self.idle: set[PatientProtocol] = set()
        self.silent: set[PatientProtocol] = set()
        self.looked = float("-inf")
        self.loop.close()
        self.loop = PatientLoop(self)
        asyncio.set_event_loop(self.loop)
        super().init_signals()

    def notify(self) -> None:
        """It is at work: it looked whether it is to stop, and will again in a second."""
        super().notify()
        self.looked = self.loop.time()
        for server in self.servers:
            if not server.is_serving():
                self.loop.create_task(self._let_in(server))

    async def _let_in(self, server: Server) -> None:
        if self.alive:
            await server.start_serving()

    def handle_exit_signal(self) -> None:
        """Stops when all answers are out; connections that are only kept open are no reason to wait.

        First nobody is let in any more: who is let go comes back at once, and must come to another worker.
        """
        super().handle_exit_signal()
        for server in self.servers:
            server.close()
        self.loop.call_later(SETTLE, self._let_go)

    def handle_quit_signal(self) -> None:
        super().handle_quit_signal()
        self._wake()

    def _let_go(self) -> None:
        if isinstance(self.asgi, Gate):
            self.asgi.leave()
        self._close(self.idle)
        self.loop.call_later(MOMENT, self._last_call)
        self._wake()

    def _wake(self) -> None:
        """At other times it has not begun, will look in a moment, or is stopping, in which nothing may disturb it."""
        if self.loop.time() < self.looked + ASLEEP:
            self.loop.wake()
            self.looked = float("-inf")  # once

    def _last_call(self) -> None:
        self._close(self.silent)
        if answering := self.nr_conns - len(self.silent | self.idle):
            waited = count(answering, "answer")
            log.warning("stopping: waits for %s, at most %d s", waited, self.cfg.graceful_timeout)

    def _close(self, connections: set[PatientProtocol]) -> None:
        for protocol in list(connections):
            protocol.transport.close()
