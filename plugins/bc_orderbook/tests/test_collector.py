"""`OrderBookCollector`, end to end over real sockets."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy
import pytest
from attrs import define, field, frozen

import bc_binance.plugin
import bc_orderbook.plugin
from bc_binance.testing import Answer, LocalVenue, answer
from bc_orderbook import ORDERBOOK, OrderBookCollector
from bcore import hookspecs
from bcore.errors import ConfigError
from bcore.hookspecs import hookimpl
from bcore.memory import MemoryStore
from bcore.query import Query
from bcore.records import Factory
from bcore.registry import Plugin, Registry

REPLY = {"lastUpdateId": 7, "bids": [["100.30000000", "1.00000000"]], "asks": [["100.40000000", "5.00000000"]]}


@frozen
class KeptConfig:
    path: str = "data"


@define
class Kept(MemoryStore):
    """Outlives the collector's passes, as a folder would."""

    def close(self) -> None:
        pass


@define
class KeptPlugin:
    """The only store with a path."""

    store: Kept = field(factory=Kept)
    path: str | None = None

    @hookimpl
    def bcore_stores(self) -> Iterator[Factory[Any]]:
        yield Factory("kept", KeptConfig, self.build)

    def build(self, config: KeptConfig, context: object) -> Kept:
        self.path = config.path
        return self.store


def registry_of(*plugins: object) -> Registry:
    """A registry of these and of nothing else that may be installed."""
    manager = pluggy.PluginManager("bcore")
    manager.add_hookspecs(hookspecs)
    found = []
    for number, plugin in enumerate((bc_binance.plugin, bc_orderbook.plugin, *plugins)):
        name = plugin.__name__ if isinstance(plugin, ModuleType) else f"plugin{number}"
        manager.register(plugin, name=name)
        found.append(Plugin(name, name, "1.0", name))
    return Registry(manager, found)


@pytest.fixture
def local() -> Iterator[LocalVenue]:
    with LocalVenue(("BTCUSDT", "ETHUSDT")) as running:
        running.on("depth", lambda asked: answer(REPLY))
        yield running


@pytest.fixture
def kept() -> KeptPlugin:
    return KeptPlugin()


def test_an_update_stores_a_snapshot_of_every_symbol_and_tells_of_it(local: LocalVenue, kept: KeptPlugin) -> None:
    ticks = {"BTCUSDT": [10, 50, 100], "ETHUSDT": [1]}
    collector = OrderBookCollector(
        ["BTCUSDT", "ETHUSDT"], ticks, data_path="here", rest_url=local.url, registry=registry_of(kept)
    )
    stats = collector.update()

    assert {"BTCUSDT": (3, 3), "ETHUSDT": (1, 1)} == {
        symbol: (each["rows"], each["tick_sizes"]) for symbol, each in stats.items()
    }
    assert abs(datetime.now(UTC) - stats["BTCUSDT"]["timestamp"]) < timedelta(minutes=1)
    assert "here" == kept.path


def test_updates_add_up(local: LocalVenue, kept: KeptPlugin) -> None:
    collector = OrderBookCollector("BTCUSDT", [10], rest_url=local.url, registry=registry_of(kept))
    collector.update()
    collector.update()

    assert 2 == kept.store.read(Query(ORDERBOOK, "BTCUSDT")).num_rows


def test_a_symbol_that_fails_has_an_error_and_the_others_are_stored(local: LocalVenue, kept: KeptPlugin) -> None:
    def behave(asked: Any) -> Answer:
        known = asked.params["symbol"] == "ETHUSDT"
        return answer(REPLY) if known else answer({"code": -1121, "msg": "Invalid symbol."}, 400)

    local.on("depth", behave)
    collector = OrderBookCollector(["BTCUSTD", "ETHUSDT"], [10], rest_url=local.url, registry=registry_of(kept))
    stats = collector.update()

    assert "lists no symbol 'BTCUSTD' (did you mean BTCUSDT?)" in stats["BTCUSTD"]["error"]
    assert 1 == stats["ETHUSDT"]["rows"] == kept.store.read(Query(ORDERBOOK, "ETHUSDT")).num_rows


def test_a_book_that_was_put_aside_is_an_error_too(local: LocalVenue, kept: KeptPlugin) -> None:
    local.on("depth", lambda asked: answer({**REPLY, "asks": [["100.30000000", "1.00000000"]]}))
    collector = OrderBookCollector(["BTCUSDT"], [10], rest_url=local.url, registry=registry_of(kept))

    assert "put aside: the book is crossed" in collector.update()["BTCUSDT"]["error"]


def test_tick_sizes_are_those_of_the_symbol_or_automatic(local: LocalVenue, kept: KeptPlugin) -> None:
    collector = OrderBookCollector(
        ["BTCUSDT", "ETHUSDT"], {"BTCUSDT": [10]}, rest_url=local.url, registry=registry_of(kept)
    )

    assert [1, 5] == [each["tick_sizes"] for each in collector.update().values()]


def test_arguments_that_cannot_be_used_are_all_named(kept: KeptPlugin) -> None:
    with pytest.raises(ConfigError) as caught:
        OrderBookCollector(["BTCUSDT"], [0], num_levels=0, registry=registry_of(kept))

    assert 2 == len(caught.value.problems)


def test_no_symbols_are_a_mistake(kept: KeptPlugin) -> None:
    with pytest.raises(ConfigError, match="name at least one"):
        OrderBookCollector([], registry=registry_of(kept))


def test_the_context_manager_frees_the_archive(local: LocalVenue, tmp_path: Path) -> None:
    parquet = pytest.importorskip("bc_parquet.plugin", reason="bc_parquet is not installed")
    for _ in range(2):
        with OrderBookCollector(
            "BTCUSDT", [10], data_path=tmp_path, rest_url=local.url, registry=registry_of(parquet)
        ) as collector:
            assert 1 == collector.update()["BTCUSDT"]["rows"]


def test_without_a_store_it_says_what_to_install() -> None:
    with pytest.raises(ConfigError, match="no store is installed"):
        OrderBookCollector(["BTCUSDT"], registry=registry_of())


def test_the_archive_opens_with_pandas(local: LocalVenue, tmp_path: Path) -> None:
    parquet = pytest.importorskip("bc_parquet.plugin", reason="bc_parquet is not installed")
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    collector = OrderBookCollector(
        ["BTCUSDT"], [10, 50], data_path=tmp_path / "data", rest_url=local.url, registry=registry_of(parquet)
    )
    collector.update()
    collector.update()
    frame = pandas.read_parquet(tmp_path / "data" / "orderbook" / "BTCUSDT.parquet")

    assert (4, 129) == frame.shape
    assert [10.0, 50.0, 10.0, 50.0] == frame["tick_size"].tolist()
    assert ORDERBOOK.schema.names == list(frame.columns)
