"""The exchange's klines (protocol section 4.7), exact in decimal."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice

from bc_replay.columns import AggTrades
from bc_replay.decimals import SCALE, text
from bc_replay.records import Candle
from bc_replay.sums import Sums, TradeSums

SECOND = 1_000_000
MINUTE, HOUR, DAY = 60 * SECOND, 3600 * SECOND, 86_400 * SECOND
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Weeks open on Mondays (1970-01-05); 3d bars were seen to open on 2017-08-17 and multiples of three days from there.
ANCHORS = {"1w": 4 * DAY, "3d": DAY}

FIXED = {
    "1s": SECOND,
    **{f"{n}m": n * MINUTE for n in (1, 3, 5, 15, 30)},
    **{f"{n}h": n * HOUR for n in (1, 2, 4, 6, 8, 12)},
    "1d": DAY,
    "3d": 3 * DAY,
    "1w": 7 * DAY,
}
INTERVALS = (*FIXED, "1M")


def open_time(time: int, interval: str, tz: int = 0) -> int:
    """The start of the interval that holds `time`; boundaries are shifted by `tz` us. KeyError if not in INTERVALS."""
    if interval == "1M":
        return _month(time + tz, 0) - tz
    return time - (time + tz - ANCHORS.get(interval, 0)) % FIXED[interval]


def next_open(opened: int, interval: str, tz: int = 0) -> int:
    """The start of the interval after the one that starts at `opened`."""
    return _month(opened + tz, 1) - tz if interval == "1M" else opened + FIXED[interval]


def candles(
    sums: TradeSums,
    trades: AggTrades,
    now: int,
    interval: str,
    start: int | None,
    end: int | None,
    limit: int,
    tz: int,
) -> list[Candle]:
    """At most `limit` candles with start <= open time <= end; see Seen.candles."""
    count = len(trades.until(now))
    born = sums.first_time(count)
    if born is None:
        return []
    first, newest = open_time(born, interval, tz), open_time(now, interval, tz)
    last = newest if end is None else min(newest, open_time(end, interval, tz))
    if start is None:
        opens = _newest(first, last, interval, tz, limit)
    else:
        opened = open_time(start, interval, tz)
        opened = opened if opened == start else next_open(opened, interval, tz)
        opens = list(islice(_opens(max(first, opened), last, interval, tz), max(limit, 0)))
    return _fill(sums, count, opens, interval, tz)


def _fill(sums: TradeSums, count: int, opens: list[int], interval: str, tz: int) -> list[Candle]:
    filled: list[Candle] = []
    for opened in opens:
        closed = next_open(opened, interval, tz)
        total = sums.between(opened, closed, count)
        if total is not None:
            filled.append(_candle(opened, closed - 1, total))
        elif filled:
            filled.append(_flat(opened, closed - 1, filled[-1].close))
        else:
            filled.append(_flat(opened, closed - 1, text(sums.price_before(opened, count))))
    return filled


def _opens(first: int, last: int, interval: str, tz: int) -> Iterator[int]:
    while first <= last:
        yield first
        first = next_open(first, interval, tz)


def _newest(first: int, last: int, interval: str, tz: int, limit: int) -> list[int]:
    opens: list[int] = []
    while last >= first and len(opens) < limit:
        opens.append(last)
        last = open_time(last - 1, interval, tz)
    return opens[::-1]


def _candle(opened: int, closes: int, s: Sums) -> Candle:
    return Candle(
        opened,
        closes,
        text(s.open),
        text(s.high),
        text(s.low),
        text(s.close),
        text(s.volume),
        text(s.quote // SCALE),
        s.count,
        text(s.taker),
        text(s.taker_quote // SCALE),
        s.first,
        s.last,
    )


def _flat(opened: int, closes: int, price: str) -> Candle:
    zero = text(0)
    return Candle(opened, closes, price, price, price, price, zero, zero, 0, zero, zero, -1, -1)


def _month(time: int, later: int) -> int:
    day = EPOCH + timedelta(microseconds=time)
    months = day.year * 12 + day.month - 1 + later
    start = datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC)
    return (start - EPOCH) // timedelta(microseconds=1)
