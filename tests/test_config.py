from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from bc_toy import ExchangeConfig, ShelfConfig, SourceConfig
from bcore.app import App, completed
from bcore.catalogue import NoParams
from bcore.config import Settings, Wiring, check, find_file, read_tree
from bcore.errors import ConfigError
from bcore.fields import FieldsError
from bcore.records import Factory
from bcore.registry import Plugin, Registry
from bcore.secrets import Secret

WHOLE = """
symbols = ["AAA", "BBB"]

[exchanges.toyex]
url = "toy://here"

[stores.main]
kind = "shelf"
path = "archive"

[sources.ticks]
interval = 1
weights = { AAA = [10, 50] }
key = { env = "TOY_KEY" }

[sources.us]
kind = "ticks"
symbols = ["CCC"]
dataset = "us_ticks"
store = "main"
exchange = "toyex"
"""
AS_YAML = """
symbols: [AAA, BBB]
exchanges:
  toyex: {url: "toy://here"}
stores:
  main: {kind: shelf, path: archive}
sources:
  ticks:
    interval: 1
    weights: {AAA: [10, 50]}
    key: {env: TOY_KEY}
  us: {kind: ticks, symbols: [CCC], dataset: us_ticks, store: main, exchange: toyex}
"""


@pytest.fixture(autouse=True)
def toy_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOY_KEY", "hush")


def written(folder: Path, text: str, name: str = "bcore.toml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def problems_of(tree: dict[str, Any], registry: Registry) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        check(tree, registry)
    return caught.value.problems


def check_whole(settings: Settings) -> None:
    assert ("AAA", "BBB") == settings.symbols
    assert ExchangeConfig("toy://here") == settings.exchanges["toyex"].config
    assert ("shelf", ShelfConfig("archive")) == (settings.stores["main"].kind, settings.stores["main"].config)
    ticks, us = settings.sources["ticks"], settings.sources["us"]
    assert SourceConfig(1.0, weights={"AAA": (10.0, 50.0)}, key=Secret("hush", "env TOY_KEY")) == ticks.config
    assert Wiring() == ticks.wiring
    assert Wiring("toyex", ("CCC",), "us_ticks", "main") == us.wiring


def test_toml_becomes_checked_sections(tmp_path: Path, registry: Registry) -> None:
    check_whole(check(read_tree(written(tmp_path, WHOLE), {}), registry))


def test_yaml_says_the_same(tmp_path: Path, registry: Registry) -> None:
    check_whole(check(read_tree(written(tmp_path, AS_YAML, "bcore.yaml"), {}), registry))


def test_without_pyyaml_the_message_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(ConfigError, match=r"pip install 'bcore\[yaml\]', or write TOML"):
        read_tree(written(tmp_path, AS_YAML, "bcore.yml"), {})


def test_the_file_that_stands_in_the_folder_is_found(tmp_path: Path) -> None:
    assert find_file(tmp_path) is None
    written(tmp_path, "", "bcore.yml")
    assert tmp_path / "bcore.yml" == find_file(tmp_path)
    written(tmp_path, "", "bcore.toml")
    assert tmp_path / "bcore.toml" == find_file(tmp_path)


def test_no_file_is_an_empty_tree() -> None:
    assert {} == read_tree(None, {"HOME": "/"})


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("bcore.toml", b"symbols = [", "bcore.toml: not TOML"),
        ("bcore.yaml", b"symbols: [", "bcore.yaml: not YAML"),
        ("bcore.yaml", b"- a\n- b\n", "bcore.yaml: must be a table of sections"),
        ("bcore.toml", b"\xff\xfe", "bcore.toml: cannot be read"),
    ],
)
def test_a_file_that_is_no_configuration_is_named(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigError, match=says):
        read_tree(tmp_path / name, {})


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nope\.toml: cannot be read: No such file"):
        read_tree(tmp_path / "nope.toml", {})


def test_an_empty_yaml_file_is_an_empty_tree(tmp_path: Path) -> None:
    assert {} == read_tree(written(tmp_path, "", "bcore.yaml"), {})


def test_yaml_keys_that_are_no_text_are_problems_and_not_crashes(tmp_path: Path, registry: Registry) -> None:
    tree = read_tree(written(tmp_path, "on: 1\nsources: {ticks: {5: 1}}\n", "bcore.yaml"), {})
    problems = problems_of(tree, registry)
    assert any(problem.startswith("True: is not known") for problem in problems)
    assert any(problem.startswith("sources.ticks.5: is not known") for problem in problems)


def test_the_environment_overrides_the_file(tmp_path: Path, registry: Registry) -> None:
    environ = {
        "BCORE_SOURCES__TICKS__INTERVAL": "2.5",
        "BCORE_SOURCES__TICKS__WEIGHTS": "{ BBB = [1] }",
        "BCORE_STORES__MAIN__PATH": "elsewhere",
        "BCORE_SYMBOLS": "CCC, DDD",
        "BCORE_EXCHANGES__OTHER__KIND": "toyex",
        "BCORE_PLUGINS": "toy",
        "OTHER": "x",
    }
    settings = check(read_tree(written(tmp_path, WHOLE), environ), registry)
    config = settings.sources["ticks"].config
    assert (2.5, {"BBB": (1.0,)}) == (config.interval, config.weights)
    assert "elsewhere" == settings.stores["main"].config.path
    assert ("CCC", "DDD") == settings.symbols
    assert {"toyex", "other"} == set(settings.exchanges)


@pytest.mark.parametrize("text", ["2024", "2020-11-01T09:00:00", "true", "a = b", "1\n2", ""])
def test_text_in_the_environment_stays_text_where_text_is_wanted(text: str, registry: Registry) -> None:
    settings = check(read_tree(None, {"BCORE_STORES__SHELF__PATH": text}), registry)
    assert text == settings.stores["shelf"].config.path


def test_a_secret_of_digits_may_come_from_the_environment(registry: Registry) -> None:
    environ = {"BCORE_SOURCES__TICKS__KEY": "123456", "BCORE_SYMBOLS": '["AAA"]'}
    settings = check(read_tree(None, environ), registry)
    assert (("AAA",), "123456") == (settings.symbols, settings.sources["ticks"].config.key.value)


def test_an_override_below_something_that_is_no_section_is_named() -> None:
    with pytest.raises(ConfigError, match="BCORE_STORES__MAIN__PATH__X: path is not a section"):
        read_tree(None, {"BCORE_STORES__MAIN__PATH": "a", "BCORE_STORES__MAIN__PATH__X": "b"})


def test_every_problem_is_named_at_once_with_its_path(registry: Registry) -> None:
    tree: dict[str, Any] = {
        "symbol": ["AAA"],
        "symbols": 5.5,
        "exchanges": {"toyex": {"url": 5}},
        "stores": {"main": {"kind": "shelff"}, "two": 5},
        "sources": {"ticks": {"interval": -1, "newest": "many", "intervall": 1, "store": 5, "symbols": [1]}},
        "servers": [],
    }
    heads = [problem.split(": ", 1)[0] for problem in problems_of(tree, registry)]
    assert sorted(heads) == sorted(
        ["symbol", "symbols", "exchanges.toyex.url", "stores.main", "stores.two", "servers"]
        + [f"sources.ticks.{name}" for name in ("interval", "newest", "intervall", "store", "symbols")]
    )


def test_an_unknown_key_names_the_nearest_and_all(registry: Registry) -> None:
    (problem,) = problems_of({"sources": {"ticks": {"intervall": 1}}}, registry)
    assert problem.startswith("sources.ticks.intervall: is not known (did you mean interval?); known: broken, interval")


def test_a_wrong_type_says_what_is_allowed(registry: Registry) -> None:
    assert ("sources.ticks.newest: must be a whole number, not 'x'",) == problems_of(
        {"sources": {"ticks": {"newest": "x"}}}, registry
    )


def test_a_wrong_value_inside_a_table_has_its_whole_path(registry: Registry) -> None:
    problems = problems_of({"sources": {"ticks": {"weights": {"AAA": ["x"]}}}}, registry)
    assert ("sources.ticks.weights['AAA']: must be a number, not 'x'",) == problems


def test_an_unknown_kind_names_known_ones_and_what_failed_to_load(registry: Registry) -> None:
    broken = Plugin("influx", "bc-influx", "2.0", "bc_influx")
    broken.fail("it cannot be imported: ImportError: no influx")
    registry.plugins.append(broken)
    (problem,) = problems_of({"stores": {"main": {"kind": "inflx"}}}, registry)
    assert "stores.main: no installed plugin offers the store kind 'inflx'; known: memory, shelf" in problem
    assert "plugin influx (bc-influx 2.0) was left out: it cannot be imported: ImportError: no influx" in problem


@pytest.mark.parametrize("kind", [5, ["shelf"], {"a": 1}, True])
def test_a_kind_that_is_no_text_is_a_problem_and_not_a_crash(kind: object, registry: Registry) -> None:
    (problem,) = problems_of({"stores": {"main": {"kind": kind}}}, registry)
    assert problem.startswith("stores.main")


def test_a_kind_is_offered_for_its_own_group_only(registry: Registry) -> None:
    (problem,) = problems_of({"servers": {"toy": {}}}, registry)
    assert "no installed plugin offers the server kind 'toy'; known: none" in problem
    assert "toy://" == check({"remotes": {"toy": {"url": "toy://"}}}, registry).remotes["toy"].config.url


def test_a_secret_that_cannot_be_had_is_a_problem_with_its_path(registry: Registry) -> None:
    (problem,) = problems_of({"sources": {"ticks": {"key": {"env": "NOT_SET"}}}}, registry)
    assert "sources.ticks.key: the environment variable NOT_SET is not set" == problem


def test_two_sources_that_write_one_series_are_refused(registry: Registry) -> None:
    tree = {"symbols": ["AAA"], "exchanges": {"toyex": {}}, "stores": {"memory": {}}}
    with pytest.raises(ConfigError) as caught:
        App.of({**tree, "sources": {"ticks": {}, "more": {"kind": "ticks"}}}, registry).jobs()
    assert ("sources.more: sources.ticks writes ticks/AAA too: rename one's dataset",) == caught.value.problems


def test_a_renamed_dataset_lets_both_live(registry: Registry) -> None:
    sources = {"ticks": {}, "us": {"kind": "ticks", "dataset": "us_ticks"}}
    tree = {"symbols": ["AAA"], "exchanges": {"toyex": {}}, "stores": {"memory": {}}, "sources": sources}
    jobs = App.of(tree, registry).jobs()
    assert [["ticks"], ["us_ticks"]] == [[dataset.name for dataset in job.datasets()] for job in jobs]


def test_the_same_symbol_twice_is_collected_once(registry: Registry) -> None:
    tree: dict[str, Any] = {"exchanges": {"toyex": {}}, "stores": {"memory": {}}, "sources": {"ticks": {}}}
    (job,) = App.of({**tree, "symbols": ["AAA", "AAA"]}, registry).jobs()
    assert ("AAA",) == job.source.symbols


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"symbols": []}, "sources.ticks: no symbols: set symbols ="),
        ({"stores": {}}, "sources.ticks.store: there is no store None; stores: none is configured"),
        ({"exchanges": {}}, "sources.ticks.exchange: name one of them; exchanges: none"),
        ({"exchanges": {"toyex": {}, "b": {"kind": "toyex"}}}, "sources.ticks.exchange: name one of them; exchanges:"),
        ({"sources": {"ticks": {"exchange": "toyx"}}}, r"there is no exchange 'toyx' \(did you mean toyex\?\)"),
        ({"sources": {"ticks": {"store": "other"}}}, "there is no store 'other'; stores: memory"),
        ({"sources": {}}, "sources: none is configured"),
        ({"sources": {"ticks": {"dataset": "US Ticks"}}}, r"sources\.ticks\.dataset: .*must be lower-case letters"),
    ],
)
def test_wiring_that_leads_nowhere_is_named(registry: Registry, change: dict[str, Any], says: str) -> None:
    tree = {"symbols": ["AAA"], "exchanges": {"toyex": {}}, "stores": {"memory": {}}, "sources": {"ticks": {}}}
    with pytest.raises(ConfigError, match=says):
        App.of({**tree, **change}, registry).jobs()


def test_what_is_left_open_is_completed_with_what_is_installed(registry: Registry) -> None:
    tree = completed({}, registry, symbols=["AAA"], data="there")
    assert ["AAA"] == tree["symbols"]
    assert {"main": {"kind": "shelf", "path": "there"}} == tree["stores"]
    assert ({"toyex": {}}, {"ticks": {}}) == (tree["exchanges"], tree["sources"])


def test_kinds_that_want_to_be_asked_for_are_not_what_is_meant_by_none() -> None:
    kinds = {name: Factory(name, NoParams, lambda config, context: None, on_request=name != "b") for name in ("a", "b")}
    offered = {"exchanges": kinds, "sources": {"a": kinds["a"]}, "stores": {}}

    class Offering:
        def of(self, group: str) -> dict[str, Factory[Any]]:
            return offered[group]

    tree = completed({"stores": {"memory": {}}}, Offering())  # type: ignore[arg-type]
    assert ({"b": {}}, {"a": {}}) == (tree["exchanges"], tree["sources"])


def test_what_the_tree_speaks_of_is_left_as_it_is(registry: Registry) -> None:
    stores = {"main": {"kind": "shelf", "path": "here"}, "copy": {"kind": "memory"}}
    tree: dict[str, Any] = {"symbols": ["BBB"], "stores": stores, "sources": {"us": {"kind": "ticks"}}}
    whole = completed(tree, registry, data="there")
    assert {**stores, "main": {"kind": "shelf", "path": "there"}} == whole["stores"]
    assert (["BBB"], tree["sources"]) == (whole["symbols"], whole["sources"])
    assert "here" == stores["main"]["path"]


@pytest.mark.parametrize("stores", [5, [1], {"main": 5}])
def test_stores_that_are_no_sections_are_problems_even_with_a_data_option(registry: Registry, stores: object) -> None:
    with pytest.raises(ConfigError, match="stores"):
        check(completed({"stores": stores}, registry, data="there"), registry)


def test_fields_error_reads_as_a_sentence() -> None:
    assert "a: is wrong; b: is too" == str(FieldsError([("a", "is wrong"), ("b", "is too")]))


def test_keys_below_a_section_s_keys_keep_their_case_in_the_environment() -> None:
    tree = read_tree(None, {"BCORE_SOURCES__TICKS__WEIGHTS__AAA": "[10, 50]"})
    assert {"sources": {"ticks": {"weights": {"AAA": [10, 50]}}}} == tree


def test_a_mistyped_group_in_the_environment_is_named() -> None:
    with pytest.raises(ConfigError, match=r"BCORE_SOURCE__TICKS__INTERVAL: .*did you mean sources"):
        read_tree(None, {"BCORE_SOURCE__TICKS__INTERVAL": "5"})


def test_symbols_given_on_the_command_line_are_those_of_every_source(registry: Registry) -> None:
    tree = {"symbols": ["AAA"], "sources": {"us": {"kind": "ticks", "symbols": ["CCC"]}}}
    settings = check(completed(tree, registry, symbols=["BBB"]), registry)
    assert (("BBB",), ()) == (settings.symbols, settings.sources["us"].wiring.symbols)
    assert ["CCC"] == tree["sources"]["us"]["symbols"], "what was read is left as it was"


def test_what_a_section_names_is_checked_together_with_its_values(registry: Registry) -> None:
    tree = {
        "symbols": ["AAA"],
        "exchanges": {"toyex": {}},
        "stores": {"main": {"kind": "shelf"}},
        "sources": {"ticks": {"exchange": "toyx", "store": "mian", "interval": "fast"}},
    }
    with pytest.raises(ConfigError) as caught:
        check(tree, registry)
    paths = [problem.partition(":")[0] for problem in caught.value.problems]
    assert ["sources.ticks.exchange", "sources.ticks.store", "sources.ticks.interval"] == paths
