"""The HTTP server beside a floor: the same server answering a constant body of the same size. One worker, loopback.

    python bench/serving.py [--rows 1000000] [--seconds 3] [--connections 4] [--huge]

A body is made once for as long as the archive does not change; `made anew` is what it costs when every request reads
and writes all of it (`cache_bytes = 0`). `--huge` adds ten million rows: streamed CSV, memory, whether a thousand
rows of many cost more than of few, and what a day of candles reads. (The name of this file is not http.py: beside other
scripts that would hide the standard library's package.)
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
from attrs import define, evolve, field, frozen

HOT = "/hot/trades/BTCUSDT?limit=1000"
BEGIN = 1_767_225_600_000_000
BLOCK = 500_000


@frozen
class Load:
    """What a number of connections got in some seconds."""

    requests: int
    seconds: float
    delays: list[float] = field(repr=False)
    size: int = 0

    @property
    def rate(self) -> float:
        return self.requests / self.seconds

    def quantile(self, share: float) -> float:
        """In ms."""
        return sorted(self.delays)[min(int(len(self.delays) * share), len(self.delays) - 1)] * 1e3


@define
class Server:
    process: subprocess.Popen[str]
    url: str

    def load(self, path: str, seconds: float, connections: int, headers: str = "", pause: float = 0.0) -> Load:
        return asyncio.run(_load(self.url, path, seconds, connections, headers, pause))

    def memory(self) -> int:
        """Resident bytes of the worker."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        pages = [int(Path(f"/proc/{child}/statm").read_text().split()[1]) for child in children]
        return sum(pages) * os.sysconf("SC_PAGE_SIZE")


async def _load(url: str, path: str, seconds: float, connections: int, headers: str, pause: float) -> Load:
    request = f"GET {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n".encode()
    delays: list[float] = []
    began = time.perf_counter()
    sizes = await asyncio.gather(*(_client(url, request, began + seconds, delays, pause) for _ in range(connections)))
    return Load(len(delays), time.perf_counter() - began, delays, max(sizes))


async def _client(url: str, request: bytes, until: float, delays: list[float], pause: float) -> int:
    parts, size = urlsplit(url), 0
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=2**22)
    while (began := time.perf_counter()) < until:
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        assert head.startswith((b"http/1.1 200", b"http/1.1 304")), head
        at = head.find(b"content-length:")
        size = int(head[at + 15 : head.find(b"\r", at)]) if at >= 0 and b" 304 " not in head[:16] else 0
        await reader.readexactly(size)
        delays.append(time.perf_counter() - began)
        if pause:
            await asyncio.sleep(pause)
    writer.close()
    return size


def trades(first: int, count: int) -> Any:
    import numpy as np

    from bc_trades.datasets import TRADES
    from bcore.records import Batch

    random, ids = np.random.default_rng(first), np.arange(first, first + count)
    columns = {
        "agg_trade_id": ids,
        "timestamp": pa.array(BEGIN + ids * 40_000, pa.timestamp("us", tz="UTC")),
        "symbol": pa.repeat("BTCUSDT", count),
        "price": np.round(90_000 + np.cumsum(random.normal(0, 0.5, count)), 2),
        "quantity": np.round(random.random(count), 5),
        "first_trade_id": ids * 2,
        "last_trade_id": ids * 2 + 1,
        "is_buyer_maker": random.random(count) > 0.5,
        "is_best_match": np.ones(count, bool),
    }
    return Batch(TRADES, "BTCUSDT", pa.table(columns, schema=TRADES.schema))


def store_of(path: Path) -> Any:
    from bcore.app import App

    return App.of({"stores": {"main": {"kind": "parquet", "path": str(path)}}}).stores()["main"]


def fill(path: Path, rows: int) -> None:
    store = store_of(path)
    for first in range(0, rows, BLOCK):
        store.append(trades(first, min(BLOCK, rows - first)))
    store.close()


class Constant:
    """A body that is always the same."""

    def __init__(self) -> None:
        self.bodies: dict[int, bytes] = {}

    async def on_get(self, req: Any, resp: Any, size: int) -> None:
        resp.content_type = "application/octet-stream"
        resp.data = self.bodies.setdefault(size, b"x" * size)


def serve(path: str, keys: str) -> None:
    """In a process of its own: the server, with the floor as one of its routes."""
    from types import SimpleNamespace

    from bc_http.config import HttpConfig
    from bc_http.routes import Route
    from bc_http.server import HttpServer
    from bcore.app import folder_reader
    from bcore.clock import SystemClock
    from bcore.hookspecs import hookimpl
    from bcore.records import Context
    from bcore.registry import Registry

    registry = Registry.load()
    floor = SimpleNamespace(bc_http_routes=hookimpl(lambda reader: [Route("/floor/{size:int}", Constant())]))
    context: Any = Context("servers.api", SystemClock(), print, print, plugins=registry.manager)  # type: ignore[arg-type]
    server = HttpServer.build(HttpConfig(port=0, **json.loads(keys)), context)
    registry.manager.register(floor)
    server.serve(folder_reader(Path(path), registry))


@contextmanager
def served(path: Path, **keys: Any) -> Iterator[Server]:
    command = [sys.executable, __file__, "--serve", str(path), json.dumps(keys)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield Server(process, process.stdout.readline().strip().removeprefix("listening on "))
    finally:
        process.terminate()
        process.wait()


def hot(server: Server, what: str, seconds: float, connections: int) -> None:
    """Each format of a thousand hot rows beside the floor of its own size."""
    for form in ("arrow", "columns", "json"):
        load = server.load(f"{HOT}&format={form}", seconds, connections)
        floor = server.load(f"/floor/{load.size}", seconds, connections)
        show(f"1000 hot rows as {form}, {what}", load, floor)


def show(what: str, load: Load, floor: Load) -> None:
    print(
        f"{what:42} {load.rate:7.0f}/s  floor {floor.rate:7.0f}/s  {load.rate / floor.rate:5.0%}"
        f"  p50 {load.quantile(0.5):6.2f} ms  p99 {load.quantile(0.99):6.2f} ms  {load.size:7} B",
        flush=True,
    )


def unchanged(server: Server, seconds: float, connections: int) -> None:
    import urllib.request

    with urllib.request.urlopen(server.url + HOT) as reply:
        tag = reply.headers["ETag"]
    load = server.load(HOT, seconds, connections, f"If-None-Match: {tag}\r\n")
    show("304 of unchanged hot rows", load, server.load("/floor/0", seconds, connections))


def whole(server: Server, rows: int) -> None:
    """All rows as Arrow, as bytes and through the SDK."""
    import urllib.request

    import bcore

    for _ in range(2):
        began = time.perf_counter()
        with urllib.request.urlopen(server.url + "/trades/BTCUSDT?format=arrow") as reply:
            size = sum(len(piece) for piece in iter(lambda: reply.read(2**20), b""))
        raw = time.perf_counter() - began
        began = time.perf_counter()
        with bcore.open(server.url) as client:
            assert rows == client.read("trades", "BTCUSDT").num_rows
        sdk = time.perf_counter() - began
    print(f"{rows} rows as Arrow: {raw:.2f} s as bytes ({size / 2**20:.0f} MiB), {sdk:.2f} s through bcore.open")


def beside_a_writer(path: Path, server: Server, seconds: float) -> None:
    """A dashboard's ten connections, twenty requests a second each, while 5,000 trades a second are stored."""
    writer = subprocess.Popen([sys.executable, __file__, "--write", str(path), str(seconds + 2)])
    time.sleep(1.0)
    for form in ("arrow", "json"):
        load = server.load(f"{HOT}&format={form}", seconds / 2, 10, pause=0.05)
        print(
            f"while 5,000 trades/s are stored, {form:6} {load.rate:5.0f}/s"
            f"  p50 {load.quantile(0.5):.2f} ms  p99 {load.quantile(0.99):.2f} ms"
        )
    writer.wait()


def write(path: str, seconds: float) -> None:
    store, began, first = store_of(Path(path)), time.monotonic(), 10**9
    while (now := time.monotonic()) - began < seconds:
        store.append(trades(first, 500))
        first += 500
        time.sleep(max(0.0, 0.1 - (time.monotonic() - now)))
    store.close()


def huge(folder: Path, seconds: float) -> None:
    import urllib.request

    few, many = folder / "few", folder / "many"
    fill(few, 10_000)
    fill(many, 10_000_000)
    took = {}
    for path in (few, many):
        with served(path, cache_bytes=0) as server:
            took[path] = server.load("/trades/BTCUSDT?limit=1000&format=arrow", seconds, 1).quantile(0.5)
    print(f"newest 1000 rows of 10 k: {took[few]:.2f} ms, of 10 M: {took[many]:.2f} ms, {took[many] / took[few]:.2f} x")
    a_day(many, 10_000_000, seconds)
    with served(many) as server:
        server.load(HOT, 0.5, 1)
        before, most, size, began = server.memory(), 0, 0, time.perf_counter()
        with urllib.request.urlopen(server.url + "/trades/BTCUSDT?format=csv") as reply:
            while piece := reply.read(2**22):
                size, most = size + len(piece), max(most, server.memory())
        took_csv = time.perf_counter() - began
        grown = (most - before) / 2**20
        print(f"10 M rows as CSV: {took_csv:.1f} s, {size / 2**20:.0f} MiB, memory grew by {grown:.0f} MiB")


class Counted:
    """A store that counts the rows it hands out."""

    def __init__(self, store: Any) -> None:
        self.store, self.rows = store, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    def read(self, query: Any) -> pa.Table:
        table = self.store.read(query)
        self.rows += table.num_rows
        return table

    def scan(self, query: Any) -> pa.RecordBatchReader:
        reader = self.store.scan(query)
        return pa.RecordBatchReader.from_batches(reader.schema, map(self._passed, reader))

    def _passed(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        self.rows += batch.num_rows
        return batch


def a_day(path: Path, rows: int, seconds: float) -> None:
    """24 candles of an hour, of an archive of several days: rows that are read for them, and time."""
    from bcore.app import folder_reader
    from bcore.query import Request
    from bcore.registry import Registry

    reader: Any = folder_reader(path, Registry.load())
    counted = Counted(reader.stores[0])
    evolve(reader, stores=(counted,)).read(Request("ohlcv", "BTCUSDT", limit=24, params={"timeframe": "1h"}))
    reader.close()
    with served(path, cache_bytes=0) as server:
        day, whole = (
            server.load(f"/ohlcv/BTCUSDT?timeframe=1h&limit={count}&format=arrow", seconds, 1).quantile(0.5)
            for count in (24, 10_000)
        )
    print(f"24 candles of 1h read {counted.rows:,} of {rows:,} rows ({counted.rows * 0.04 / 3600:.1f} h of them)")
    print(f"24 candles of 1h: {day:.0f} ms, of all {rows * 0.04 / 3600:.0f} h: {whole:.0f} ms, {day / whole:.2f} x")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--huge", action="store_true")
    parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--write", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve(*given.serve)
    elif given.write:
        write(given.write[0], float(given.write[1]))
    else:
        measure(given)


def measure(given: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fill(folder / "data", given.rows)
        with served(folder / "data", cache_bytes=0) as server:
            hot(server, "made anew", given.seconds, given.connections)
        with served(folder / "data") as server:
            hot(server, "unchanged", given.seconds, given.connections)
            unchanged(server, given.seconds, given.connections)
            whole(server, given.rows)
            beside_a_writer(folder / "data", server, 2 * given.seconds)
        if given.huge:
            huge(folder, given.seconds)


if __name__ == "__main__":
    main()
