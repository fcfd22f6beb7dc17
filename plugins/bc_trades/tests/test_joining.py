"""One symbol's trades in line, whatever way they come: rows handed in by hand, no clock, no sockets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from attrs import define, field
from hypothesis import given, settings
from hypothesis import strategies as st

from bc_trades.joining import Line, Page
from bc_trades.parsing import Record
from bc_trades.trade import Trade
from bcore.spans import Spans

Made = Callable[[dict[str, Any]], Trade]


def trade(number: int, first: int | None = None, last: int | None = None) -> Trade:
    first = number * 10 if first is None else first
    return Record(number, "1.5", "2", first, first + 9 if last is None else last, 1_700_000_000_000_000 + number, True)


def trades(*numbers: int) -> list[Trade]:
    return [trade(number) for number in numbers]


def page(*numbers: int, bad: Sequence[int] = ()) -> Page:
    return Page(trades(*numbers), sorted({*numbers, *bad}), at=1_700_000_000_000_000)


def line(*runs: tuple[int, int]) -> Line:
    return Line.after(Spans.of(runs), 0.0)


def taken(made: Line) -> list[int]:
    return [each.a for _, run in made.take() for each in run]


def origins(made: Line) -> list[tuple[str, list[int]]]:
    return [(origin, [each.a for each in run]) for origin, run in made.take()]


def asks(made: Line, now: float, *, holding: bool = True, size: int = 10) -> list[tuple[int, int]]:
    asked = []
    while (span := made.holes.take(now, size, holding=holding)) is not None:
        asked.append(span)
    return asked


def findings(made: Line) -> list[tuple[int, int, str]]:
    return [(found.first, found.last, found.state) for found in made.discoveries()]


def test_rows_that_follow_what_is_held_pass_at_once() -> None:
    made = line((0, 9))
    made.live(trades(10, 11, 12), 1.0)
    assert [("stream", [10, 11, 12])] == origins(made)
    assert made.whole


def test_rows_that_are_held_already_are_dropped_and_counted() -> None:
    made = line((0, 9))
    made.live(trades(8, 9, 10), 1.0)
    made.live(trades(10), 1.1)
    assert [10] == taken(made)
    assert 3 == made.duplicates


def test_rows_wait_until_rest_has_filled_what_is_before_them() -> None:
    made = line((0, 9))
    made.live(trades(13, 14), 1.0)
    assert [] == taken(made)
    assert [(10, 12)] == asks(made, 2.0)
    made.answered((10, 12), page(10, 11, 12), 2.0)
    assert [("rest", [10, 11, 12]), ("stream", [13, 14])] == origins(made)
    assert made.whole


def test_rows_in_the_wrong_order_are_put_right_without_a_request() -> None:
    made = line((0, 9))
    made.live(trades(10), 1.0)
    made.live(trades(13, 12), 1.0)
    assert [] == asks(made, 1.01)
    made.live(trades(11), 1.02)
    assert [10, 11, 12, 13] == taken(made)
    assert [] == findings(made)


def test_a_request_is_made_once_until_it_is_answered_or_fails() -> None:
    made = line((0, 9))
    made.live(trades(13), 1.0)
    assert [(10, 12)] == asks(made, 2.0)
    assert [] == asks(made, 3.0)
    made.failed((10, 12), 5.0)
    assert [] == asks(made, 4.9)
    assert [(10, 12)] == asks(made, 5.0)


def test_a_long_hole_is_asked_for_in_pages_side_by_side_answered_in_any_order() -> None:
    made = line((0, 9))
    made.live(trades(35), 1.0)
    assert [(10, 19), (20, 29), (30, 34)] == asks(made, 2.0)
    made.answered((30, 34), page(*range(30, 35)), 2.0)
    made.answered((10, 19), page(*range(10, 20)), 2.0)
    assert list(range(10, 20)) == taken(made)
    made.answered((20, 29), page(*range(20, 30)), 2.0)
    assert list(range(20, 36)) == taken(made)


def test_rest_that_is_behind_is_asked_again_after_a_growing_pause_and_never_given_up() -> None:
    made = line((0, 9))
    made.live(trades(14), 0.0)
    now, pauses = 0.0, []
    for _ in range(12):
        asked = asks(made, now)
        while not asked:
            now += 0.125
            asked = asks(made, now)
        pauses.append(now)
        made.answered(asked[0], page(), now)
    gaps = [later - earlier for earlier, later in pairwise(pauses)]
    assert sorted(gaps) == gaps
    assert 15.0 == gaps[-1]
    assert len(made.holes) == 4
    assert [] == [state for _, _, state in findings(made) if state == "unfillable"]


def test_a_page_that_ends_before_the_hole_does_gives_what_it_has() -> None:
    made = line((0, 9))
    made.live(trades(15), 0.0)
    assert [(10, 14)] == asks(made, 1.0)
    made.answered((10, 14), page(10, 11), 1.0)
    assert [10, 11] == taken(made)
    assert [(12, 14)] == asks(made, 2.0)


def test_ids_that_rest_leaves_out_twice_are_unfillable_with_the_evidence() -> None:
    made = line((0, 9))
    made.live(trades(15), 0.0)
    for now in (1.0, 3.0):
        (asked,) = asks(made, now)
        made.answered(asked, page(13, 14, 15), now)
    assert [13, 14, 15] == taken(made)
    assert made.whole
    (found, *rest) = made.discoveries()
    assert (10, 12, "unfillable") == (found.first, found.last, found.state)
    assert "from 10 on" in found.reason
    assert "2023-11-14T22:13:20" in found.reason
    assert "is 13" in found.reason
    assert [] == [each.state for each in rest if each.first <= 12]


def test_an_answer_that_ends_with_a_badly_formed_row_is_evidence_only_up_to_it() -> None:
    made = line((0, 9))
    made.live(trades(15), 0.0)
    now = 0.0
    for _ in range(4):
        now += 2.0
        for asked in asks(made, now):
            made.answered(asked, page(bad=[11]) if asked[0] <= 11 else page(), now)
    assert [(10, 11, "unfillable")] == [found for found in findings(made) if found[2] == "unfillable"]
    assert [12, 13, 14] == [number for hole in made.holes for number in range(hole.first, hole.last + 1)]


def test_later_rows_in_an_answer_are_not_taken_in() -> None:
    made = line((0, 9))
    made.live(trades(15), 0.0)
    (asked,) = asks(made, 1.0)
    made.answered(asked, page(10, 11, 12, 13, 14, 90), 1.0)
    assert [10, 11, 12, 13, 14, 15] == taken(made)
    assert made.whole


def test_a_page_that_rest_does_not_go_back_to_speaks_for_all_the_pages_up_to_what_it_has() -> None:
    made, requests, now = line((0, 9)), 0, 0.0
    made.live(trades(100_000_000), 0.0)
    made.let_go("too long")
    while made.holes:
        now += 2.0
        asked = [span for _ in range(3) if (span := made.holes.take(now, 1000, holding=False))]
        for span in asked:
            requests += 1
            made.answered(span, page(99_999_998, 99_999_999), now)
            made.answered((99_999_998, 99_999_999), page(99_999_998, 99_999_999), now)
    assert requests <= 9
    told = [(first, last) for first, last, state in findings(made) if state == "unfillable"]
    assert [(10, 99_999_997)] == list(Spans.of(told))
    assert [100_000_000, 99_999_998, 99_999_999] == taken(made)


def test_one_answer_that_leaves_ids_out_is_not_believed() -> None:
    made = line((0, 9))
    made.live(trades(15), 0.0)
    (asked,) = asks(made, 1.0)
    made.answered(asked, page(13, 14, 15), 1.0)
    assert [] == asks(made, 1.5)
    assert [(10, 12)] == asks(made, 2.0)
    made.answered((10, 12), page(10, 11, 12), 2.0)
    assert [10, 11, 12, 13, 14, 15] == taken(made)


def test_a_row_that_came_badly_formed_is_filled_by_a_good_copy() -> None:
    made = line((0, 9))
    made.live(trades(10, 12), 0.0)
    (asked,) = asks(made, 1.0)
    made.answered(asked, page(11), 1.0)
    assert [10, 11, 12] == taken(made)


def test_a_row_that_rest_gives_badly_formed_twice_is_unfillable_and_says_so() -> None:
    made = line((0, 9))
    made.live(trades(10, 12), 0.0)
    for now in (1.0, 3.0):
        (asked,) = asks(made, now)
        made.answered(asked, page(bad=[11]), now)
    assert [10, 12] == taken(made)
    (found,) = made.discoveries()
    assert (11, 11, "unfillable") == (found.first, found.last, found.state)
    assert "badly formed" in found.reason


def test_a_badly_formed_row_at_the_end_of_a_page_does_not_stop_the_line() -> None:
    made = line((0, 9))
    assert made.newer(page(10, bad=[11, 12]), 1.0)
    assert [10] == taken(made)
    assert [(11, 12)] == asks(made, 2.0)


def test_the_gap_before_the_first_live_row_is_no_business_of_the_ledger_while_it_is_caught_up() -> None:
    made = line((0, 9))
    made.live(trades(12), 0.0)
    assert [(10, 11)] == asks(made, 0.0), "asked for at once"
    made.answered((10, 11), page(10, 11), 1.0)
    assert [] == findings(made)


def test_a_later_gap_is_told_as_filled() -> None:
    made = line((0, 9))
    made.live(trades(10), 0.0)
    made.live(trades(13), 1.0)
    asks(made, 2.0)
    made.answered((11, 12), page(11, 12), 2.0)
    assert [(11, 12, "filled")] == findings(made)


def test_a_gap_that_lasts_is_told_as_open_and_then_as_filled() -> None:
    made = line((0, 9))
    made.live(trades(10), 0.0)
    made.live(trades(13), 1.0)
    made.note_old(1.0, "REST is silent")
    assert [] == findings(made)
    made.note_old(5.0, "REST is silent")
    made.note_old(6.0, "REST is silent")
    assert [(11, 12, "open")] == findings(made)
    asks(made, 7.0)
    made.answered((11, 12), page(11, 12), 7.0)
    assert [(11, 12, "filled")] == findings(made)


def test_rows_that_are_let_go_flow_on_and_the_hole_is_filled_beside_them() -> None:
    made = line((0, 9))
    made.live(trades(20), 0.0)
    made.let_go("too long")
    assert [20] == taken(made)
    made.live(trades(21), 1.0)
    assert [21] == taken(made)
    assert [] == asks(made, 2.0)
    assert [(10, 19)] == asks(made, 2.0, holding=False)
    made.answered((10, 19), page(*range(10, 20)), 2.0)
    assert list(range(10, 20)) == taken(made)
    assert [(10, 19, "open"), (10, 19, "filled")] == findings(made)


def test_only_a_part_of_a_gap_that_came_is_told_as_filled() -> None:
    made = line((0, 9))
    made.live(trades(10), 0.0)
    made.live(trades(20), 0.0)
    for now in (1.0, 3.0):
        for asked in asks(made, now):
            made.answered(asked, page(11, 12, 15, 16, 17, 18, 19, 20), now)
    assert [(13, 14, "unfillable"), (11, 12, "filled"), (15, 19, "filled")] == findings(made)


def test_holes_of_what_is_held_are_filled_without_holding_anything_up() -> None:
    made = line((0, 9), (15, 19))
    made.live(trades(20), 0.0)
    assert [20] == taken(made)
    assert [(10, 14)] == asks(made, 0.0, holding=False)
    made.answered((10, 14), page(*range(10, 15)), 1.0)
    assert list(range(10, 15)) == taken(made)
    assert [(10, 14, "filled")] == findings(made)
    assert made.whole


def test_a_series_that_holds_nothing_begins_with_its_first_page() -> None:
    made = Line()
    made.live(trades(104, 105), 0.0)
    assert ([], False) == (taken(made), made.begun)
    made.begin(page(100, 101, 102), 1.0)
    assert [100, 101, 102] == taken(made)
    assert [(103, 103)] == asks(made, 1.0)
    made.answered((103, 103), page(103), 1.0)
    assert [103, 104, 105] == taken(made)


def test_an_empty_first_page_is_no_beginning() -> None:
    made = Line()
    made.begin(page(), 0.0)
    assert not made.begun
    assert not made.whole


def test_a_series_may_begin_with_its_first_live_row() -> None:
    made = Line()
    made.live(trades(106, 105), 0.0)
    made.begin_anyway(1.0)
    assert [105, 106] == taken(made)
    assert made.whole


def test_early_rows_that_were_dropped_are_a_gap_later() -> None:
    made = Line()
    made.live(trades(103), 0.0)
    assert 1 == made.forget_early()
    made.begin(page(100, 101, 102), 1.0)
    made.live(trades(104), 2.0)
    assert [100, 101, 102] == taken(made)
    assert [(103, 103)] == asks(made, 2.0)


def test_neighbours_whose_trades_do_not_join_are_told_and_kept() -> None:
    made = line((0, 9))
    made.live([trade(10, 100), trade(11, 110), trade(12, 121)], 0.0)
    made.live([trade(13, 130)], 0.0)
    assert [10, 11, 12, 13] == taken(made)
    first, second = made.discoveries()
    assert (11, 12, "broken") == (first.first, first.last, first.state)
    assert "trades 120 to 120 are in neither" in first.reason
    assert (12, 13) == (second.first, second.last)
    assert "trade 130 is in both" in second.reason


def test_a_voided_row_breaks_no_chain() -> None:
    made = line((0, 9))
    made.live([trade(10, 100), trade(11, -1, -1), trade(12, 110), trade(13, -1, -1)], 0.0)
    made.live([trade(14, 120)], 0.0)
    assert [10, 11, 12, 13, 14] == taken(made)
    assert [] == findings(made)


def test_the_chain_is_checked_on_both_sides_of_a_hole_that_was_filled_later() -> None:
    made = line((0, 9))
    made.live([trade(10, 100), trade(13, 130)], 0.0)
    made.let_go("too long")
    asks(made, 1.0, holding=False)
    made.answered((11, 12), Page([trade(11, 111), trade(12, 121, 128)], [11, 12]), 1.0)
    assert [(10, 11), (12, 13)] == [(each.first, each.last) for each in made.discoveries() if each.state == "broken"]


def test_a_chain_that_never_joins_is_one_finding() -> None:
    made = line((0, 9))
    made.live([trade(number, number * 20) for number in range(10, 60)], 0.0)
    assert [(10, 59, "broken")] == findings(made)


@define
class Exchange:
    """What exists, and how far REST shows it."""

    ids: int
    shown: int
    lost: frozenset[int] = frozenset()
    asked: int = field(default=0)

    def answer(self, first: int, limit: int) -> Page:
        self.asked += 1
        found = [n for n in range(first, self.shown) if n not in self.lost][:limit]
        return page(*found)


def settle(made: Line, exchange: Exchange, now: float, size: int) -> float:
    """Asks until nothing is missing, and for what is newer than all."""
    exchange.shown = exchange.ids
    for _ in range(1000):
        now += 1.0
        for holding in (True, False):
            for span in asks(made, now, holding=holding, size=size):
                made.answered(span, exchange.answer(span[0], span[1] - span[0] + 1), now)
        if made.whole and not made.newer(exchange.answer(made.top or 0, size), now):
            return now
    raise AssertionError("it never settles")


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("live"), st.lists(st.integers(0, 59), min_size=1, max_size=12)),
        st.tuples(st.just("rest"), st.integers(0, 60)),
        st.tuples(st.just("newer"), st.integers(0, 60)),
        st.tuples(st.just("fail"), st.just(0)),
        st.tuples(st.just("let go"), st.just(0)),
    ),
    max_size=25,
)


@settings(max_examples=300, deadline=None)
@given(
    steps=STEPS,
    held=st.frozensets(st.integers(0, 30), max_size=20),
    lost=st.frozensets(st.integers(0, 59), max_size=4),
    size=st.integers(1, 9),
)
def test_every_id_comes_exactly_once_and_none_is_missing_at_the_end(
    steps: list[tuple[str, Any]], held: frozenset[int], lost: frozenset[int], size: int
) -> None:
    runs = Spans.of((number, number) for number in held or {0})
    made, exchange = Line.after(runs, 0.0), Exchange(60, 0, lost)
    now, got, told = 0.0, list[int](), list[tuple[int, int, str]]()
    for kind, what in steps:
        now += 0.3
        if kind == "live":
            made.live(trades(*what), now)
        elif kind == "rest":
            exchange.shown = max(exchange.shown, what)
            for holding in (True, False):
                for span in asks(made, now, holding=holding, size=size):
                    made.answered(span, exchange.answer(span[0], span[1] - span[0] + 1), now)
        elif kind == "newer":
            exchange.shown = max(exchange.shown, what)
            made.newer(exchange.answer(made.top or 0, size), now)
        elif kind == "fail":
            for span in asks(made, now, size=size):
                made.failed(span, now + 1.0)
        else:
            made.let_go("a test")
        got += taken(made)
        told += findings(made)
    settle(made, exchange, now, size)
    got += taken(made)
    told += findings(made)
    unfillable = {n for first, last, state in told if state == "unfillable" for n in range(first, last + 1)}
    assert sorted(set(got)) == sorted(got)
    assert not set(got) & set(runs_ids(runs))
    last = max({*runs_ids(runs), *got})
    assert set(range(min(runs_ids(runs)), last + 1)) == set(got) | set(runs_ids(runs)) | unfillable
    assert unfillable <= lost
    assert set(range(min(runs_ids(runs)), 60)) - lost <= set(got) | set(runs_ids(runs))


@settings(max_examples=200, deadline=None)
@given(
    order=st.permutations(range(20)),
    cuts=st.lists(st.integers(0, 20), max_size=6),
    doubled=st.lists(st.integers(0, 19)),
)
def test_without_a_loss_rows_come_out_in_order_of_id(order: list[int], cuts: list[int], doubled: list[int]) -> None:
    made = line((-1, -1))
    whole = [*order, *doubled]
    edges = [0, *sorted(cuts), len(whole)]
    for begin, end in pairwise(edges):
        made.live(trades(*whole[begin:end]), 0.0)
    assert list(range(20)) == taken(made)
    assert made.whole


def runs_ids(spans: Spans) -> list[int]:
    return [number for first, last in spans for number in range(first, last + 1)]
