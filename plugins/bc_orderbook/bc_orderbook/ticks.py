"""Tick sizes for those who name none: five steps of the series 1, 5, 10, 50, ... that suit the symbol's price."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import floor, log10

COUNT = 5
FINEST = Fraction(1, 10_000)


def automatic_ticks(price: Fraction, grid: Fraction, last: float | None = None) -> tuple[float, ...]:
    """Five tick sizes, ascending, the finest at least a ten-thousandth of the price and at least the price grid.

    A price of 68,000 gives 10, 50, 100, 500 and 1000. `last` is the coarsest tick size in use so far, if there is one:
    the five that end with it are kept while the price has moved by no more than one step of the series, so that a
    restart near a border does not start new columns of history.
    """
    least = max(price * FINEST, grid)
    first = _first_step(least)
    if last is not None:
        ending = [n for n in (first - 1, first + 1) if _step(n + COUNT - 1) == Decimal(repr(float(last)))]
        first = next((n for n in ending if Fraction(_step(n)) >= grid), first)
    return tuple(float(_step(n)) for n in range(first, first + COUNT))


def _first_step(least: Fraction) -> int:
    """The index of the smallest step that is not below `least`."""
    index = 2 * floor(log10(least)) - 1
    while _step(index) < least:
        index += 1
    return index


def _step(index: int) -> Decimal:
    """1 at index 0, 5 at 1, 10 at 2, and 0.5 at -1."""
    exponent, is_five = divmod(index, 2)
    return Decimal((0, (5 if is_five else 1,), exponent))
