"""Plugins that go wrong while they work: what they cost, and that nobody else pays (docs/plugins/failures.md)."""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bcore.app import App
from bcore.clock import SystemClock
from bcore.doctor import diagnosed
from bcore.errors import PluginError
from bcore.events import SourceStopped
from bcore.query import Request
from bcore.records import Series
from bcore.registry import Registry
from bcore.runner import Runner
from bcore.status import PluginStatus
from bcore.verify import audit_of

HOSTILE = Path(__file__).parent / "hostile"
Load = Callable[..., Registry]
RUBBISH = {
    "no_batch": "source no_batch has a fault: it brought a dict, and not a Batch",
    "no_table": "no_table/AAA: the rows do not fit the dataset: a pyarrow.Table is needed, not a list",
    "other_symbol": "source other_symbol has a fault: it brought 'ZZZ', and was asked for AAA",
    "other_dataset": "source other_dataset brought dataset unheard_of, which it does not declare",
    "other_rows": "other_rows/AAA: the rows do not fit the dataset: unknown column nonsense",
    "nothing": "'NoneType' object is not iterable",
}
VIEWS = {
    "other_columns": "the view 'other_columns' has a fault: it gave no column price, which it declares",
    "other_type": "the view 'other_type' has a fault: its column price is of type string, and declared as double",
    "no_table": "the view 'no_table' has a fault: it gave a list, and not a pyarrow.Table",
    "dividing": "the view 'dividing' failed, which is a fault of the plugin that offers it: ZeroDivisionError",
    "other_answer": "the view 'other_answer' has a fault: it gave no column price, which it declares",
    "breaking": "the view 'breaking' failed, which is a fault of the plugin that offers it: ZeroDivisionError",
    "no_answer": "the view 'no_answer' failed, which is a fault of the plugin that offers it: TypeError",
}

BROKEN = {
    "no_module": "a_module_that_nobody_has:VIEW, which is a fault of the plugin that offers it: ModuleNotFoundError",
    "no_attribute": "hostile_broken_record:VIEW, which is a fault of the plugin that offers it: AttributeError",
    "no_record": "it is a str, and not a Derivation or a Computation",
    "other_name": "it is 'own' of beats, and 'other_name' of beats was promised",
}


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    def loaded(*cases: str, patience: float = 2.0) -> Registry:
        for case in cases:
            monkeypatch.syspath_prepend(HOSTILE / case)
        importlib.invalidate_caches()
        return Registry.load({"BCORE_PLUGINS": ",".join(cases), "BCORE_PLUGIN_PATIENCE": str(patience)})

    before = set(sys.modules)
    yield loaded
    for name in {name for name in sys.modules if name.startswith("hostile_")} - before:
        del sys.modules[name]


def problems(registry: Registry, name: str) -> list[str]:
    (found,) = (plugin.problems for plugin in registry.plugins if plugin.name == name)
    return found


def test_an_import_that_does_not_end_costs_only_its_plugin(load: Load, caplog: pytest.LogCaptureFixture) -> None:
    registry = load("endless_import", "good", patience=3.0)
    assert ["it cannot be imported: that takes longer than 3 s"] == problems(registry, "endless_import")
    assert {"beats"} == set(registry.of("sources"))
    assert "its import takes long; it is left out after 3 s" in caplog.text


def test_a_hook_that_does_not_end_gives_nothing_and_its_other_hooks_work(load: Load) -> None:
    registry = load("endless_hook", "good")
    assert {"beats"} == set(registry.of("sources"))
    assert ["its bcore_sources has not come back within 2 s"] == problems(registry, "endless_hook")
    assert {"greet", "still-there"} == set(registry.of("commands"))


def test_records_without_end_are_cut_off(load: Load) -> None:
    registry = load("endless_records", "good", patience=60.0)
    assert {"greet"} == set(registry.of("commands"))
    assert ["its bcore_commands does not end: it gave 10000 records"] == problems(registry, "endless_records")


def test_an_observer_that_does_not_come_back_is_told_nothing_more(load: Load, caplog: pytest.LogCaptureFixture) -> None:
    registry = load("endless_observer", "good")
    (stuck,) = (each for each in registry.observers() if each.name == "endless_observer")
    stuck.patience = 0.5
    for number in range(20):
        registry.notify(SourceStopped(f"source{number}"))
    seen = importlib.import_module("hostile_good").SEEN
    assert [f"source{number}" for number in range(20)] == [event.source for event in seen[-20:]]
    assert 1 == caplog.text.count("the observer of plugin endless_observer hangs")
    states = {each.name: each.state for each in registry.statuses()}
    assert ("hangs", "ok") == (states["endless_observer"], states["good"])


def test_an_observer_may_emit_events_itself(load: Load) -> None:
    registry, told = load("good"), []

    class Echoing:
        def bcore_event(self, event: Any) -> None:
            told.append((event.source, threading.current_thread().name))
            if event.source == "first":
                registry.notify(SourceStopped("second"))

    from bcore.hookspecs import hookimpl

    Echoing.bcore_event = hookimpl(Echoing.bcore_event)  # type: ignore[method-assign]
    registry.manager.register(Echoing(), name="echoing")
    registry.notify(SourceStopped("first"))
    assert [("first", "observer echoing"), ("second", "observer echoing")] == told


def test_what_plugins_cost_is_counted(load: Load) -> None:
    registry = load("good")
    registry.of("sources")
    for _ in range(3):
        registry.notify(SourceStopped("beats"))
    (good,) = (each for each in registry.statuses() if each.name == "good")
    assert ("good", "1.0", "ok", 3) == (good.name, good.version, good.state, good.events)
    assert 0 < good.load_seconds < 60
    assert 0 < good.hook_seconds < 60
    assert isinstance(good, PluginStatus)


@pytest.mark.parametrize(("kind", "says"), RUBBISH.items())
def test_a_source_that_brings_rubbish_fails_by_name_and_the_others_collect(load: Load, kind: str, says: str) -> None:
    sources: dict[str, Any] = {kind: {}, "beats": {}}
    tree = {"symbols": ["AAA"], "stores": {"memory": {}}, "sources": sources}
    app = App.of(tree, load("rubbish_source", "good"))
    runner = Runner(app, SystemClock())
    runner.once(app.jobs())
    assert {kind} == set(runner.errors)
    assert says in str(runner.errors[kind])
    assert ["beats/AAA"] == [str(series) for series in app.stores()["memory"].series()]


@pytest.mark.parametrize(("view", "says"), VIEWS.items())
@pytest.mark.parametrize("hot", [False, True])
def test_a_view_that_is_not_what_it_says_fails_by_name(load: Load, view: str, says: str, hot: bool) -> None:
    tree = {"symbols": ["AAA"], "stores": {"memory": {}}, "sources": {"beats": {}}}
    app = App.of(tree, load("wrong_view", "good"))
    for job in app.jobs():
        job.run_once(app.emit)
    with pytest.raises(PluginError) as caught:
        app.reader().read(Request(view, "AAA", hot=hot))
    assert says in str(caught.value)
    assert 3 == app.reader().read(Request("some_beats", "AAA")).num_rows


@pytest.mark.parametrize(("view", "says"), BROKEN.items())
def test_a_view_that_cannot_be_had_fails_by_name_and_is_not_listed(load: Load, view: str, says: str) -> None:
    tree = {"symbols": ["AAA"], "stores": {"memory": {}}, "sources": {"beats": {}}}
    registry = load("broken_view", "good")
    app = App.of(tree, registry)
    for job in app.jobs():
        job.run_once(app.emit)
    with pytest.raises(PluginError) as caught:
        app.reader().read(Request(view, "AAA"))
    assert says in str(caught.value)
    assert {"beats", "some_beats"} == set(app.reader().views())
    assert 3 == app.reader().read(Request("some_beats", "AAA")).num_rows
    assert len(BROKEN) + 1 == sum(says.plugin.startswith("broken_view") for says in diagnosed(registry, {}))


def test_a_store_that_lies_about_its_spans_is_found_out_by_verify(load: Load) -> None:
    tree = {"symbols": ["AAA"], "stores": {"main": {"kind": "lying"}}, "sources": {"beats": {}}}
    app = App.of(tree, load("lying_store", "good"))
    (job,) = app.jobs()
    job.run_once(app.emit)
    found = audit_of(app.stores()["main"], Series(job.datasets()[0], "AAA"))
    assert "damaged" == found.state
    assert "the store says that it holds the ids 4..1000000, and has no row of them" in found.problems[-1][1]


def test_a_patience_that_is_no_number_is_said(caplog: pytest.LogCaptureFixture) -> None:
    registry = Registry.load({"BCORE_PLUGINS": "none", "BCORE_PLUGIN_PATIENCE": "soon"})
    assert 60.0 == registry.patience
    assert "BCORE_PLUGIN_PATIENCE must be a number of seconds above 0, not 'soon'" in caplog.text


def test_an_observer_s_thread_ends_when_nothing_happens(load: Load, wait_for: Callable[..., None]) -> None:
    registry = load("good")
    registry.notify(SourceStopped("beats"))
    (observer,) = (each for each in registry.observers() if each.name == "good")
    wait_for(lambda: observer._thread is None, 30.0)
    registry.notify(SourceStopped("beats"))
    assert 2 == observer.events
