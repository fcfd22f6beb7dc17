"""The names of bulk files, and which of them a time range needs (protocol sections 8.1 and 8.5)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Literal

from attrs import frozen

from bc_binance.listing import Listed
from bc_binance.market import SPOT
from bcore.errors import RequestError

Period = Literal["monthly", "daily"]
PERIODS: tuple[Period, ...] = ("monthly", "daily")
SECOND = 1_000_000
DAY = 86_400 * SECOND
_EPOCH = date(1970, 1, 1)
_DATE = re.compile(r"(\d{4})-(\d{1,2})(?:-(\d{1,2}))?")  # months without a leading zero were seen


@frozen
class BulkFile:
    """A published file. It holds the rows of [`start`, `end`), int us UTC; `size` in bytes, `etag` of this revision."""

    key: str
    name: str
    start: int
    end: int
    size: int
    period: Period
    etag: str


@frozen
class Kind:
    """What a file is of: `aggTrades`, `trades`, or `klines/1m`; `root` is the market's folder in the bucket."""

    name: str
    interval: str = ""
    root: str = SPOT.bulk

    @classmethod
    def of(cls, text: str, root: str = SPOT.bulk) -> Kind:
        """Raises `RequestError`."""
        name, slash, interval = text.partition("/")
        if (name in ("aggTrades", "trades") and not slash) or (name == "klines" and interval.isalnum()):
            return cls(name, "1mo" if interval == "1M" else interval, root)
        raise RequestError(f"there are no bulk files of {text!r}: ask for aggTrades, trades, or klines/1m and the like")

    def folder(self, symbol: str, period: Period) -> str:
        """The prefix of the keys of a symbol's files."""
        return f"{self.root}/{period}/{self.name}/{symbol}/" + (f"{self.interval}/" if self.interval else "")

    def stem(self, symbol: str) -> str:
        """What a file's name begins with, before the date."""
        return f"{symbol}-{self.interval or self.name}-"


def named(listed: Iterable[Listed], kind: Kind, symbol: str, period: Period) -> dict[date, BulkFile]:
    """The files among the listed objects, by their first day."""
    files: dict[date, BulkFile] = {}
    for each in listed:
        file = _file(each, kind.folder(symbol, period) + kind.stem(symbol), period)
        if file is not None:
            first = _day(file.start)
            exact = file.name.endswith(f"{first:%Y-%m}.zip" if period == "monthly" else f"{first:%Y-%m-%d}.zip")
            files[first] = file if exact else files.get(first, file)
    return files


def chosen(start: int, end: int, months: dict[date, BulkFile], days: dict[date, BulkFile]) -> list[BulkFile]:
    """The files for [start, end) in order: a whole month as one file, else its days.

    Where a day is not listed that the month's file has, the month's file serves, wider than the range though it is.
    """
    files: list[BulkFile] = []
    for month in _months(start, end):
        following = _following(month)
        wanted = list(_days(max(start, micros_of(month)), min(end, micros_of(following))))
        whole, daily = months.get(month), [days[each] for each in wanted if each in days]
        covered = start <= micros_of(month) and micros_of(following) <= end
        files += [whole] if whole and (covered or len(daily) < len(wanted)) else daily
    return files


def micros_of(day: date) -> int:
    """Its first instant, int us UTC."""
    return (day - _EPOCH).days * DAY


def day_text(instant: int) -> str:
    """The UTC day of an instant as files are named."""
    return f"{_day(instant):%Y-%m-%d}"


def _file(listed: Listed, beginning: str, period: Period) -> BulkFile | None:
    if not listed.key.startswith(beginning) or not listed.key.endswith(".zip"):
        return None
    text = _DATE.fullmatch(listed.key[len(beginning) : -len(".zip")])
    if text is None or (text[3] is None) != (period == "monthly"):
        return None
    try:
        first = date(int(text[1]), int(text[2]), int(text[3] or 1))
    except ValueError:
        return None
    last = _following(first) if period == "monthly" else first + timedelta(days=1)
    name = listed.key.rpartition("/")[2]
    return BulkFile(listed.key, name, micros_of(first), micros_of(last), listed.size, period, listed.etag)


def _day(instant: int) -> date:
    return datetime.fromtimestamp(instant // SECOND, UTC).date()


def _following(month: date) -> date:
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def _months(start: int, end: int) -> Iterator[date]:
    month = _day(start).replace(day=1)
    while micros_of(month) < end:
        yield month
        month = _following(month)


def _days(start: int, end: int) -> Iterator[date]:
    day = _day(start)
    while micros_of(day) < end:
        yield day
        day += timedelta(days=1)
