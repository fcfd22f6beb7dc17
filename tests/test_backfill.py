from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from bc_history import (
    A_DAY,
    MONDAY,
    HistoryPlugin,
    HistorySource,
    Vault,
    World,
    batch,
    day,
    deals,
    everything,
    series,
    unreachable,
)
from bcore import builtin
from bcore.backfill import Fetching, claim, finished, portions, seams
from bcore.backoff import Backoff
from bcore.cli import main
from bcore.cli.options import Options
from bcore.clock import SystemClock
from bcore.collect import Job
from bcore.errors import RefusedError, SeriesBusyError, Stopped
from bcore.events import Event
from bcore.instants import DAY, HOUR
from bcore.ledger import noted
from bcore.persistence import Persistence
from bcore.protocols import Store
from bcore.query import Query
from bcore.records import Finding, Origin
from bcore.registry import Registry
from bcore.spans import Spans
from bcore.verify import audit_of

HERE = Path(__file__).parent
END = MONDAY + 3 * DAY
AT_ONCE = Backoff(first=0.0, draw=lambda: 0.0)
Command = Callable[..., Result]


def ignored(event: Event) -> None:
    """Nobody listens."""


def job_of(world: World, store: Store) -> Job:
    clock = SystemClock()
    return Job("deals", HistorySource(("AAA",), world, clock), store, clock=clock)


def fetching_of(job: Job) -> Fetching:
    assert isinstance(job.clock, SystemClock)
    return Fetching(job, ignored, job.clock, Persistence(job.clock, backoff=AT_ONCE))


def summaries(job: Job) -> list[str]:
    return [portion.summary for portion in portions(job, "AAA", MONDAY, END)]


def test_portions_are_fetched_and_know_where_they_came_from() -> None:
    job = job_of(World(files=2), vault := Vault())
    fetching_of(job).run(portions(job, "AAA", MONDAY, END), 2)
    assert "complete" == (audit := audit_of(vault, series())).state
    assert (300, {"bulk": 200, "rest": 100}) == (audit.rows, audit.by_kind)


def test_a_file_whose_rows_are_all_stored_is_not_planned_again() -> None:
    job = job_of(World(files=2), vault := Vault())
    vault.append(batch(day(0), origin=Origin("bulk", "AAA-day0", "ab" * 32, A_DAY)))
    vault.append(batch(list(day(1))[:99], origin=Origin("bulk", "AAA-day1", "ab" * 32, A_DAY)))
    assert ["AAA-day0"] == [origin.name for origin in finished(vault, series())]
    assert ["AAA-day1", "AAA-day2 by id"] == summaries(job)


def test_what_is_asked_for_by_id_leaves_out_what_is_held() -> None:
    job = job_of(World(files=0), vault := Vault())
    vault.append(batch([*day(0), *list(day(1))[:60]]))
    assert [40, 100] == [portion.rows for portion in portions(job, "AAA", MONDAY, END)]


def test_a_portion_that_fails_is_tried_again_and_nothing_is_stored_twice() -> None:
    world = World()
    world.faults = {"AAA-day0": [unreachable()], "AAA-day1 after 25": [unreachable(), unreachable()]}
    fetching, told = fetching_of(job := job_of(world, vault := Vault())), list[str]()
    fetching.on_retry = lambda portion, error, seconds: told.append(portion.summary)
    fetching.run(portions(job, "AAA", MONDAY, END), 1)
    assert ["AAA-day0", "AAA-day1", "AAA-day1"] == told
    assert ([], 300, 300) == (fetching.failures, fetching.rows, vault.stats(series()).rows)
    assert 3 == world.asked.count("AAA-day1")


def test_getting_further_counts_as_no_failure_in_a_row() -> None:
    world = World(files=1)
    world.faults = {f"AAA-day0 after {begin}": [unreachable()] * 2 for begin in (0, 25, 50)}
    fetching = fetching_of(job := job_of(world, Vault()))
    fetching.run(portions(job, "AAA", MONDAY, MONDAY + DAY), 1)
    assert [] == fetching.failures


@pytest.mark.parametrize(("error", "asked"), [(unreachable(), 5), (RefusedError("no such file"), 1)])
def test_a_portion_that_fails_for_good_does_not_stop_the_others(error: Exception, asked: int) -> None:
    world = World(faults={"AAA-day1": [error] * 9})
    fetching = fetching_of(job := job_of(world, vault := Vault()))
    fetching.run(portions(job, "AAA", MONDAY, END), 2)
    ((portion, raised),) = fetching.failures
    assert ("AAA-day1", error, asked) == (portion.summary, raised, world.asked.count("AAA-day1"))
    assert ((1000, 1099), (1200, 1299)) == vault.spans(series()).runs


def test_no_more_portions_are_in_flight_than_there_are_jobs() -> None:
    world, flying, most = World(), set[str](), [0]
    fetching = fetching_of(job := job_of(world, Vault()))

    def began(portion: Any, rows: int) -> None:
        flying.add(portion.summary)
        most[0] = max(most[0], len(flying))

    fetching.on_rows, fetching.on_done = began, lambda portion: flying.discard(portion.summary)
    fetching.run([*portions(job, "AAA", MONDAY, END)] * 4, 2)
    assert 1 <= most[0] <= 2


def test_stopping_keeps_what_came_and_the_next_run_completes_it() -> None:
    world = World()
    fetching = fetching_of(job := job_of(world, vault := Vault()))
    fetching.on_rows = lambda portion, rows: fetching.clock.stopping.set()
    with pytest.raises(Stopped):
        fetching.run(portions(job, "AAA", MONDAY, END), 2)
    assert 0 < vault.stats(series()).rows < 300
    again = fetching_of(job := job_of(world, vault))
    again.run(portions(job, "AAA", MONDAY, END), 2)
    assert "complete" == audit_of(vault, series()).state


def test_a_series_that_is_being_written_is_said_before_anything_is_fetched() -> None:
    job = job_of(World(), Vault(busy=True))
    with pytest.raises(SeriesBusyError, match="deals/AAA is being written by another process: stop that collector"):
        claim(job, "AAA", ignored)


def test_claiming_stores_nothing() -> None:
    claim(job_of(World(), vault := Vault()), "AAA", ignored)
    assert [] == vault.series()


def test_seams_lie_between_rows_of_the_range_and_are_known_by_id() -> None:
    vault = Vault()
    vault.append(batch([*range(1000, 1010), *range(1020, 1090), *range(1110, 1120), *range(1250, 1260)]))
    vault.append(noted([Finding(1010, 1012, "unfillable", "gone")], series(), MONDAY))
    assert ((1013, 1019), (1090, 1109), (1120, 1249)) == seams(vault, series(), MONDAY, None).runs
    assert ((1090, 1109),) == seams(vault, series(), MONDAY + HOUR, MONDAY + 2 * DAY).runs
    assert () == seams(vault, series(), MONDAY + DAY, MONDAY + 2 * DAY).runs


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def bcore(
    world: World, tmp_path: Path, registry_of: Callable[..., Registry], monkeypatch: pytest.MonkeyPatch
) -> Command:
    """Runs `bcore ...` on the vault at "data"."""
    registry = registry_of(builtin, HistoryPlugin(world))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Registry, "load", lambda *args, **more: registry)
    return lambda *args: CliRunner().invoke(main, list(args), obj=Options())


def test_the_command_brings_everything_and_proves_it(bcore: Command, world: World) -> None:
    result = bcore("backfill", "AAA", "BBB", "--from", "2024-01-01", "--to", "2024-01-04")
    assert 0 == result.exit_code, result.output
    assert [
        "deals/AAA: proven complete: ids 1000..1299, 300 rows, 900 part ids tile, 0 gaps",
        "deals/BBB: proven complete: ids 1000..1299, 300 rows, 900 part ids tile, 0 gaps",
    ] == [line for line in result.stdout.splitlines() if not line.startswith(" ")]
    assert "deals: back-filling: 6/6 portions, 600 rows" in result.stderr


def test_it_joins_what_it_brings_to_what_was_held_by_id(bcore: Command, world: World) -> None:
    world.vault("data").append(batch(list(day(2))[50:]))
    result = bcore("backfill", "AAA", "--from", "2024-01-01", "--to", "2024-01-03")
    assert 0 == result.exit_code  # the hole after the range was not asked for
    assert ((1000, 1199), (1250, 1299)) == world.vault("data").spans(series()).runs
    result = bcore("backfill", "AAA", "--from", "2024-01-01", "--to", "2024-01-04T00:00:00")
    assert ((1000, 1299),) == world.vault("data").spans(series()).runs


def test_an_open_end_joins_the_newest_rows(bcore: Command, world: World) -> None:
    world.nobody = Spans(((1190, 1209),))
    bcore("backfill", "AAA", "--from", "2024-01-01", "--to", "2024-01-04")
    world.nobody = Spans()
    assert ((1000, 1189), (1210, 1299)) == world.vault("data").spans(series()).runs
    world.asked.clear()
    assert 0 == bcore("backfill", "AAA", "--from", "2024-01-01").exit_code
    assert ((1000, 1299),) == world.vault("data").spans(series()).runs


def test_a_portion_that_fails_is_named_and_the_next_run_goes_on(bcore: Command, world: World) -> None:
    world.faults["AAA-day1"] = [RefusedError("wrong checksum: 12 is not 34")]
    result = bcore("backfill", "AAA", "--from", "2024-01-01", "--to", "2024-01-04")
    assert 1 == result.exit_code
    assert "AAA: AAA-day1: wrong checksum: 12 is not 34" in result.stderr
    assert "run it again to go on" in result.stderr
    assert "open gap 1100..1199" in result.stdout
    world.asked.clear()
    assert 0 == bcore("backfill", "AAA", "--from", "2024-01-01", "--to", "2024-01-04").exit_code
    assert "AAA-day0" not in world.asked


def test_a_symbol_that_cannot_be_planned_does_not_stop_the_others(bcore: Command, world: World) -> None:
    world.faults["plan BBB"] = [RefusedError("toy: unknown symbol BBB")]
    result = bcore("backfill", "AAA", "BBB", "--from", "2024-01-01", "--to", "2024-01-04")
    assert 1 == result.exit_code
    assert "BBB: what there is could not be found out: toy: unknown symbol BBB" in result.stderr
    assert "deals/AAA: proven complete" in result.stdout


def test_a_collector_in_the_way_is_said_before_anything_is_fetched(bcore: Command, world: World) -> None:
    world.vault("data").busy = True
    result = bcore("backfill", "AAA", "--from", "2024-01-01")
    assert (1, []) == (result.exit_code, world.asked)
    assert "deals/AAA is being written by another process: stop that collector, run this" in result.stderr


@pytest.mark.parametrize("words", [("plan", "AAA"), ("backfill", "AAA", "--dry-run")])
def test_a_plan_says_what_would_be_fetched_and_fetches_nothing(
    bcore: Command, world: World, words: tuple[str, ...]
) -> None:
    world.files = 2
    result = bcore(*words, "--from", "2024-01-01", "--to", "2024-01-04")
    assert 0 == result.exit_code, result.output
    assert [
        ["symbol", "portion", "bytes", "~rows", "weight"],
        ["AAA", "AAA-day0", "3,000", "100", "-"],
        ["AAA", "AAA-day1", "3,000", "100", "-"],
        ["AAA", "AAA-day2 by id", "-", "100", "4"],
        ["total", "3 portions", "6,000", "300", "4"],
    ] == [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in result.stdout.splitlines()[:-1]]
    assert "the requests take about 2 s at the exchange's budget" == result.stdout.splitlines()[-1]
    assert (["plan AAA"], []) == (world.asked, world.vault("data").series())


def test_a_plan_for_programs_is_one_object(bcore: Command, world: World) -> None:
    told = json.loads(bcore("plan", "AAA", "--from", "2024-01-02", "--to", "2024-01-03", "--format", "json").stdout)
    row = {"dataset": "deals", "symbol": "AAA", "portion": "AAA-day1", "bytes": 3000, "rows": 100, "weight": 0}
    assert {"portions": [row], "minutes": 0.0} == told


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("AAA",), "Missing option '--from'"),
        (("AAA", "--from", "soon"), "'soon' is not an instant"),
        (("AAA", "--from", "2024-01-02", "--to", "2024-01-01"), "--from must lie before --to"),
        (("AAA", "--from", "2024-01-02", "--dataset", "quotes"), "no source that is configured or installed writes"),
        (("AAA", "--from", "2024-01-02", "--jobs", "0"), "0 is not in the range"),
    ],
)
def test_a_misuse_is_said(bcore: Command, words: tuple[str, ...], says: str) -> None:
    result = bcore("backfill", *words)
    assert (2, True) == (result.exit_code, says in result.stderr), result.stderr


SCRIPT = """
import sys
import bc_history, bc_parquet.plugin
from bcore import builtin
from bcore.cli import main
from bcore.registry import Registry
from conftest import registry_of
world = bc_history.World(pace=float(sys.argv.pop(1)))
registry = registry_of(builtin, bc_parquet.plugin, bc_history.HistoryPlugin(world, stores=False))
Registry.load = lambda *args, **more: registry
main(prog_name="bcore")
"""


@contextmanager
def process(tmp_path: Path, pace: float) -> Iterator[subprocess.Popen[str]]:
    words = ["backfill", "AAA", "--from", "2024-01-01", "--to", "2024-01-04", "--data", str(tmp_path / "data")]
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(pace), *words],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), str(HERE / "toys")])},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        try:
            yield running
        finally:
            running.kill()


def stored(tmp_path: Path) -> list[int]:
    from bc_parquet.store import ParquetStore

    store = ParquetStore(tmp_path / "data")
    try:
        ids: list[int] = store.read(Query(deals(), "AAA", columns=("id",)))["id"].to_pylist()
    finally:
        store.close()
    return ids


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_back_fill_that_is_ended_at_any_instant_is_completed_by_the_next(
    tmp_path: Path, wait_for: Callable[..., None], number: signal.Signals
) -> None:
    pytest.importorskip("bc_parquet", reason="ends a process that writes a real archive")
    with process(tmp_path, pace=0.2) as first:
        wait_for(lambda: 25 <= len(stored(tmp_path)) or first.poll() is not None, 30)
        first.send_signal(number)
        _, said = first.communicate(timeout=30)
    held = stored(tmp_path)
    assert 25 <= len(held) == len(set(held)) < 300, said
    if number != signal.SIGKILL:
        assert (1, True) == (first.returncode, "stopped; run it again to go on" in said)
    with process(tmp_path, pace=0.0) as again:
        out, said = again.communicate(timeout=60)
    assert (0, list(everything())) == (again.returncode, stored(tmp_path)), said
    assert "deals/AAA: proven complete: ids 1000..1299, 300 rows" in out
