"""The wire front by itself, before a small server on a private socket."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

import pytest
from attrs import define, field

from bc_replay.relay import EARLY
from bc_replay.wire import ClientSide, Front, bound

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
PATIENCE = 60.0


def request(body: bytes) -> bytes:
    return b"POST /order HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


@define
class Application:
    """Answers every request with nothing but OK; the bodies it was sent stay in `got`."""

    got: list[bytes] = field(factory=list)
    ended: asyncio.Event = field(factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
                self.got.append(await reader.readexactly(length))
                writer.write(OK)
        writer.close()
        self.ended.set()


@contextlib.asynccontextmanager
async def served(application: Application) -> AsyncIterator[Front]:
    """A front, not listening yet, before an application that is."""
    with TemporaryDirectory() as folder:
        path = str(Path(folder) / "app")
        async with await asyncio.start_unix_server(application.serve, path):
            yield Front(("127.0.0.1", 0), path)


class Hasty(ClientSide):
    """A client whose request is there with the connection, as any may be that is quicker than the application."""

    request = b""
    reading: bool | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.data_received(self.request[:7])
        self.data_received(self.request[7:])
        Hasty.reading = cast(asyncio.Transport, transport).is_reading()


async def hastily(sent: bytes) -> list[bytes]:
    """What reached the application of it, and of a request that came when all was ready."""
    Hasty.request, application, loop = sent, Application(), asyncio.get_running_loop()
    async with served(application) as front, asyncio.timeout(PATIENCE):
        listening = bound("127.0.0.1", 0)
        async with await loop.create_server(lambda: Hasty(front), sock=listening):
            reader, writer = await asyncio.open_connection(*listening.getsockname())
            assert OK == await reader.readexactly(len(OK))
            writer.write(request(b"later"))
            assert OK == await reader.readexactly(len(OK))
            writer.close()
            await application.ended.wait()
    return application.got


@pytest.mark.parametrize("size", [0, 10, 16 * EARLY])
def test_what_comes_before_the_application_is_there_waits_for_it(size: int) -> None:
    assert [bytes(size), b"later"] == asyncio.run(hastily(request(bytes(size))))
    assert (size < EARLY) == Hasty.reading


class Fleeting(ClientSide):
    """A client that is gone with its connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        cast(asyncio.Transport, transport).abort()


async def fleetingly() -> Application:
    application = Application()
    with bound("127.0.0.1", 0) as listening:
        listening.listen()
        async with served(application) as front, asyncio.timeout(PATIENCE):
            await asyncio.get_running_loop().create_connection(lambda: Fleeting(front), *listening.getsockname())
            await application.ended.wait()
            assert not front.relays
    return application


def test_a_client_that_has_gone_leaves_no_connection_to_the_application() -> None:
    assert [] == asyncio.run(fleetingly()).got
