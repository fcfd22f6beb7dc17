"""The front door for scripts, over real sockets and a store of a plugin that stands in for bc_parquet."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pluggy
import pytest
from attrs import field, frozen

import bc_binance.plugin
import bc_trades.plugin
from bc_binance.testing import LocalVenue, page
from bc_trades import TradesCollector
from bcore import hookspecs
from bcore.errors import ConfigError
from bcore.hookspecs import hookimpl
from bcore.instants import to_datetime
from bcore.memory import MemoryStore
from bcore.protocols import Store
from bcore.records import Factory, Series
from bcore.registry import Plugin, Registry

START = 1_700_000_000_000_000


@frozen
class FolderConfig:
    path: str = field(default="data")


class FolderPlugin:
    """Offers one store for all, with a path, as a store on disk has."""

    def __init__(self) -> None:
        self.store, self.paths = MemoryStore(), []  # type: ignore[var-annotated]

    @hookimpl
    def bcore_stores(self) -> Iterator[Factory[Store]]:
        yield Factory("folder", FolderConfig, self._build)

    def _build(self, config: FolderConfig, context: object) -> MemoryStore:
        self.paths.append(config.path)
        return self.store


@pytest.fixture
def folder() -> FolderPlugin:
    return FolderPlugin()


@pytest.fixture
def registry(folder: FolderPlugin) -> Registry:
    manager = pluggy.PluginManager("bcore")
    manager.add_hookspecs(hookspecs)
    modules = {"binance": bc_binance.plugin, "trades": bc_trades.plugin, "folder": folder}
    for name, plugin in modules.items():
        manager.register(plugin, name=name)
    return Registry(manager, [Plugin(name, f"bc-{name}", "0", name) for name in modules])


def test_each_update_stores_what_is_new(
    market: Any, venue: LocalVenue, registry: Registry, folder: FolderPlugin
) -> None:
    market.grow("BTCUSDT", 1000)
    market.grow("ETHUSDT", 3)
    with TradesCollector(["BTCUSDT", "ETHUSDT"], "archive", rest_url=venue.url, registry=registry) as collector:
        first = collector.update()
        market.grow("BTCUSDT", 5)
        second = collector.update()
    times = [to_datetime(START + number * 1_000_000) for number in (0, 999, 1000, 1004)]
    assert {"rows": 1000, "start_time": times[0], "end_time": times[1]} == first["BTCUSDT"]
    assert {"rows": 5, "start_time": times[2], "end_time": times[3]} == second["BTCUSDT"]
    assert 3 == first["ETHUSDT"]["rows"]
    assert {"rows": 0, "start_time": None, "end_time": None} == second["ETHUSDT"]
    assert {"archive"} == set(folder.paths)


def test_a_symbol_that_fails_tells_why_and_stops_no_other(
    market: Any, venue: LocalVenue, registry: Registry, folder: FolderPlugin
) -> None:
    market.grow("BTCUSDT", 2)
    venue.once("time", page(502))
    with TradesCollector(["ETHUSDT", "BTCUSDT"], rest_url=venue.url, registry=registry) as collector:
        stats = collector.update()
    assert "status 502" in stats["ETHUSDT"]["error"]
    assert 2 == stats["BTCUSDT"]["rows"]
    assert [Series(next(iter(folder.store.datasets().values())), "BTCUSDT")] == folder.store.series()


def test_a_start_is_where_an_empty_archive_begins(market: Any, venue: LocalVenue, registry: Registry) -> None:
    market.grow("BTCUSDT", 50)
    with TradesCollector("BTCUSDT", start=START + 40_000_000, rest_url=venue.url, registry=registry) as collector:
        assert 10 == collector.update()["BTCUSDT"]["rows"]


def test_no_symbols_are_refused(registry: Registry) -> None:
    with pytest.raises(ConfigError, match="name at least one"):
        TradesCollector([], registry=registry)
