"""The grid on which a symbol trades, as far as a recording shows it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import gcd
from typing import TYPE_CHECKING

from bc_replay.decimals import PLACES, scaled

if TYPE_CHECKING:
    from bc_replay.columns import AggTrades
    from bc_replay.records import DepthUpdate, Level, Snapshot

SAMPLE = 2000  # aggregates looked at


def grid_of(trades: AggTrades, snapshots: Sequence[Snapshot], updates: Sequence[DepthUpdate]) -> tuple[int, int]:
    """The steps of price and of quantity, in units of 1e-8."""
    columns, rows = trades.columns, slice(0, SAMPLE)
    levels = [(scaled(price), scaled(quantity)) for price, quantity in _levels(snapshots, updates)]
    prices = [*columns.price[rows], *(price for price, _ in levels)]
    quantities = [*columns.quantity[rows], *(quantity for _, quantity in levels)]
    return step_of(prices), step_of(quantities)


def step_of(values: Iterable[int]) -> int:
    """The coarsest power of ten, at most 1e8, that divides every value; zeros (voided rows) say nothing."""
    common = gcd(*values)
    return max(10**places for places in range(PLACES + 1) if common % 10**places == 0) if common else 1


def _levels(snapshots: Sequence[Snapshot], updates: Sequence[DepthUpdate]) -> Iterator[Level]:
    for snapshot in snapshots[:1]:
        yield from (*snapshot.bids[:200], *snapshot.asks[:200])
    for update in updates[:50]:
        yield from (*update.bids, *update.asks)
