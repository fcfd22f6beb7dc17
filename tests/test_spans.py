from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bcore.spans import Spans

IDS = st.sets(st.integers(-5, 60))
RUNS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 8)).map(lambda run: (run[0], run[0] + run[1])))


def of_ids(ids: set[int]) -> Spans:
    return Spans.from_ids(pa.array(sorted(ids), pa.int64()))


def ids_of(spans: Spans) -> set[int]:
    return {number for first, last in spans for number in range(first, last + 1)}


@given(RUNS)
def test_any_runs_become_sorted_disjoint_and_not_touching(runs: list[tuple[int, int]]) -> None:
    spans = Spans.of(runs)
    assert {number for first, last in runs for number in range(first, last + 1)} == ids_of(spans)
    assert all(one[1] + 1 < other[0] for one, other in zip(spans.runs, spans.runs[1:], strict=False))


@given(IDS)
def test_a_column_of_ids_comes_back_as_the_same_ids(ids: set[int]) -> None:
    assert ids == ids_of(of_ids(ids))
    assert Spans.of((number, number) for number in ids) == of_ids(ids)


@given(IDS, IDS)
def test_add_is_union_and_subtract_is_difference(one: set[int], other: set[int]) -> None:
    assert of_ids(one | other) == of_ids(one).add(of_ids(other))
    assert of_ids(one - other) == of_ids(one).subtract(of_ids(other))


@given(IDS)
def test_gaps_are_what_lies_between_and_is_not_held(ids: set[int]) -> None:
    between = set(range(min(ids), max(ids))) if ids else set()
    assert of_ids(between - ids) == of_ids(ids).gaps()


@given(IDS, st.integers(-10, 70), st.integers(-10, 70))
def test_missing_is_the_range_less_what_is_held(ids: set[int], first: int, last: int) -> None:
    assert list(of_ids(set(range(first, last + 1)) - ids)) == list(of_ids(ids).missing(first, last))


@given(IDS, st.integers(-10, 70))
def test_length_membership_and_ends_agree_with_the_ids(ids: set[int], number: int) -> None:
    spans = of_ids(ids)
    assert (len(ids), bool(ids), number in ids) == (len(spans), bool(spans), number in spans)
    assert (min(ids, default=None), max(ids, default=None)) == (spans.first, spans.last)


def test_repeated_ids_and_chunks_make_no_difference() -> None:
    column = pa.chunked_array([[1, 1, 2], [], [2, 3], [7]], pa.int64())
    assert ((1, 3), (7, 7)) == Spans.from_ids(column).runs


def test_ids_near_the_end_of_int64_are_fine() -> None:
    top = 2**63 - 1
    assert ((top - 1, top),) == Spans.from_ids(pa.array([top - 1, top])).runs


def test_a_backward_run_is_refused() -> None:
    with pytest.raises(ValueError, match="first id 5 is above its last 4"):
        Spans.of([(5, 4)])


def test_what_is_no_id_is_not_held() -> None:
    assert "1" not in Spans.of([(0, 5)])
