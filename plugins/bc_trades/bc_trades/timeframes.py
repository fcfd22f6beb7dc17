"""Timeframes: the exchange's kline intervals, aligned as it aligns them (protocol section 4.7)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from bcore.instants import DAY, HOUR, MINUTE, SECOND

Times = NDArray[np.int64]
LATEST = 2 * 10**17  # in the year 8307: far beyond any trade, and still a date that libraries can hold

# The protocol reference does not say where bars of 3 days and of a week begin. Public readings of the exchange's own
# klines do: 3d bars opened on 2017-08-17, 2024-01-01 and 2026-07-01, all a multiple of 3 days after 1970-01-02, and
# weeks open on Mondays.
THREE_DAYS_FROM, WEEKS_FROM = DAY, 4 * DAY


@frozen
class Timeframe:
    """Bars of `length` us that open at `origin` plus a multiple of it."""

    name: str
    length: int
    origin: int = 0

    def opens(self, times: Times) -> Times:
        """The open times of the bars that hold the times, int us UTC."""
        return times - (times - self.origin) % self.length

    def shifted(self, opened: int, bars: int) -> int:
        """The open time so many bars later (earlier where negative)."""
        return opened + bars * self.length

    def within(self, first: int, last: int) -> Times:
        """The open times in (first, last], oldest first; `first` is one itself."""
        return np.arange(first + self.length, last + 1, self.length, dtype=np.int64)

    def floor(self, time: int) -> int:
        """The open time of the bar that holds `time`."""
        return int(self.opens(np.array([time], np.int64))[0])

    def ceil(self, time: int) -> int:
        """The first open time at or after `time`."""
        opened = self.floor(time)
        return opened if opened == time else self.shifted(opened, 1)


@frozen
class Months(Timeframe):
    """Bars of a calendar month, UTC. `length` is the longest month's."""

    def opens(self, times: Times) -> Times:
        months: Times = times.view("M8[us]").astype("M8[M]").astype("M8[us]").astype(np.int64)
        return months

    def within(self, first: int, last: int) -> Times:
        begin = np.datetime64(first, "us").astype("M8[M]") + np.timedelta64(1, "M")
        count = int((np.datetime64(last, "us").astype("M8[M]") - begin).astype(np.int64)) + 1
        months: Times = (begin + np.arange(count)).astype("M8[us]").astype(np.int64)
        return months

    def shifted(self, opened: int, bars: int) -> int:
        month = np.datetime64(opened, "us").astype("M8[M]") + np.timedelta64(bars, "M")
        return int(month.astype("M8[us]").astype(np.int64))


_UNITS = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY}
_ORIGINS = {"3d": THREE_DAYS_FROM, "1w": WEEKS_FROM}
_NAMES = ("1s", "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w")

TIMEFRAMES: Mapping[str, Timeframe] = {
    **{name: Timeframe(name, int(name[:-1]) * _UNITS[name[-1]], _ORIGINS.get(name, 0)) for name in _NAMES},
    "1M": Months("1M", 31 * DAY),
}

# "m" is a minute and "M" a month, as the exchange writes them; pandas' other spellings have no second meaning.
_SPELLINGS = {
    **dict.fromkeys(("s", "S", "sec"), "s"),
    **dict.fromkeys(("m", "min", "T"), "m"),
    **dict.fromkeys(("h", "H", "hour"), "h"),
    **dict.fromkeys(("d", "D", "day"), "d"),
    **dict.fromkeys(("w", "W", "W-MON"), "w"),
    **dict.fromkeys(("M", "MS", "mo"), "M"),
}


def timeframe_of(text: Any) -> Timeframe:
    """The timeframe that people mean by `1h`, `60min`, `1H` or `15T`. Raises `ValueError` that lists them all."""
    written = re.fullmatch(r"([0-9]{0,5})\s*([A-Za-z-]+)", text.strip()) if isinstance(text, str) else None
    unit = _SPELLINGS.get(written[2]) if written else None
    if written and unit:
        count = int(written[1] or 1)
        found = TIMEFRAMES.get(f"{count}{unit}") or _of_length(count, unit)
        if found:
            return found
    raise ValueError(f"must be one of {', '.join(TIMEFRAMES)} (or as pandas writes them: 15min, 1H, 1D), not {text!r}")


def _of_length(count: int, unit: str) -> Timeframe | None:
    """`60m` is `1h`; but seven days from any day are not a week."""
    if unit not in ("s", "m", "h"):
        return None
    return next((each for each in TIMEFRAMES.values() if each.length == count * _UNITS[unit] <= DAY), None)
