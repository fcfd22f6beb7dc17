"""Decimal text to exact integers and back."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bc_orderbook.decimals import largest_step, parse_decimals, to_floats

units = st.integers(0, 10**17)


def test_text_as_the_exchange_prints_it_becomes_hundred_millionths() -> None:
    numbers, places = parse_decimals(["61837.63000000", "3.78826000", "0.00000001"])

    assert ([6183763000000, 378826000, 1], 8) == (numbers.tolist(), places)
    assert np.int64 == numbers.dtype


def test_differing_counts_of_decimals_meet_at_the_longest() -> None:
    numbers, places = parse_decimals(["1", "0.5", "2.125"])

    assert ([1000, 500, 2125], 3) == (numbers.tolist(), places)


def test_no_numbers_are_an_empty_array() -> None:
    assert 0 == len(parse_decimals([])[0])


def test_the_exchange_s_largest_quantity_is_exact() -> None:
    numbers, places = parse_decimals(["92233720368.54775807", "1.00000000"])

    assert ([2**63 - 1, 10**8], 8) == (numbers.tolist(), places)


def test_what_int64_cannot_hold_is_exact_all_the_same() -> None:
    numbers, _ = parse_decimals(["1.00000000", "92233720368.54775808"])

    assert [10**8, 2**63] == numbers.tolist()


@given(st.lists(units, min_size=1), st.integers(1, 12))
def test_any_numbers_of_equal_decimals_are_parsed_exactly(values: list[int], places: int) -> None:
    texts = [f"{value // 10**places}.{value % 10**places:0{places}d}" for value in values]

    assert (values, places) == (parse_decimals(texts)[0].tolist(), parse_decimals(texts)[1])


@given(st.lists(st.builds(Decimal.scaleb, st.integers(0, 10**20).map(Decimal), st.integers(-25, 3))))
def test_any_numbers_of_any_decimals_are_parsed_exactly(values: list[Decimal]) -> None:
    numbers, places = parse_decimals([f"{value:f}" for value in values])

    assert [Fraction(value) for value in values] == [Fraction(int(number), 10**places) for number in numbers]


@pytest.mark.parametrize(
    "text",
    ["", "nan", "inf", "-1.0", "+1.0", "1e3", "1,5", " 1.5", "1.5 ", "1_0.5", ".5", "5.", "1.2.3", "0x1.8", "\u0661.5"],
)
@pytest.mark.parametrize("others", [[], ["1.5"], ["1.00000000", "2.00000000"], ["7"]], ids=len)
def test_what_is_no_plain_number_is_named(text: str, others: list[str]) -> None:
    with pytest.raises(ValueError, match="is not an unsigned decimal number") as caught:
        parse_decimals([*others, text])

    assert repr(text) in str(caught.value)


def test_a_text_that_holds_two_numbers_is_not_taken_for_them() -> None:
    with pytest.raises(ValueError, match=r"'1\.5,2\.5' is not"):
        parse_decimals(["1.5,2.5", "3.5"])


def test_two_malformed_texts_cannot_make_up_for_each_other() -> None:
    with pytest.raises(ValueError, match="is not an unsigned decimal number"):
        parse_decimals(["12", "3.4.56"])


def test_text_of_absurd_length_is_refused_in_a_short_sentence() -> None:
    with pytest.raises(ValueError, match="is not an unsigned decimal number") as caught:
        parse_decimals(["9" * 100_000])

    assert 200 > len(str(caught.value))


def test_the_step_of_a_grid_is_the_largest_common_divisor() -> None:
    assert 250 == largest_step(np.array([1000, 750, 500]))


def test_the_step_of_nothing_is_one() -> None:
    assert 1 == largest_step(np.array([], np.int64))


@given(st.lists(units))
def test_floats_are_what_parsing_the_decimal_text_gives(values: list[int]) -> None:
    assert [float(Decimal(value).scaleb(-8)) for value in values] == to_floats(values, Fraction(1, 10**8))
