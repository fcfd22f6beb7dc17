"""Trades by the UTC day of their own time, and how far each day is proven to lack nothing.

The exchange's times are not monotonic in id (protocol section 9.3). A trade is of the day that its own time says,
whatever its neighbours by id say, and within a day trades keep the order of their ids: so each trade is of one day
only, and which one does not depend on what else is looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from bc_trades.pieces import Trades
from bcore.instants import DAY

Flags = NDArray[np.bool_]
Counts = NDArray[np.int64]
Rows = NDArray[np.intp]


@frozen
class TradingDay:
    """The trades of a day in order of id, without voided ones.

    `proven` says for each whether no trade is missing from just before the day up to it, `ended` the same for the whole
    day and whatever follows it by id.
    """

    trades: Trades
    proven: Flags = field(repr=False)
    ended: bool


def days_of(trades: Trades) -> Iterator[TradingDay]:
    """The days in which something traded, in order of time. The trades are in order of id, and have ids."""
    if not len(trades):
        return
    days, breaks = trades.time // DAY, np.cumsum(broken(trades), dtype=np.int64)
    order = None if (days[1:] >= days[:-1]).all() else np.argsort(days, kind="stable")
    days = days if order is None else days[order]
    edges = [0, *(np.flatnonzero(days[1:] != days[:-1]) + 1).tolist(), len(days)]
    voided = trades.voided
    for start, stop in pairwise(edges):
        day = _day(trades, slice(start, stop) if order is None else order[start:stop], voided, breaks)
        if len(day.trades):
            yield day


def _day(trades: Trades, rows: slice | Rows, voided: Flags, breaks: Counts) -> TradingDay:
    """The day of these rows: a slice where they stand together, which copies nothing."""
    first, last = (rows.start, rows.stop - 1) if isinstance(rows, slice) else (int(rows[0]), int(rows[-1]))
    before = int(breaks[first - 1]) if first else 0
    if voided[rows].any():
        each = np.arange(rows.start, rows.stop) if isinstance(rows, slice) else rows
        rows = each[~voided[rows]]
    return TradingDay(trades.at(rows), breaks[:-1][rows] == before, int(breaks[last + 1]) == before)


def broken(trades: Trades) -> Flags:
    """For each row, and for the end after the last: whether a trade may be missing just before it.

    A row follows the one before it if its id does and if the trades that both sum up do (protocol sections 9.1 and
    9.2); voided rows cover no trades. Nothing comes before id 0, and what comes after the last row is not known.
    """
    found = np.ones(len(trades) + 1, np.bool_)
    if not len(trades) or trades.id is None:
        return found
    found[0] = trades.id[0] != 0
    found[1:-1] = np.diff(trades.id) != 1
    if trades.tiled and trades.first is not None and trades.last is not None:
        untiled = trades.first[1:] != trades.last[:-1] + 1
        if untiled.any():
            voided = trades.voided
            untiled &= ~(voided[1:] | voided[:-1])
        found[1:-1] |= untiled
    return found
