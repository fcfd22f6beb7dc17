"""`bcore status` and `bcore run`, each in a process of its own, with the toy plugin."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
Run = Callable[..., "subprocess.CompletedProcess[str]"]
WaitFor = Callable[..., None]
COMMAND = [sys.executable, "-m", "bcore"]


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BCORE_")}
    sites = os.pathsep.join(map(str, (HERE / "toysite", HERE / "toys")))
    return {**kept, "PYTHONPATH": sites, "BCORE_PLUGINS": "toy", "COLUMNS": "160", **more}


class Collecting:
    """A collector of toy ticks that runs beside the test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process: subprocess.Popen[str] | None = None

    def start(self, *args: str, **env: str) -> subprocess.Popen[str]:
        words = [*COMMAND, "run", "--symbol", "AAA", "--data", "data", *args]
        self.process = subprocess.Popen(
            words, cwd=self.folder, env=environment(**env), stderr=subprocess.PIPE, text=True
        )
        return self.process

    def beating(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.process.communicate()[1]
        return any((self.folder / "data" / ".status").glob("*.json"))

    def end(self, number: int = signal.SIGTERM) -> str:
        """Sends the signal and returns what was said on standard error."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.communicate(timeout=30)[1]


@pytest.fixture
def collecting(tmp_path: Path) -> Iterator[Collecting]:
    made = Collecting(tmp_path)
    yield made
    if made.process and made.process.stderr and not made.process.stderr.closed:
        made.process.kill()
        made.process.communicate()


def seen(bcore: Run, **env: str) -> tuple[int, dict[str, Any]]:
    """Exit code and report of one look."""
    done = bcore("status", "--data", "data", "--format", "json", **env)
    assert "" == done.stderr
    return done.returncode, json.loads(done.stdout)


def series_of(report: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [line for each in report["collectors"] for line in each["status"]["series"]]
    return found


def settled(report: dict[str, Any]) -> bool:
    """Whether a pass is over and its rows were seen in the store: heartbeats before that tell half of it."""
    sources = [source["state"] for each in report["collectors"] for source in each["status"]["sources"]]
    return ["ok"] == sources and [25] == [line["last_id"] for line in series_of(report)]


def test_a_running_collector_is_seen_from_another_process(
    collecting: Collecting, bcore: Run, wait_for: WaitFor
) -> None:
    process = collecting.start(BCORE_SOURCES__TICKS__INTERVAL="0.1")
    wait_for(lambda: collecting.beating() and settled(seen(bcore)[1]), 60)
    code, report = seen(bcore)
    (collector,) = report["collectors"]
    assert (0, True, []) == (code, report["healthy"], report["problems"])
    assert ("running", process.pid, "data") == (collector["state"], collector["pid"], collector["folder"])
    (line,) = series_of(report)
    assert ("ticks/AAA", 26, 25, 0) == (line["name"], line["rows"], line["last_id"], line["gaps"])
    assert ["ok"] == [source["state"] for source in collector["status"]["sources"]]


def test_the_table_shows_it_to_people(collecting: Collecting, bcore: Run, wait_for: WaitFor) -> None:
    collecting.start(BCORE_SOURCES__TICKS__INTERVAL="0.1")
    wait_for(lambda: "source ticks: ok for" in bcore("status", "--data", "data").stdout, 60)
    shown = bcore("status", "--data", "data").stdout
    assert shown.startswith("collector ")
    assert "ticks/AAA" in shown
    assert "disk: " in shown


def test_a_stopped_collector_leaves_no_trace_and_the_archive_is_shown(
    collecting: Collecting, bcore: Run, wait_for: WaitFor
) -> None:
    collecting.start()
    wait_for(lambda: collecting.beating() and settled(seen(bcore)[1]), 60)
    collecting.end()
    code, report = seen(bcore)
    assert (1, ["no collector is running on data"]) == (code, report["problems"])
    (held,) = report["archive"]
    assert ("ticks/AAA", 26, 0, "2020-09-13T12:27:05.000000Z") == (
        held["series"],
        held["rows"],
        held["gaps"],
        held["last_time"],
    )
    assert "old" in bcore("status", "--data", "data").stdout


def test_a_killed_collector_is_called_dead_and_the_next_one_clears_it_away(
    collecting: Collecting, bcore: Run, wait_for: WaitFor
) -> None:
    collecting.start()
    wait_for(collecting.beating, 60)
    collecting.end(signal.SIGKILL)
    code, report = seen(bcore)
    assert (1, ["dead"]) == (code, [each["state"] for each in report["collectors"]])
    assert "is dead" in report["problems"][0]
    collecting.start()
    wait_for(lambda: collecting.beating() and seen(bcore)[0] == 0, 60)


def test_a_second_collector_of_the_same_series_ends_at_once(
    collecting: Collecting, bcore: Run, wait_for: WaitFor
) -> None:
    process = collecting.start()
    wait_for(lambda: collecting.beating() and settled(seen(bcore)[1]), 60)
    done = bcore("run", "--symbol", "AAA", "--data", "data")
    said = f"data: process {process.pid} collects ticks/AAA here already; stop it first"
    assert (1, True) == (done.returncode, said in done.stderr), done.stderr
    assert collecting.beating()
    assert 0 == bcore("run", "--once", "--symbol", "BBB", "--data", "data").returncode


def test_a_failing_source_is_named_with_its_reason(collecting: Collecting, bcore: Run, wait_for: WaitFor) -> None:
    collecting.start(BCORE_SOURCES__TICKS__BROKEN="true")
    wait_for(lambda: collecting.beating() and "failing" in str(seen(bcore)[1]["problems"]), 60)
    code, report = seen(bcore)
    assert 1 == code
    assert "toy: no connection" in report["problems"][0]


def test_a_store_without_a_folder_cannot_be_seen(bcore: Run, tmp_path: Path) -> None:
    (tmp_path / "bcore.toml").write_text('symbols = ["AAA"]\n[stores.main]\nkind = "memory"\n')
    done = bcore("status")
    assert 1 == done.returncode
    assert "the store main keeps no folder" in done.stdout


def test_a_store_that_no_source_fills_is_not_missed(bcore: Run, tmp_path: Path) -> None:
    stores = '[stores.main]\nkind = "shelf"\npath = "data"\n[stores.old]\nkind = "shelf"\npath = "old"\n'
    (tmp_path / "bcore.toml").write_text(f'symbols = ["AAA"]\n{stores}')
    (problem,) = json.loads(bcore("status", "--format", "json").stdout)["problems"]
    assert "no collector is running on data: there is no such folder" == problem


def test_a_misspelt_configuration_exits_2(bcore: Run, tmp_path: Path) -> None:
    (tmp_path / "bcore.toml").write_text('[stores.main]\nkind = "shelve"\n')
    done = bcore("status")
    assert 2 == done.returncode
    assert "did you mean shelf?" in done.stderr


def test_watching_goes_on_until_it_is_stopped(tmp_path: Path, wait_for: WaitFor) -> None:
    lines: list[str] = []
    words = [*COMMAND, "status", "--watch", "--format", "json", "--data", "data"]
    with subprocess.Popen(words, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines += [process.stdout.readline() for _ in range(2)]
        process.send_signal(signal.SIGINT)
        assert 1 == process.wait(30)
    assert [False, False] == [json.loads(line)["healthy"] for line in lines]


def test_on_a_terminal_a_look_is_drawn_over_the_one_before(tmp_path: Path) -> None:
    parent, child = pty.openpty()
    words = [*COMMAND, "status", "--watch", "--data", "data"]
    process = subprocess.Popen(words, cwd=tmp_path, env=environment(LINES="24"), stdout=child, stderr=child)
    os.close(child)
    drawn = b""
    while drawn.count(b"\x1b[H") < 2:
        drawn += os.read(parent, 1000)
    process.send_signal(signal.SIGINT)
    assert 1 == process.wait(30)
    os.close(parent)
    assert b"no collector is running on data" in drawn
    assert drawn.startswith(b"\x1b[H")


def test_everything_that_run_says_in_json_is_json(collecting: Collecting, wait_for: WaitFor) -> None:
    collecting.start("--log-format", "json", BCORE_SOURCES__TICKS__BROKEN="true")
    wait_for(collecting.beating, 60)
    records = [json.loads(line) for line in collecting.end().splitlines()]
    assert "collecting ticks of AAA; Ctrl-C stops" == records[0]["message"]
    failed = [record for record in records if record.get("event") == "SourceFailed"]
    assert ("warning", "ticks", "UnreachableError") == tuple(
        failed[0][name] for name in ("level", "source", "error_type")
    )
    assert "SourceStopped" == records[-1]["event"]


def test_the_log_format_may_come_from_the_environment_and_errors_are_records_too(bcore: Run) -> None:
    done = bcore("run", "--once", BCORE_LOG_FORMAT="json")
    (record,) = [json.loads(line) for line in done.stderr.splitlines()]
    assert (2, "error", "ConfigError") == (done.returncode, record["level"], record["error_type"])
    assert "no symbols" in record["message"]


def test_a_failed_pass_exits_1_in_json_too(bcore: Run) -> None:
    done = bcore("run", "--once", "--symbol", "AAA", "--log-format", "json", BCORE_SOURCES__TICKS__BROKEN="true")
    last = json.loads(done.stderr.splitlines()[-1])
    assert (1, "ticks: toy: no connection") == (done.returncode, last["message"])


def test_a_log_format_that_is_none_exits_2(bcore: Run) -> None:
    assert 2 == bcore("run", BCORE_LOG_FORMAT="xml").returncode


@pytest.mark.parametrize("command", ["run", "status"])
def test_help_tells_the_exit_codes(bcore: Run, command: str) -> None:
    told = " ".join(bcore(command, "--help").stdout.split())
    assert "Exit codes: 0" in told
    assert "2 misused" in told


def test_a_collector_that_nobody_stopped_does_not_end_well(bcore: Run, tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(DEFECT)
    done = bcore("run", "--symbol", "AAA", sites=(site, HERE / "toysite", HERE / "toys"))
    assert 1 == done.returncode
    assert "ticks: ended by itself, which is a defect" in done.stderr


DEFECT = """
import bc_toy
bc_toy.ToySource.interval = property(lambda self: 1 / 0, lambda self, value: None)
"""
