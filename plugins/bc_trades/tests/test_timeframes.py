"""Names of timeframes, and where their bars begin."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bc_trades.timeframes import TIMEFRAMES, timeframe_of
from bcore.instants import parse_instant, to_datetime

TIMES = st.integers(parse_instant("2010-01-01"), parse_instant("2060-01-01"))


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        *((name, name) for name in TIMEFRAMES),
        *(("15min", "15m"), ("1min", "1m"), ("15T", "15m"), ("1H", "1h"), ("1D", "1d"), ("D", "1d"), ("h", "1h")),
        *(("60min", "1h"), ("240m", "4h"), ("24h", "1d"), ("60s", "1m"), ("W", "1w"), ("1W-MON", "1w")),
        *(("1M", "1M"), ("1mo", "1M"), ("MS", "1M"), (" 5 min ", "5m")),
    ],
)
def test_a_timeframe_may_be_written_in_several_ways(written: str, meant: str) -> None:
    assert meant == timeframe_of(written).name


@pytest.mark.parametrize(
    "written", ["", "0m", "7m", "90min", "2d", "7d", "2w", "2M", "1x", "m1", "-1h", "1.5h", 5, None]
)
def test_what_the_exchange_does_not_have_is_refused_with_the_list(written: object) -> None:
    with pytest.raises(ValueError, match="must be one of 1s, 1m, 3m") as caught:
        timeframe_of(written)
    assert repr(written) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "time", "opened"),
    [
        ("1s", "2024-05-05T01:02:03.999999", "2024-05-05T01:02:03"),
        ("1m", "2024-05-05T01:02:03", "2024-05-05T01:02:00"),
        ("8h", "2024-05-05T15:59:59", "2024-05-05T08:00:00"),
        ("1d", "2024-05-05T23:59:59.999999", "2024-05-05"),
        ("3d", "2017-08-19T23:59:59", "2017-08-17"),
        ("3d", "2024-01-01T00:00:00", "2024-01-01"),
        ("3d", "2023-12-31T23:59:59", "2023-12-29"),
        ("3d", "2026-07-03T12:00:00", "2026-07-01"),
        ("1w", "2024-05-05T23:59:59", "2024-04-29"),
        ("1w", "2024-04-29T00:00:00", "2024-04-29"),
        ("1M", "2024-02-29T23:59:59.999999", "2024-02-01"),
        ("1M", "2024-01-01T00:00:00", "2024-01-01"),
    ],
)
def test_bars_open_where_the_exchanges_do(name: str, time: str, opened: str) -> None:
    assert parse_instant(opened) == TIMEFRAMES[name].floor(parse_instant(time))


@given(st.sampled_from(list(TIMEFRAMES)), TIMES)
def test_a_time_lies_in_its_bar(name: str, time: int) -> None:
    frame = TIMEFRAMES[name]
    opened = frame.floor(time)
    assert opened <= time < frame.shifted(opened, 1)
    assert opened == frame.floor(opened) == frame.ceil(opened)
    assert frame.shifted(frame.ceil(time), -1) < time <= frame.ceil(time)


@given(st.sampled_from(list(TIMEFRAMES)), TIMES, st.integers(-200, 200))
def test_shifting_forth_and_back_comes_home(name: str, time: int, bars: int) -> None:
    frame = TIMEFRAMES[name]
    opened = frame.floor(time)
    assert opened == frame.shifted(frame.shifted(opened, bars), -bars)
    assert frame.shifted(opened, bars) == frame.floor(frame.shifted(opened, bars))


@given(st.lists(TIMES, min_size=1))
def test_months_are_those_of_the_calendar(times: list[int]) -> None:
    months = [(to_datetime(time).year, to_datetime(time).month) for time in times]
    expected = [int(datetime(year, month, 1, tzinfo=UTC).timestamp()) * 1_000_000 for year, month in months]
    assert expected == TIMEFRAMES["1M"].opens(np.array(times, np.int64)).tolist()
