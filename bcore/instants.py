"""Instants: int microseconds UTC inside, whatever people type outside."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from operator import index

from bcore.errors import RequestError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

Instant = int | str | date | datetime
_UNITS = {"us": 1, "ms": 1000, "s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY}
_AGO = re.compile(r"(\d+)\s*(us|ms|s|m|h|d|w) ago")


def from_datetime(value: datetime) -> int:
    """A datetime as int us UTC; a naive one is taken as UTC."""
    aware = value.replace(tzinfo=UTC) if value.tzinfo is None else value
    return (aware - EPOCH) // timedelta(microseconds=1)


def to_datetime(value: int) -> datetime:
    """int us UTC as an aware datetime."""
    return EPOCH + timedelta(microseconds=value)


def iso(value: int) -> str:
    """int us UTC as ISO 8601 with microseconds and Z."""
    return to_datetime(value).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _from_number(value: int) -> int:
    """An epoch number in s, ms, us or ns, told apart by magnitude (each covers the years 1973 to 5138)."""
    for bound, multiply, divide in ((10**11, SECOND, 1), (10**14, 1000, 1), (10**17, 1, 1)):
        if abs(value) < bound:
            return value * multiply // divide
    return value // 1000


def _from_text(text: str, now: int | None) -> int:
    stripped = text.strip()
    if re.fullmatch(r"-?\d{9,}", stripped):  # fewer digits are a date without dashes, or a mistake
        return _from_number(int(stripped))
    if now is not None and stripped == "now":
        return now
    if now is not None and (ago := _AGO.fullmatch(stripped)):
        return now - int(ago[1]) * _UNITS[ago[2]]
    return from_datetime(datetime.fromisoformat(stripped))


def parse_instant(value: Instant, *, now: int | None = None) -> int:
    """What people type for an instant, as int us UTC.

    ISO 8601 text (without an offset: UTC), a date (its midnight), a datetime or pandas Timestamp, or an epoch number
    in s, ms, us or ns. Where `now` is given also "now" and "15m ago". Raises `RequestError` for anything else.
    """
    try:
        instant = _parsed(value, now)
        to_datetime(instant)  # raises for what no calendar has, and for pandas' NaT
    except (TypeError, ValueError, OverflowError):
        raise RequestError(
            f"{value!r} is not an instant: write ISO 8601 such as 2026-02-15T00:00:00 (UTC), or an epoch number"
        ) from None
    return instant


def _parsed(value: Instant, now: int | None) -> int:
    if isinstance(value, datetime):
        return from_datetime(value)
    if isinstance(value, date):
        return from_datetime(datetime(value.year, value.month, value.day))
    if isinstance(value, str):
        return _from_text(value, now)
    if isinstance(value, bool):
        raise TypeError("a truth value is no instant")
    return _from_number(index(value))  # numpy's integers are no int, but have an index
