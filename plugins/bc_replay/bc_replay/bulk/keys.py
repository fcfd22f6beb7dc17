"""What bulk files are called, and which time they cover (protocol section 8.1)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from attrs import frozen

from bc_replay.candles import FIXED

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CHECKSUM = ".CHECKSUM"
DAILY, MONTHLY = "daily", "monthly"
MONTH_ONLY = ("3d", "1w", "1M")  # klines too long for a daily file
MONTH_IN_NAMES = "1mo"  # what file names call the interval 1M
INTERVALS = {**{interval: interval for interval in FIXED}, MONTH_IN_NAMES: "1M"}
_FILE = re.compile(
    r"data/(?P<market>spot|futures/um)/(?P<period>daily|monthly)/"
    r"(?:(?P<kind>aggTrades|trades)/(?P<symbol>[^/]+)/(?P=symbol)-(?P=kind)"
    r"|klines/(?P<of>[^/]+)/(?P<interval>[^/]+)/(?P=of)-(?P=interval))"
    r"-(?P<date>\d{4}-\d\d(?:-\d\d)?)\.zip"
)


@frozen
class Key:
    """One zip of the bucket. `interval` is in the API's words, empty where the file holds no klines."""

    period: str
    kind: str  # aggTrades, trades or klines
    symbol: str
    date: str  # YYYY-MM-DD, or YYYY-MM of a monthly file
    interval: str = ""
    market: str = "spot"  # the folder of its market below data/

    @classmethod
    def parse(cls, path: str) -> Key | None:
        """None for a path under which there is never a file."""
        match = _FILE.fullmatch(path)
        if match is None:
            return None
        interval = INTERVALS.get(match["interval"] or "", "")
        kind = match["kind"] or "klines"
        key = cls(match["period"], kind, match["symbol"] or match["of"], match["date"], interval, match["market"])
        return key if key.sensible else None

    @property
    def sensible(self) -> bool:
        daily = self.period == DAILY
        if (self.kind == "klines") != bool(self.interval) or (daily and self.interval in MONTH_ONLY):
            return False
        return len(self.date) == (10 if daily else 7) and _instant(self.date) is not None

    @property
    def folder(self) -> str:
        below = f"{self.symbol}/{_named(self.interval)}" if self.interval else self.symbol
        return f"data/{self.market}/{self.period}/{self.kind}/{below}/"

    @property
    def stem(self) -> str:
        return f"{self.symbol}-{_named(self.interval) or self.kind}-{self.date}"

    @property
    def name(self) -> str:
        return f"{self.stem}.zip"

    @property
    def path(self) -> str:
        return self.folder + self.name

    @property
    def member(self) -> str:
        return f"{self.stem}.csv"

    @property
    def start(self) -> int:
        """us UTC, inclusive."""
        return micros(_instant(self.date) or EPOCH)

    @property
    def end(self) -> int:
        """us UTC, exclusive."""
        first = _instant(self.date) or EPOCH
        return micros(first + timedelta(days=1) if self.period == DAILY else _next_month(first))


def date_of(at: int, period: str) -> str:
    """The date of the file of this period that covers an instant (us UTC)."""
    return (EPOCH + timedelta(microseconds=at)).strftime("%Y-%m-%d" if period == DAILY else "%Y-%m")


def micros(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


def _named(interval: str) -> str:
    return MONTH_IN_NAMES if interval == "1M" else interval


def _instant(date: str) -> datetime | None:
    try:
        return datetime.fromisoformat(date if len(date) == 10 else f"{date}-01").replace(tzinfo=UTC)
    except ValueError:
        return None


def _next_month(first: datetime) -> datetime:
    return (first + timedelta(days=31)).replace(day=1)
