from __future__ import annotations

from typing import Any

import pytest
from attrs import define, evolve, field
from hypothesis import given
from hypothesis import strategies as st

from bc_toy import T0, BarParams, bars, quotes, tick_batch, tick_table, ticks
from bcore.errors import NotFoundError, RequestError
from bcore.instants import DAY, MINUTE, SECOND
from bcore.local import StoreReader
from bcore.memory import MemoryStore
from bcore.protocols import HOT_ROWS, Reader
from bcore.query import Query, Request, clip

BAR = 10 * SECOND
START = T0 // BAR * BAR


@define
class CountingStore(MemoryStore):
    """Counts what is read of it; fails the test that reads for ever."""

    reads: int = 0
    rows: int = 0
    hots: int = 0
    queries: list[Query] = field(factory=list)

    def read(self, query: Query) -> Any:
        answer = MemoryStore.read(self, query)
        self.reads, self.rows = self.reads + 1, self.rows + answer.num_rows
        self.queries.append(query)
        assert self.reads < 200, "it goes on and on"
        return answer

    def hot(self, query: Query) -> Any:
        self.hots += 1
        return MemoryStore.hot(self, query)


def reader_of(ids: list[int], times: list[int] | None = None) -> StoreReader:
    store = CountingStore()
    store.append(tick_batch(ids, times))
    return StoreReader((store,), (ticks(), quotes()), (bars(),))


def counting(reader: StoreReader) -> CountingStore:
    (store,) = reader.stores
    assert isinstance(store, CountingStore)
    return store


def bar_starts(reader: StoreReader, **request: Any) -> list[int]:
    answer = reader.read(Request("bars", "AAA", params={"seconds": "10"}, **request))
    return [(time - START) // BAR for time in answer.column("timestamp").cast("int64").to_pylist()]


def ids(reader: StoreReader, **request: Any) -> list[int]:
    numbers: list[int] = reader.read(Request("ticks", "AAA", **request)).column("id").to_pylist()
    return numbers


def test_it_is_a_reader() -> None:
    reader: Reader = reader_of([1])
    assert {"ticks", "quotes", "bars"} == set(reader.views())


def test_rows_of_a_dataset_come_as_asked() -> None:
    reader = reader_of(list(range(20)))
    assert [18, 19] == ids(reader, limit=2)
    assert [5, 6] == ids(reader, start=T0 + 5 * SECOND, limit=2)
    assert [6, 9] == ids(reader, after=5, limit=2, params={"lot": "0"})
    assert [10, 11] == ids(reader, tail=2, offset=8)
    assert ["price", "id"] == reader.read(Request("ticks", "AAA", columns=("price", "id"))).column_names


def test_scan_brings_what_read_brings() -> None:
    reader = reader_of(list(range(20)))
    for request in (Request("ticks", "AAA", limit=3, columns=("id",)), Request("bars", "AAA", limit=3)):
        assert reader.read(request) == reader.scan(request).read_all()


def test_hot_asks_the_store_for_what_it_keeps_hot() -> None:
    reader = reader_of(list(range(20)))
    assert [18, 19] == ids(reader, limit=2, hot=True)
    assert 1 == counting(reader).hots


def test_hot_bars_of_a_range_are_no_more_than_a_store_keeps_hot() -> None:
    reader = reader_of(list(range(HOT_ROWS + 10)), [T0 + 10 * SECOND * each for each in range(HOT_ROWS + 10)])
    whole, hot = (bar_starts(reader, start=T0, hot=hot) for hot in (False, True))
    assert whole[-HOT_ROWS:] == hot
    assert len(whole) > HOT_ROWS


def test_an_unknown_symbol_names_what_is_stored() -> None:
    with pytest.raises(NotFoundError, match=r"symbol 'AAB' \(did you mean AAA\?\); stored: AAA"):
        reader_of([1]).read(Request("ticks", "AAB"))


def test_an_unknown_view_names_what_there_is() -> None:
    with pytest.raises(NotFoundError, match="views: bars, quotes, ticks"):
        reader_of([1]).read(Request("candles", "AAA"))


def test_nothing_stored_at_all_is_said() -> None:
    with pytest.raises(NotFoundError, match="stored: none yet"):
        reader_of([1]).read(Request("quotes", "AAA"))


def test_whence_a_view_would_be_made_is_said_where_nothing_of_it_is_stored() -> None:
    recorders = {"ticks": "toy", "quotes": "toy"}
    reader = StoreReader((MemoryStore(),), (ticks(), quotes()), (bars(),), recorders=recorders)
    with pytest.raises(NotFoundError, match=r"; bars is made of what the source toy \(\[sources.toy\]\) records"):
        reader.read(Request("bars", "AAA"))
    with pytest.raises(NotFoundError, match=r"none yet$"):
        reader.read(Request("quotes", "AAA"))


def test_every_unknown_column_is_named_with_the_known_ones() -> None:
    with pytest.raises(RequestError) as caught:
        reader_of([1]).read(Request("ticks", "AAA", columns=("pric", "id", "size")))
    assert "ticks has no column 'pric' (did you mean price?)" == caught.value.problems[0]
    assert "ticks has no column 'size'" in caught.value.problems[1]
    assert "columns: id, timestamp, symbol, price, lot" == caught.value.problems[2]


def test_a_derivation_has_no_ids_to_page_by() -> None:
    with pytest.raises(RequestError, match="no ids to page by"):
        reader_of([1]).read(Request("bars", "AAA", after=1))


def test_symbols_are_those_of_a_view_or_of_all() -> None:
    reader = reader_of([1])
    reader.stores[0].append(tick_batch([1], symbol="BBB"))
    assert ["AAA", "BBB"] == reader.symbols() == reader.symbols("bars")
    assert [] == reader.symbols("quotes")


def test_of_two_stores_with_one_series_the_first_is_read() -> None:
    one, other = MemoryStore(), MemoryStore()
    one.append(tick_batch([1]))
    other.append(tick_batch([1, 2]))
    other.append(tick_batch([7], symbol="BBB"))
    reader = StoreReader((one, other))
    assert [1] == ids(reader)
    assert [("AAA", 1), ("BBB", 1)] == [(each.series.symbol, each.rows) for each in reader.stats()]


def test_a_dataset_that_appears_later_is_seen() -> None:
    store = MemoryStore()
    reader = StoreReader((store,))
    assert {} == reader.views()
    store.append(evolve(tick_batch([1]), dataset=evolve(ticks(), name="us_ticks")))
    assert {"us_ticks"} == set(reader.views())


def test_close_closes_the_stores() -> None:
    reader = reader_of([1])
    reader.close()
    with pytest.raises(Exception, match="closed"):
        reader.stores[0].append(tick_batch([2]))


def test_newest_bars_are_the_newest_even_if_trading_pauses_in_between() -> None:
    reader = reader_of(list(range(4)), [START, START + 1, START + 500 * BAR, START + 501 * BAR])
    assert [0, 500, 501] == bar_starts(reader, limit=3)
    assert [500] == bar_starts(reader, tail=1, offset=1)


def test_oldest_bars_of_a_range_are_found_behind_a_pause() -> None:
    reader = reader_of(list(range(3)), [START, START + 500 * BAR, START + 501 * BAR])
    assert [0, 500] == bar_starts(reader, start=START, limit=2)


def test_more_bars_than_there_are_gives_all_and_ends() -> None:
    reader = reader_of(list(range(3)), [START, START + 5 * BAR, START + 9 * BAR])
    everything = [0, 5, 9]
    assert everything == bar_starts(reader, limit=50)
    assert everything == bar_starts(reader, start=START, limit=50)
    assert everything == bar_starts(reader, start=START - DAY, end=START + DAY, limit=50)
    assert everything == bar_starts(reader, start=START, end=START + 10 * BAR, limit=50)
    assert everything == bar_starts(reader, start=START, end=START + DAY, tail=50)


def test_a_range_without_rows_gives_an_empty_table_of_the_views_schema() -> None:
    reader = reader_of([0], [START])
    spans: list[dict[str, Any]] = [{"end": START - DAY}, {"start": START + DAY}, {"start": START, "end": START}]
    counts: list[dict[str, Any]] = [{}, {"limit": 3}, {"tail": 3}]
    for span in spans:
        for count in counts:
            answer = reader.read(Request("bars", "AAA", **span, **count))
            assert bars().schema.empty_table() == answer


def test_a_few_bars_do_not_read_the_history() -> None:
    reader = reader_of(list(range(10_000)))
    assert 3 == len(bar_starts(reader, limit=3))
    assert counting(reader).rows < 100


def test_bars_know_their_neighbours_across_the_windows_edge() -> None:
    reader = reader_of(list(range(50)), [START + number * SECOND for number in range(50)])
    answer = reader.read(
        Request("bars", "AAA", start=START + BAR, end=START + 3 * BAR, params={"seconds": 10}, columns=("whole",))
    )
    assert [True, True] == answer.column("whole").to_pylist()


def test_a_missing_neighbour_makes_a_bar_not_whole() -> None:
    numbers = [number for number in range(50) if number != 20]
    reader = reader_of(numbers, [START + number * SECOND for number in numbers])
    answer = reader.read(Request("bars", "AAA", params={"seconds": 10}))
    assert [False, False, False, True, False] == answer.column("whole").to_pylist()


def test_facets_reach_the_rows_below_a_derivation() -> None:
    reader = reader_of(list(range(30)), [START] * 30)
    answer = reader.read(Request("bars", "AAA", params={"lot": "1"}))
    assert [10] == answer.column("count").to_pylist()


@pytest.mark.parametrize("view", ["ticks", "bars"])
def test_a_facet_that_nothing_is_stored_with_is_said_with_those_that_there_are(view: str) -> None:
    reader = reader_of(list(range(30)), [START] * 30)
    request = Request(view, "AAA", params={"lot": "7"})
    for ask in (reader.read, reader.scan):
        with pytest.raises(
            NotFoundError, match=r"nothing is stored of ticks/AAA with lot 7; stored lately: lot 0, 1, 2"
        ):
            ask(request)
    late = Request(view, "AAA", start=START + DAY, params={"lot": "1,7"})
    assert [0, 0] == [reader.read(late).num_rows, reader.scan(late).read_all().num_rows]


def test_a_facet_of_long_ago_is_not_taken_to_be_nowhere() -> None:
    reader = reader_of(list(range(30)), [START] * 30)
    counting(reader).hot = lambda query: MemoryStore.hot(reader.stores[0], evolve(query, tail=1))  # type: ignore
    late = Request("ticks", "AAA", start=START + DAY, params={"lot": "1"})
    assert [0, 0] == [reader.read(late).num_rows, reader.scan(late).read_all().num_rows]


def test_a_wrong_parameter_is_a_request_error() -> None:
    with pytest.raises(RequestError, match="seconds must be a whole number"):
        reader_of([1]).read(Request("bars", "AAA", params={"seconds": "x"}))


@st.composite
def series(draw: st.DrawFn) -> tuple[list[int], list[int]]:
    """Ids with holes, and times that mostly rise, but not always: as an exchange has them."""
    numbers = sorted(draw(st.sets(st.integers(0, 60), min_size=1)))
    wobble = draw(st.lists(st.integers(-15, 15), min_size=len(numbers), max_size=len(numbers)))
    return numbers, [START + (3 * number + by) * SECOND for number, by in zip(numbers, wobble, strict=True)]


WINDOW = st.none() | st.integers(-30, 220).map(lambda number: START + number * SECOND)


@given(series(), WINDOW, WINDOW, st.sampled_from([1, 7, 10, 60]))
def test_law_a_bar_does_not_depend_on_the_window(
    rows: tuple[list[int], list[int]], start: int | None, end: int | None, seconds: int
) -> None:
    if start is not None and end is not None and start > end:
        start, end = end, start
    everything = bars().apply(tick_table(*rows), BarParams(seconds))
    request = Request("bars", "AAA", start=start, end=end, params={"seconds": seconds})
    assert clip(everything, "timestamp", start, end) == reader_of(*rows).read(request)


@given(series(), WINDOW, st.integers(0, 8), st.integers(0, 3), st.sampled_from([1, 10, 60]))
def test_law_a_count_cuts_the_same_bars(
    rows: tuple[list[int], list[int]], end: int | None, count: int, offset: int, seconds: int
) -> None:
    everything = clip(bars().apply(tick_table(*rows), BarParams(seconds)), "timestamp", None, end)
    query = Query(ticks(), "AAA", tail=count, offset=offset)
    request = Request("bars", "AAA", end=end, limit=count, offset=offset, params={"seconds": seconds})
    assert query.counted(everything) == reader_of(*rows).read(request)


def test_a_view_without_context_reads_only_its_window() -> None:
    reader = evolve(reader_of(list(range(600))), derivations=(evolve(bars(), context=0),))
    reader.read(Request("bars", "AAA", start=T0 // MINUTE * MINUTE, end=T0 // MINUTE * MINUTE + MINUTE))
    assert 1 == counting(reader).reads
