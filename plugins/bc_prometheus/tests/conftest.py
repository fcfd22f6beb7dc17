"""Fixtures: a metrics server on a free loopback port, beside a board that hears the same events."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pluggy
import pyarrow as pa
import pytest
from attrs import define, field
from prometheus_client.parser import text_string_to_metric_families

from bc_prometheus.config import MetricsConfig
from bc_prometheus.server import MetricsServer
from bcore import builtin, hookspecs
from bcore.board import Board
from bcore.clock import SystemClock
from bcore.events import Event
from bcore.local import StoreReader
from bcore.memory import MemoryStore
from bcore.records import Batch, Context, Dataset
from bcore.registry import Plugin, Registry

COLUMNS = {"id": pa.int64(), "timestamp": pa.timestamp("us", tz="UTC"), "symbol": pa.string()}
TICKS = Dataset("ticks", pa.schema(COLUMNS), key=("id",), sequence="id")
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def batch(*ids: int) -> Batch:
    rows = [{"id": number, "timestamp": number, "symbol": "AAA"} for number in ids]
    return Batch(TICKS, "AAA", pa.Table.from_pylist(rows, schema=TICKS.schema))


@define
class Bench:
    """A registry as a collector has it, and what is scraped."""

    registry: Registry
    store: MemoryStore = field(factory=MemoryStore)
    clock: SystemClock = field(factory=SystemClock)
    board: Board = field(init=False)
    server: MetricsServer | None = None

    def __attrs_post_init__(self) -> None:
        self.board = Board(self.clock)

    @classmethod
    def of_core(cls) -> Bench:
        manager = pluggy.PluginManager("bcore")
        manager.add_hookspecs(hookspecs)
        manager.register(builtin, name="core")
        return cls(Registry(manager, [Plugin("core", "bcore", "1", "bcore.builtin")]))

    def make(self, section: str = "servers.metrics", **keys: Any) -> MetricsServer:
        context = Context(section, self.clock, pytest.fail, self.emit, plugins=self.registry.manager)
        return MetricsServer.build(MetricsConfig(**{"port": 0, **keys}), context)

    def hold(self, *ids: int) -> None:
        self.store.append(batch(*ids))

    def reader(self) -> StoreReader:
        return StoreReader((self.store,), (TICKS,), ())

    def start(self) -> MetricsServer:
        self.server = self.make()
        self.server.watch(self.board.status)
        self.server.start(self.reader())
        return self.server

    def emit(self, event: Event) -> None:
        self.board.on_event(event)
        self.registry.notify(event)

    def text(self, accept: str = "") -> str:
        assert self.server is not None
        url = f"http://127.0.0.1:{self.server.port}/metrics"
        request = urllib.request.Request(url, headers={"Accept": accept} if accept else {})
        with urllib.request.urlopen(request, timeout=30) as reply:
            return str(reply.read().decode())

    def scrape(self) -> Samples:
        families = text_string_to_metric_families(self.text())
        return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench.of_core()
    yield made
    if made.server:
        made.server.close()


@pytest.fixture
def value(bench: Bench) -> Callable[..., float | None]:
    """What a scrape says of a metric with these labels; None if it is not there."""

    def look(name: str, **labels: str) -> float | None:
        return bench.scrape().get((name, frozenset(labels.items())))

    return look
