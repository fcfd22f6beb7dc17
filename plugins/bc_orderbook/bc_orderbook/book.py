"""One order book as the exchange showed it, in exact integers, checked."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import chain

import numpy as np
from attrs import frozen

from bc_orderbook.decimals import LARGEST, PLACES, Units, as_text, largest_step, parse_decimals, to_units

Levels = Sequence[tuple[str, str]]
Numbers = Sequence[tuple[float, float]]


class MalformedBookError(ValueError):
    """The levels cannot be a book; the message says why."""


@frozen(eq=False)
class Side:
    """The levels of one side, best first: prices, and the running totals of quantity and of price times quantity."""

    prices: Units
    quantities: Units
    notionals: Units

    @classmethod
    def of(cls, prices: Units, quantities: Units) -> Side:
        if int(prices.max(initial=0)) * int(quantities.max(initial=0)) * len(prices) > LARGEST:
            prices, quantities = prices.astype(object), quantities.astype(object)
        return cls(prices, np.cumsum(quantities), np.cumsum(prices * quantities))

    @property
    def best(self) -> int | None:
        return int(self.prices[0]) if len(self.prices) else None


@frozen(eq=False)
class Book:
    """Both sides. A price is its integer times `price_step`, a quantity its integer times `quantity_step`, exactly.

    The steps are the largest that all prices (quantities) are multiples of: the exchange's grid, as far as it shows.
    """

    bids: Side
    asks: Side
    price_step: Fraction
    quantity_step: Fraction

    @classmethod
    def of(cls, bids: Levels, asks: Levels) -> Book:
        """From (price, quantity) as decimal text, best levels first (protocol section 4.3).

        Raises `MalformedBookError` if a text is no positive number, a side is not sorted, or the sides cross.
        """
        return cls._of(*_parsed(bids, asks), len(bids))

    @classmethod
    def of_numbers(cls, bids: Numbers, asks: Numbers) -> Book:
        """From (price, quantity) as the float64 nearest to the exchange's decimals; otherwise as `of`."""
        values = np.fromiter(chain.from_iterable(chain(bids, asks)), np.float64, 2 * (len(bids) + len(asks)))
        if (numbers := to_units(values)) is None:
            texts = ([(as_text(price), as_text(quantity)) for price, quantity in side] for side in (bids, asks))
            return cls.of(*texts)
        if not numbers.all():
            raise MalformedBookError("a level has the price or the quantity 0")
        return cls._of(numbers, PLACES, len(bids))

    @classmethod
    def _of(cls, numbers: Units, places: int, middle: int) -> Book:
        """From price, quantity, price, ... in units of 10**-places; the bids are the first `middle` levels."""
        prices, quantities = numbers[::2], numbers[1::2]
        price_step, quantity_step = largest_step(prices), largest_step(quantities)
        prices, quantities = prices // price_step, quantities // quantity_step
        book = cls(
            Side.of(prices[:middle], quantities[:middle]),
            Side.of(prices[middle:], quantities[middle:]),
            Fraction(price_step, 10**places),
            Fraction(quantity_step, 10**places),
        )
        book._check_order()
        return book

    @property
    def mid(self) -> Fraction | None:
        """Halfway between the best prices; the best price there is if one side is empty; None if both are."""
        best = [price for price in (self.bids.best, self.asks.best) if price is not None]
        return Fraction(sum(best), len(best)) * self.price_step if best else None

    def _check_order(self) -> None:
        bids, asks = self.bids.prices, self.asks.prices
        if (bids[1:] >= bids[:-1]).any():
            raise MalformedBookError("the bids do not fall from level to level")
        if (asks[1:] <= asks[:-1]).any():
            raise MalformedBookError("the asks do not rise from level to level")
        if len(bids) and len(asks) and bids[0] >= asks[0]:
            bid, ask = float(int(bids[0]) * self.price_step), float(int(asks[0]) * self.price_step)
            raise MalformedBookError(f"the book is crossed: the best bid, {bid}, is not below the best ask, {ask}")


def _parsed(bids: Levels, asks: Levels) -> tuple[Units, int]:
    """Price, quantity, price, quantity, ...: of the bids, then of the asks."""
    try:
        numbers, places = parse_decimals(list(chain.from_iterable(chain(bids, asks))))
    except ValueError as error:
        raise MalformedBookError(str(error)) from None
    if not numbers.all():
        raise MalformedBookError("a level has the price or the quantity 0")
    return numbers, places
