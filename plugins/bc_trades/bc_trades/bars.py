"""Bars of trades that end with a size instead of a time: so many trades, so much volume, so much imbalance.

Nothing here knows Arrow or pandas. Bars are made day by day: the first of a UTC day begins with the day's first trade
by id, the last one ends with the day, so that no bar depends on trades of another day.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from bc_trades.exact import Scaled
from bc_trades.pieces import Trades
from bc_trades.quotients import averages
from bc_trades.thresholds import ends_of
from bc_trades.trading_days import TradingDay, days_of

Columns = dict[str, NDArray[Any]]
Ints = NDArray[np.int64]


@frozen
class Tape:
    """The exact numbers of some trades, one for each: what bars measure and sum up."""

    volume: Scaled
    quote: Scaled
    bought: NDArray[np.bool_]
    count: Ints

    @classmethod
    def of(cls, trades: Trades) -> Tape:
        """Of trades that know their trade ids and who took. Raises `ValueError` for a price that is no number."""
        if trades.first is None or trades.last is None or trades.buyer_is_maker is None:
            raise ValueError("bars need first_trade_id, last_trade_id and is_buyer_maker of each trade")
        volume = Scaled.of(trades.quantity)
        quote = Scaled.of(trades.price).times(volume)
        return cls(volume, quote, ~trades.buyer_is_maker, trades.last - trades.first + 1)


Measure = Callable[[Tape], Scaled]


def ticks(tape: Tape) -> Scaled:
    """Trades: an aggregate counts as many as it sums up."""
    return Scaled(tape.count, 0)


def volume(tape: Tape) -> Scaled:
    """In the base asset."""
    return tape.volume


def dollars(tape: Tape) -> Scaled:
    """In the quote asset."""
    return tape.quote


def imbalance(tape: Tape) -> Scaled:
    """In the base asset: what takers bought less what they sold."""
    units = tape.volume.units
    return Scaled(np.where(tape.bought, units, -units), tape.volume.decimals)


def bars(trades: Trades, measure: Measure, size: float) -> Columns:
    """One bar for each run of trades of a day that reaches `size`, and one for what is left when the day ends.

    By column, in order of open time, then of id; empty if nothing traded. `trades` are in order of id. `complete` says
    whether it is proven that no trade of the bar is missing, nor one of the day before it, which would have moved its
    beginning; and, for a bar that midnight ended, that nothing of the day is missing after it.
    """
    made = [_of_day(day, measure, size) for day in days_of(trades)]
    if not made:
        return {}
    columns = {name: np.concatenate([each[name] for each in made]) for name in made[0]}
    opened = columns["timestamp"]
    if (opened[1:] >= opened[:-1]).all():
        return columns
    order = np.argsort(opened, kind="stable")
    return {name: column[order] for name, column in columns.items()}


def _of_day(day: TradingDay, measure: Measure, size: float) -> Columns:
    tape = Tape.of(day.trades)
    full = ends_of(measure(tape), size)
    rest = not len(full) or full[-1] < len(day.trades)
    ends = np.append(full, len(day.trades)) if rest else full
    starts = np.append(0, ends[:-1])
    complete = day.proven[ends - 1]
    if rest:
        complete[-1] = day.ended
    return {**_prices(day.trades, starts, ends - 1), **_sums(tape, starts), "complete": complete}


def _prices(trades: Trades, starts: NDArray[np.intp], lasts: NDArray[np.intp]) -> Columns:
    assert trades.id is not None
    return {
        "timestamp": trades.time[starts],
        "close_time": trades.time[lasts],
        "first_agg_trade_id": trades.id[starts],
        "last_agg_trade_id": trades.id[lasts],
        "open": trades.price[starts],
        "high": np.maximum.reduceat(trades.price, starts),
        "low": np.minimum.reduceat(trades.price, starts),
        "close": trades.price[lasts],
    }


def _sums(tape: Tape, starts: NDArray[np.intp]) -> Columns:
    numbers: Mapping[str, Scaled] = {
        "volume": tape.volume,
        "quote_volume": tape.quote,
        "taker_buy_volume": tape.volume.where(tape.bought),
        "taker_buy_quote_volume": tape.quote.where(tape.bought),
    }
    totals = {name: number.totals(starts) for name, number in numbers.items()}
    return {
        **{name: total.nearest() for name, total in totals.items()},
        "trade_count": np.add.reduceat(tape.count, starts),
        "vwap": averages(totals["quote_volume"], totals["volume"]),
    }
