"""Views that are computed from several datasets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
from attrs import evolve, field, frozen
from hypothesis import given
from hypothesis import strategies as st

from bc_toy import T0, bars, quotes, tick_batch, ticks
from bcore.catalogue import Catalogue, LevelParams
from bcore.computing import Access
from bcore.errors import ConflictError, NotFoundError, PluginError, RequestError
from bcore.instants import SECOND
from bcore.local import StoreReader
from bcore.memory import MemoryStore
from bcore.protocols import HOT_ROWS
from bcore.query import Query, Request
from bcore.records import Batch, Computation, Dataset

INSTANT = pa.timestamp("us", tz="UTC")
SCHEMA = pa.schema({"timestamp": INSTANT, "id": pa.int64(), "notes": pa.int64()})


def notes() -> Dataset:
    return Dataset("notes", pa.schema({"timestamp": INSTANT, "symbol": pa.string()}), key=("timestamp",))


@frozen
class NotedParams:
    size: int = field(default=2, metadata={"help": "rows of a table"})
    broken: bool = False


def noted(access: Access, query: Query, params: NotedParams) -> Iterator[pa.Table]:
    """Each tick with the number of notes that are not after it, in small tables."""
    marks = access.read("notes").column("timestamp").cast("int64").to_pylist()
    rows = access.read("ticks", columns=("timestamp", "id"))
    for begin in range(0, rows.num_rows, params.size):
        if params.broken:
            raise ZeroDivisionError("a bug")
        table = rows.slice(begin, params.size)
        counts = [sum(mark <= time for mark in marks) for time in table.column("timestamp").cast("int64").to_pylist()]
        yield table.append_column("notes", pa.array(counts, pa.int64())).cast(SCHEMA)


NOTED = Computation("noted", ("ticks", "notes"), SCHEMA, NotedParams, noted, summary="Ticks with notes")
ONE = Computation("one", ("ticks", "notes"), SCHEMA, NotedParams, noted, sized_by="size", summary="One thing")


def note_batch(times: list[int], symbol: str = "AAA") -> Batch:
    return Batch(notes(), symbol, pa.table({"timestamp": pa.array(times, INSTANT)}))


def reader_of(count: int = 10, marks: tuple[int, ...] = (3, 7), *made: Computation) -> StoreReader:
    store = MemoryStore()
    store.append(tick_batch(list(range(count))))
    if marks:
        store.append(note_batch([T0 + mark * SECOND for mark in marks]))
    return StoreReader((store,), (ticks(), notes()), made or (NOTED, ONE))


def ids(reader: StoreReader, view: str = "noted", **request: Any) -> list[int]:
    numbers: list[int] = reader.read(Request(view, "AAA", **request)).column("id").to_pylist()
    return numbers


def test_a_computation_reads_all_its_datasets() -> None:
    answer = reader_of().read(Request("noted", "AAA"))
    assert [0, 0, 0, 1, 1, 1, 1, 2, 2, 2] == answer.column("notes").to_pylist()
    assert SCHEMA == answer.schema


def test_what_is_not_held_reads_as_empty() -> None:
    assert [0] * 10 == reader_of(10, ()).read(Request("noted", "AAA")).column("notes").to_pylist()


def test_a_symbol_without_the_first_dataset_has_nothing_of_the_view() -> None:
    reader = reader_of()
    reader.stores[0].append(note_batch([T0], "BBB"))
    assert ["AAA"] == reader.symbols("noted")
    with pytest.raises(NotFoundError, match="nothing is stored of ticks for the symbol 'BBB'"):
        reader.read(Request("noted", "BBB"))


def test_each_dataset_is_read_from_the_first_store_that_has_the_series() -> None:
    one, other = MemoryStore(), MemoryStore()
    one.append(tick_batch([1, 2]))
    other.append(tick_batch([7]))
    other.append(note_batch([T0 + SECOND, T0 + 2 * SECOND]))
    answer = StoreReader((one, other), (), (NOTED,)).read(Request("noted", "AAA"))
    assert ([1, 2], [1, 2]) == (answer.column("id").to_pylist(), answer.column("notes").to_pylist())


def test_it_is_a_view_where_all_its_datasets_are_known() -> None:
    assert {"ticks"} == set(Catalogue.of([ticks()], [NOTED]).views)
    view = Catalogue.of([ticks(), notes()], [NOTED]).view("noted")
    shown = (view.summary, view.schema, view.time, view.params, view.facets, view.sized_by)
    assert ("Ticks with notes", SCHEMA, "timestamp", NotedParams, (), None) == shown


def test_it_may_not_be_called_as_a_dataset() -> None:
    with pytest.raises(ConflictError, match="'ticks' is both"):
        Catalogue.of([ticks(), notes()], [Computation("ticks", ("notes",), SCHEMA, NotedParams, noted)])


@pytest.mark.parametrize(
    ("change", "says"), [({"datasets": ()}, "at least one dataset"), ({"time": "when"}, "no column when")]
)
def test_a_mistake_in_the_record_shows_where_it_was_made(change: dict[str, Any], says: str) -> None:
    given_: dict[str, Any] = {"datasets": ("ticks",), "time": "timestamp", **change}
    with pytest.raises(ValueError, match=says):
        Computation("noted", schema=SCHEMA, params=NotedParams, answer=noted, **given_)


@given(
    st.integers(0, 12), st.none() | st.integers(0, 12), st.none() | st.integers(0, 14), st.integers(0, 3),
    st.sampled_from(["limit", "tail"]), st.integers(1, 5), st.booleans(),
)  # fmt: skip
def test_the_answer_is_cut_as_the_rows_of_a_dataset_are(
    start: int, end: int | None, count: int | None, offset: int, way: str, size: int, bounded: bool
) -> None:
    reader = reader_of(10, ())
    request: dict[str, Any] = {"offset": offset, way: count}
    if bounded:
        request |= {"start": T0 + start * SECOND, "end": None if end is None else T0 + max(start, end) * SECOND}
    expected = reader.read(Request("ticks", "AAA", **request)).column("id").to_pylist()
    asked = Request("noted", "AAA", params={"size": size}, **request)
    assert (
        expected == reader.read(asked).column("id").to_pylist() == reader.scan(asked).read_all().column(1).to_pylist()
    )


def test_no_more_is_computed_than_is_looked_at() -> None:
    taken: list[int] = []

    def endless(access: Access, query: Query, params: NotedParams) -> Iterator[pa.Table]:
        try:
            for number in range(1_000_000):
                taken.append(number)
                yield pa.table({"timestamp": [number], "id": [number], "notes": [0]}).cast(SCHEMA)
        finally:
            taken.append(-1)

    reader = reader_of(1, (), Computation("noted", ("ticks",), SCHEMA, NotedParams, endless))
    assert [1, 2] == ids(reader, start=0, limit=2, offset=1)
    assert [0, 1, 2, -1] == taken
    scanned = reader.scan(Request("noted", "AAA"))
    scanned.read_next_batch()
    assert [0] == taken[4:]


def test_only_the_wanted_columns_come_in_their_order() -> None:
    assert ["notes", "id"] == reader_of().read(Request("noted", "AAA", columns=("notes", "id"))).column_names
    with pytest.raises(RequestError, match=r"noted has no column 'note' \(did you mean notes\?\)"):
        reader_of().read(Request("noted", "AAA", columns=("note",)))


def test_what_is_of_one_instant_is_counted_from_its_first_row() -> None:
    assert [0, 1, 2] == ids(reader_of(), "one", limit=3)
    assert [2, 3] == ids(reader_of(), "one", limit=2, offset=2)


@pytest.mark.parametrize("bound", [{"start": T0}, {"end": T0}, {"tail": 1}])
def test_what_is_of_one_instant_has_no_range(bound: dict[str, int]) -> None:
    with pytest.raises(RequestError, match="one is of one instant: it has no start_time, end_time or tail"):
        reader_of().read(Request("one", "AAA", **bound))


def test_a_computation_has_no_ids_to_page_by() -> None:
    for view in ("noted", "one"):
        with pytest.raises(RequestError, match="has no ids to page by"):
            reader_of().read(Request(view, "AAA", after=1))


def test_a_computation_that_fails_is_named() -> None:
    with pytest.raises(PluginError, match=r"the view 'noted' failed, .* ZeroDivisionError: a bug"):
        reader_of().read(Request("noted", "AAA", params={"broken": True}))


def test_what_it_may_not_read_is_named() -> None:
    with pytest.raises(NotFoundError, match="no dataset 'tick' to compute from"):
        Access("AAA", {"ticks": (MemoryStore(), ticks())}).read("tick")


def test_a_hot_reader_computes_as_any_other_and_no_more_than_is_kept_hot() -> None:
    assert list(range(10)) == ids(reader_of(), hot=True)
    reader = reader_of(HOT_ROWS + 10)
    newest = list(range(10, HOT_ROWS + 10))
    assert newest == ids(reader, hot=True)
    assert newest == reader.scan(Request("noted", "AAA", hot=True)).read_all().column("id").to_pylist()
    assert list(range(HOT_ROWS + 10)) == ids(reader, hot=True, tail=HOT_ROWS * 2)


def leveled() -> Dataset:
    numbers = {f"{side}_{level}": pa.float64() for level in (1, 2, 3) for side in ("bid", "ask")}
    return Dataset("book", pa.schema({"timestamp": INSTANT, "symbol": pa.string(), **numbers}), key=("timestamp",))


def leveled_reader() -> StoreReader:
    store = MemoryStore()
    row = {name: [1.0] for name in leveled().schema.names[2:]}
    store.append(Batch(leveled(), "AAA", pa.table({"timestamp": pa.array([T0], INSTANT), **row})))
    return StoreReader((store,))


def test_a_dataset_with_numbered_columns_shows_as_many_levels_as_asked_for() -> None:
    reader = leveled_reader()
    assert LevelParams == reader.views()["book"].params
    for levels, columns in (("2", 6), (3, 8), (9, 8)):
        for table in (
            reader.read(Request("book", "AAA", params={"levels": levels})),
            reader.scan(Request("book", "AAA", params={"levels": levels})).read_all(),
        ):
            assert leveled().schema.names[:columns] == table.column_names
    assert leveled().schema.names == reader.read(Request("book", "AAA")).column_names


def test_named_columns_are_shown_whatever_their_level() -> None:
    answer = leveled_reader().read(Request("book", "AAA", params={"levels": 1}, columns=("ask_3",)))
    assert ["ask_3"] == answer.column_names


@pytest.mark.parametrize(("levels", "says"), [(0, "levels must be 1 or more"), ("x", "levels must be a whole number")])
def test_a_wrong_number_of_levels_is_told(levels: Any, says: str) -> None:
    with pytest.raises(RequestError, match=says):
        leveled_reader().read(Request("book", "AAA", params={"levels": levels}))


def test_a_dataset_without_numbered_columns_has_no_levels() -> None:
    assert Catalogue.of([quotes()], []).view("quotes").params is None


def renamed(dataset: Dataset, **change: Any) -> Dataset:
    return evolve(dataset, name=f"us_{dataset.name}", **change)


def test_renamed_datasets_bring_their_views_with_them() -> None:
    store = MemoryStore()
    store.append(evolve(tick_batch([1, 2]), dataset=renamed(ticks())))
    store.append(evolve(note_batch([T0]), dataset=renamed(notes())))
    reader = StoreReader((store,), (ticks(), notes()), (NOTED, bars()))
    assert {"us_ticks", "us_notes", "us_noted", "us_bars", "ticks", "notes", "noted", "bars"} == set(reader.views())
    assert [1, 1] == reader.read(Request("us_noted", "AAA")).column("notes").to_pylist()
    assert [2] == reader.read(Request("us_bars", "AAA")).column("count").to_pylist()
    assert (["AAA"], []) == (reader.symbols("us_noted"), reader.symbols("noted"))


@pytest.mark.parametrize("held", [[renamed(ticks())], [renamed(ticks(), sequence=None), renamed(notes())]])
def test_a_view_is_not_made_of_part_of_its_datasets_or_of_others(held: list[Dataset]) -> None:
    assert "us_noted" not in Catalogue.of([ticks(), notes(), *held], [NOTED]).views


def test_a_dataset_is_not_hidden_by_a_view_of_renamed_ones() -> None:
    own = evolve(quotes(), name="us_bars")
    assert own == Catalogue.of([ticks(), renamed(ticks()), own], [bars()]).view("us_bars").dataset
