"""The grid on which a symbol trades, as far as a recording shows it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import gcd
from typing import TYPE_CHECKING

from bc_replay.decimals import PLACES, scaled

if TYPE_CHECKING:
    from bc_replay.records import Level
    from bc_replay.tape import Tape

SAMPLE = 2000  # aggregates looked at


def grid_of(tape: Tape) -> tuple[int, int]:
    """The steps of price and of quantity, in units of 1e-8."""
    columns, rows = tape.agg_trades.columns, slice(0, SAMPLE)
    levels = [(scaled(price), scaled(quantity)) for price, quantity in _levels(tape)]
    prices = [*columns.price[rows], *(price for price, _ in levels)]
    quantities = [*columns.quantity[rows], *(quantity for _, quantity in levels)]
    return step_of(prices), step_of(quantities)


def step_of(values: Iterable[int]) -> int:
    """The coarsest power of ten, at most 1e8, that divides every value; zeros (voided rows) say nothing."""
    common = gcd(*values)
    return max(10**places for places in range(PLACES + 1) if common % 10**places == 0) if common else 1


def _levels(tape: Tape) -> Iterator[Level]:
    for snapshot in tape.snapshots[:1]:
        yield from (*snapshot.bids[:200], *snapshot.asks[:200])
    for update in tape.updates[:50]:
        yield from (*update.bids, *update.asks)
