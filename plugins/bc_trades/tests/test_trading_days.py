"""Which day a trade is of, and up to where a day is proven."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bc_trades.pieces import Trades
from bc_trades.trading_days import broken, days_of
from bcore.instants import DAY, HOUR, MINUTE, parse_instant

MIDNIGHT = parse_instant("2023-11-15")


def trades(*rows: tuple[int, int], voided: tuple[int, ...] = ()) -> Trades:
    """One trade for each id and time, but for those ids that are voided."""
    ids = np.array([number for number, _ in rows], np.int64)
    empty = np.isin(ids, voided)
    trade_ids = np.where(empty, -1, ids)
    some = np.where(empty, 0.0, 1.0)
    return Trades(np.array([time for _, time in rows], np.int64), some, some, ids, trade_ids, trade_ids)


def days(some: Trades) -> list[tuple[list[int], list[bool], bool]]:
    made = list(days_of(some))
    return [(np.asarray(day.trades.id).tolist(), day.proven.tolist(), day.ended) for day in made]


def test_a_day_begins_with_midnight_and_ends_before_the_next() -> None:
    rows = [(0, MIDNIGHT - 1), (1, MIDNIGHT), (2, MIDNIGHT + DAY - 1), (3, MIDNIGHT + DAY)]
    assert [[0], [1, 2], [3]] == [ids for ids, _, _ in days(trades(*rows))]


@pytest.mark.parametrize("date", ["2023-03-26", "2023-10-29", "2024-03-10", "2024-11-03", "2016-12-31"])
def test_every_day_has_24_hours_whatever_clocks_elsewhere_do(date: str) -> None:
    """Days on which clocks are changed in Europe and America, and one with a leap second, which no timestamp shows."""
    midnight = parse_instant(date)
    rows = [(number, midnight + number * HOUR) for number in range(48)]
    assert [list(range(24)), list(range(24, 48))] == [ids for ids, _, _ in days(trades(*rows))]


def test_a_trade_is_of_the_day_of_its_own_time_and_in_order_of_id() -> None:
    rows = [(0, MIDNIGHT - 5), (1, MIDNIGHT + 3), (2, MIDNIGHT - 9), (3, MIDNIGHT + 1)]
    assert [[0, 2], [1, 3]] == [ids for ids, _, _ in days(trades(*rows))]


def test_voided_trades_are_of_no_day() -> None:
    rows = [(0, MIDNIGHT), (1, MIDNIGHT + 1), (2, MIDNIGHT + 2), (3, MIDNIGHT + DAY)]
    assert [[0, 2]] == [ids for ids, _, _ in days(trades(*rows, voided=(1, 3)))]


def test_no_trades_have_no_days() -> None:
    assert [] == days(trades())


def test_a_day_is_proven_up_to_its_first_hole() -> None:
    rows = [(number, MIDNIGHT + number) for number in (0, 1, 2, 4, 5)]
    assert [([0, 1, 2, 4, 5], [True, True, True, False, False], False)] == days(trades(*rows))


def test_a_hole_at_midnight_leaves_neither_day_proven() -> None:
    rows = [(0, MIDNIGHT - 1), (2, MIDNIGHT + 1), (3, MIDNIGHT + DAY), (4, MIDNIGHT + 2 * DAY)]
    expected = [([0], [True], False), ([2], [False], False), ([3], [True], True), ([4], [True], False)]
    assert expected == days(trades(*rows))


def test_a_day_whose_beginning_was_not_seen_is_not_proven() -> None:
    rows = [(7, MIDNIGHT + HOUR), (8, MIDNIGHT + 2 * HOUR), (9, MIDNIGHT + DAY)]
    assert [([7, 8], [False, False], False), ([9], [True], False)] == days(trades(*rows))


def test_a_hole_beside_a_voided_trade_counts_for_the_day_of_that_trade() -> None:
    rows = [(0, MIDNIGHT - MINUTE), (2, MIDNIGHT), (3, MIDNIGHT + 1)]
    assert [([0], [True], False), ([3], [False], False)] == days(trades(*rows, voided=(2,)))


def test_a_hole_between_two_trades_of_a_day_counts_though_others_stand_there() -> None:
    """Ids 0 and 4 are of one day, 1 and 3 of the next: 2 may be of either."""
    rows = [(0, MIDNIGHT - 2), (1, MIDNIGHT), (3, MIDNIGHT + 1), (4, MIDNIGHT - 1), (5, MIDNIGHT + 2)]
    assert [([0, 4], [True, False], False), ([1, 3, 5], [True, False, False], False)] == days(trades(*rows))


def test_trade_ids_that_do_not_join_are_a_hole() -> None:
    one = np.array([0, 1, 2], np.int64)
    zeros: Any = np.zeros(3, np.int64)
    gapped = Trades(zeros + MIDNIGHT, np.ones(3), np.ones(3), one, np.array([0, 1, 3]), np.array([0, 1, 3]))
    assert [False, False, True, True] == broken(gapped).tolist()


def test_without_ids_nothing_is_proven() -> None:
    assert [True, True] == broken(Trades(np.zeros(1, np.int64), np.ones(1), np.ones(1))).tolist()
