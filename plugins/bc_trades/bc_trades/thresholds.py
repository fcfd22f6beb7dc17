"""Where bars end that are not cut by the clock: with the row at which a sum reaches a size.

A bar's sum begins at 0 with its first row. What the last row brings beyond the size is not carried over: the next bar
begins at 0 again, which is how the literature cuts them (Lopez de Prado, "Advances in Financial Machine Learning",
2018, section 2.3). Everything is in integers, so that an end never depends on rounding.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bc_trades.exact import SAFE, Scaled

Ends = NDArray[np.intp]
STRETCH = 128  # rows that are passed over at once where no bar ends in them
SPARSE = 64  # from so many rows per bar on, a search for each bar is cheaper than one for each row


def ends_of(amounts: Scaled, size: float) -> Ends:
    """The number of rows up to and with each bar's last one, for all bars that reach `size` (above 0).

    A bar ends with the first row at which the sum of its amounts is `size` or more, or -`size` or less.
    """
    if not len(amounts.units):
        return np.empty(0, np.intp)
    units, least = _summable(amounts.units), units_of(size, amounts.decimals)
    ends = _reached(units, least) if units.min() >= 0 else _passed(units, least)
    return np.array(ends, np.intp)


def units_of(size: float, decimals: int) -> int:
    """The least whole number of units of 10 ** -decimals that is not below the decimal number that `size` prints as."""
    scale: int = 10**decimals
    return math.ceil(Fraction(str(size)) * scale)


def _summable(units: NDArray[Any]) -> NDArray[Any]:
    """The units in a type that holds every sum of them."""
    if units.dtype == object or np.abs(units.astype(np.float64)).sum() < SAFE / 2:
        return units
    return units.astype(object)


def _reached(units: NDArray[Any], size: int) -> list[int]:
    """The ends where no amount is negative: sums only grow, so that they can be searched."""
    total = np.cumsum(units)
    if size > int(total[-1]):  # and perhaps too long for 64 bits
        return []
    if int(total[-1]) // size * SPARSE < len(units):
        return _searched(total, size)
    after = np.searchsorted(total, total - units + size) + 1
    steps, ends, row, rows = memoryview(after), [], 0, len(units)
    while row < rows:
        row = steps[row]
        ends.append(row)
    return ends if row == rows else ends[:-1]


def _searched(total: NDArray[Any], size: int) -> list[int]:
    ends: list[int] = []
    reach = size
    while (row := int(np.searchsorted(total, reach))) < len(total):
        ends.append(row + 1)
        reach = int(total[row]) + size
    return ends


def _passed(units: NDArray[Any], size: int) -> list[int]:
    """The ends where sums go up and down: row by row, but for stretches in which the sum stays between the sizes."""
    ends: list[int] = []
    held = 0
    for number, (bottom, top, total) in enumerate(_stretches(units)):
        if held + top < size and held + bottom > -size:
            held += total
            continue
        begin = number * STRETCH
        for row, amount in enumerate(units[begin : begin + STRETCH].tolist(), begin + 1):
            held += amount
            if not -size < held < size:
                ends.append(row)
                held = 0
    return ends


def _stretches(units: NDArray[Any]) -> zip[tuple[int, int, int]]:
    """For each stretch of rows the lowest and the highest sum on the way, and the one at its end."""
    padded = np.zeros(-(-len(units) // STRETCH) * STRETCH, units.dtype)
    padded[: len(units)] = units
    sums = np.cumsum(padded.reshape(-1, STRETCH), axis=1)
    return zip(sums.min(axis=1).tolist(), sums.max(axis=1).tolist(), sums[:, -1].tolist(), strict=True)
