from __future__ import annotations

import io
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from bc_toy import ShelfStore, tick_batch
from bcore.cli import BROUGHT, main
from bcore.cli.options import Options
from bcore.cli.viewhelp import columns
from bcore.protocols import ViewInfo
from bcore.registry import Registry

HERE = Path(__file__).parent
HOSTILE = HERE / "hostile"
TOY_SITES = (HERE / "toysite", HERE / "toys")
HEAVY = {"pyarrow", "pandas", "numpy", "falcon", "requests", "cattrs"}
Invoke = Callable[..., Result]
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, whose `data` holds ids 0..19 of AAA."""
    monkeypatch.chdir(tmp_path)
    ShelfStore(folder=tmp_path / "data").append(tick_batch(list(range(20))))
    return tmp_path


@pytest.fixture
def cli(folder: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Invokes the command line in this process with the toy plugin as the only one."""
    monkeypatch.setattr(Registry, "load", lambda *args, **more: registry)
    return lambda *args: CliRunner().invoke(main, [str(arg) for arg in args], obj=Options())


def rows(result: Result) -> list[dict[str, Any]]:
    assert 0 == result.exit_code, result.output
    found: list[dict[str, Any]] = json.loads(result.stdout)
    return found


@pytest.mark.parametrize("form", ["table", "json"])
@pytest.mark.parametrize("options", [("--start", "2030-01-01"), ("--end", "2001-01-01"), ("--after-id", 500)])
def test_where_no_rows_are_it_is_said_what_there_is(cli: Invoke, form: str, options: tuple[Any, ...]) -> None:
    done = cli("read", "ticks", "AAA", *options, "--format", form)
    span = "from 2020-09-13T12:26:40.000000Z to 2020-09-13T12:26:59.000000Z"
    assert (0, f"(no rows: ticks/AAA holds 20, {span})") == (done.exit_code, done.stderr.strip())


def test_a_ledger_that_was_never_written_is_empty_and_no_mistake(cli: Invoke, folder: Path) -> None:
    done = cli("read", "ticks_gaps", "AAA", "--format", "json")
    told = "(no rows: ticks/AAA: no gap was ever found)\n"
    assert (0, "[]\n", told) == (done.exit_code, done.stdout, done.stderr)
    ShelfStore(folder=folder / "data").append(tick_batch([*range(20), 30]))
    assert "of 1 gap nothing is noted: bcore verify tells" in cli("read", "ticks_gaps", "AAA").stderr
    assert 2 == cli("read", "ticks_gaps", "BBB").exit_code


def test_of_a_computed_view_it_is_said_what_it_is_made_of(cli: Invoke) -> None:
    assert "(no rows: ticks/AAA holds 20, from" in cli("read", "bars", "AAA", "--start", "2030-01-01").stderr


def test_read_prints_the_ten_newest_rows_in_columns(cli: Invoke) -> None:
    head, *lines = cli("read", "ticks", "AAA").stdout.splitlines()
    assert ["id", "timestamp", "symbol", "price", "lot"] == head.split()
    assert [str(number) for number in range(10, 20)] == [line.split()[0] for line in lines]
    assert "19  2020-09-13 12:26:59.000000  AAA     119    1" == lines[-1]


def test_read_as_json_is_an_array_of_rows(cli: Invoke) -> None:
    expected = {"id": 19, "timestamp": "2020-09-13T12:26:59.000000Z", "symbol": "AAA", "price": 119.0, "lot": 1.0}
    assert [expected] == rows(cli("read", "ticks", "AAA", "--limit", 1, "--format", "json"))


def test_no_rows_are_said_for_eyes_and_empty_for_programs(cli: Invoke) -> None:
    assert "(no rows)" in cli("read", "ticks", "AAA", "--limit", 0).stdout
    assert [] == rows(cli("read", "ticks", "AAA", "--limit", 0, "--format", "json"))


def read_back(form: str, content: bytes) -> pa.Table:
    source = io.BytesIO(content)
    if form == "arrow":
        return pa.ipc.open_stream(source).read_all()
    return pq.read_table(source) if form == "parquet" else csv.read_csv(source)


@pytest.mark.parametrize("form", ["csv", "arrow", "parquet"])
def test_a_format_for_programs_reads_back_the_same(cli: Invoke, form: str) -> None:
    result = cli("read", "ticks", "AAA", "--limit", 3, "--format", form)
    table = read_back(form, result.stdout_bytes)
    assert ([17, 18, 19], [117.0, 118.0, 119.0]) == (table["id"].to_pylist(), table["price"].to_pylist())
    assert "2020-09-13 12:26:59+00:00" == str(table["timestamp"].cast(pa.timestamp("us", "UTC"))[-1].as_py())


@pytest.mark.parametrize("form", ["table", "json", "csv", "arrow", "parquet"])
def test_output_goes_to_a_file(cli: Invoke, folder: Path, form: str) -> None:
    result = cli("read", "ticks", "AAA", "--limit", 3, "--format", form, "-o", "out")
    assert (0, "") == (result.exit_code, result.stdout)
    content = (folder / "out").read_bytes()
    if form in ("table", "json"):
        assert content.strip().endswith(b"1" if form == "table" else b"]")
    else:
        assert [17, 18, 19] == read_back(form, content)["id"].to_pylist()


def test_a_folder_that_is_not_there_is_named(cli: Invoke) -> None:
    result = cli("read", "ticks", "AAA", "-o", "no/such/out.csv")
    assert (1, "bcore: no/such/out.csv: No such file or directory\n") == (result.exit_code, result.stderr)


@pytest.mark.parametrize("words", [("--seconds", "10"), ("--seconds=10",)])
def test_a_views_parameters_are_options(cli: Invoke, words: tuple[str, ...]) -> None:
    found = rows(cli("read", "bars", "AAA", *words, "--format", "json"))
    assert [10, 10] == [row["count"] for row in found]


def test_a_facet_is_an_option(cli: Invoke) -> None:
    found = rows(cli("read", "ticks", "AAA", "--lot", "0,1", "--after-id", 15, "--format", "json"))
    assert [16, 18, 19] == [row["id"] for row in found]


@pytest.mark.parametrize(
    ("words", "ids"),
    [
        (("--all",), list(range(20))),
        (("--tail", 2, "--offset", 1), [17, 18]),
        (("--limit", 2, "--offset", 1), [17, 18]),
        (("--start", "2020-09-13T12:26:45", "--limit", 2), [5, 6]),
        (("--start-time", "2020-09-13T12:26:45", "--end-time", "2020-09-13T12:26:47"), [5, 6]),
        (("--start", "1600000005", "--end", "1600000006"), [5]),
        (("--start", "15m ago"), []),
        (("--after-id", 17), [18, 19]),
        (("--hot", "--limit", 1), [19]),
    ],
)
def test_options_of_read_choose_rows(cli: Invoke, words: tuple[Any, ...], ids: list[int]) -> None:
    found = rows(cli("read", "ticks", "AAA", *words, "--columns", "id", "--format", "json"))
    assert [{"id": number} for number in ids] == found


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("read", "tick", "AAA"), "bcore: there is no view 'tick' (did you mean ticks?)"),
        (("read", "ticks", "AAB"), "bcore: nothing is stored of ticks for the symbol 'AAB' (did you mean AAA?)"),
        (("read", "ticks", "AAA", "--limt", "5"), "bcore: limt is not known; known: none"),
        (("read", "bars", "AAA", "--seconds", "x"), "bcore: seconds must be a whole number, not 'x'"),
        (("read", "ticks", "AAA", "--columns", "id,pric"), "bcore: ticks has no column 'pric'"),
        (("read", "ticks", "AAA", "--limit", "-1"), "bcore: limit must be 0 or more"),
        (("read", "ticks", "AAA", "--limit", str(10**20)), "bcore: limit must be below 2**62"),
        (("read", "ticks", "AAA", "--limit", "1", "--tail", "1"), "bcore: limit and tail cannot be combined"),
        (("read", "ticks", "AAA", "--start", "soon"), "bcore: 'soon' is not an instant"),
        (("read", "ticks", "AAA", "--start", "9" * 30), "is not an instant"),
        (("read", "ticks", "AAA", "--limit", "many"), "'many' is not a valid integer"),
        (("read", "ticks", "AAA", "--start_time", "1"), "--start_time cannot be given here"),
        (("read", "ticks", "AAA", "--self", "1"), "--self cannot be given here"),
        (("read", "bars", "AAA", "--seconds", "1", "--seconds", "2"), "or not twice"),
        (("read", "ticks", "AAA", "--lot"), "--lot needs a value"),
        (("read", "ticks", "AAA", "more"), "unexpected argument 'more'"),
        (("read", "ticks", "AAA", "--format", "xml"), "'xml' is not one of"),
        (("read", "ticks"), "Missing argument 'SYMBOL'"),
        (("raed",), "there is no command 'raed' (did you mean read?)"),
        (("--config", "nope.toml", "read", "ticks", "AAA"), "bcore: nope.toml: cannot be read: No such file"),
        (("run", "--config", "nope.toml"), "bcore: nope.toml: cannot be read: No such file"),
    ],
)
def test_misuse_is_exit_code_2_with_what_is_wrong(cli: Invoke, args: tuple[str, ...], says: str) -> None:
    result = cli(*args)
    assert 2 == result.exit_code, result.output
    assert says in result.stderr
    assert "Traceback" not in result.output


def test_every_mistake_in_a_configuration_is_a_line(cli: Invoke, folder: Path) -> None:
    (folder / "bcore.toml").write_text(
        "symbols = 5.5\n[stores.main]\nkind = 'shelff'\n[sources.ticks]\nintervall = 1\n"
    )
    result = cli("config", "check")
    assert 2 == result.exit_code
    lines = result.stderr.splitlines()
    assert ["symbols", "stores.main", "sources.ticks.intervall"] == [line.split(": ")[1] for line in lines]


def test_a_mistake_about_sources_does_not_keep_an_archive_shut(cli: Invoke, folder: Path) -> None:
    (folder / "bcore.toml").write_text("[sources.ticks]\nintervall = 1\n")
    assert 1 == len(rows(cli("read", "ticks", "AAA", "--limit", 1, "--format", "json")))


def test_data_is_another_archive(cli: Invoke, folder: Path) -> None:
    ShelfStore(folder=folder / "other").append(tick_batch([7]))
    for args in (("--data", "other", "read", "ticks", "AAA"), ("read", "ticks", "AAA", "--data", "other")):
        assert [7] == [row["id"] for row in rows(cli(*args, "--format", "json"))]


def test_stats_say_what_is_stored(cli: Invoke) -> None:
    (row,) = rows(cli("stats", "--format", "json"))
    assert ("ticks", "AAA", 20, 0) == (row["dataset"], row["symbol"], row["rows"], row["gaps"])
    assert "2020-09-13T12:26:59.000000Z" == row["last_time"]


def test_stats_of_nothing_say_what_to_do(cli: Invoke) -> None:
    assert "nothing is stored yet; `bcore run` collects" in cli("stats", "--data", "empty").stdout
    assert [] == rows(cli("stats", "--data", "empty", "--format", "json"))


def test_views_are_listed_with_their_parameters(cli: Invoke) -> None:
    found = {row["view"]: row for row in rows(cli("views", "--format", "json"))}
    assert {"ticks", "bars"} == set(found)
    assert (["--lot"], ["--lot", "--seconds=60"]) == (found["ticks"]["parameters"], found["bars"]["parameters"])
    lines = cli("views").stdout.splitlines()
    assert ["bars", "--lot", "--seconds=60", "Toy", "bars"] == lines[1].split()


def test_numbered_columns_of_a_view_are_one_line() -> None:
    schema = pa.schema([("at", pa.int64())] + [(f"{side}_{n}", pa.float64()) for n in (1, 2, 3) for side in ("a", "b")])
    told = columns(cast(ViewInfo, SimpleNamespace(schema=schema.append(pa.field("c_7", pa.string())))))
    assert [["at", "int64"], ["a_1 .. a_3", "double"], ["b_1 .. b_3", "double"], ["c_7", "string"]] == told


def test_the_help_of_read_says_what_the_view_takes_that_is_named(cli: Invoke, folder: Path) -> None:
    told = cli("read", "bars", "AAA", "--help").stdout
    assert "Parameters of bars:" in told
    assert {"--lot", "--seconds=60"} <= set(told.partition("Parameters of bars:")[2].split())
    for words in (["read", "--help"], ["read", "barz", "--help"]):
        assert "Parameters of" not in cli(*words).stdout
    (folder / "bcore.toml").write_text("nonsense = [")
    assert (0, True) == ((broken := cli("read", "bars", "--help")).exit_code, "Options:" in broken.stdout)


def test_plugins_are_listed_with_what_they_offer(cli: Invoke) -> None:
    found = {row["name"]: row for row in rows(cli("plugins", "--format", "json"))}
    assert "ok" == found["bc_toy"]["state"]
    offers = ["exchange toyex", "source ticks", "store shelf", "transport toy", "derivation bars", "command hello"]
    assert offers == found["bc_toy"]["offers"]
    assert 0 == cli("plugins").exit_code


def test_a_plugins_command_is_a_command(cli: Invoke) -> None:
    assert "hello from toy\n" == cli("hello").stdout
    assert "hello" in cli("--help").stdout


def test_config_init_writes_a_file_that_check_accepts_and_never_over_one(cli: Invoke, folder: Path) -> None:
    made = cli("config", "init")
    assert (0, "wrote bcore.toml; next: bcore config check, then bcore run\n") == (made.exit_code, made.stdout)
    text = (folder / "bcore.toml").read_text()
    assert "# interval = 5.0    # pause between passes, seconds" in text
    assert 0 == cli("config", "check").exit_code
    result = cli("config", "init")
    assert 1 == result.exit_code
    assert "bcore.toml exists already; nothing was written" in result.stderr
    assert text == (folder / "bcore.toml").read_text()


def test_every_line_that_config_init_comments_out_is_right(cli: Invoke, folder: Path) -> None:
    cli("config", "init")
    lines = (folder / "bcore.toml").read_text().splitlines()
    lines = [line.removeprefix("# ") if " = " in line or line.startswith("# [") else line for line in lines]
    assert "[remotes.toy]" in lines
    assert 'url = "..."    # must be given' in lines
    tomllib.loads("\n".join(lines))
    lines = [f"# {line}" if "    # not set" in line else line for line in lines]
    (folder / "bcore.toml").write_text("\n".join(lines).replace('url = "..."', 'url = "toy://there"'))
    result = cli("config", "check")
    assert (0, "ok: 1 sources, 1 stores\n") == (result.exit_code, result.stdout), result.stderr


def test_config_check_takes_a_file_that_only_says_where_archives_are(cli: Invoke, folder: Path) -> None:
    (folder / "bcore.toml").write_text('[remotes.far]\nkind = "toy"\nurl = "toy://there"\n')
    assert "ok: 0 sources, 1 stores\n" == cli("config", "check").stdout
    (folder / "bcore.toml").write_text('[remotes.far]\nkind = "tory"\n')
    assert 2 == cli("config", "check").exit_code
    (folder / "bcore.toml").write_text('[remotes.far]\nkind = "toy"\n')
    assert "remotes.far.url" in cli("config", "check").stderr
    (folder / "bcore.toml").write_text("symbols = []\n[sources.ticks]\n")
    assert "no symbols" in cli("config", "check").stderr


def test_config_show_is_itself_a_configuration(cli: Invoke, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "bcore.toml").write_text('symbols = ["AAA"]\n[sources.ticks]\ninterval = 2\nweights = { AAA = [1] }\n')
    shown = cli("config", "show").stdout
    (folder / "bcore.toml").write_text(shown)
    assert shown == cli("config", "show").stdout
    assert "interval = 2.0" in shown
    assert 0 == cli("config", "check").exit_code


def test_config_show_tells_no_secret(cli: Invoke, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOY_KEY", "hush-hush")
    (folder / "bcore.toml").write_text('symbols = ["AAA"]\n[sources.ticks]\nkey = { env = "TOY_KEY" }\n')
    shown = cli("config", "show").stdout
    assert "hush-hush" not in shown
    assert "<secret from env TOY_KEY>" in shown


def test_run_once_collects_and_goes_on_from_there(cli: Invoke) -> None:
    result = cli("run", "--once", "--symbol", "AAA", "--data", "data")
    assert 0 == result.exit_code, result.output
    assert "ticks/AAA: 6 rows" in result.stderr
    assert 26 == len(rows(cli("read", "ticks", "AAA", "--all", "--format", "json")))


def test_run_once_fails_with_the_reason_and_the_hint(cli: Invoke, folder: Path) -> None:
    (folder / "bcore.toml").write_text('symbols = ["AAA"]\n[sources.ticks]\nbroken = true\n')
    result = cli("run", "--once")
    assert 1 == result.exit_code
    assert "bcore: ticks: toy: no connection\n" in result.stderr
    assert "bcore demo" not in result.output  # which is not here; tests/e2e/test_run.py has it


def test_what_is_not_installed_is_not_recommended_and_it_is_said_who_brings_it(cli: Invoke, folder: Path) -> None:
    assert "demo" not in cli("--help").output
    shutil.rmtree(folder / "data")
    begin = cli("stats")
    assert (0, True) == (begin.exit_code, begin.output.endswith("nothing is stored yet; `bcore run` collects\n"))
    for name, plugin in BROUGHT.items():
        missing = cli(name)
        assert (2, True) == (missing.exit_code, f"no command {name!r}: it comes with {plugin}, " in missing.stderr)


def test_it_is_known_of_every_command_of_our_plugins_who_brings_it() -> None:
    registry, plugins = Registry.load(), Path(__file__).parents[1] / "plugins"
    owners = {name: registry.owner("commands", name).distribution for name in registry.of("commands")}
    here = {name: owner.replace("-", "_") for name, owner in owners.items()}
    ours = {name: owner for name, owner in here.items() if (plugins / owner).is_dir()}
    assert ours == {name: BROUGHT.get(name) for name in ours}
    if "demo" in ours:
        assert "Try: bcore demo" in CliRunner().invoke(main, ["--help"], obj=Options()).output


def test_run_without_a_symbol_says_what_to_set(cli: Invoke) -> None:
    result = cli("run", "--once")
    assert 2 == result.exit_code
    assert 'sources.ticks: no symbols: set symbols = ["BTCUSDT"]' in result.stderr


# Real processes, with plugins found by entry points.


def test_help_is_quick_and_imports_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom bcore.cli import main\n"
        "try: main(['--help'], prog_name='bcore')\n"
        f"finally: print(sorted({HEAVY!r} & set(sys.modules)), file=sys.stderr)"
    )
    ours, least = [], []
    for _ in range(3):  # the best of three, against what no such program can do without: machines differ
        cost, done = _processor_time(code, tmp_path)
        assert "[]" == done.stderr.strip().splitlines()[-1]
        ours.append(cost)
        least.append(_processor_time(BARE, tmp_path)[0])
    assert min(ours) < 3 * min(least)


BARE = "import attrs, click, pluggy\nfrom importlib.metadata import entry_points\nentry_points()"


def _processor_time(code: str, folder: Path) -> tuple[float, subprocess.CompletedProcess[str]]:
    """Seconds that a process of its own takes to run the code, and what came of it."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=folder)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime), done


def test_an_installed_plugin_works_from_end_to_end(bcore: Run, tmp_path: Path) -> None:
    done = bcore("run", "--once", "--symbol", "AAA", "--data", "archive")
    assert (0, "") == (done.returncode, done.stdout), done.stderr
    done = bcore("read", "ticks", "AAA", "--data", "archive", "--columns", "id", "--format", "csv", "--all")
    assert ['"id"', *map(str, range(26))] == done.stdout.split()


def test_exit_codes_of_a_real_process(bcore: Run) -> None:
    assert 0 == bcore("--version").returncode
    assert 2 == bcore("read", "ticks").returncode
    assert 2 == bcore("read", "nothing", "AAA").returncode
    assert 1 == bcore("run", "--once", "--symbol", "A", BCORE_SOURCES__TICKS__BROKEN="true").returncode


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_run_cleanly(tmp_path: Path, number: signal.Signals, wait_for: Callable[..., None]) -> None:
    child = subprocess.Popen(
        [sys.executable, "-m", "bcore", "run", "--symbol", "AAA", "--data", "archive"],
        cwd=tmp_path,
        env=toy_environment(BCORE_SOURCES__TICKS__INTERVAL="3600"),
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        file = tmp_path / "archive" / "ticks" / "AAA.arrow"
        wait_for(lambda: file.exists() or child.poll() is not None, 60)
        child.send_signal(number)
        assert 0 == child.wait(10)
    finally:
        child.kill()
        _, said = child.communicate()
    assert "ticks/AAA: " in said
    assert "Traceback" not in said


def test_a_reader_that_had_enough_ends_it_quietly(tmp_path: Path) -> None:
    ShelfStore(folder=tmp_path / "data").append(tick_batch(list(range(20_000))))
    child = subprocess.Popen(
        [sys.executable, "-m", "bcore", "read", "ticks", "AAA", "--all", "--format", "json"],
        cwd=tmp_path,
        env=toy_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert child.stdout is not None
    assert child.stderr is not None
    with child.stdout, child.stderr:
        assert b"[" == child.stdout.read(1)
        child.stdout.close()
        said = child.stderr.read()
    assert (0, b"") == (child.wait(20), said)


def test_broken_plugins_are_named_and_the_others_work(bcore: Run) -> None:
    cases = ("import_error", "typo_hook", "raising_hook", "wrong_signature", "bad_record", "good")
    sites = tuple(HOSTILE / case for case in cases)
    done = bcore("plugins", "--format", "json", sites=sites, plugins=",".join(cases))
    assert 1 == done.returncode
    assert {"core": "ok", "good": "ok"} | dict.fromkeys(cases[:-1], "failed") == states(done, *cases)
    done = bcore("greet", sites=sites, plugins=",".join(cases))
    assert (0, "greetings\n") == (done.returncode, done.stdout)


def test_a_clash_stops_what_needs_it_and_names_both(bcore: Run) -> None:
    sites, plugins = (*TOY_SITES, HOSTILE / "clash_a", HOSTILE / "clash_b"), "toy,clash_a,clash_b"
    for args in (("plugins",), ("run", "--once"), ("read", "ticks", "AAA"), ("config", "check")):
        done = bcore(*args, sites=sites, plugins=plugins)
        assert 1 == done.returncode, args
        assert "hostile-clash-a 1.2 and hostile-clash-b 3.4; uninstall one, or leave one out" in done.stderr
    left = bcore("read", "ticks", "AAA", sites=sites, plugins=plugins, BCORE_DISABLE_PLUGINS="clash_a")
    assert 2 == left.returncode
    assert "nothing is stored of ticks" in left.stderr


def test_the_cores_own_command_stays_and_the_clash_is_named(bcore: Run) -> None:
    sites = (*TOY_SITES, HOSTILE / "clash_command")
    done = bcore("run", "--once", "--symbol", "AAA", sites=sites, plugins="toy,clash_command")
    assert 0 == done.returncode
    assert "not bcore's run" not in done.stdout
    assert "walking\n" == bcore("walk", sites=sites, plugins="toy,clash_command").stdout
    done = bcore("plugins", sites=sites, plugins="toy,clash_command")
    assert 1 == done.returncode
    assert 1 == done.stderr.count("clash_command: it offers the command 'run', which is one of bcore's own")


def test_a_plugin_can_be_disabled_in_the_configuration(bcore: Run, tmp_path: Path) -> None:
    (tmp_path / "bcore.toml").write_text('[plugins]\ndisable = ["good"]\n')
    done = bcore("plugins", "--format", "json", sites=(HOSTILE / "good",), plugins="good")
    assert {"core": "ok", "good": "disabled"} == states(done, "good")
    (tmp_path / "bcore.toml").write_text('[plugins]\ndisabled = ["good"]\n')
    done = bcore("plugins")
    assert (2, True) == (done.returncode, "plugins: the only key is disable" in done.stderr)


def test_help_comes_up_beside_a_broken_configuration(bcore: Run, tmp_path: Path) -> None:
    (tmp_path / "bcore.toml").write_text("symbols = [\n")
    done = bcore("--help")
    assert 0 == done.returncode
    assert "read" in done.stdout


def states(done: subprocess.CompletedProcess[str], *names: str) -> dict[str, str]:
    """The state of the core and of these plugins, whatever else is installed here."""
    return {row["name"]: row["state"] for row in json.loads(done.stdout) if row["name"] in ("core", *names)}


def toy_environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BCORE_")}
    return {**kept, "PYTHONPATH": os.pathsep.join(map(str, TOY_SITES)), "BCORE_PLUGINS": "toy", **more}


def test_the_ending_of_the_output_file_tells_the_format_and_nothing_is_left_out(cli: Invoke, folder: Path) -> None:
    assert 0 == cli("read", "ticks", "AAA", "-o", "rows.parquet").exit_code
    assert 20 == pq.read_table(folder / "rows.parquet").num_rows


def test_a_table_for_eyes_shows_the_ten_newest(cli: Invoke) -> None:
    result = cli("read", "ticks", "AAA")
    assert 11 == len(result.stdout.splitlines())
    assert "(10 rows are shown; --limit N or --all shows more)\n" == result.stderr


def test_what_was_counted_is_not_called_shortened(cli: Invoke) -> None:
    assert "" == cli("read", "ticks", "AAA", "--limit", 10).stderr


def test_an_ending_that_tells_no_format_is_refused(cli: Invoke, folder: Path) -> None:
    result = cli("read", "ticks", "AAA", "-o", "rows.xlsx")
    assert (2, False) == (result.exit_code, (folder / "rows.xlsx").exists())
    assert "name it with --format" in result.stderr


def test_a_table_in_a_file_leaves_nothing_out(cli: Invoke, folder: Path) -> None:
    assert 0 == cli("read", "ticks", "AAA", "-o", "rows.txt").exit_code
    assert 21 == len((folder / "rows.txt").read_text().splitlines())


def test_a_column_named_twice_is_shown_once(cli: Invoke) -> None:
    result = cli("read", "ticks", "AAA", "--columns", "id,id", "--limit", "1", "--format", "json")
    assert [{"id": 19}] == json.loads(result.output)


def test_an_empty_path_names_no_folder(cli: Invoke) -> None:
    assert 2 == cli("stats", "--data", "").exit_code
