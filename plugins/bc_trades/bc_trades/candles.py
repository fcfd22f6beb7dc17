"""Candles from trades, equal to the exchange's klines to the last digit (protocol section 4.7).

Nothing here knows Arrow or pandas: numpy arrays in, numpy arrays out.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from bc_trades.exact import Scaled
from bc_trades.timeframes import Timeframe

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@frozen
class Trades:
    """Aggregate trades in order of id (or of time where ids are not known), one array per column.

    `time` is in int us UTC. What is None is not known, and what would need it is left out.
    """

    time: Ints
    price: Floats
    quantity: Floats
    id: Ints | None = None
    first: Ints | None = None
    last: Ints | None = None
    buyer_is_maker: Flags | None = None

    @property
    def voided(self) -> Flags:
        """Aggregates that only hold their id (protocol section 9.2): price and quantity 0, no trades."""
        empty: Flags = (self.price == 0) & (self.quantity == 0)
        return empty if self.first is None else empty & (self.first < 0)


@frozen
class Bars:
    """Which rows make which bar: `order` brings the rows together, `starts` is where each bar begins in it."""

    opened: Ints
    order: NDArray[np.intp] = field(repr=False)
    starts: NDArray[np.intp] = field(repr=False)

    @classmethod
    def of(cls, opens: Ints, rows: NDArray[np.intp]) -> Bars:
        """Bars of the chosen rows by their open times. Within a bar rows keep their order, which is that of the ids."""
        chosen = opens[rows]
        if len(rows) > 1 and (np.diff(chosen) < 0).any():
            by_time = np.argsort(chosen, kind="stable")
            rows, chosen = rows[by_time], chosen[by_time]
        starts = np.flatnonzero(np.diff(chosen, prepend=chosen[:1] - 1))
        return cls(chosen[starts], rows, starts)

    @property
    def ends(self) -> NDArray[np.intp]:
        """Where the last row of each bar is."""
        return np.append(self.starts[1:], len(self.order)) - 1


def candles(trades: Trades, frame: Timeframe) -> dict[str, Any]:
    """One candle for each bar in which something traded, by column, in order of time.

    `timestamp` is the bar's open time (int us UTC). A row belongs to the bar of its own time; open and close are the
    first and the last by id. `complete` holds where it is proven that no trade of the bar is missing, see `proven`.
    """
    opens = frame.opens(trades.time)
    bars = Bars.of(opens, np.flatnonzero(~trades.voided))
    if not len(bars.starts):
        return {"timestamp": np.empty(0, np.int64)}
    price = trades.price[bars.order]
    columns: dict[str, Any] = {
        "timestamp": bars.opened,
        "open": price[bars.starts],
        "high": np.maximum.reduceat(price, bars.starts),
        "low": np.minimum.reduceat(price, bars.starts),
        "close": price[bars.ends],
        **_volumes(trades, bars),
    }
    if trades.first is not None and trades.last is not None:
        columns["trade_count"] = np.add.reduceat((trades.last - trades.first + 1)[bars.order], bars.starts)
    if trades.id is not None:
        columns["complete"] = proven(trades, opens, bars.opened)
    return columns


def _volumes(trades: Trades, bars: Bars) -> dict[str, list[float]]:
    quantity = Scaled.of(trades.quantity[bars.order])
    quote = Scaled.of(trades.price[bars.order]).times(quantity)
    volumes = {"volume": quantity.sums(bars.starts), "quote_volume": quote.sums(bars.starts)}
    if trades.buyer_is_maker is not None:
        bought = ~trades.buyer_is_maker[bars.order]
        volumes["taker_buy_volume"] = quantity.where(bought).sums(bars.starts)
        volumes["taker_buy_quote_volume"] = quote.where(bought).sums(bars.starts)
    return volumes


def proven(trades: Trades, opens: Ints, bars: Ints) -> Flags:
    """For each bar: whether both neighbours, by id, of each of its rows are there.

    A lost trade between two rows taints the bars of both. The first row has no neighbour before it unless its id is
    0, and the last has none after it: whatever comes next may still belong to its bar.
    """
    tainted = np.zeros(len(opens), np.bool_)
    broken = ~_joined(trades)
    tainted[:-1] |= broken
    tainted[1:] |= broken
    tainted[0] |= trades.id is None or trades.id[0] != 0
    tainted[-1] = True
    return ~np.isin(bars, opens[tainted])


def _joined(trades: Trades) -> Flags:
    """For each row but the first: whether it follows the one before it directly, by its id and by the trades it sums.

    Aggregates tile the trade ids, which is a proof of its own (protocol section 9.1); voided ones cover none.
    """
    if trades.id is None:
        return np.zeros(max(len(trades.time) - 1, 0), np.bool_)
    joined: Flags = np.diff(trades.id) == 1
    if trades.first is not None and trades.last is not None:
        voided = trades.voided
        tiled = trades.first[1:] == trades.last[:-1] + 1
        joined &= tiled | voided[1:] | voided[:-1]
    return joined
