"""What is told to the ledger of a depth stream: ids that no event has brought, and those that came late."""

from __future__ import annotations

from array import array

from hypothesis import given
from hypothesis import strategies as st

from bc_orderbook.lacking import LATE, LEFT_OUT, UNWATCHED, Lacking
from bcore.spans import Spans

Told = list[tuple[int, int, str, str]]
STEPS = st.lists(st.tuples(st.integers(1, 4), st.integers(1, 3)), max_size=30)


def take(lacking: Lacking, *ranges: tuple[int, int]) -> Told:
    firsts, lasts = (array("q", bounds) for bounds in (zip(*ranges, strict=True) if ranges else ((), ())))
    return [(each.first, each.last, each.state, each.reason) for told in lacking.take(firsts, lasts) for each in told]


def test_events_that_follow_say_nothing() -> None:
    assert [] == take(Lacking(4), (5, 9), (10, 10), (10, 12))


def test_a_hole_is_told_once_with_why() -> None:
    lacking = Lacking(4)
    assert [(5, 6, "unfillable", UNWATCHED), (10, 11, "unfillable", LEFT_OUT)] == take(lacking, (7, 9), (12, 12))
    assert [(13, 19, "unfillable", LEFT_OUT)] == take(lacking, (20, 21))
    assert [] == take(lacking, (22, 22))


def test_nothing_is_missing_before_the_first_event_of_all() -> None:
    assert [] == take(Lacking(), (100, 101), (102, 103))


def test_what_only_came_out_of_order_was_never_missing() -> None:
    assert [] == take(Lacking(4), (7, 9), (5, 6), (10, 12))


def test_what_comes_later_is_told_as_filled() -> None:
    lacking = Lacking(4)
    take(lacking, (5, 6), (12, 20))
    assert [(9, 11, "filled", LATE)] == take(lacking, (9, 11), (21, 22))
    assert [(7, 8, "filled", LATE)] == take(lacking, (7, 8))


@given(STEPS, st.randoms(), st.integers(1, 5))
def test_what_was_told_and_not_taken_back_is_what_no_event_has(
    steps: list[tuple[int, int]], chance: object, at_once: int
) -> None:
    last, ranges = 0, []
    for gap, length in steps:
        ranges.append((last + gap, last + gap + length - 1))
        last = ranges[-1][1]
    chance.shuffle(ranges)  # type: ignore[attr-defined]
    lacking, missing = Lacking(0), Spans()
    for begin in range(0, len(ranges), at_once):
        for first, end, state, _ in take(lacking, *ranges[begin : begin + at_once]):
            run = Spans(((first, end),))
            missing = missing.add(run) if state == "unfillable" else missing.subtract(run)
    assert Spans.of([(1, last)] if last else []).subtract(Spans.of(ranges)) == missing
