from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from attrs import define, evolve, field
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from bc_history import MONDAY, HistoryPlugin, Vault, World, batch, day, deal, deals, everything, rows_batch, series
from bcore import builtin, keyed, sync
from bcore.backoff import Backoff
from bcore.cli import main
from bcore.cli.options import Options
from bcore.client import Client
from bcore.clock import SystemClock
from bcore.collect import Job
from bcore.elsewhere import Elsewhere
from bcore.errors import NotFoundError, RequestError, Stopped, StoreError
from bcore.instants import DAY, SECOND
from bcore.ledger import Ledger, noted
from bcore.local import StoreReader
from bcore.memory import MemoryStore
from bcore.persistence import Persistence
from bcore.proving import gaps_in, gaps_table, proofs_in, proofs_table
from bcore.query import Query, Request
from bcore.records import Batch, Dataset, Finding, Origin, Series
from bcore.registry import Registry
from bcore.sync import Sync, Synced
from bcore.verify import gaps_of

Command = Callable[..., Result]
INSTANT = pa.timestamp("us", tz="UTC")
BOOKS = Dataset(
    "books",
    pa.schema({"timestamp": INSTANT, "symbol": pa.string(), "tick": pa.float64(), "bid": pa.float64()}),
    key=("timestamp", "tick"),
    facets=("tick",),
)
SHELF = Series(BOOKS, "AAA")


def books(seconds: Iterable[int], *, bid: float = 1.0, ticks: tuple[float, ...] = (1.0, 5.0)) -> Batch:
    rows = [
        {"timestamp": MONDAY + each * SECOND, "symbol": "AAA", "tick": tick, "bid": bid + each}
        for each in seconds
        for tick in ticks
    ]
    return Batch(BOOKS, "AAA", pa.Table.from_pylist(rows, schema=BOOKS.schema))


@define
class Counting(StoreReader):
    """Counts the rows that it gives out whole, and breaks off after so many."""

    given: int = 0
    breaks_after: int | None = None

    def scan(self, request: Request) -> pa.RecordBatchReader:
        # What is kept hot is scanned by reading it, and reading is scanning here.
        hot = request.newest_kept
        reader = StoreReader.read(self, request).to_reader() if hot else StoreReader.scan(self, request)
        return pa.RecordBatchReader.from_batches(reader.schema, self._counted(reader, whole=request.columns is None))

    def read(self, request: Request) -> pa.Table:
        return self.scan(request).read_all()

    def _counted(self, reader: pa.RecordBatchReader, *, whole: bool) -> Iterator[pa.RecordBatch]:
        for each in reader:
            for number in range(0, each.num_rows, 5):
                if self.breaks_after is not None and self.given >= self.breaks_after:
                    raise StoreError("the link broke off")
                piece = each.slice(number, 5)
                self.given += piece.num_rows if whole else 0
                yield piece


def reader_of(store: MemoryStore, **more: Any) -> Counting:
    return Counting((store,), (deals(), BOOKS), (), **more)


def sync_of(theirs: Any, ours: MemoryStore, of: Series, tries: int = 1) -> Sync:
    reader = reader_of(theirs) if isinstance(theirs, MemoryStore) else theirs
    other, clock = Elsewhere("other", reader, of), SystemClock()
    patience = Persistence(clock, tries=tries, backoff=Backoff(first=0.0, draw=lambda: 0.0))
    return Sync(other, Job("sync", other, ours, clock=clock), lambda event: None, patience)


def filled(*batches: Batch) -> Vault:
    vault = Vault()
    for each in batches:
        vault.append(each)
    return vault


def rows(store: MemoryStore, of: Series) -> pa.Table:
    return store.read(Query(of.dataset, of.symbol))


IDS = st.sets(st.integers(1000, 1300))
SOME = IDS.filter(bool)
TIMES = st.sets(st.integers(0, 40).map(lambda number: number * 9000))  # of five days


@given(IDS, SOME)
def test_ids_that_lack_come_wherever_they_lie_and_no_others(ours: set[int], theirs: set[int]) -> None:
    mine, yours = filled(batch(sorted(ours))), filled(batch(sorted(theirs)))
    done = sync_of(yours, mine, series()).run()
    assert sorted(ours | theirs) == rows(mine, series())["id"].to_pylist()
    assert (len(theirs - ours), len(theirs), len(ours | theirs), ()) == (
        done.rows,
        done.theirs,
        done.ours,
        done.differing,
    )
    assert not sync_of(yours, mine, series()).missing()


@given(TIMES, TIMES.filter(bool))
def test_rows_without_ids_come_wherever_they_lie(ours: set[int], theirs: set[int]) -> None:
    mine, yours = filled(books(ours)), filled(books(theirs))
    done = sync_of(yours, mine, SHELF).run()
    union = filled(books(ours | theirs))
    assert rows(union, SHELF).equals(rows(mine, SHELF))
    assert (2 * len(theirs - ours), ()) == (done.rows, done.differing)


def test_only_the_newest_rows_move_where_only_they_are_new() -> None:
    reader = reader_of(filled(books(range(300))))
    mine = filled(books(range(290)))
    assert 20 == sync_of(reader, mine, SHELF).run().rows
    assert 22 == reader.given  # those of our newest instant too: it may have gained some


def test_rows_of_one_instant_all_come() -> None:
    theirs, mine = filled(books([1, 2, 3])), filled(books([1, 2]), books([3], ticks=(1.0,)))
    assert 1 == sync_of(theirs, mine, SHELF).run().rows
    assert rows(theirs, SHELF).equals(rows(mine, SHELF))


def test_a_hole_without_ids_is_found_by_keys_and_little_else_moves() -> None:
    reader = reader_of(filled(books(range(300))))
    mine = filled(books([*range(100), *range(103, 300)]))
    assert 6 == sync_of(reader, mine, SHELF).run().rows
    assert reader.given <= 10  # the hole, and the newest instant


def test_many_holes_come_in_one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyed, "RANGES", 2)
    theirs, mine = filled(books(range(20))), filled(books(range(0, 20, 2)))
    assert 20 == sync_of(theirs, mine, SHELF).run().rows


def test_two_archives_that_are_merged_stay_proven_though_each_has_rows_of_its_own() -> None:
    theirs, mine = filled(books(range(0, 100, 2))), filled(books(range(1, 100, 2)))
    assert sync_of(theirs, mine, SHELF).run().rows
    reader = reader_of(theirs)
    again = sync_of(reader, mine, SHELF).run()
    assert (0, 1, ()) == (again.rows, again.proven, again.differing)
    assert 0 == reader.given


def test_rows_of_one_key_that_differ_are_told_and_ours_stay() -> None:
    theirs, mine = filled(books([1, 2, 3])), filled(books([1]), books([2], bid=7.0))
    done = sync_of(theirs, mine, SHELF).run()
    assert (2, (MONDAY,)) == (done.rows, done.differing)
    assert 9.0 in rows(mine, SHELF)["bid"].to_pylist()
    changed = rows_batch([deal(number, price=0.5 if number == 1105 else float(number)) for number in everything()])
    done = sync_of(filled(changed), filled(batch(everything())), series()).run()
    assert ((MONDAY + DAY,), 2) == (done.differing, done.proven)


def test_what_came_before_the_link_broke_is_kept_and_the_next_sync_brings_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sync, "PIECE", 5)
    for of, theirs in ((series(), filled(batch(everything()))), (SHELF, filled(books(range(0, 200_000, 2000))))):
        for after in (0, 5, 45, 120, 199):
            reader, mine = reader_of(theirs, breaks_after=after), Vault()
            with pytest.raises(StoreError, match="broke off"):
                sync_of(reader, mine, of).run()
            reader.breaks_after = None
            assert () == sync_of(reader, mine, of).run().differing
            assert rows(theirs, of).equals(rows(mine, of))


def test_a_link_that_comes_back_is_used_again_by_itself() -> None:
    @define
    class Flaky(Counting):
        broken: list[int] = field(factory=lambda: [1, 1])

        def scan(self, request: Request) -> pa.RecordBatchReader:
            if self.broken and request.view == "books" and request.columns is None:
                self.broken.pop()
                raise StoreError("the link broke off")
            return Counting.scan(self, request)

    mine = Vault()
    reader = Flaky((filled(books(range(5))),), (BOOKS,))
    assert 10 == sync_of(reader, mine, SHELF, tries=5).run().rows


def test_a_filled_gap_is_noted_and_a_ledger_is_a_series_like_any_other() -> None:
    theirs = filled(batch(everything()))
    theirs.append(noted([Finding(1100, 1101, "filled", "there")], series(), MONDAY))
    mine = filled(batch([*day(0), *day(2)]))
    sync_of(theirs, mine, series()).run()
    (entry,) = Ledger.read(mine, series()).entries
    assert ("filled", 1100, 1199) == (entry.finding.state, entry.finding.first, entry.finding.last)
    (ledger,) = (each for each in theirs.series() if each.dataset.name == "deals_gaps")
    sync_of(theirs, mine, ledger).run()
    assert {"there", "by repair, from the archive other"} == {
        each.finding.reason for each in Ledger.read(mine, series()).entries
    }
    assert Origin("archive", name="other") in dict(mine.origins(series()))


def test_a_damaged_file_over_there_is_no_missing_row() -> None:
    class Damaged(Vault):
        def audit(self, of: Series, *, deep: bool = False) -> Any:
            return Vault.audit(self, of, deep=True)

    theirs = Damaged()
    theirs.append(batch(everything()))
    theirs.spoiled[series()] = {MONDAY}
    with pytest.raises(StoreError, match="a byte is not what it was; bcore repair"):
        sync_of(theirs, Vault(), series()).run()


def test_another_shape_is_refused() -> None:
    wider = evolve(BOOKS, schema=BOOKS.schema.append(pa.field("ask", pa.float64())))
    mine = MemoryStore()
    mine.append(Batch(wider, "AAA", books([1]).table.append_column("ask", pa.array([1.0, 1.0]))))
    (found,) = sync.wanted(reader_of(filled(books([1]))), "other")
    with pytest.raises(RequestError, match="another shape: ask: double"):
        sync_of(filled(books([1])), mine, sync.as_kept(found, mine)).run()


def test_what_the_other_archive_lacks_is_named_with_what_it_has() -> None:
    reader = reader_of(filled(books([1])))
    with pytest.raises(NotFoundError, match=r"other holds no dataset 'boks' \(did you mean books\?\); it holds books"):
        list(sync.wanted(reader, "other", ["boks"]))
    with pytest.raises(NotFoundError, match="other holds no symbol 'AAB'"):
        list(sync.wanted(reader, "other", [], ["AAB"]))


def test_a_reader_that_tells_no_proofs_is_read_through() -> None:
    @define
    class Plain:
        inner: StoreReader

        def __getattr__(self, name: str) -> Any:
            if name in ("proofs", "gaps", "follow"):
                raise AttributeError(name)
            return getattr(self.inner, name)

    mine = filled(batch(day(1)))
    done = sync_of(Plain(StoreReader((filled(batch(everything())),), (deals(),))), mine, series()).run()
    assert (200, 3) == (done.rows, done.proven)


def test_stopping_ends_between_two_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sync, "PIECE", 10)
    mine = Vault()
    work = sync_of(filled(books(range(50))), mine, SHELF)
    clock = work.job.clock
    assert isinstance(clock, SystemClock)
    work.on_rows = lambda rows: clock.stopping.set()
    work.persist = Persistence(clock)
    with pytest.raises(Stopped):
        work.run()
    assert 10 == mine.stats(SHELF).rows


def test_proofs_and_gaps_survive_the_wire() -> None:
    reader = reader_of(filled(batch([*day(0), *day(2)]), books([1])))
    for name in ("deals", "books"):
        proofs = tuple(reader.proofs(name, "AAA"))
        assert proofs
        assert proofs == proofs_in(proofs_table(proofs))
    gaps = gaps_of(reader.stores[0], series())
    assert gaps == gaps_in(gaps_table(gaps)) == reader.gaps("deals", "AAA")
    part = reader.proofs("deals", "AAA", end=MONDAY + 10 * 60 * SECOND)
    assert [10] == [proof.rows for proof in part]
    assert () == reader.proofs("deals", "BBB")


def test_the_client_brings_a_series_into_a_store_in_one_call() -> None:
    mine, yours = filled(batch(day(0))), Client(reader_of(filled(batch(everything()), books(range(4)))))
    assert 200 == yours.sync_incremental("deals", "AAA", mine)
    assert 0 == yours.sync_incremental("deals", "AAA", mine)
    assert (8, 0) == (yours.sync_hot_snapshot("books", "AAA", mine), yours.sync_hot_snapshot("books", "AAA", mine))
    with pytest.raises(StoreError, match="different rows under the same keys, ours are kept: 2024-01-01"):
        yours.sync_incremental("books", "AAA", filled(books([1], bid=5.0)))


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def command(
    world: World, tmp_path: Path, registry_of: Callable[..., Registry], monkeypatch: pytest.MonkeyPatch
) -> Command:
    """Runs `bcore sync ...` into the vault at "data"."""
    registry = registry_of(builtin, HistoryPlugin(world))
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Registry, "load", lambda *args, **more: registry)
    return lambda *args: CliRunner().invoke(main, ["sync", *args], obj=Options())


def test_the_command_brings_everything_and_tells_what_came(command: Command, world: World) -> None:
    world.vault("other").append(batch(everything()))
    world.vault("other").append(batch([1000], symbol="BBB"))
    dry = command("other", "--dry-run")
    assert (0, True) == (dry.exit_code, "deals/AAA: would bring 300 rows in 1 run" in dry.stdout)
    assert "dry run: nothing was changed" == dry.stdout.splitlines()[-1]
    assert not world.vault("data").series()
    done = command("other")
    assert 0 == done.exit_code, done.output
    assert "deals/AAA: 300 rows came; 300 there, 300 here, 3 days proven alike" in done.stdout
    assert "deals/AAA: syncing: 300 rows" in done.stderr
    assert done.output.index("deals/AAA: syncing") < done.output.index("deals/AAA: 300 rows came")
    assert {"AAA", "BBB"} == {each.symbol for each in world.vault("data").series()}


def test_a_dry_run_tells_days_that_lack_from_days_whose_rows_must_be_compared(command: Command, world: World) -> None:
    world.vault("other").append(books([*range(10), *range(86400, 86410)]))
    assert "books/AAA: would bring 40 rows of 2 days\n" in command("other", "--dry-run").stdout
    world.vault("data").append(books(range(5)))
    dry = command("other", "--dry-run").stdout
    assert "books/AAA: would bring 30 rows of 2 days (1 day with other rows here: compared by their keys)\n" in dry


def test_the_command_takes_some_series_only_and_the_hot_rows_only(command: Command, world: World) -> None:
    world.vault("other").append(batch(everything()))
    world.vault("other").append(batch([1000], symbol="BBB"))
    assert "deals/BBB: 1 new hot row" in command("other", "--symbol", "BBB", "--hot").stdout
    assert ["BBB"] == [each.symbol for each in world.vault("data").series()]
    result = command("other", "--symbol", "CCC")
    assert (2, True) == (result.exit_code, "other holds no symbol 'CCC'; it holds AAA, BBB" in result.stderr)


def test_a_conflict_and_a_busy_series_are_failures_and_the_other_series_come(command: Command, world: World) -> None:
    world.vault("other").append(rows_batch([deal(number, price=0.5) for number in day(0)]))
    world.vault("other").append(batch([1000], symbol="BBB"))
    world.vault("data").append(batch(day(0)))
    result = command("other")
    assert 1 == result.exit_code
    assert "deals/AAA: rows of the same key differ, ours are kept: 2024-01-01" in result.stderr
    assert "deals/BBB: 1 row came" in result.stdout
    world.vault("data").busy = True
    world.vault("other").append(batch([1001], symbol="BBB"))
    busy = command("other", "--symbol", "BBB")
    assert (1, True) == (busy.exit_code, "stop that collector first" in busy.stderr)


@pytest.mark.parametrize("text", ["0", "-1s", "5 apples", "s"])
def test_a_pause_is_a_length_of_time(command: Command, text: str) -> None:
    result = command("other", "--watch", text)
    assert (2, True) == (result.exit_code, "is no length of time: 5s, 2m or 1h" in result.stderr)


def test_watching_syncs_again_until_it_is_stopped(
    command: Command, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []

    def sleep(clock: SystemClock, seconds: float) -> None:
        if seconds == 0:
            return
        slept.append(seconds)
        if len(slept) == 3:
            raise Stopped("enough")
        world.vault("other").append(batch(day(len(slept))))

    monkeypatch.setattr(SystemClock, "sleep", sleep)
    world.vault("other").append(batch(day(0)))
    result = command("other", "--watch", "2m")
    assert (0, [120.0] * 3) == (result.exit_code, slept), result.output
    assert 3 == result.stdout.count("100 rows came")


def test_what_is_done_reads_well() -> None:
    assert Synced(series(), 1, 2, 3, 4) == Synced(series(), 1, 2, 3, 4, ())
