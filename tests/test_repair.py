from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from attrs import evolve
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

import bc_toy
from bc_history import (
    MONDAY,
    HistoryPlugin,
    HistorySource,
    Vault,
    World,
    batch,
    day,
    deal,
    deals,
    everything,
    rows_batch,
    series,
    unreachable,
)
from bcore import builtin, elsewhere
from bcore.backoff import Backoff
from bcore.cli import main
from bcore.cli.options import Options
from bcore.clock import SystemClock
from bcore.collect import Job
from bcore.elsewhere import Elsewhere
from bcore.errors import NotFoundError, RefusedError, RequestError, Stopped, UnreachableError
from bcore.events import Event
from bcore.ledger import Ledger, noted
from bcore.local import StoreReader
from bcore.memory import MemoryStore
from bcore.persistence import Persistence
from bcore.protocols import Fills, Source
from bcore.query import Query
from bcore.records import Batch, Finding, Origin, Series
from bcore.registry import Registry
from bcore.repair import Failure, Repair, set_aside, to_fill
from bcore.spans import Spans
from bcore.verify import audit_of

AT_ONCE = Backoff(first=0.0, draw=lambda: 0.0)
Command = Callable[..., Result]


def vault_of(numbers: Iterable[int]) -> Vault:
    vault = Vault()
    vault.append(batch(numbers))
    return vault


def repair_of(
    world: World, vault: MemoryStore, *, clock: SystemClock | None = None, source: Source | None = None
) -> Repair:
    events: list[Event] = []
    clock = clock or SystemClock()
    job = Job("deals", source or HistorySource(("AAA",), world, clock), vault, clock=clock)
    return Repair(job, series(), events.append, Persistence(clock, backoff=AT_ONCE))


def states(vault: MemoryStore) -> list[tuple[str, int, int]]:
    entries = Ledger.read(vault, series()).entries
    return [(entry.finding.state, entry.finding.first, entry.finding.last) for entry in entries]


def test_gaps_are_asked_for_oldest_first_and_noted_as_filled() -> None:
    world, vault = World(), vault_of([*range(1000, 1010), *range(1020, 1030), *range(1050, 1060)])
    assert [] == list(repair_of(world, vault).fill(to_fill(vault, series())))
    assert ["AAA 1010..1019", "AAA 1030..1049"] == world.asked
    assert ((1000, 1059),) == vault.spans(series()).runs
    assert [("filled", 1010, 1019), ("filled", 1030, 1049)] == states(vault)


def test_what_nobody_has_is_noted_with_the_evidence_and_not_asked_for_again() -> None:
    world, vault = World(nobody=Spans(((1012, 1013),))), vault_of([*range(1000, 1010), *range(1020, 1030)])
    list(repair_of(world, vault).fill(to_fill(vault, series())))
    assert {("unfillable", 1012, 1013), ("filled", 1010, 1011), ("filled", 1014, 1019)} == set(states(vault))
    assert not to_fill(vault, series())
    assert ((1012, 1013),) == to_fill(vault, series(), unfillable=True).runs


def test_a_failure_is_tried_again_for_what_is_still_missing() -> None:
    world, vault = World(), vault_of([*range(1000, 1010), *range(1020, 1030)])
    world.faults["AAA 1010..1019"] = [unreachable(), unreachable()]
    assert [] == list(repair_of(world, vault).fill(to_fill(vault, series())))
    assert 3 == len(world.asked)
    assert ((1000, 1029),) == vault.spans(series()).runs


def test_one_gap_that_fails_for_good_does_not_keep_the_next_from_being_filled() -> None:
    world, vault = World(), vault_of([1000, 1002, 1004])
    world.faults["AAA 1001..1001"] = [unreachable() for _ in range(9)]
    (failure,) = repair_of(world, vault).fill(to_fill(vault, series()))
    assert ((1001, 1001), UnreachableError) == (failure.ids, type(failure.error))
    assert "ids 1001..1001: toy: no connection" == str(failure)
    assert 1003 in vault.spans(series())


def test_a_refusal_is_not_asked_for_again() -> None:
    world, vault = World(), vault_of([1000, 1002])
    world.faults["AAA 1001..1001"] = [RefusedError("unknown symbol") for _ in range(9)]
    assert 1 == len(list(repair_of(world, vault).fill(to_fill(vault, series()))))
    assert 1 == len(world.asked)


def test_stopping_keeps_what_came_and_the_next_repair_asks_only_for_the_rest() -> None:
    world, vault, clock = World(), vault_of([1000, 1002, 1004]), SystemClock()
    repair = repair_of(world, vault, clock=clock)
    repair.on_rows = lambda rows: clock.stopping.set()
    with pytest.raises(Stopped):
        list(repair.fill(to_fill(vault, series())))
    assert 1001 in vault.spans(series())
    list(repair_of(world, vault).fill(to_fill(vault, series())))
    assert ["AAA 1001..1001", "AAA 1003..1003"] == world.asked


def test_damaged_files_are_set_aside_and_their_ids_are_known_to_be_open() -> None:
    vault = vault_of(everything())
    vault.spoiled[series()] = {MONDAY, MONDAY + 2 * 86_400_000_000}
    assert 2 == len(set_aside(vault, series(), MONDAY))
    assert [("open", 1000, 1099), ("open", 1200, 1299)] == states(vault)
    assert ((1000, 1099), (1200, 1299)) == to_fill(vault, series()).runs


def test_a_store_that_cannot_mend_sets_nothing_aside() -> None:
    store = MemoryStore()
    store.append(batch(everything()))
    assert () == set_aside(store, series(), MONDAY)
    assert [] == states(store)


def other(vault: MemoryStore, of: Series | None = None) -> Elsewhere:
    return Elsewhere("other", StoreReader((vault,), (deals(),)), of or series())


IDS = st.sets(st.integers(1000, 1060))


@given(IDS, IDS.filter(bool))
def test_two_halves_become_their_union_row_by_row(ours: set[int], theirs: set[int]) -> None:
    mine, yours = vault_of(ours), vault_of(theirs)
    source = other(yours)
    assert isinstance(source, Fills)
    reach = source.reach()
    wanted = Spans(() if reach is None else (reach,)).subtract(mine.spans(series()))
    assert [] == list(repair_of(World(), mine, source=source).fill(wanted))
    assert sorted(ours | theirs) == mine.read(Query(deals(), "AAA")).column("id").to_pylist()
    given = {origin.kind: rows for origin, rows in mine.origins(series())}
    assert len(theirs - ours) == given.get("archive", 0)
    assert Origin("archive", name="other") in dict(mine.origins(series())) or theirs <= ours


def test_another_archive_is_read_some_rows_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elsewhere, "ROWS", 7)
    tables = list(other(vault_of([*range(1000, 1020), *range(1030, 1050)])).tables(0, 1044))
    assert [*range(1000, 1020), *range(1030, 1045)] == [each for table in tables for each in table["id"].to_pylist()]
    assert 7 == max(table.num_rows for table in tables)


def test_an_archive_without_the_series_is_refused() -> None:
    with pytest.raises(NotFoundError, match="other holds nothing of deals/AAA"):
        other(MemoryStore()).check()


def test_rows_of_another_shape_are_refused_and_the_difference_named() -> None:
    store = MemoryStore()
    store.append(evolve(bc_toy.tick_batch([1]), dataset=evolve(bc_toy.ticks(), name="deals")))
    with pytest.raises(RequestError, match=r"another shape: .*first_part_id: int64.*lot: double"):
        Elsewhere("other", StoreReader((store,)), series()).check()


def test_rows_without_ids_of_their_own_cannot_be_asked_for() -> None:
    with pytest.raises(RequestError, match="quotes/AAA: its rows have no ids of their own"):
        other(MemoryStore(), Series(bc_toy.quotes(), "AAA")).check()


def test_rows_that_differ_are_found_by_their_ids() -> None:
    ours = vault_of(range(1000, 1030))
    theirs = Vault()
    changed: dict[int, dict[str, Any]] = {1005: {"price": 0.5}, 1020: {"first_part_id": -1}, 1029: {"symbol": "AAA"}}
    theirs.append(rows_batch([deal(number, **changed.get(number, {})) for number in range(1003, 1040)]))
    assert [1005, 1020] == list(other(theirs).conflicts(ours, ours.spans(series())))


def test_days_that_are_proven_alike_need_no_comparison() -> None:
    ours, theirs = vault_of([*day(0), *day(1)]), vault_of([*day(0), *list(day(1))[:50]])
    assert ((1000, 1099),) == other(theirs).known_equal(ours).runs


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def repair(
    world: World, tmp_path: Path, registry_of: Callable[..., Registry], monkeypatch: pytest.MonkeyPatch
) -> Command:
    """Runs `bcore repair ...` on the vault at "data"."""
    registry = registry_of(builtin, HistoryPlugin(world))
    (tmp_path / "other").mkdir()  # vaults need no folder, but an archive that is named must be there
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Registry, "load", lambda *args, **more: registry)
    return lambda *args: CliRunner().invoke(main, ["repair", *args], obj=Options())


def test_another_archive_that_is_not_there_is_no_empty_one(repair: Command, world: World) -> None:
    world.vault("data").append(batch([*day(0), *day(2)]))
    result = repair("--from", "othr")
    assert (2, True) == (result.exit_code, "'othr' is no folder (did you mean other?)" in result.stderr)


def test_the_command_tells_before_and_after(repair: Command, world: World) -> None:
    world.vault("data").append(batch([*day(0), *day(2)]))
    result = repair("deals/AAA")
    assert 0 == result.exit_code, result.output
    before, after, *_ = result.stdout.splitlines()
    assert before.startswith("deals/AAA: before: NOT complete: 1 open gap (100 ids)")
    assert "deals/AAA: proven complete: ids 1000..1299, 300 rows, 900 part ids tile, 0 gaps" == after
    assert "deals/AAA: repairing: 1/1 gaps, 100 rows" in result.stderr


def test_a_damaged_file_is_set_aside_and_its_rows_are_fetched_again(repair: Command, world: World) -> None:
    vault = world.vault("data")
    vault.append(batch(everything()))
    vault.spoiled[series()] = {MONDAY}
    result = repair()
    assert (0, True) == (result.exit_code, f"set aside, damaged: {MONDAY}.vault" in result.stdout)
    assert ((1000, 1299),) == vault.spans(series()).runs


def test_a_dry_run_changes_and_asks_nothing(repair: Command, world: World) -> None:
    vault = world.vault("data")
    vault.append(batch([*day(0), *day(2)]))
    vault.spoiled[series()] = {MONDAY}
    result = repair("--dry-run")
    assert 1 == result.exit_code
    assert "would ask the exchange for 100 ids in 1 run: 1100..1199" in result.stdout
    assert ([], {MONDAY}, 200) == (world.asked, vault.spoiled[series()], vault.stats(series()).rows)


def test_what_cannot_be_asked_for_fails_and_says_how_to_go_on(
    repair: Command, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.vault("data").append(batch([*day(0), *day(2)]))
    world.faults["AAA 1100..1199"] = [RefusedError("toy: not served here")]
    result = repair()
    assert 1 == result.exit_code
    assert "ids 1100..1199: toy: not served here; run it again to go on" in result.stderr
    assert 0 == repair().exit_code


def test_what_nobody_has_is_no_failure_and_can_be_asked_for_again(repair: Command, world: World) -> None:
    world.vault("data").append(batch([*day(0), *day(2)]))
    world.nobody = Spans(((1150, 1150),))
    result = repair()
    assert (0, True) == (result.exit_code, "1 unfillable gap (1 id)" in result.stdout)
    assert "asked twice, nobody has them" in result.stdout
    world.nobody = Spans()
    assert "NOT" not in repair().stdout
    assert 1150 not in world.vault("data").spans(series())
    repair("--retry-unfillable")
    assert ((1000, 1299),) == world.vault("data").spans(series()).runs


def test_a_series_that_a_collector_writes_is_left_alone(repair: Command, world: World) -> None:
    world.vault("data").append(batch([*day(0), *day(2)]))
    world.vault("data").busy = True
    result = repair()
    assert (1, True) == (result.exit_code, "another process writes it: stop that collector first" in result.stderr)


def test_two_halves_merge_from_another_folder(repair: Command, world: World) -> None:
    world.vault("data").append(batch([*range(1050, 1120), *range(1150, 1200)]))
    world.vault("other").append(batch([*range(1000, 1060), *range(1110, 1300)]))
    result = repair("--from", "other")
    assert 0 == result.exit_code, result.output
    assert ((1000, 1299),) == world.vault("data").spans(series()).runs
    assert [] == world.asked


def test_a_conflict_is_reported_and_ours_is_kept(repair: Command, world: World) -> None:
    world.vault("data").append(batch(everything()))
    changes: dict[int, dict[str, Any]] = {1007: {"price": 0.5}}
    rows = [deal(number, **changes.get(number, {})) for number in everything()]
    world.vault("other").append(rows_batch(rows))
    result = repair("--from", "other")
    assert (1, True) == (result.exit_code, "other has other rows for 1 id, ours are kept: 1007" in result.stderr)
    kept = world.vault("data").read(Query(deals(), "AAA", first=1007, last=1007))
    assert [1007.0] == kept["price"].to_pylist()
    assert 0 == repair("--from", "other", "--no-compare").exit_code


def test_nothing_stored_is_nothing_to_repair(repair: Command) -> None:
    assert "nothing to repair" in repair().stdout


def test_failures_read_well() -> None:
    assert "ids 1..2: gone" == str(Failure((1, 2), ValueError("gone")))


def test_an_archive_that_lacks_the_series_leaves_it_as_it_is(repair: Command, world: World) -> None:
    world.vault("data").append(batch(day(0)))
    world.vault("other").append(batch(day(0), symbol="BBB"))
    result = repair("--from", "other")
    assert (0, "deals/AAA: other holds nothing of deals/AAA\n") == (result.exit_code, result.stderr)


def test_what_has_no_ids_is_left_alone_by_a_merge(repair: Command, world: World) -> None:
    table = pa.table({"timestamp": [MONDAY], "level": [1], "symbol": ["AAA"]}).cast(bc_toy.quotes().schema)
    for path in ("data", "other"):
        world.vault(path).append(Batch(bc_toy.quotes(), "AAA", table))
    assert 0 == repair("--from", "other").exit_code


def test_a_damaged_ledger_is_set_aside_too(repair: Command, world: World) -> None:
    vault = world.vault("data")
    vault.append(batch(everything()))
    ledger = noted([Finding(1, 2, "filled", "r")], series(), MONDAY)
    vault.append(ledger)
    vault.spoiled[ledger.series] = {MONDAY}
    assert "damaged" == audit_of(vault, series(), deep=True).state
    assert (0, True) == ((result := repair()).exit_code, f"set aside, damaged: {MONDAY}.vault" in result.stdout)
    assert "complete" == audit_of(vault, series(), deep=True).state
