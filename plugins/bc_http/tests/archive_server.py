"""A server process for the tests: `bc_http` in front of a store in memory, which grows when it is told to.

Usage: archive_server.py CONFIG, the keys of the section as JSON. `/grow` adds ten ticks, `/add/SYMBOL/FIRST/COUNT`
those, `/quote/N` two quotes at N seconds, `/floor/N` answers N bytes.
"""

from __future__ import annotations

import itertools
import json
import logging
import os
import sys
from collections.abc import AsyncIterator
from typing import Any

import falcon.asgi
import pluggy
import pyarrow as pa
import pyarrow.compute as pc
from attrs import define, evolve, field, frozen

import bc_http.server
from bc_http.config import HttpConfig
from bc_http.routes import Route
from bc_http.server import HttpServer
from bcore import hookspecs
from bcore.clock import SystemClock
from bcore.errors import BcoreError
from bcore.fields import parse
from bcore.hookspecs import hookimpl
from bcore.local import StoreReader
from bcore.memory import MemoryStore
from bcore.protocols import Reader
from bcore.query import Query
from bcore.records import Batch, Context, Dataset, Derivation
from bcore.testing import samples

SECOND = 1_000_000
BEGIN = 1_767_225_600 * SECOND  # 2026-01-01
INSTANT = pa.timestamp("us", tz="UTC")
TICKS = Dataset(
    "ticks",
    pa.schema({"id": pa.int64(), "timestamp": INSTANT, "symbol": pa.string(), "price": pa.float64(), "up": pa.bool_()}),
    key=("id",),
    sequence="id",
    summary="Ticks by id",
)
QUOTES = Dataset(
    "quotes",
    pa.schema({"timestamp": INSTANT, "symbol": pa.string(), "size": pa.float64(), "bid": pa.float64()}),
    key=("timestamp", "size"),
    facets=("size",),
    summary="Two rows a second, one of each size",
)


def ticks(first: int, count: int, symbol: str = "AAA") -> Batch:
    """Tick N is at N seconds, its price is N / 4, but every hundredth has none."""
    ids = range(first, first + count)
    columns = {
        "id": pa.array(ids, pa.int64()),
        "timestamp": pa.array([BEGIN + each * SECOND for each in ids], INSTANT),
        "symbol": pa.repeat(symbol, count),
        "price": pa.array([float("nan") if each % 100 == 0 else each / 4 for each in ids], pa.float64()),
        "up": pa.array([each % 2 == 0 for each in ids]),
    }
    return Batch(TICKS, symbol, pa.table(columns, schema=TICKS.schema))


def quotes(first: int, count: int) -> Batch:
    rows = [
        {"timestamp": BEGIN + each * SECOND, "symbol": "AAA", "size": size, "bid": each + size}
        for each in range(first, first + count)
        for size in (10.0, 50.0)
    ]
    return Batch(QUOTES, "AAA", pa.Table.from_pylist(rows, schema=QUOTES.schema))


def _positive(_: object, __: object, value: int) -> None:
    if value < 1:
        raise ValueError(f"must be 1 or more, not {value}")


@frozen
class CountParams:
    """How many seconds a bar is long."""

    seconds: int = field(default=60, validator=_positive, metadata={"help": "length of a bar"})


def needs(query: Query, params: CountParams) -> Query:
    width = params.seconds * SECOND
    start = None if query.start is None else query.start // width * width
    end = None if query.end is None else -(-query.end // width) * width
    if query.tail is not None and end is not None:
        start = max(end - (query.tail + query.offset) * width, start or 0)
    return evolve(query, start=start, end=end, limit=None, tail=None, offset=0, where={}, columns=None)


def counts(table: pa.Table, params: CountParams) -> pa.Table:
    width = params.seconds * SECOND
    times = table.column("timestamp").cast(pa.int64())
    bars = pc.multiply(pc.divide(times, width), width)
    grouped = pa.table({"bar": bars}).group_by("bar", use_threads=False).aggregate([([], "count_all")])
    found = {"timestamp": grouped.column("bar").cast(INSTANT), "count_of": grouped.column("count_all")}
    return pa.table(found, schema=COUNTS.schema)


COUNTS = Derivation(
    "counts",
    "ticks",
    pa.schema({"timestamp": INSTANT, "count_of": pa.int64()}),
    CountParams,
    needs,
    counts,
    summary="How many ticks each bar has",
)


@define(eq=False)
class Grow:
    store: MemoryStore
    _next: Any = field(factory=lambda: itertools.count(5000, 10))

    async def on_get(self, req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        self.store.append(ticks(next(self._next), 10))
        resp.text = "grown"


@define(eq=False)
class Add:
    store: MemoryStore

    async def on_get(
        self, req: falcon.asgi.Request, resp: falcon.asgi.Response, symbol: str, first: int, count: int
    ) -> None:
        self.store.append(ticks(first, count, symbol))
        resp.text = "added"


@define(eq=False)
class Quote:
    store: MemoryStore

    async def on_get(self, req: falcon.asgi.Request, resp: falcon.asgi.Response, at: int) -> None:
        self.store.append(quotes(at, 1))
        resp.text = "added"


@define(eq=False)
class Floor:
    """Answers a body of so many bytes: what the server costs without an archive."""

    async def on_get(self, req: falcon.asgi.Request, resp: falcon.asgi.Response, size: int) -> None:
        resp.content_type = "application/octet-stream"
        resp.data = b"x" * size


@define(eq=False)
class Fault:
    async def on_get(self, req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        raise ZeroDivisionError("a secret of the server")


@define(eq=False)
class Half:
    """Fails when a part of the answer is on its way already."""

    async def on_get(self, req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        resp.stream = self._pieces()

    async def _pieces(self) -> AsyncIterator[bytes]:
        yield b"half of it"
        raise OSError("the disk is gone")


@define(eq=False)
class Welcome:
    async def on_get(self, req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        resp.content_type = "text/html"
        resp.text = "<h1>welcome</h1>"


@frozen
class Pages:
    """A plugin that adds routes."""

    store: MemoryStore

    @hookimpl(optionalhook=True)
    def bc_http_routes(self, reader: Reader) -> list[Route]:
        return [
            Route("/", Welcome(), public=True),
            Route("/grow", Grow(self.store), "Ten more ticks"),
            Route("/add/{symbol}/{first:int}/{count:int}", Add(self.store)),
            Route("/quote/{at:int}", Quote(self.store)),
            Route("/floor/{size:int}", Floor()),
            Route("/fault", Fault()),
            Route("/half", Half()),
            Route("/assets/{size:int}", Floor(), public=True),
        ]


class Broken:
    """A plugin that fails: the others' routes are there all the same."""

    @hookimpl(optionalhook=True)
    def bc_http_routes(self, reader: Reader) -> list[Route]:
        raise RuntimeError("no routes today")


def sampled() -> MemoryStore:
    """The archive that the kit's tests of transports compare with."""
    store = MemoryStore()
    for batch in samples.archive():
        store.append(batch)
    return store


def filled() -> MemoryStore:
    store = MemoryStore()
    for batch in (ticks(0, 3000), ticks(0, 100, "GAP"), ticks(200, 100, "GAP"), quotes(0, 500)):
        store.append(batch)
    return store


def main() -> int:
    logging.basicConfig()
    bc_http.server.GRACE = int(os.environ.get("GRACE", bc_http.server.GRACE))
    manager = pluggy.PluginManager("bcore")
    manager.add_hookspecs(hookspecs)
    kit = os.environ.get("ARCHIVE") == "kit"
    store = sampled() if kit else filled()
    manager.register(Pages(store))
    manager.register(Broken())
    context = Context("servers.api", SystemClock(), lambda: None, lambda event: None, plugins=manager)  # type: ignore[arg-type, return-value]
    try:
        server = HttpServer.build(parse(HttpConfig, json.loads(sys.argv[1])), context)
        known = (samples.TICKS, samples.QUOTES) if kit else (TICKS, QUOTES)
        server.serve(StoreReader((store,), known, (COUNTS,)))
    except BcoreError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
