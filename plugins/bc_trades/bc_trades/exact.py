"""Sums and products that are exact to the last decimal digit, at numpy's speed wherever 64 bits hold them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
from attrs import define, field, frozen
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bounded = Callable[[Floats, float], bool]
MOST_DECIMALS = 8
EXACT = 2.0**53
SAFE = 2.0**62
DISTINCT = 10.0**15  # two decimal numbers of 15 digits are never the same float; of 16 they may be
_HEAD = 64
_SCALES = 10.0 ** np.arange(MOST_DECIMALS + 1)


@define
class Scratch:
    """Memory that passes over blocks of rows write into again and again, by name; not for two threads at once.

    Fresh memory for each pass costs more than the arithmetic. `decimals` are those that a block before had.
    """

    empty: Callable[[int, type], NDArray[Any]] = np.empty
    decimals: dict[str, int] = field(factory=dict, init=False)
    _arrays: dict[str, NDArray[Any]] = field(factory=dict, init=False)

    def array(self, name: str, count: int, kind: type = np.float64) -> NDArray[Any]:
        """So many elements of any value, and the same memory as last time by that name."""
        held = self._arrays.get(name)
        if held is None or len(held) < count:
            held = self._arrays[name] = self.empty(count, kind)
        return held[:count]


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
        found = _fewest(values, Scratch(), "units", _signed)
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

    def times(self, other: Scaled, out: Floats | None = None) -> Scaled:
        """The products, element by element. `out` is for `Whole`."""
        decimals = self.decimals + other.decimals
        mine, theirs = self.units, other.units
        if mine.dtype == object or theirs.dtype == object or _largest(mine) * _largest(theirs) >= SAFE:
            mine, theirs = mine.astype(object), theirs.astype(object)
        return Scaled(mine * theirs, decimals)

    def where(self, chosen: NDArray[Any], out: Floats | None = None) -> Scaled:
        """The numbers where `chosen` is 1, 0 where it is 0. `out` is for `Whole`."""
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
    def of(cls, values: Floats, scratch: Scratch | None = None, name: str = "units") -> Whole | None:
        """The decimal numbers that the floats stand for; None where only `Scaled` can hold them.

        With `scratch` the units stay what they are until it is asked for that name again.
        """
        scratch = scratch or Scratch()
        likely = scratch.decimals.get(name)
        if likely is not None and (units := _whole(values, likely, scratch, name, _unsigned)) is not None:
            return cls(units, likely)
        found = _fewest(values, scratch, name, _unsigned)
        if found is None:
            return None
        scratch.decimals[name] = found[1]
        return cls(*found)

    def times(self, other: Whole, out: Floats | None = None) -> Whole:
        """The products; ones that reach 2 ** 53 are wrong, which `totals` notices."""
        return Whole(np.multiply(self.units, other.units, out=out), self.decimals + other.decimals)

    def where(self, chosen: NDArray[Any], out: Floats | None = None) -> Whole:
        """The numbers where `chosen` is 1, 0 where it is 0."""
        return Whole(np.multiply(self.units, chosen, out=out), self.decimals)

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


def _fewest(values: Floats, scratch: Scratch, name: str, bounded: Bounded) -> tuple[Floats, int] | None:
    """The values as whole numbers with the fewest decimals that hold them all; None if 53 bits or 8 decimals do not."""
    head = values[:_HEAD, np.newaxis]
    exact = (np.rint(head * _SCALES) / _SCALES == head).all(axis=0)
    for decimals in np.flatnonzero(exact).tolist():
        units = _whole(values, decimals, scratch, name, bounded)
        if units is not None:
            return units, decimals
    return None


def _whole(values: Floats, decimals: int, scratch: Scratch, name: str, bounded: Bounded) -> Floats | None:
    """The values in units of 10 ** -decimals; None unless every one is exactly the float nearest to its decimal."""
    scale, most = 10.0**decimals, DISTINCT if decimals else EXACT
    units, back = scratch.array(name, len(values)), scratch.array("back", len(values))
    np.multiply(values, scale, out=units)
    np.rint(units, out=units)
    np.divide(units, scale, out=back)
    same = np.equal(back, values, out=scratch.array("same", len(values), np.bool_))
    return units if same.all() and bounded(units, most) else None


def _signed(units: Floats, most: float) -> bool:
    return bool(units.max(initial=0.0) < most and units.min(initial=0.0) > -most)


def _unsigned(units: Floats, most: float) -> bool:
    """Whether all lie in [0, most): as bits floats from 0 on are in the same order, and negative ones above them."""
    return bool(units.view(np.uint64).max(initial=0) < np.float64(most).view(np.uint64))


def _shifted(number: Decimal, decimals: int) -> int:
    sign, digits, exponent = number.as_tuple()
    unsigned: int = int("".join(map(str, digits))) * 10 ** (int(exponent) + decimals)
    return -unsigned if sign else unsigned


def _largest(units: NDArray[Any]) -> float:
    return float(np.abs(units.astype(np.float64)).max(initial=0.0))
