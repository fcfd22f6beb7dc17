"""Candles from trades, equal to the exchange's klines to the last digit (protocol section 4.7).

Nothing here knows Arrow or pandas: numpy arrays in, numpy arrays out.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from typing import Any

import numpy as np

from bc_trades.exact import Scratch
from bc_trades.pieces import EVERYTHING, Joined, Pieces, Trades
from bc_trades.timeframes import Timeframe


def candles(trades: Trades, frame: Timeframe) -> dict[str, Any]:
    """One candle for each bar in which something traded, by column, in order of time.

    `timestamp` is the bar's open time (int us UTC). A row belongs to the bar of its own time; open and close are the
    first and the last by id. `complete` is there where ids are known, and holds where it is proven that no trade of
    the bar is missing: where both neighbours, by id, of each of its rows are there.
    """
    return joined(pieces([trades], frame))


def pieces(
    runs: Iterable[Trades], frame: Timeframe, wanted: Set[str] = EVERYTHING, scratch: Scratch | None = None
) -> list[Pieces]:
    """What some runs of trades, one behind the other, give to their bars, as far as the `wanted` columns need it.

    `complete` costs nothing where the trades' ids are not given.
    """
    scratch = scratch or Scratch()
    return [Pieces.of(block, frame, wanted, scratch) for run in runs for block in run.blocks()]


def joined(parts: Iterable[Pieces]) -> dict[str, Any]:
    """The candles of all parts, which come in order of id."""
    every = list(parts)
    bars = Joined.of(every)
    if not len(bars.opened):
        return {"timestamp": bars.opened}
    columns: dict[str, Any] = {"timestamp": bars.opened, **bars.values}
    columns.update({name: numbers.nearest() for name, numbers in bars.sums.items()})
    if every[0].head.id is not None:
        columns["complete"] = ~np.isin(bars.opened, bars.incomplete)
    return columns
