from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bcore.app import App
from bcore.config import check
from bcore.errors import ConfigError, ConflictError
from bcore.events import SourceStopped
from bcore.registry import Plugin, Registry

HOSTILE = Path(__file__).parent / "hostile"
LEFT_OUT = {
    "import_error": "it cannot be imported: ModuleNotFoundError: No module named",
    "exiting": "it cannot be imported: SystemExit: 3",
    "typo_hook": "bcore_sorces",
    "wrong_signature": "settings",
}
GIVES_NOTHING = {
    "raising_hook": ("sources", "its bcore_sources raised RuntimeError: out of order"),
    "bad_record": ("sources", "Factory.name must be lower-case letters, digits and _"),
    "wrong_record": ("stores", "its bcore_stores gave a Command, and not a Factory"),
}
Load = Callable[..., Registry]


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    """A registry of the plugins in these folders of tests/hostile, found as installed ones are."""

    def loaded(*cases: str, environ: dict[str, str] | None = None, disabled: tuple[str, ...] = ()) -> Registry:
        for case in cases:
            monkeypatch.syspath_prepend(HOSTILE / case)
        importlib.invalidate_caches()
        only = ",".join(["good" if case == "clash_name" else case for case in cases])
        return Registry.load({"BCORE_PLUGINS": only, **(environ or {})}, disabled)

    before = set(sys.modules)
    yield loaded
    for name in {name for name in sys.modules if name.startswith("hostile_")} - before:
        del sys.modules[name]


def plugin(registry: Registry, name: str) -> Plugin:
    return next(each for each in registry.plugins if each.name == name)


def install(site: Path, distribution: str, entry_points: str, **modules: str) -> None:
    """Makes a site folder with one distribution ("name-1.0") and its modules."""
    name, version = distribution.split("-")
    folder = site / f"{distribution}.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Name: {name}\nVersion: {version}\n")
    (folder / "entry_points.txt").write_text(f"[bcore]\n{entry_points}\n")
    for module, text in modules.items():
        (site / f"{module}.py").write_text(text)


def check_good(registry: Registry) -> None:
    """That the good plugin works in every way."""
    assert "ok" == plugin(registry, "good").state
    assert "beats" in registry.of("sources")
    assert "some_beats" in registry.of("derivations")
    assert "greet" in registry.of("commands")
    assert "memory" in registry.of("stores")


def test_an_installed_plugin_is_found_with_its_distribution(load: Load) -> None:
    registry = load("good")
    check_good(registry)
    good = plugin(registry, "good")
    assert ("hostile-good", "1.0", "hostile_good") == (good.distribution, good.version, good.target)
    assert "good (hostile-good 1.0)" == str(good)
    assert good is registry.owner("commands", "greet")
    assert [] == registry.failures()


def test_an_installed_source_collects(load: Load) -> None:
    app = App.of({"symbols": ["AAA"], "stores": {"memory": {}}, "sources": {"beats": {}}}, load("good"))
    (job,) = app.jobs()
    assert 3 == job.run_once(app.emit)


@pytest.mark.parametrize(("case", "says"), LEFT_OUT.items())
def test_a_plugin_that_cannot_be_used_is_left_out_and_named(load: Load, case: str, says: str) -> None:
    registry = load(case, "good")
    (failed,) = registry.failures()
    assert case == failed.name
    assert says in failed.problems[0]
    check_good(registry)
    assert [failed] == registry.failures()


@pytest.mark.parametrize("case", ["typo_hook", "wrong_signature"])
def test_a_wrong_hook_lists_the_right_ones(load: Load, case: str) -> None:
    problem = plugin(load(case), case).problems[0]
    assert "the hooks are bcore_exchanges, bcore_sources, bcore_stores, bcore_transports" in problem


@pytest.mark.parametrize(("case", "hook", "says"), [(case, *rest) for case, rest in GIVES_NOTHING.items()])
def test_a_hook_that_fails_gives_nothing_and_costs_only_its_plugin(load: Load, case: str, hook: str, says: str) -> None:
    registry = load(case, "good")
    check_good(registry)
    (failed,) = registry.failures()
    assert case == failed.name
    assert any(says in problem for problem in failed.problems)
    assert {"stores": {"memory"}, "sources": {"beats"}}[hook] == set(registry.of(hook))


def test_each_problem_of_a_plugin_is_named_once(load: Load) -> None:
    registry = load("wrong_record")
    for _ in range(2):
        for what in ("stores", "sources", "commands"):
            registry.of(what)
    problems = plugin(registry, "wrong_record").problems
    assert 3 == len(problems)
    assert "its bcore_sources raised TypeError" in problems[1]
    assert "its bcore_commands gave a Command without a name" in problems[2]


def test_what_other_hooks_offer_stays(load: Load) -> None:
    registry = load("raising_hook")
    assert {} == registry.of("sources")
    assert {"still-here"} == set(registry.of("commands"))


def test_every_hostile_plugin_at_once_leaves_the_good_one_working(load: Load) -> None:
    cases = [path.name for path in sorted(HOSTILE.iterdir()) if path.is_dir()]
    quiet = [case for case in cases if case not in ("clash_a", "clash_name") and not case.startswith("endless")]
    check_good(load(*quiet))


def test_two_plugins_with_one_kind_are_an_error_that_names_both(load: Load) -> None:
    registry = load("clash_a", "clash_b", "good")
    with pytest.raises(ConflictError) as caught:
        registry.of("stores")
    assert "two plugins offer the store kind 'clash': hostile-clash-a 1.2 and hostile-clash-b 3.4" in str(caught.value)
    assert "BCORE_DISABLE_PLUGINS=" in str(caught.value)
    assert {"beats"} == set(registry.of("sources"))


def test_a_clash_is_the_same_whichever_was_installed_first(load: Load) -> None:
    with pytest.raises(ConflictError) as one:
        load("clash_a", "clash_b").of("stores")
    with pytest.raises(ConflictError) as other:
        load("clash_b", "clash_a").of("stores")
    assert str(one.value) == str(other.value)


@pytest.mark.parametrize("out", ["clash_a", "clash_b"])
def test_leaving_one_out_ends_the_clash(load: Load, out: str) -> None:
    registry = load("clash_a", "clash_b", environ={"BCORE_DISABLE_PLUGINS": out})
    assert {"memory", "clash"} == set(registry.of("stores"))
    assert "disabled" == plugin(registry, out).state


def test_two_views_of_one_name_are_an_error(load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (HOSTILE / "clash_view" / "hostile_clash_view.py").read_text()
    install(tmp_path, "other-4.5", "other = hostile_other_view", hostile_other_view=text)
    monkeypatch.syspath_prepend(tmp_path)
    registry = load("clash_view", environ={"BCORE_PLUGINS": "clash_view,other"})
    with pytest.raises(ConflictError, match=r"the view 'ohlcv': hostile-clash-view 1.0 and other 4\.5"):
        registry.of("derivations")


def test_of_two_plugins_with_one_name_the_second_is_left_out_and_the_first_stays(load: Load) -> None:
    registry = load("clash_name", "good")
    states = {each.distribution: each.state for each in registry.plugins if each.name == "good"}
    assert {"hostile-clash-name": "ok", "hostile-good": "failed"} == states
    assert ["the name 'good' is taken by hostile-clash-name 1.0"] == registry.failures()[0].problems
    assert {} == registry.of("sources")
    assert {"memory"} == set(registry.of("stores"))


def test_a_plugin_called_core_does_not_push_out_the_core(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "imp-1.0", "core = hostile_imp", hostile_imp="")
    monkeypatch.syspath_prepend(tmp_path)
    registry = load(environ={"BCORE_PLUGINS": "core"})
    assert {"memory"} == set(registry.of("stores"))
    assert ["imp"] == [each.distribution for each in registry.failures()]


def test_one_module_under_two_entry_points_counts_once(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "twin-1.0", "one = hostile_twin\ntwo = hostile_twin", hostile_twin="")
    monkeypatch.syspath_prepend(tmp_path)
    registry = load(environ={"BCORE_PLUGINS": "one,two"})
    assert ("ok", "failed") == (plugin(registry, "one").state, plugin(registry, "two").state)


def test_a_distribution_without_metadata_stops_nobody(load: Load) -> None:
    registry = load("no_metadata", "good")
    check_good(registry)
    assert "nameless" in registry.of("commands")


def test_a_site_that_stands_on_the_path_twice_counts_once(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(HOSTILE / "good") + "/.")
    check_good(load("good"))


def test_plugins_can_be_left_out_by_environment_and_by_configuration(load: Load) -> None:
    assert "disabled" == plugin(load("good", disabled=("good",)), "good").state
    assert "disabled" == plugin(load("good", environ={"BCORE_PLUGINS": "other"}), "good").state
    registry = load("import_error", environ={"BCORE_DISABLE_PLUGINS": "import_error"})
    assert "disabled" == plugin(registry, "import_error").state
    assert {"memory"} == set(load("good", environ={"BCORE_PLUGINS": "other"}).of("stores"))


def test_a_plugin_that_is_left_out_is_not_imported(load: Load) -> None:
    load("slow_import", environ={"BCORE_DISABLE_PLUGINS": "slow_import"})
    assert "hostile_slow_import" not in sys.modules


def test_a_slow_import_shows_in_its_load_time(load: Load) -> None:
    assert plugin(load("slow_import"), "slow_import").load_seconds >= 0.3


def test_an_observer_that_raises_is_logged_and_the_others_still_told(
    load: Load, caplog: pytest.LogCaptureFixture
) -> None:
    registry = load("raising_observer", "good")
    registry.notify(SourceStopped("ticks"))
    assert SourceStopped("ticks") == importlib.import_module("hostile_good").SEEN[-1]
    assert "the observer of plugin raising_observer failed" in caplog.text


def test_an_unknown_kind_quotes_the_plugin_that_would_not_load(load: Load) -> None:
    with pytest.raises(ConfigError) as caught:
        check({"stores": {"main": {"kind": "influx"}}}, load("import_error"))
    assert "plugin import_error (hostile-import-error 1.0) was left out: it cannot be imported" in str(caught.value)


def test_an_unknown_group_of_offers_is_a_mistake_of_the_caller(registry: Registry) -> None:
    with pytest.raises(AttributeError):
        registry.of("gadgets")


def test_the_order_of_what_is_offered_is_stable(registry: Registry) -> None:
    assert ["memory", "shelf"] == list(registry.of("stores"))


def test_an_offer_is_asked_for_once(registry_of: Callable[..., Registry]) -> None:
    from types import ModuleType

    from bcore.hookspecs import hookimpl

    asked: list[int] = []
    module: Any = ModuleType("counting")

    def bcore_stores() -> list[Any]:
        asked.append(1)
        return []

    module.bcore_stores = hookimpl(bcore_stores)
    registry = registry_of(module)
    registry.of("stores")
    registry.of("stores")
    assert [1] == asked
