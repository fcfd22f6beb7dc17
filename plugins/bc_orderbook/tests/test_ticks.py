"""Automatic tick sizes."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bc_orderbook.ticks import automatic_ticks

prices = st.fractions(Fraction(1, 10**8), 10**9)
grids = st.sampled_from([Fraction(1, 10**8), Fraction(1, 100), Fraction(1)])


@pytest.mark.parametrize(
    ("price", "grid", "ticks"),
    [
        ("68513.59", "0.01", (10, 50, 100, 500, 1000)),
        ("3400", "0.01", (0.5, 1, 5, 10, 50)),
        ("0.00000600", "0.00000001", (1e-8, 5e-8, 1e-7, 5e-7, 1e-6)),
        ("10000", "0.01", (1, 5, 10, 50, 100)),
        ("10000.01", "0.01", (5, 10, 50, 100, 500)),
        ("1.2145", "0.0005", (0.0005, 0.001, 0.005, 0.01, 0.05)),
        ("1.2145", "0.0006", (0.001, 0.005, 0.01, 0.05, 0.1)),
    ],
)
def test_five_steps_from_a_ten_thousandth_of_the_price_or_the_grid(
    price: str, grid: str, ticks: tuple[float, ...]
) -> None:
    assert ticks == automatic_ticks(Fraction(price), Fraction(grid))


@given(prices, grids)
def test_the_finest_is_the_first_step_that_is_large_enough(price: Fraction, grid: Fraction) -> None:
    finest = Fraction(str(automatic_ticks(price, grid)[0]))

    assert max(price / 10_000, grid) <= finest < 5 * max(price / 10_000, grid)


@given(prices, grids)
def test_each_is_five_or_two_times_the_one_before(price: Fraction, grid: Fraction) -> None:
    exact = [Fraction(str(tick)) for tick in automatic_ticks(price, grid)]
    ratios = [after / before for before, after in pairwise(exact)]

    assert ratios in ([5, 2, 5, 2], [2, 5, 2, 5])


def test_those_in_use_are_kept_when_the_price_passes_a_border() -> None:
    before = automatic_ticks(Fraction(99_999), Fraction(1, 100))

    assert before == automatic_ticks(Fraction(100_001), Fraction(1, 100), before[-1])


def test_those_in_use_are_kept_when_the_price_comes_back() -> None:
    before = automatic_ticks(Fraction(100_001), Fraction(1, 100))

    assert before == automatic_ticks(Fraction(99_999), Fraction(1, 100), before[-1])


def test_those_in_use_are_given_up_when_the_price_has_gone_far() -> None:
    assert (10.0, 50.0, 100.0, 500.0, 1000.0) == automatic_ticks(Fraction(68_000), Fraction(1, 100), 5.0)


def test_those_in_use_are_given_up_when_the_grid_became_coarser() -> None:
    assert 0.1 == automatic_ticks(Fraction(600), Fraction(1, 10), 5.0)[0]


def test_a_coarsest_tick_that_was_configured_by_hand_is_not_followed() -> None:
    assert (10.0, 50.0, 100.0, 500.0, 1000.0) == automatic_ticks(Fraction(68_000), Fraction(1, 100), 700.0)
