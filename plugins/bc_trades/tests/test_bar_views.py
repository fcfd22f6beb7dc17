"""The views of bars and sessions as people meet them: which days they read, the command line, the SDK."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pluggy
import pytest
from attrs import field, frozen
from click.testing import CliRunner, Result

import bc_trades.plugin
from bc_trades import TRADES, to_table
from bc_trades.bar_views import TickParams, days_for, needs
from bc_trades.sessions import SessionParams
from bc_trades.sessions import needs as session_needs
from bcore import hookspecs
from bcore.cli import main
from bcore.cli.options import Options
from bcore.client import Client
from bcore.fields import fields_of
from bcore.hookspecs import hookimpl
from bcore.instants import DAY, HOUR, MINUTE, parse_instant
from bcore.local import StoreReader
from bcore.memory import MemoryStore
from bcore.protocols import Store
from bcore.query import Query
from bcore.records import Batch, Factory
from bcore.registry import Plugin, Registry

Invoke = Callable[..., Result]
MIDNIGHT = parse_instant("2023-11-15")
NEW = ("vwap", "taker_flow", "tick_bars", "volume_bars", "dollar_bars", "imbalance_bars")


def needed(**bounds: Any) -> tuple[int | None, int | None]:
    need = needs(Query(TRADES, "BTCUSDT", **bounds), TickParams())
    assert (None, None, 0) == (need.limit, need.tail, need.offset)
    return need.start, need.end


def test_a_window_is_widened_to_whole_days() -> None:
    assert (MIDNIGHT, MIDNIGHT + 2 * DAY) == needed(start=MIDNIGHT + 1, end=MIDNIGHT + DAY + 1)
    assert (MIDNIGHT, MIDNIGHT + DAY) == needed(start=MIDNIGHT, end=MIDNIGHT + DAY)


def test_an_open_window_stays_open() -> None:
    assert (None, None) == needed()


def test_few_bars_are_looked_for_in_one_day() -> None:
    assert (MIDNIGHT, MIDNIGHT + DAY) == needed(tail=5, end=MIDNIGHT + HOUR)
    assert (MIDNIGHT, MIDNIGHT + DAY) == needed(start=MIDNIGHT + HOUR, limit=5)


def test_what_is_left_out_is_looked_for_as_well() -> None:
    assert (MIDNIGHT - 3 * DAY, MIDNIGHT + DAY) == needed(tail=5, offset=195, end=MIDNIGHT + HOUR)
    assert (MIDNIGHT, MIDNIGHT + 4 * DAY) == needed(start=MIDNIGHT, offset=195, limit=5)


@pytest.mark.parametrize("count", [0, 1, 5, 10, 49, 1000, 10**6])
def test_who_found_too_few_looks_in_more_days(count: int) -> None:
    days = [days_for(max(count, 1) * 4**times) for times in range(1, 12)]
    assert days == sorted(set(days))
    assert days_for(count) <= days[0]


def test_more_bars_than_time_has_need_everything() -> None:
    assert (None, MIDNIGHT + DAY) == needed(tail=10**15, end=MIDNIGHT + HOUR)
    assert (MIDNIGHT, None) == needed(start=MIDNIGHT, limit=10**15)


def test_sums_of_the_day_need_the_day_so_far() -> None:
    query = Query(TRADES, "BTCUSDT", start=MIDNIGHT + 3 * HOUR, end=MIDNIGHT + 4 * HOUR)
    need = session_needs(query, SessionParams("1h"))
    assert (MIDNIGHT, MIDNIGHT + 4 * HOUR) == (need.start, need.end)
    newest = session_needs(Query(TRADES, "BTCUSDT", tail=2, end=MIDNIGHT + 90), SessionParams("1m"))
    assert (MIDNIGHT - DAY, MIDNIGHT + MINUTE) == (newest.start, newest.end)


@frozen
class ShelfConfig:
    path: str = field(default="data")


@frozen
class ShelfPlugin:
    """Offers one store for all, with a path, as a store on disk has."""

    store: MemoryStore

    @hookimpl
    def bcore_stores(self) -> Iterator[Factory[Store]]:
        yield Factory("shelf", ShelfConfig, lambda config, context: self.store)


@pytest.fixture
def store() -> MemoryStore:
    """Two days of a trade each hour."""
    texts = [
        json.dumps({"a": at, "p": "10", "q": "0.5", "f": at, "l": at, "T": MIDNIGHT + at * HOUR, "m": at % 2 == 1})
        for at in range(48)
    ]
    held = MemoryStore()
    held.append(Batch(TRADES, "BTCUSDT", to_table([text.encode() for text in texts], "BTCUSDT").table))
    return held


@pytest.fixture
def cli(store: MemoryStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Invokes the command line in this process with these trades as the only archive."""
    manager = pluggy.PluginManager("bcore")
    manager.add_hookspecs(hookspecs)
    manager.register(bc_trades.plugin, name="trades")
    manager.register(ShelfPlugin(store), name="shelf")
    registry = Registry(manager, [Plugin(name, f"bc-{name}", "0", name) for name in ("trades", "shelf")])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Registry, "load", lambda *args, **more: registry)
    return lambda *args: CliRunner().invoke(main, [str(arg) for arg in args], obj=Options())


def rows(result: Result) -> list[dict[str, Any]]:
    assert 0 == result.exit_code, result.output
    found: list[dict[str, Any]] = json.loads(result.stdout)
    return found


def test_bars_are_read_on_the_command_line(cli: Invoke) -> None:
    found = rows(cli("read", "volume_bars", "BTCUSDT", "--size", "5", "--limit", "3", "--format", "json"))
    assert [24, 34, 44] == [row["first_agg_trade_id"] for row in found]
    assert [(10, 5.0), (10, 5.0), (4, 2.0)] == [(row["trade_count"], row["volume"]) for row in found]


@pytest.mark.parametrize("view", NEW)
def test_every_view_answers_on_the_command_line_without_a_parameter(cli: Invoke, view: str) -> None:
    assert "BTCUSDT" == rows(cli("read", view, "BTCUSDT", "--format", "json"))[0]["symbol"]


def test_a_mistake_on_the_command_line_is_told_in_a_sentence(cli: Invoke) -> None:
    result = cli("read", "tick_bars", "BTCUSDT", "--size", "0")
    assert (2, True) == (result.exit_code, "size must be above 0, not 0" in result.output)


def test_the_views_are_listed_with_what_they_take(cli: Invoke) -> None:
    listed = {row["view"]: row["parameters"] for row in rows(cli("views", "--format", "json"))}
    sizes = {"tick_bars": "1000", "volume_bars": "100.0", "dollar_bars": "1000000.0", "imbalance_bars": "50.0"}
    expected = {name: [f"--size={size}"] for name, size in sizes.items()}
    assert {"vwap": ["--timeframe=1m"], "taker_flow": ["--timeframe=1m"], **expected} == {
        name: listed[name] for name in NEW
    }


def test_the_sdk_has_a_method_for_each_view(store: MemoryStore) -> None:
    views = tuple(bc_trades.plugin.bcore_derivations())
    with Client(StoreReader((store,), (TRADES,), views)) as client:
        bars = client.get_tick_bars("BTCUSDT", size=10, start_time="2023-11-15T12:00", limit=2)
        flow = client.get_taker_flow("BTCUSDT", timeframe="1d", as_="arrow")
    assert [20, 24] == bars["first_agg_trade_id"].tolist()
    assert ([12, 12], [0.0, 0.0]) == (flow.column("buy_count").to_pylist(), flow.column("day_delta").to_pylist())


def test_every_view_and_every_parameter_is_explained() -> None:
    views = {view.name: view.record for view in bc_trades.plugin.bcore_derivations()}
    assert {"ohlcv", *NEW} == set(views)
    assert all(view.summary for view in views.values())
    assert all(each.help for view in views.values() for each in fields_of(view.params))
