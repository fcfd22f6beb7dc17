"""Stores that are wrong in one way each, and the tests of the kit that find it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from attrs import define, evolve
from filestore import FileStore, FileStoreTests

from bcore.errors import StoreError
from bcore.memory import MemoryStore
from bcore.protocols import HOT_ROWS
from bcore.query import Query
from bcore.records import Appended, Batch, Dataset, Series, SeriesStats
from bcore.spans import Spans
from bcore.testing import StoreTests
from bcore.testing.samples import ticks

STORES: dict[Path, MemoryStore] = {}


class WrongMemory(StoreTests):
    wrong = True
    kind: type[MemoryStore] = MemoryStore

    @pytest.fixture
    def durable(self) -> bool:
        return False

    def open(self, place: Path) -> MemoryStore:
        return STORES.setdefault(place, self.kind())

    def plant(self, place: Path, batch: Batch) -> None:
        MemoryStore.append(self.open(place), batch)

    def unearth(self, place: Path, series: Series) -> pa.Table:
        return MemoryStore.read(self.open(place), Query(series.dataset, series.symbol))


def flawed(*tests: str) -> Any:
    """Makes the test class of a wrong store, which is to fail these tests."""

    def kit(kind: type[MemoryStore]) -> type:
        base: type = FileStoreTests if issubclass(kind, FileStore) else WrongMemory
        excuses = {f"test_{name}": str(kind.__doc__) for name in tests}
        body: dict[str, Any] = {"wrong": True, "kind": kind, "excuses": excuses, "__module__": __name__}
        return type(kind.__name__, (base,), body)

    return kit


@flawed("appending_says_how_many_rows_were_new_and_how_many_known")
class TestCounting(MemoryStore):
    """Takes every row for a new one."""

    def append(self, batch: Batch) -> Appended:
        done = super().append(batch)
        return Appended(done.rows + done.known)


@flawed(
    "the_account_is_right_after_every_append", "the_account_agrees_with_itself", "the_account_of_what_is_there_is_right"
)
class TestLying(MemoryStore):
    """Says that everything is there between the first id and the last."""

    def spans(self, series: Series) -> Spans:
        held = super().spans(series)
        return Spans(((held.first or 0, held.last or 0),)) if held else held


@flawed("rows_without_an_id_are_kept_by_their_whole_key")
class TestHalfKey(MemoryStore):
    """Keeps one row for each value of the first column of the key."""

    def append(self, batch: Batch) -> Appended:
        return super().append(evolve(batch, dataset=evolve(batch.dataset, key=batch.dataset.key[:1])))


@flawed("a_row_sent_again_with_other_values_keeps_its_first")
class TestLastWins(MemoryStore):
    """Overwrites what it holds."""

    def append(self, batch: Batch) -> Appended:
        held = self.read(Query(batch.dataset, batch.symbol))
        self._held.pop((batch.dataset.name, batch.symbol), None)
        super().append(batch)
        return super().append(evolve(batch, table=held))


@flawed("a_batch_that_does_not_fit_leaves_nothing")
class TestSwallowing(MemoryStore):
    """Says nothing of what it could not store."""

    def append(self, batch: Batch) -> Appended:
        try:
            return super().append(batch)
        except StoreError:
            return Appended(0)


@flawed("symbols_are_kept_apart_and_given_back_as_they_are")
class TestUpper(MemoryStore):
    """Takes two symbols for one."""

    def append(self, batch: Batch) -> Appended:
        symbol = batch.symbol.upper()
        column = pa.repeat(symbol, batch.table.num_rows)
        at = batch.table.column_names.index("symbol")
        return super().append(evolve(batch, symbol=symbol, table=batch.table.set_column(at, "symbol", column)))


@flawed("datasets_are_kept_apart")
class TestUnsorted(MemoryStore):
    """Lists series in whatever order."""

    def series(self) -> list[Series]:
        return super().series()[::-1]


@flawed("a_dataset_may_get_a_further_column")
class TestStiff(MemoryStore):
    """Keeps the columns that came first."""

    def append(self, batch: Batch) -> Appended:
        known = self.datasets().get(batch.dataset.name, batch.dataset)
        kept = [name for name in batch.table.column_names if name in known.schema.names]
        return super().append(evolve(batch, dataset=known, table=batch.table.select(kept)))


@flawed("compacting_changes_nothing_that_is_read")
class TestCompacting(MemoryStore):
    """Loses a row when it compacts."""

    def compact(self, series: Series) -> int:
        held = self._held[series.dataset.name, series.symbol]
        self._held[series.dataset.name, series.symbol] = evolve(held, table=held.table.slice(1))
        return 1


@flawed("a_closed_store_takes_nothing")
class TestOpen(MemoryStore):
    """Is never closed."""

    def close(self) -> None:
        pass


@flawed("a_store_may_be_closed_twice")
class TestOnce(MemoryStore):
    """Cannot be closed twice."""

    def close(self) -> None:
        if self._closed:
            raise StoreError("closed already")
        super().close()


@flawed("everything_is_read_in_the_order_of_keys")
class TestBackwards(MemoryStore):
    """Gives the newest row first."""

    def read(self, query: Query) -> pa.Table:
        return super().read(query).sort_by([(name, "descending") for name in query.dataset.key if not query.columns])


@flawed("the_account_of_what_is_there_is_right")
class TestForgetful(MemoryStore):
    """Does not know which datasets it holds."""

    def datasets(self) -> Mapping[str, Dataset]:
        return {}


class Asking(MemoryStore):
    """Answers another question than it was asked."""

    def read(self, query: Query) -> pa.Table:
        return super().read(self.misheard(query))

    def misheard(self, query: Query) -> Query:
        return query


@flawed("a_range_of_time_has_its_start_and_not_its_end")
class TestInclusive(Asking):
    """Takes the end of a range of time to be in it."""

    def misheard(self, query: Query) -> Query:
        return query if query.end is None else evolve(query, end=query.end + 1)


@flawed("a_range_of_ids_has_both_its_ends")
class TestExclusive(Asking):
    """Takes the last id of a range not to be in it."""

    def misheard(self, query: Query) -> Query:
        return query if query.last is None else evolve(query, last=query.last - 1)


@flawed("limit_and_offset_count_from_the_oldest_row", "tail_and_offset_count_from_the_newest_row")
class TestNoOffset(Asking):
    """Knows no offset."""

    def misheard(self, query: Query) -> Query:
        return evolve(query, offset=0)


@flawed("columns_are_those_asked_for_in_that_order")
class TestColumnOrder(Asking):
    """Gives columns in its own order."""

    def misheard(self, query: Query) -> Query:
        wanted = query.columns
        names = tuple(name for name in query.dataset.schema.names if wanted and name in wanted)
        return query if wanted is None else evolve(query, columns=names)


@flawed("facets_choose_rows", "facets_choose_rows_that_have_no_id")
class TestNoFacets(Asking):
    """Gives the rows of all facets."""

    def misheard(self, query: Query) -> Query:
        return evolve(query, where={})


@flawed("the_newest_rows_are_hot")
class TestCold(MemoryStore):
    """Keeps the oldest rows hot."""

    def hot(self, query: Query) -> pa.Table:
        return self.read(evolve(query, tail=None, limit=query.tail or 10))


@flawed("more_rows_may_be_asked_for_than_are_kept_hot")
class TestFewHot(MemoryStore):
    """Has no more rows than it keeps hot."""

    def hot(self, query: Query) -> pa.Table:
        return self.read(evolve(query, tail=min(query.tail or HOT_ROWS, HOT_ROWS)))


@flawed("a_series_that_is_not_there_reads_as_empty")
class TestStrict(MemoryStore):
    """Has an error for what is not there."""

    def read(self, query: Query) -> pa.Table:
        if query.series not in self.series():
            raise StoreError("no such series")
        return super().read(query)


@flawed("a_question_creates_nothing")
class TestCreating(MemoryStore):
    """Makes what it is asked for."""

    def stats(self, series: Series) -> SeriesStats:
        MemoryStore.append(self, evolve(ticks([1]), dataset=series.dataset))
        return super().stats(series)


@flawed("threads_may_read_while_others_append")
@define
class TestUnlocked(MemoryStore):
    """Takes its time between looking and writing, without a lock."""

    def append(self, batch: Batch) -> Appended:
        before = dict(self._held)
        time.sleep(0.002)
        self._held = before
        return super().append(batch)


@flawed("any_history_leaves_what_it_leaves_in_the_model")
class TestUnlucky(Asking):
    """Loses the thirteenth row, where there is one."""

    def misheard(self, query: Query) -> Query:
        return query

    def append(self, batch: Batch) -> Appended:
        keep = [number for number in range(batch.table.num_rows) if number != 12]
        return super().append(evolve(batch, table=batch.table.take(keep)))


@flawed("a_store_that_is_opened_anew_has_everything", "what_is_appended_is_found_by_the_back_door")
class TestPaper(FileStore):
    """Writes the first batch of each series only."""

    def write(self, file: Path, content: bytes) -> None:
        if not file.exists():
            super().write(file, content)


@flawed("a_writer_killed_amid_an_append_leaves_all_of_it_or_nothing")
class TestTorn(FileStore):
    """Writes over what it holds."""

    def write(self, file: Path, content: bytes) -> None:
        with file.open("wb") as out:
            for begin in range(0, len(content), 100):
                out.write(content[begin : begin + 100])
                out.flush()


@flawed("a_reader_beside_a_writing_process_sees_whole_batches_and_what_was_acknowledged")
class TestRowByRow(FileStore):
    """Makes a batch visible in two steps."""

    def append(self, batch: Batch) -> Appended:
        first = batch.table.num_rows // 2 + 5
        done = super().append(evolve(batch, table=batch.table.slice(0, first)))
        time.sleep(0.05)
        rest = super().append(evolve(batch, table=batch.table.slice(first)))
        return Appended(done.rows + rest.rows, done.known + rest.known)


def test_each_test_of_the_kit_finds_something() -> None:
    wrong = [kind for kind in globals().values() if isinstance(kind, type) and getattr(kind, "wrong", False)]
    found = {name for kind in wrong for name in kind.excuses}
    assert set() == {name for name in dir(StoreTests) if name.startswith("test_")} - found
