"""Sums and products that are exact to the last decimal digit, at numpy's speed wherever 64 bits hold them."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

Floats = NDArray[np.float64]
MOST_DECIMALS = 8
EXACT = 2.0**53
SAFE = 2.0**62
DISTINCT = 10.0**15  # two decimal numbers of 15 digits are never the same float; of 16 they may be
_HEAD = 64
_SCALES = 10.0 ** np.arange(MOST_DECIMALS + 1)


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
        found = _fewest(values)
        return cls._long(values) if found is None else cls(found[0].astype(np.int64), found[1])

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

    def totals(self, starts: NDArray[np.intp]) -> Scaled:
        """The sum from each start up to the next."""
        units = self.units
        if units.dtype != object and np.add.reduceat(np.abs(units.astype(np.float64)), starts).max() >= SAFE:
            units = units.astype(object)
        return Scaled(np.add.reduceat(units, starts), self.decimals)

    @classmethod
    def joined(cls, parts: Sequence[Scaled]) -> Scaled:
        """The numbers of all parts, one after the other."""
        decimals = max(part.decimals for part in parts)
        return cls(np.concatenate([part._rescaled(decimals) for part in parts]), decimals)

    def _rescaled(self, decimals: int) -> NDArray[Any]:
        factor = 10 ** (decimals - self.decimals)
        fits = self.units.dtype == object or (factor < SAFE and _largest(self.units) * factor < SAFE)
        units: NDArray[Any] = (self.units if fits else self.units.astype(object)) * factor
        return units

    def taken(self, order: NDArray[np.intp]) -> Scaled:
        """The numbers in another order."""
        return Scaled(self.units[order], self.decimals)

    def nearest(self) -> Floats:
        """The numbers to 8 decimals (further ones are cut) as the nearest floats."""
        units, decimals = self.units, self.decimals
        if decimals > MOST_DECIMALS:
            units, decimals = units // 10 ** (decimals - MOST_DECIMALS), MOST_DECIMALS
        if units.dtype != object and _largest(units) < EXACT:
            quotients: Floats = units / 10.0**decimals  # both sides are exact, so the division is correctly rounded
            return quotients
        # Division of Python ints is correctly rounded, which division of floats above 2 ** 53 is not.
        return np.array([total / 10**decimals for total in units.tolist()], np.float64)


@frozen
class Whole:
    """As `Scaled`, in floats: `units` are whole numbers from 0 to below 2 ** 53, several times faster to add."""

    units: Floats
    decimals: int

    @classmethod
    def of(cls, values: Floats) -> Whole | None:
        """The decimal numbers that the floats stand for; None where only `Scaled` can hold them."""
        found = _fewest(values)
        return None if found is None or found[0].min(initial=0.0) < 0 else cls(*found)

    def times(self, other: Whole) -> Whole:
        """The products; ones that reach 2 ** 53 are wrong, which `totals` notices."""
        return Whole(self.units * other.units, self.decimals + other.decimals)

    def where(self, chosen: NDArray[Any]) -> Whole:
        """The numbers where `chosen` is 1, 0 where it is 0."""
        return Whole(self.units * chosen, self.decimals)

    def totals(self, starts: NDArray[np.intp]) -> Scaled | None:
        """The sum from each start up to the next; None if one of them may be inexact.

        A sum of whole numbers none of which is negative is exact in floats as long as it stays below 2 ** 53, and one
        that does not stay below is never rounded to below.
        """
        sums = np.add.reduceat(self.units, starts)
        if sums.max() < EXACT:
            return Scaled(sums.astype(np.int64), self.decimals)
        if sums.max() < SAFE and self.units.max() < EXACT:
            return Scaled(np.add.reduceat(self.units.astype(np.int64), starts), self.decimals)
        return None


def _fewest(values: Floats) -> tuple[Floats, int] | None:
    """The values as whole numbers with the fewest decimals that hold them all; None if 53 bits or 8 decimals do not."""
    head = values[:_HEAD, np.newaxis]
    exact = (np.rint(head * _SCALES) / _SCALES == head).all(axis=0)
    for decimals in np.flatnonzero(exact).tolist():
        units = _whole(values, decimals)
        if units is not None:
            return units, decimals
    return None


def _whole(values: Floats, decimals: int) -> Floats | None:
    """The values in units of 10 ** -decimals; None unless every one is exactly the float nearest to its decimal."""
    scale, most = 10.0**decimals, DISTINCT if decimals else EXACT
    units = values * scale
    np.rint(units, out=units)
    if len(units) and not (units.max() < most and units.min() > -most and np.array_equal(units / scale, values)):
        return None
    return units


def _shifted(number: Decimal, decimals: int) -> int:
    sign, digits, exponent = number.as_tuple()
    unsigned: int = int("".join(map(str, digits))) * 10 ** (int(exponent) + decimals)
    return -unsigned if sign else unsigned


def _largest(units: NDArray[Any]) -> float:
    return float(np.abs(units.astype(np.float64)).max(initial=0.0))
