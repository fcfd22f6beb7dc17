"""Bucketing one side of a book by tick size, in integers."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from attrs import frozen

from bc_orderbook.book import Side
from bc_orderbook.decimals import LARGEST, Units


@frozen
class Ladder:
    """The best buckets of one side, best first; empty buckets between them are left out.

    `prices` in ticks; `quantities` and `notionals` are the running totals up to each bucket's end, in the units of
    the side.
    """

    prices: list[int]
    quantities: list[int]
    notionals: list[int]

    @classmethod
    def of(cls, side: Side, ticks: Fraction, levels: int, *, up: bool) -> Ladder:
        """At most `levels` buckets. `ticks` is one unit of price in ticks; prices round down, or `up`, to the tick."""
        buckets = _buckets(side.prices, ticks, up)
        ends = np.flatnonzero(buckets[1:] != buckets[:-1])[:levels]
        if len(ends) < levels and len(buckets):
            ends = np.append(ends, len(buckets) - 1)
        return cls(buckets[ends].tolist(), side.quantities[ends].tolist(), side.notionals[ends].tolist())

    @property
    def total(self) -> int:
        """The quantity in all buckets."""
        return self.quantities[-1] if self.quantities else 0


def _buckets(prices: Units, ticks: Fraction, up: bool) -> Units:
    numerator, denominator = ticks.numerator, ticks.denominator
    if max(int(prices.max(initial=1)) * numerator, denominator) > LARGEST:
        prices = prices.astype(object)
    multiples = prices if numerator == 1 else prices * numerator
    buckets: Units = -(-multiples // denominator) if up else multiples // denominator
    return buckets
