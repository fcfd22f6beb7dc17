"""Exactness, against fractions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bc_trades.exact import Scaled

UNITS, DECIMALS = st.integers(0, 10**15 - 1), st.integers(0, 8)
VALUES = st.lists(st.builds(lambda units, decimals: float(f"{units}e-{decimals}"), UNITS, DECIMALS), min_size=1)


def meant(value: float) -> Fraction:
    """The decimal number that a float prints as."""
    return Fraction(repr(value))


def to_eight_decimals(total: Fraction) -> float:
    return float(Fraction(total * 10**8 // 1, 10**8))


def sums(numbers: Scaled, starts: list[int]) -> list[float]:
    made: list[float] = numbers.totals(np.array(starts, np.intp)).nearest().tolist()
    return made


@given(VALUES)
def test_units_are_the_decimal_numbers_meant(values: list[float]) -> None:
    scaled = Scaled.of(np.array(values))
    assert [meant(value) for value in values] == [Fraction(int(n), 10**scaled.decimals) for n in scaled.units]


@given(VALUES)
def test_a_sum_is_the_float_nearest_to_the_true_one(values: list[float]) -> None:
    assert [to_eight_decimals(sum(map(meant, values), Fraction()))] == sums(Scaled.of(np.array(values)), [0])


@given(st.lists(st.tuples(UNITS, DECIMALS, UNITS, DECIMALS), min_size=1, max_size=20), st.data())
def test_sums_of_products_are_exact_to_eight_decimals(
    rows: list[tuple[int, int, int, int]], data: st.DataObject
) -> None:
    prices = [float(f"{units}e-{decimals}") for units, decimals, _, _ in rows]
    quantities = [float(f"{units}e-{decimals}") for _, _, units, decimals in rows]
    cut = data.draw(st.integers(0, len(rows) - 1))
    starts = sorted({0, cut})
    products = [meant(p) * meant(q) for p, q in zip(prices, quantities, strict=True)]
    parts = [products] if cut == 0 else [products[:cut], products[cut:]]
    made = sums(Scaled.of(np.array(prices)).times(Scaled.of(np.array(quantities))), starts)
    assert [to_eight_decimals(sum(part, Fraction())) for part in parts] == made


def test_numbers_of_16_digits_are_not_taken_for_their_neighbours() -> None:
    prices, quantities = Scaled.of(np.array([1e-7, 803857222.68])), Scaled.of(np.array([0.0, 0.1]))
    assert [80385722.268] == sums(prices.times(quantities), [0])


def test_what_naive_floats_get_wrong_is_right() -> None:
    values = np.array([0.1] * 10 + [0.3])
    assert [1.3] == sums(Scaled.of(values), [0])
    assert 1.3 != sum(values.tolist())


def test_numbers_beyond_64_bits_go_on_being_exact() -> None:
    huge = np.array([98765432109876.0, 0.00000001])
    total = sums(Scaled.of(huge).times(Scaled.of(huge)), [0])
    assert [float(98765432109876**2)] == total


def test_a_sum_that_only_together_passes_64_bits_is_exact() -> None:
    values = np.array([9_007_199_254_740_991.0] * 2000)
    scaled = Scaled.of(values)
    assert np.int64 == scaled.units.dtype
    assert [9_007_199_254_740_991.0 * 2000] == sums(scaled, [0])


def test_everyday_numbers_stay_in_64_bits() -> None:
    product = Scaled.of(np.array([13748.62, 13748.74])).times(Scaled.of(np.array([0.008369, 120.5])))
    assert (np.dtype(np.int64), 8) == (product.units.dtype, product.decimals)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="missing or not finite"):
        Scaled.of(np.array([1.0, value]))
