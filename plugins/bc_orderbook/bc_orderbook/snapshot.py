"""A book at several tick sizes as rows of the dataset `orderbook`. What the columns mean is said in `datasets`."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import chain, pairwise
from math import nan

import numpy as np
import pyarrow as pa
from attrs import frozen

from bc_orderbook.book import Book
from bc_orderbook.datasets import ORDERBOOK, levels_of
from bc_orderbook.decimals import to_floats
from bc_orderbook.ladder import Ladder
from bcore.records import Dataset

_NOTHING = (nan, nan, nan, nan)
Level = tuple[float, float, float, float]
Row = list[float]


@frozen
class Snapshot:
    """A book and when it was received (the exchange's clock, int us UTC)."""

    symbol: str
    time: int
    book: Book

    def table(self, tick_sizes: Sequence[float], dataset: Dataset = ORDERBOOK) -> pa.Table:
        """One row per tick size, in the dataset's schema and with its number of levels."""
        rows = rows_of(self.book, tick_sizes, dataset)
        return table_of(self.symbol, [self.time] * len(rows), rows, dataset)


def rows_of(book: Book, tick_sizes: Sequence[float], dataset: Dataset = ORDERBOOK) -> list[Row]:
    """The numbers of the dataset's columns from `tick_size` on, a row per tick size."""
    return [_row(book, tick, levels_of(dataset)) for tick in tick_sizes]


def table_of(symbol: str, times: Sequence[int], rows: Sequence[Row], dataset: Dataset = ORDERBOOK) -> pa.Table:
    """Rows with their times (int us UTC) in the dataset's schema."""
    count = len(rows)
    labels = [pa.array(times, pa.timestamp("us", tz="UTC")), pa.repeat(pa.scalar(symbol, pa.string()), count)]
    # All columns in one array and cut apart: 127 conversions would take longer than all the bucketing.
    numbers = pa.array(np.array(rows, np.float64).ravel(order="F"))
    columns = [numbers.slice(number * count, count) for number in range(len(dataset.schema) - len(labels))]
    return pa.Table.from_arrays([*labels, *columns], schema=dataset.schema)


def exact(tick_size: float) -> Fraction:
    """The tick size that was meant: 0.1 is a tenth, not the float next to it."""
    return Fraction(Decimal(repr(float(tick_size))))


def _row(book: Book, tick_size: float, num_levels: int) -> Row:
    tick = exact(tick_size)
    ticks = book.price_step / tick
    bids = Ladder.of(book.bids, ticks, num_levels, up=False)
    asks = Ladder.of(book.asks, ticks, num_levels, up=True)
    levels = zip(_levels(book, bids, tick, num_levels), _levels(book, asks, tick, num_levels), strict=True)
    values = chain.from_iterable(chain.from_iterable(levels))
    return [float(tick_size), *_quotes(book), *_balance(bids.total, asks.total), *values]


def _quotes(book: Book) -> tuple[float, float, float, float]:
    """best_bid, best_ask, spread, spread_pct."""
    bid, ask = book.bids.best, book.asks.best
    best_bid = nan if bid is None else to_floats([bid], book.price_step)[0]
    best_ask = nan if ask is None else to_floats([ask], book.price_step)[0]
    if bid is None or ask is None:
        return best_bid, best_ask, nan, nan
    return best_bid, best_ask, to_floats([ask - bid], book.price_step)[0], 200 * (ask - bid) / (ask + bid)


def _balance(bids: int, asks: int) -> tuple[float, float]:
    """imbalance, depth_ratio."""
    total = bids + asks
    return (bids - asks) / total if total else nan, bids / asks if asks else nan


def _levels(book: Book, ladder: Ladder, tick: Fraction, num_levels: int) -> list[Level]:
    """price, qty, cum_qty, cum_usd of each level, NaN beyond the last bucket."""
    amounts = (after - before for before, after in pairwise((0, *ladder.quantities)))
    levels = zip(
        to_floats(ladder.prices, tick),
        to_floats(amounts, book.quantity_step),
        to_floats(ladder.quantities, book.quantity_step),
        to_floats(ladder.notionals, book.price_step * book.quantity_step),
        strict=True,
    )
    return [*levels, *[_NOTHING] * (num_levels - len(ladder.prices))]
