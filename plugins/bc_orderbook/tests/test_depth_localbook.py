"""The book that is kept from events: against a plain reference, and what it says of itself."""

from __future__ import annotations

from math import isnan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bc_orderbook.events import DepthEvent
from bc_orderbook.localbook import MOST, GapError, Level, LocalBook, Seed

PRICES = st.integers(90, 110).map(float)
QUANTITIES = st.sampled_from([0.0, 1.0, 2.5])
SIDES = st.lists(st.tuples(PRICES, QUANTITIES), max_size=6)


def event(first: int, last: int, bids: list[Level] | None = None, asks: list[Level] | None = None) -> DepthEvent:
    return DepthEvent(last * 1000, "X", first, last, bids or [], asks or [])


def book(bids: dict[float, float], asks: dict[float, float], limit: int = 5000, number: int = 10) -> LocalBook:
    return LocalBook.of(Seed(number, 0, bids, asks, limit))


@st.composite
def histories(draw: st.DrawFn) -> list[DepthEvent]:
    """Events one after the other, some repeated, some left out, some exchanged with their neighbours."""
    made, number = [], draw(st.integers(6, 12))
    for _ in range(draw(st.integers(0, 30))):
        last = number + draw(st.integers(0, 3))
        made.append(event(number, last, draw(SIDES), draw(SIDES)))
        number = last + 1
    mixed: list[DepthEvent] = []
    for each in made:
        fate = draw(st.sampled_from(["come", "come", "come", "twice", "lost", "late"]))
        mixed[len(mixed) - (fate == "late" and bool(mixed)) :] += [] if fate == "lost" else [each]
        mixed += [each] if fate == "twice" else []
    return mixed


def reference(seed: Seed, events: list[DepthEvent]) -> tuple[int, dict[float, float], dict[float, float], list[str]]:
    """The rule of protocol section 7 as it is written, one level after the other."""
    number, bids, asks, fates = seed.last_update_id, dict(seed.bids), dict(seed.asks), []
    for each in events:
        if each.last <= number:
            fates.append("old")
        elif each.first > number + 1:
            fates.append("gap")
        else:
            for side, levels in ((bids, each.bids), (asks, each.asks)):
                for price, quantity in levels:
                    side[price] = quantity
                    if quantity == 0:
                        del side[price]
            number = each.last
            fates.append("applied")
    return number, bids, asks, fates


def fate_of(kept: LocalBook, each: DepthEvent) -> str:
    try:
        return "applied" if kept.apply(each) else "old"
    except GapError:
        return "gap"


@given(histories(), st.dictionaries(PRICES, st.just(1.0)), st.dictionaries(PRICES, st.just(1.0)), st.booleans())
def test_it_is_what_the_rule_makes_of_any_events(
    events: list[DepthEvent], bids: dict[float, float], asks: dict[float, float], looked_at: bool
) -> None:
    seed = Seed(8, 0, bids, asks, 5000)
    number, want_bids, want_asks, fates = reference(seed, events)
    kept, came = LocalBook.of(seed), []
    for each in events:
        came.append(fate_of(kept, each))
        if looked_at:
            kept.levels()

    assert (number, fates) == (kept.id, came)
    assert (sorted(want_bids.items(), reverse=True), sorted(want_asks.items())) == kept.levels()
    assert (max(want_bids, default=None), min(want_asks, default=None)) == (kept.bids.best, kept.asks.best)


def test_a_gap_is_named_and_changes_nothing() -> None:
    kept = book({99.0: 1.0}, {101.0: 1.0}, number=10)

    with pytest.raises(GapError, match=r"gap 11\.\.14"):
        kept.apply(event(15, 16, [(99.0, 5.0)]))
    assert (10, [(99.0, 1.0)]) == (kept.id, kept.bids.levels())


@pytest.mark.parametrize(("first", "last", "applied"), [(5, 10, False), (5, 11, True), (11, 11, True), (10, 10, False)])
def test_the_first_event_has_the_update_after_the_snapshot_in_it(first: int, last: int, applied: bool) -> None:
    assert applied == book({}, {}, number=10).apply(event(first, last))


def test_a_side_with_fewer_levels_than_were_asked_for_is_wholly_known() -> None:
    kept = book({99.0: 1.0, 98.0: 1.0}, {101.0: 1.0}, limit=2)

    assert (98.0, True) == (kept.horizon[0], isnan(kept.horizon[1]))


def test_levels_beyond_the_horizon_are_kept_but_not_known() -> None:
    kept = book({99.0: 1.0, 98.0: 1.0}, {101.0: 1.0, 102.0: 1.0}, limit=2)
    kept.apply(event(11, 11, [(90.0, 7.0)], [(110.0, 7.0)]))

    assert [(99.0, 1.0), (98.0, 1.0), (90.0, 7.0)] == kept.bids.levels()
    assert ([(99.0, 1.0), (98.0, 1.0)], [(101.0, 1.0), (102.0, 1.0)]) == kept.levels(known=True)
    assert 2 == kept.bids.known


def test_the_best_levels_can_be_had_alone() -> None:
    kept = book({99.0: 1.0, 98.0: 2.0, 97.0: 3.0}, {101.0: 1.0, 102.0: 2.0, 103.0: 3.0})

    assert ([(99.0, 1.0), (98.0, 2.0)], [(101.0, 1.0), (102.0, 2.0)]) == kept.levels(2)


def test_a_crossed_book_is_seen() -> None:
    kept = book({99.0: 1.0}, {101.0: 1.0})
    kept.apply(event(11, 11, [(101.0, 1.0)]))

    assert kept.crossed
    kept.apply(event(12, 12, [], [(101.0, 0.0), (102.0, 1.0)]))
    assert not kept.crossed


def test_removing_what_is_not_there_is_normal() -> None:
    kept = book({99.0: 1.0}, {})
    kept.apply(event(11, 11, [(50.0, 0.0)]))

    assert [(99.0, 1.0)] == kept.bids.levels()


def test_a_side_that_grows_without_end_gives_up_what_is_farthest_out_and_says_so() -> None:
    kept = book({float(price): 1.0 for price in range(1, 11)}, {}, limit=10)
    kept.apply(event(11, 11, [(float(price), 1.0) for price in range(11, MOST + 100)]))

    assert len(kept.bids) < MOST
    assert (MOST + 99.0, kept.bids.levels()[-1][0]) == (kept.bids.best, kept.bids.horizon)


def test_two_books_differ_only_where_both_know() -> None:
    wide = book({99.0: 1.0, 98.0: 2.0, 97.0: 3.0}, {101.0: 1.0}, limit=3)
    narrow = book({99.0: 1.0, 98.0: 5.0}, {101.0: 1.0}, limit=2)

    assert ["bid 98.0: 2.0 and not 5.0"] == wide.differences(narrow)


def test_a_narrow_book_takes_over_what_an_older_one_knows_beyond_it() -> None:
    wide = book({99.0: 1.0, 98.0: 2.0, 97.0: 3.0}, {101.0: 1.0}, limit=3)
    narrow = book({99.0: 1.0, 98.0: 2.0}, {101.0: 1.0}, limit=2)
    narrow.adopt_beyond(wide)

    assert ([(99.0, 1.0), (98.0, 2.0), (97.0, 3.0)], 97.0) == (narrow.bids.levels(), narrow.bids.horizon)


def test_a_wholly_known_side_stays_so() -> None:
    narrow, wide = book({99.0: 1.0}, {}, limit=1), book({99.0: 1.0}, {}, limit=5)
    narrow.adopt_beyond(wide)

    assert (True, True) == (isnan(narrow.bids.horizon), isnan(Seed(1, 0, {}, {}, 5).horizon[0]))
    assert [] == narrow.differences(wide)
