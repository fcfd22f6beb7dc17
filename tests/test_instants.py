from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bcore.errors import RequestError
from bcore.instants import DAY, HOUR, SECOND, from_datetime, iso, parse_instant, to_datetime

NOON = 1_600_000_000_000_000  # 2020-09-13T12:26:40Z
INSTANTS = st.integers(from_datetime(datetime(1, 1, 1)), from_datetime(datetime(9999, 12, 31)))


@pytest.mark.parametrize(
    "typed",
    [
        "2020-09-13T12:26:40",
        "2020-09-13 12:26:40",
        " 2020-09-13T12:26:40Z ",
        "2020-09-13T14:26:40+02:00",
        datetime(2020, 9, 13, 12, 26, 40),
        datetime(2020, 9, 13, 14, 26, 40, tzinfo=timezone(timedelta(hours=2))),
        pd.Timestamp("2020-09-13T12:26:40"),
        pd.Timestamp("2020-09-13T08:26:40", tz="America/New_York"),
        1_600_000_000,
        1_600_000_000_000,
        1_600_000_000_000_000,
        1_600_000_000_000_000_000,
        "1600000000",
        "1600000000000",
    ],
)
def test_every_usual_notation_of_one_instant_means_the_same(typed: Any) -> None:
    assert NOON == parse_instant(typed)


def test_a_date_is_its_midnight() -> None:
    assert NOON // DAY * DAY == parse_instant(date(2020, 9, 13)) == parse_instant("2020-09-13")


def test_microseconds_survive_as_nanoseconds_are_cut() -> None:
    assert NOON + 123_456 == parse_instant("2020-09-13T12:26:40.123456")
    assert NOON + 123_456 == parse_instant(NOON * 1000 + 123_456_789)


@pytest.mark.parametrize(("typed", "back"), [("now", 0), ("15m ago", 900), ("2h ago", 7200), ("1d ago", 86400)])
def test_times_relative_to_now_need_a_now(typed: str, back: int) -> None:
    assert NOON - back * SECOND == parse_instant(typed, now=NOON)
    with pytest.raises(RequestError, match="is not an instant"):
        parse_instant(typed)


@pytest.mark.parametrize(
    "typed", ["", "yesterday", "2020-13-01", "15x ago", None, True, [], b"2020", pd.NaT, 10**30, "9" * 30, -(10**30)]
)
def test_anything_else_is_refused_with_what_to_write(typed: Any) -> None:
    with pytest.raises(RequestError, match="write ISO 8601 such as"):
        parse_instant(typed, now=NOON)


@given(INSTANTS)
def test_iso_text_comes_back_as_the_same_instant(instant: int) -> None:
    assert instant == parse_instant(iso(instant))


@given(INSTANTS)
def test_a_datetime_comes_back_as_the_same_instant(instant: int) -> None:
    assert instant == from_datetime(to_datetime(instant)) == parse_instant(to_datetime(instant))


@given(st.integers(10**8, 9 * 10**9))
def test_an_epoch_number_is_told_apart_by_magnitude(seconds: int) -> None:
    units = (seconds, seconds * 1000, seconds * SECOND, seconds * SECOND * 1000)
    assert {seconds * SECOND} == {parse_instant(number) for number in units}


def test_numbers_of_numpy_are_epoch_numbers_too() -> None:
    assert NOON == parse_instant(pd.Series([NOON]).iloc[0])


def test_to_datetime_is_aware() -> None:
    assert UTC == to_datetime(HOUR).tzinfo


def test_a_date_without_dashes_is_a_date_and_no_epoch_number() -> None:
    assert parse_instant("2026-02-15") == parse_instant("20260215")
