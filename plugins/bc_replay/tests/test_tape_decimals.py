"""The exchange's decimal text and scaled integers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bc_replay.decimals import SCALE, scaled, scaled_float, text


@given(st.integers(0, 2**63 - 1))
def test_text_and_units_round_trip(units: int) -> None:
    assert units == scaled(text(units))


@given(st.integers(0, 2**52))
def test_the_float_of_a_decimal_gives_the_decimal_back(units: int) -> None:
    assert units == scaled_float(float(text(units)))


@pytest.mark.parametrize(
    ("value", "units"), [("1", SCALE), ("1e-8", 1), ("0.2312", 23_120_000), ("265.0", 265 * SCALE)]
)
def test_shorter_forms_are_read(value: str, units: int) -> None:
    assert units == scaled(value)


@pytest.mark.parametrize(
    "value", ["", "x", "NaN", "Infinity", "-1.00000000", "1.000000001", "92233720368.54775808", "1.0000000x"]
)
def test_what_is_no_decimal_of_the_exchange_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match=r"decimal|range"):
        scaled(value)
