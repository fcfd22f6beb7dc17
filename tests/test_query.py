from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from bc_toy import T0, quotes, tick_table, ticks
from bcore.errors import RequestError
from bcore.instants import SECOND
from bcore.query import Query, Request, clip, guessed

NO = st.none()
IDS = st.sets(st.integers(0, 30)).map(sorted)
SECONDS = st.integers(-5, 35).map(lambda number: T0 + number * SECOND)
COUNTS = st.integers(0, 12)


@st.composite
def queries(draw: st.DrawFn) -> Query:
    """Any query of ticks: bounds, a facet, columns, and a limit or a tail."""
    limit = draw(NO | COUNTS)
    return Query(
        ticks(),
        "AAA",
        start=draw(NO | SECONDS),
        end=draw(NO | SECONDS),
        first=draw(NO | st.integers(-5, 35)),
        last=draw(NO | st.integers(-5, 35)),
        where=draw(st.just({}) | st.fixed_dictionaries({"lot": st.lists(st.sampled_from([0.0, 1.0, 2.0])).map(tuple)})),
        limit=limit,
        tail=None if limit is not None else draw(NO | COUNTS),
        offset=draw(COUNTS),
        columns=draw(NO | st.just(("price", "id"))),
    )


def by_hand(query: Query, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The meaning of a query, said in plain Python."""

    def matches(row: dict[str, Any]) -> bool:
        time = T0 + row["id"] * SECOND
        return (
            (query.start is None or query.start <= time)
            and (query.end is None or time < query.end)
            and (query.first is None or query.first <= row["id"])
            and (query.last is None or row["id"] <= query.last)
            and all(row[facet] in values for facet, values in query.where.items())
        )

    found = [row for row in rows if matches(row)]
    if query.tail is not None:
        found = found[: max(len(found) - query.offset, 0)]
        found = found[max(len(found) - query.tail, 0) :]
    else:
        found = found[query.offset :][: query.limit]
    names = query.columns or tuple(ticks().schema.names)
    return [{name: row[name] for name in names} for row in found]


@given(queries(), IDS)
def test_apply_means_what_plain_python_says(query: Query, ids: list[int]) -> None:
    table = tick_table(ids)
    assert by_hand(query, table.to_pylist()) == query.apply(table).to_pylist()


@given(queries(), IDS)
def test_apply_keeps_key_order_and_the_wanted_columns(query: Query, ids: list[int]) -> None:
    answer = query.apply(tick_table(ids))
    numbers = answer.column("id").to_pylist()
    assert sorted(numbers) == numbers
    assert list(query.columns or ticks().schema.names) == answer.column_names


@given(queries(), IDS)
def test_counting_after_matching_is_applying(query: Query, ids: list[int]) -> None:
    table = tick_table(ids)
    assert query.apply(table) == query.counted(query.matching(table))


@given(IDS, SECONDS, SECONDS)
def test_clip_keeps_the_half_open_range(ids: list[int], start: int, end: int) -> None:
    kept = clip(tick_table(ids), "timestamp", start, end).column("id").to_pylist()
    assert [number for number in ids if start <= T0 + number * SECOND < end] == kept


def test_a_large_table_in_many_pieces_keeps_its_order() -> None:
    import pyarrow as pa

    whole = tick_table(list(range(100_000)))
    pieces = pa.concat_tables([whole.slice(start, 1000) for start in range(0, 100_000, 1000)])
    answer = Query(ticks(), "AAA", first=10, start=T0).apply(pieces)
    assert list(range(10, 100_000)) == answer.column("id").to_pylist()


def test_a_query_has_a_limit_or_a_tail() -> None:
    with pytest.raises(ValueError, match="not both"):
        Query(ticks(), "AAA", limit=1, tail=1)


def test_a_dataset_without_a_sequence_cannot_be_bounded_by_id() -> None:
    with pytest.raises(ValueError, match="quotes has no sequence column"):
        Query(quotes(), "AAA", first=1)


def test_newest_only_is_a_tail_without_bounds() -> None:
    query = Query(ticks(), "AAA", tail=5, where={"lot": (1.0,)})
    assert query.newest_only
    assert not evolve(query, start=0).newest_only
    assert not evolve(query, last=7).newest_only
    assert not evolve(query, tail=None).newest_only


def test_a_limit_alone_counts_from_the_newest() -> None:
    query = Request("ticks", "AAA", limit=3, offset=1).query(ticks(), {})
    assert (None, 3, 1) == (query.limit, query.tail, query.offset)


@pytest.mark.parametrize("bound", [{"start": T0}, {"after": 4}])
def test_a_limit_with_a_beginning_counts_from_there(bound: dict[str, Any]) -> None:
    query = Request("ticks", "AAA", limit=3, **bound).query(ticks(), {})
    assert (3, None) == (query.limit, query.tail)


def test_a_limit_with_only_an_end_counts_back_from_the_end() -> None:
    assert 3 == Request("ticks", "AAA", limit=3, end=T0).query(ticks(), {}).tail


def test_a_tail_counts_from_the_newest_even_with_a_beginning() -> None:
    query = Request("ticks", "AAA", tail=3, start=T0, after=1).query(ticks(), {})
    assert (None, 3, T0, 2) == (query.limit, query.tail, query.start, query.first)


def test_after_is_exclusive() -> None:
    answer = Request("ticks", "AAA", after=4, limit=2).query(ticks(), {}).apply(tick_table([3, 4, 5, 6, 7]))
    assert [5, 6] == answer.column("id").to_pylist()


def test_paging_by_after_brings_every_row_once() -> None:
    table, seen, after = tick_table([0, 1, 5, 6, 7, 11]), [], -1
    while page := Request("ticks", "AAA", after=max(after, 0), limit=2).query(ticks(), {}).apply(table):
        ids = page.column("id").to_pylist()
        if not ids:
            break
        seen += ids
        after = ids[-1]
    assert [1, 5, 6, 7, 11] == seen


def test_every_problem_of_a_request_is_named_at_once() -> None:
    with pytest.raises(RequestError) as caught:
        Request("ticks", "AAA", limit=-1, tail=-2, offset=-3, after=-4, start=2, end=1)
    assert 6 == len(caught.value.problems)
    assert "start_time is after end_time" in caught.value.problems


@pytest.mark.parametrize("name", ["limit", "offset", "tail", "after"])
def test_a_count_beyond_int64_is_a_request_error(name: str) -> None:
    with pytest.raises(RequestError, match=rf"{name}(_id)? must be"):
        Request("ticks", "AAA", **dict[str, Any]({name: 2**63}))


@pytest.mark.parametrize("count", ["ten", 1.5, True, []])
def test_a_count_that_is_no_whole_number_is_a_request_error(count: Any) -> None:
    with pytest.raises(RequestError, match="limit must be a whole number"):
        Request("ticks", "AAA", limit=count)


@pytest.mark.parametrize("symbol", [None, ["AAA"], 7])
def test_a_symbol_that_is_no_text_is_a_request_error(symbol: Any) -> None:
    with pytest.raises(RequestError, match="the symbol must be text"):
        Request("ticks", symbol)


def test_an_empty_range_is_a_fair_question() -> None:
    query = Request("ticks", "AAA", start=T0, end=T0).query(ticks(), {})
    assert 0 == query.apply(tick_table([0, 1])).num_rows


def test_paging_by_id_needs_a_dataset_with_ids() -> None:
    plain = evolve(ticks(), sequence=None)
    with pytest.raises(RequestError, match="ticks has no ids to page by: use start_time"):
        Request("ticks", "AAA", after=5).query(plain, {})


def test_a_guess_is_as_wide_as_the_rows_that_are_wanted() -> None:
    def window(**asked: int) -> tuple[int | None, int | None]:
        found = guessed(Query(ticks(), "AAA", **asked), 10)
        assert (None, None, 0) == (found.limit, found.tail, found.offset)
        return found.start, found.end

    assert (60, 100) == window(tail=3, offset=1, end=100)
    assert (80, 100) == window(tail=3, start=80, end=100)
    assert (5, 45) == window(limit=3, offset=1, start=5)
    assert (5, 20) == window(limit=3, start=5, end=20)
    assert (None, None) == window(limit=3)
    assert (5, None) == window(start=5)
