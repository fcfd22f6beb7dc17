"""Where bars end, against a loop over fractions that is plainly right."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bc_trades.exact import Scaled
from bc_trades.thresholds import ends_of, units_of

# Amounts that make bars of one row, of a few, and of more rows than are passed over at once; of 64 bits and of more.
LARGEST = st.sampled_from([3, 1000, 10**17, 10**25])
SIZES = st.sampled_from([1.0, 2.5, 7.0, 100.0, 1234.5678, 1e5, 1e16, 1e18, 1e30, 1e-9])


def slowly(units: list[int], decimals: int, size: float) -> list[int]:
    ends, held = [], Fraction(0)
    for row, unit in enumerate(units, 1):
        held += Fraction(unit, 10**decimals)
        if abs(held) >= Fraction(str(size)):
            ends.append(row)
            held = Fraction(0)
    return ends


def scaled(units: list[int], decimals: int) -> Scaled:
    wide = any(abs(unit) >= 2**62 for unit in units)
    return Scaled(np.array(units, object if wide else np.int64), decimals)


@st.composite
def amounts(draw: st.DrawFn, least: int) -> list[int]:
    count, most = draw(st.integers(0, 700)), draw(LARGEST)
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    signs = random.integers(least, 2, count).tolist()
    return [sign * int(part * most) for sign, part in zip(signs, random.random(count).tolist(), strict=True)]


@settings(deadline=None)
@given(amounts(0), st.integers(0, 16), SIZES)
def test_bars_of_what_only_grows_end_where_the_sum_reaches_the_size(
    units: list[int], decimals: int, size: float
) -> None:
    assert slowly(units, decimals, size) == ends_of(scaled(units, decimals), size).tolist()


@settings(deadline=None)
@given(amounts(-1), st.integers(0, 16), SIZES)
def test_bars_of_what_goes_up_and_down_end_where_the_sum_is_that_far_from_0(
    units: list[int], decimals: int, size: float
) -> None:
    assert slowly(units, decimals, size) == ends_of(scaled(units, decimals), size).tolist()


@pytest.mark.parametrize("rows", [100, 10_000])
def test_many_and_few_rows_to_a_bar_are_cut_alike(rows: int) -> None:
    """On both sides of where each bar is searched for by itself."""
    ones = Scaled(np.ones(20_000, np.int64), 0)
    for size in (1, 63, 64, 65, 66, rows):
        assert list(range(size, 20_001, size)) == ends_of(ones, size).tolist()


@pytest.mark.parametrize("size", [10.0, 2500.5, 40_000.0, 999_999.0])
def test_bars_of_many_uneven_rows_end_where_a_loop_ends_them(size: float) -> None:
    units = np.random.default_rng(5).integers(0, 2000, 5000).tolist()
    assert slowly(units, 1, size) == ends_of(scaled(units, 1), size).tolist()


def test_a_size_reached_to_the_last_digit_ends_the_bar() -> None:
    """Ten times 0.1 is 1, which sums of floats miss."""
    assert 0.9999999999999999 == sum([0.1] * 10)
    assert [10, 20] == ends_of(Scaled.of(np.full(25, 0.1)), 1.0).tolist()


def test_what_the_last_row_brings_beyond_the_size_is_not_carried_over() -> None:
    assert [1, 3] == ends_of(Scaled(np.array([100, 6, 6, 6]), 0), 10).tolist()


def test_rows_of_nothing_end_no_bar() -> None:
    assert [3] == ends_of(Scaled(np.array([0, 0, 5, 0, 0]), 0), 5).tolist()
    assert [] == ends_of(Scaled(np.zeros(1000, np.int64), 0), 1e-9).tolist()


def test_no_rows_have_no_ends() -> None:
    assert [] == ends_of(Scaled(np.empty(0, np.int64), 0), 1).tolist()


def test_a_size_that_nothing_reaches_ends_no_bar() -> None:
    assert [] == ends_of(Scaled(np.full(1000, 10**15), 0), 1.7e308).tolist()
    assert [] == ends_of(Scaled(np.tile([10**15, -(10**15)], 500), 0), 1.7e308).tolist()


@pytest.mark.parametrize(
    ("size", "decimals", "units"), [(0.1, 1, 1), (0.1, 0, 1), (2.5, 0, 3), (2.5, 3, 2500), (1e-9, 8, 1), (7, 2, 700)]
)
def test_a_size_is_the_decimal_number_that_it_prints_as(size: float, decimals: int, units: int) -> None:
    assert units == units_of(size, decimals)
