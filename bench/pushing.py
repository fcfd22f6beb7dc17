"""Live push under load: many WebSocket clients on one symbol, every id counted at every one of them.

    python bench/pushing.py [--clients 200] [--rate 1000] [--seconds 30] [--flush 1]

The replay exchange makes up `--rate` trades a second, `bcore run` follows its stream and stores them, `bcore serve`
pushes what is stored: one worker, three processes on one machine, and all clients in a fourth. Ids are unbroken at the
exchange, so that each client must have every id after the one it began with, once. After `--seconds` the same again,
but every connection is reset once, at a moment of its own around the middle, in whatever is on its way; each client
comes back with the last cursor it has read.

The delay of a trade is from its own time at the exchange to when a client has it. The floor beside it is a client that
follows the exchange's own stream. Most of the delay is the collector's choice: it writes every `--flush` seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import numpy as np
from attrs import define, field, frozen
from live import processor_seconds
from measuring import ahead, running
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from bc_replay.testing import ReplayServer

SYMBOL = "SYN0000USDT"
PATIENCE = 60.0
PAUSE = 1.0  # seconds at most between a reset and coming back
OPTIONS: dict[str, Any] = {"compression": None, "max_size": None, "ping_interval": None, "open_timeout": PATIENCE}
Array = np.ndarray[Any, np.dtype[Any]]


class Row(msgspec.Struct):
    agg_trade_id: int
    timestamp: int


class Told(msgspec.Struct):
    type: str
    last: str = ""
    detail: str = ""
    data: list[Row] = []


@lru_cache(64)
def read(message: bytes) -> tuple[Told, Array, Array]:
    """With ids and times. All clients are told the same bytes, which are looked into once."""
    told = msgspec.json.decode(message, type=Told)
    ids = np.fromiter((row.agg_trade_id for row in told.data), np.int64, len(told.data))
    times = np.fromiter((row.timestamp for row in told.data), np.int64, len(told.data))
    return told, ids, times


@define(eq=False)
class Client:
    """Follows a symbol, and comes back with its cursor however a connection ends."""

    url: str
    offset: float  # what the exchange's clock is ahead of ours, in us
    cursor: str = ""
    first: int = -1  # the id after which every one is to come
    newest: int = -1
    ids: list[Array] = field(factory=list)
    delays: list[Array] = field(factory=list)
    connections: int = 0
    dropped: int = 0
    socket: ClientConnection | None = None

    async def follow(self) -> None:
        while True:
            after = f"&after_id={quote(self.cursor)}" if self.cursor else ""
            async with connect(self.url + after, **OPTIONS) as self.socket:
                self.connections += 1
                try:
                    while True:
                        self._take(await self.socket.recv(decode=False))
                except ConnectionClosed:
                    self.socket = None
            await asyncio.sleep(random.random() * PAUSE)

    def _take(self, message: bytes) -> None:
        now = time.time() * 1e6
        told, ids, times = read(message)
        if told.type == "error":
            raise SystemExit(f"the server answered: {told.detail}")
        self.dropped += told.type == "dropped"
        self.cursor = told.last
        if self.first < 0:
            self.first = self.newest = int(ids.min()) - 1 if ids.size else int(told.last.partition("~")[0])
        if ids.size:
            self.newest = max(self.newest, int(ids.max()))
            self.ids.append(ids)
            self.delays.append(((now + self.offset - times) / 1e3).astype(np.float32))

    async def reset(self, after: float) -> None:
        """Cuts the connection off, without a word to the server and with whatever is on its way."""
        await asyncio.sleep(after)
        if self.socket is not None:
            self.socket.transport.abort()

    def missed(self, target: int) -> tuple[int, int, int]:
        """Of the ids up to there: how many were told, how many are missing, how many came again."""
        ids = np.concatenate(self.ids)
        ids = ids[ids <= target]
        once = np.unique(ids)
        assert once[0] > self.first
        return ids.size, target - self.first - once.size, ids.size - once.size


@frozen
class Round:
    """What became of one round, and of the server meanwhile: memory in MB, and the share of a core it took."""

    clients: list[Client]
    target: int
    seconds: float
    memory: list[float]
    cores: float

    def say(self, what: str) -> None:
        counts = np.array([client.missed(self.target) for client in self.clients])
        told, missing, doubled = counts.sum(axis=0)
        dropped, met = (
            sum(client.dropped for client in self.clients),
            sum(client.connections for client in self.clients),
        )
        each = f"{counts[:, 0].min():,} to {counts[:, 0].max():,} ids each"
        print(f"{what}: {len(self.clients)} clients, {self.seconds:.0f} s, {each}, {told:,} rows told")
        print(f"  missing {missing}, doubled {doubled}, dropped {dropped}, connections {met}")
        delays = np.concatenate([each for client in self.clients for each in client.delays])
        print(f"  delay, exchange to client: {quantiles(delays)}")
        tenths = " ".join(f"{self.memory[at * (len(self.memory) - 1) // 10]:.0f}" for at in range(11))
        held = f"memory at each tenth of the time {tenths} MB, most {max(self.memory):.0f}"
        print(f"  worker: {held}; {self.cores:.2f} of a core", flush=True)


def quantiles(delays: Array) -> str:
    median, late = np.quantile(delays, (0.5, 0.99))
    return f"median {median:.0f} ms, p99 {late:.0f} ms, most {delays.max():.0f} ms"


def processes(pid: int) -> list[int]:
    """The server's own and its workers."""
    return [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]


def memory(pid: int) -> float:
    """Resident MB of the workers."""
    pages = sum(int(Path(f"/proc/{each}/statm").read_text().split()[1]) for each in processes(pid)[1:])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


async def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"not within {PATIENCE:.0f} s: {what}")
        await asyncio.sleep(0.05)


async def round_of(url: str, pid: int, offset: float, count: int, seconds: float, cut: bool) -> Round:
    clients = [Client(f"{url.replace('http', 'ws', 1)}/live/trades/{SYMBOL}?time=us", offset) for _ in range(count)]
    tasks = [asyncio.create_task(client.follow()) for client in clients]
    await until(lambda: all(client.first >= 0 for client in clients), "every client is connected")
    if cut:
        tasks += [asyncio.create_task(client.reset(seconds * random.uniform(0.4, 0.6))) for client in clients]
    began, used, held = time.monotonic(), sum(map(processor_seconds, processes(pid))), [memory(pid)]
    while time.monotonic() - began < seconds:
        await asyncio.sleep(1.0)
        held.append(memory(pid))
    target = max(client.newest for client in clients)
    took, spent = time.monotonic() - began, sum(map(processor_seconds, processes(pid))) - used
    await until(lambda: all(client.newest >= target for client in clients), "every client has what the first one has")
    for task in tasks:
        if task.done():
            task.result()
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return Round(clients, target, took, held, spent / took)


async def floor(url: str, found: list[float]) -> None:
    """The delays of a client of the exchange itself."""
    async with connect(f"{url}/ws/{SYMBOL.lower()}@aggTrade?timeUnit=MICROSECOND", **OPTIONS) as socket:
        while True:
            event = msgspec.json.decode(await socket.recv(decode=False))
            found.append((time.time() * 1e6 - event["T"]) / 1e3)


async def rounds(url: str, pid: int, exchange: ReplayServer, given: argparse.Namespace) -> None:
    offset = ahead(exchange)
    found: list[float] = []
    beside = asyncio.create_task(floor(exchange.ws_url, found))
    kinds = {"followed": False, "each cut off once": True}
    for what, cut in list(kinds.items())[: given.rounds]:
        (await round_of(url, pid, offset, given.clients, given.seconds, cut)).say(what)
    beside.cancel()
    print(f"floor, the exchange's own stream: {len(found):,} trades, {quantiles(np.array(found) + offset / 1e3)}")


def stored(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/trades/{SYMBOL}?limit=1", timeout=10) as reply:
            return bool(json.load(reply)["count"])
    except urllib.error.HTTPError:
        return False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--rate", type=int, default=1000, help="trades a second")
    parser.add_argument("--seconds", type=float, default=30.0, help="of each of the two rounds")
    parser.add_argument("--rounds", type=int, choices=(1, 2), default=2, help="1: nobody is cut off")
    parser.add_argument("--flush", type=float, default=1.0, help="seconds between two writes of the collector")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, ReplayServer(f"synthetic:1x{given.rate}", wait=True) as exchange:
        folder = Path(name)
        (folder / "bcore.toml").write_text(
            f'symbols = ["{SYMBOL}"]\n[exchanges.binance]\nrest_url = "{exchange.url}"\n'
            f'stream_url = "{exchange.ws_url}"\n[sources.trades]\nflush = {given.flush}\n'
            '[stores.main]\nkind = "parquet"\npath = "data"\n'
        )
        with running(folder, "run"), running(folder, "serve", "--port", "0") as server:
            assert server.stdout is not None
            url = server.stdout.readline().strip().removeprefix("listening on ")
            asyncio.run(until(lambda: stored(url), "trades are stored"))
            asyncio.run(rounds(url, server.pid, exchange, given))


if __name__ == "__main__":
    main()
