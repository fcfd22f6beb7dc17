"""The rolling 24 h ticker and the 5 minute average price (protocol sections 4.8 and 4.9)."""

from __future__ import annotations

from bc_replay.candles import DAY, MINUTE
from bc_replay.columns import AggTrades
from bc_replay.decimals import SCALE, text
from bc_replay.records import Stats24h
from bc_replay.sums import Sums, TradeSums

AVERAGE_SPAN = 5 * MINUTE


def stats_24h(sums: TradeSums, trades: AggTrades, now: int) -> Stats24h:
    """All "0.00000000" and -1 ids before the first trade; a quiet 24 h repeats the last price, as the exchange does.

    The close before the window is the last recorded trade before it, else, as it cannot be known, the open.
    """
    count = len(trades.until(now))
    opened = now - DAY
    before, last = sums.price_before(opened + 1, count), sums.row_before(now + 1, count)
    total = sums.between(opened + 1, now + 1, count) or Sums(before, before, before, before, 0, 0, 0, 0, 0, -1, -1)
    change = total.close - total.open
    return Stats24h(
        change=text(change),
        change_percent=_percent(change, total.open),
        weighted_average=text(_mean(total)),
        previous_close=text(before or total.open),
        last_price=text(total.close),
        last_quantity=trades[last].quantity if last is not None else text(0),
        open=text(total.open),
        high=text(total.high),
        low=text(total.low),
        volume=text(total.volume),
        quote_volume=text(total.quote // SCALE),
        open_time=opened,
        close_time=now,
        first=total.first,
        last=total.last,
        count=total.count,
    )


def average_price(sums: TradeSums, trades: AggTrades, now: int) -> tuple[str, int] | None:
    """See Seen.average_price; without a trade in the last 5 minutes, the last price."""
    count = len(trades.until(now))
    last = sums.row_before(now + 1, count)
    if last is None:
        return None
    total = sums.between(now - AVERAGE_SPAN + 1, now + 1, count)
    newest = trades[last]
    return (text(_mean(total)) if total else newest.price), newest.time


def _mean(total: Sums) -> int:
    return total.quote // total.volume if total.volume else 0


def _percent(change: int, base: int) -> str:
    """Three decimals, half away from zero."""
    if not base:
        return "0.000"
    thousandths = (2 * abs(change) * 100_000 + base) // (2 * base)
    sign = "-" if change < 0 and thousandths else ""
    return f"{sign}{thousandths // 1000}.{thousandths % 1000:03d}"
