"""Sums and products that are exact to the last decimal digit, at numpy's speed wherever 64 bits hold them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

Floats = NDArray[np.float64]
MOST_DECIMALS = 8
EXACT = 2.0**53
SAFE = 2.0**62
_HEAD = 64


@frozen
class Scaled:
    """Decimal numbers as integers: `units` times 10 ** -decimals.

    `units` is int64, or Python ints (dtype object) where 64 bits cannot hold them.
    """

    units: NDArray[Any]
    decimals: int

    @classmethod
    def of(cls, values: Floats) -> Scaled:
        """The decimal numbers that the floats stand for: the shortest ones that read as them.

        Raises `ValueError` if a value is not finite.
        """
        if not np.isfinite(values).all():
            raise ValueError("a price or quantity is missing or not finite")
        head = values[:_HEAD]
        for decimals in range(MOST_DECIMALS + 1):
            if _units(head, decimals) is not None:
                units = _units(values, decimals)
                if units is not None:
                    return cls(units, decimals)
        return cls._long(values)

    @classmethod
    def _long(cls, values: Floats) -> Scaled:
        """One by one, for what does not fit 53 bits or has more than 8 decimals."""
        numbers = [Decimal(repr(value)) for value in values.tolist()]
        decimals = max((-int(number.as_tuple().exponent) for number in numbers), default=0)
        decimals = max(decimals, 0)
        units = np.empty(len(numbers), object)
        units[:] = [_shifted(number, decimals) for number in numbers]
        return cls(units, decimals)

    def times(self, other: Scaled) -> Scaled:
        """The products, element by element."""
        decimals = self.decimals + other.decimals
        mine, theirs = self.units, other.units
        if mine.dtype == object or theirs.dtype == object or _largest(mine) * _largest(theirs) >= SAFE:
            mine, theirs = mine.astype(object), theirs.astype(object)
        return Scaled(mine * theirs, decimals)

    def where(self, chosen: NDArray[np.bool_]) -> Scaled:
        """The numbers where chosen, 0 elsewhere."""
        return Scaled(np.where(chosen, self.units, 0), self.decimals)

    def sums(self, starts: NDArray[np.intp]) -> list[float]:
        """The sum from each start up to the next, to 8 decimals (further ones are cut), as the nearest floats."""
        units = self.units
        if units.dtype != object and np.add.reduceat(np.abs(units.astype(np.float64)), starts).max() >= SAFE:
            units = units.astype(object)
        return [_nearest(total, self.decimals) for total in np.add.reduceat(units, starts).tolist()]


def _units(values: Floats, decimals: int) -> NDArray[np.int64] | None:
    """The values in units of 10 ** -decimals; None unless every one is exactly the float nearest to its decimal."""
    scale = 10.0**decimals
    units = np.rint(values * scale)
    if len(units) and not (np.abs(units).max() < EXACT and np.array_equal(units / scale, values)):
        return None
    return units.astype(np.int64)


def _shifted(number: Decimal, decimals: int) -> int:
    sign, digits, exponent = number.as_tuple()
    unsigned: int = int("".join(map(str, digits))) * 10 ** (int(exponent) + decimals)
    return -unsigned if sign else unsigned


def _largest(units: NDArray[Any]) -> float:
    return float(np.abs(units.astype(np.float64)).max(initial=0.0))


def _nearest(total: int, decimals: int) -> float:
    """Division of Python ints is correctly rounded, which division of floats above 2 ** 53 is not."""
    if decimals > MOST_DECIMALS:
        total, decimals = total // 10 ** (decimals - MOST_DECIMALS), MOST_DECIMALS
    nearest: float = total / 10**decimals
    return nearest
