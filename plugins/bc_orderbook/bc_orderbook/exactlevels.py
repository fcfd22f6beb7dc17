"""Stored levels as exact integers again, for bucketing and for the columns of the dataset `orderbook`.

A float64 stands for the shortest decimal that it is nearest to: up to 15 digits that is the exchange's own text.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
from attrs import frozen

from bc_orderbook.book import Book, Side
from bc_orderbook.decimals import PLACES, Units, as_text, largest_step, parse_decimals, to_floats, to_units
from bc_orderbook.ladder import Ladder
from bc_orderbook.pricelevels import Floats, Levels, PriceLevels
from bc_orderbook.snapshot import exact


@frozen(eq=False)
class Grid:
    """Integers, and the step that each counts."""

    units: Units
    step: Fraction

    @classmethod
    def of(cls, values: Floats) -> Grid:
        whole = to_units(values)
        units, places = (
            parse_decimals([as_text(value) for value in values.tolist()]) if whole is None else (whole, PLACES)
        )
        step = largest_step(units)
        return cls(units // step, Fraction(step, 10**places))


def book_of(levels: PriceLevels) -> Book:
    """The same book in exact integers."""
    (bid_prices, bid_quantities), (ask_prices, ask_quantities) = levels.bids, levels.asks
    prices = Grid.of(np.concatenate((bid_prices, ask_prices)))
    quantities = Grid.of(np.concatenate((bid_quantities, ask_quantities)))
    border = len(bid_prices)
    bids = Side.of(prices.units[:border], quantities.units[:border])
    asks = Side.of(prices.units[border:], quantities.units[border:])
    return Book(bids, asks, prices.step, quantities.step)


def bucketed(levels: PriceLevels, tick_size: float, count: int | None) -> tuple[Levels, Levels]:
    """Bids and asks in buckets of that width, at most `count` on each side; empty ones are left out.

    As in the dataset `orderbook`: bids rounded down to the tick and asks up, sums exact and rounded once.
    """
    book, tick = book_of(levels), exact(tick_size)
    bids = _buckets(book, book.bids, tick, count, up=False)
    return bids, _buckets(book, book.asks, tick, count, up=True)


def _buckets(book: Book, side: Side, tick: Fraction, count: int | None, *, up: bool) -> Levels:
    ladder = Ladder.of(side, book.price_step / tick, len(side.prices) if count is None else count, up=up)
    amounts = (after - before for before, after in pairwise((0, *ladder.quantities)))
    return np.array(to_floats(ladder.prices, tick)), np.array(to_floats(amounts, book.quantity_step))
