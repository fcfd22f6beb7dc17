"""The views `book`, `book_states` and `orderbook_rebuilt`: books rebuilt from the depth stream when they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import pyarrow as pa

from bc_orderbook.datasets import ORDERBOOK
from bc_orderbook.diffs import VERIFIED
from bc_orderbook.durations import microseconds
from bc_orderbook.exactlevels import book_of, bucketed
from bc_orderbook.pricelevels import Levels, PriceLevels
from bc_orderbook.rebuilding import Rebuilt, known, rebuilt
from bc_orderbook.snapshot import Snapshot
from bc_orderbook.viewparams import BookParams, OrderbookParams, StatesParams
from bcore.computing import Access
from bcore.query import Query
from bcore.records import Computation

DATASETS = ("depth_snapshots", "depth", "depth_states")
AT_ONCE = 4096  # rows of a table that is handed on
INSTANT = pa.timestamp("us", tz="UTC")
SIDES = pa.array(["bid", "ask", ""])

SCHEMA = pa.schema(
    [
        pa.field("timestamp", INSTANT, nullable=False),
        pa.field("symbol", pa.string(), nullable=False),
        pa.field("update_id", pa.int64(), nullable=False),
        pa.field("state", pa.string(), nullable=False),
        pa.field("side", pa.string(), nullable=False),
        pa.field("level", pa.int64(), nullable=False),
        pa.field("price", pa.float64(), nullable=False),
        pa.field("quantity", pa.float64(), nullable=False),
        pa.field("bid_horizon", pa.float64(), nullable=False),
        pa.field("ask_horizon", pa.float64(), nullable=False),
        pa.field("event_time", INSTANT, nullable=False),
    ]
)
"""One row per level: bid 1, ask 1, bid 2, ask 2, ... A book without any level is one row of level 0 and side ""."""


def book(access: Access, query: Query, params: BookParams) -> Iterator[pa.Table]:
    """The book at one instant."""
    at = known(access)[1] if params.instant is None else params.instant
    for each in rebuilt(access, [at], at):
        yield _table(access.symbol, each, _shown(each.levels, params.levels, params.tick_size))


def book_states(access: Access, query: Query, params: StatesParams) -> Iterator[pa.Table]:
    """The book at every step."""

    def tables(steps: range) -> Iterator[pa.Table]:
        for each in stepwise(access, steps):
            yield _table(access.symbol, each, _shown(each.levels, params.levels, params.tick_size))

    per_step = 1 if params.levels is None else 2 * params.levels
    return gathered(counted(query, grid(access, query, params.every), per_step, tables))


def orderbook_rebuilt(access: Access, query: Query, params: OrderbookParams) -> Iterator[pa.Table]:
    """Rows as the source `orderbook` would have stored them; none where the book is not verified."""
    ticks = sorted(set(params.tick_size))

    def tables(steps: range) -> Iterator[pa.Table]:
        for each in stepwise(access, steps):
            levels = each.levels.known(each.horizon).first(params.depth)
            if each.state == VERIFIED and not levels.crossed:
                yield Snapshot(access.symbol, each.time, book_of(levels)).table(ticks)

    return gathered(counted(query, grid(access, query, params.every), len(ticks), tables))


def grid(access: Access, query: Query, every: str) -> range:
    """The multiples of the step that the query asks for and of which anything is known. Raises `NotFoundError`."""
    (first, last), step = known(access), microseconds(every)
    start = first if query.start is None else max(query.start, first)
    end = last + 1 if query.end is None else min(query.end, last + 1)
    return range(-(-start // step) * step, end, step)


def stepwise(access: Access, steps: range) -> Iterator[Rebuilt]:
    """The book at each of the steps."""
    return rebuilt(access, steps, steps[-1]) if steps else iter(())


def counted(
    query: Query, steps: range, per_step: int, tables: Callable[[range], Iterator[pa.Table]]
) -> Iterator[pa.Table]:
    """The tables of all steps, or of as many at the end as make the rows of the tail: a step may give fewer than
    `per_step`."""
    if query.tail is None:
        yield from tables(steps)
        return
    wanted = query.tail + query.offset
    count = max(-(-wanted // per_step), 1)
    while True:
        made = list(tables(steps[-count:]))
        if count >= len(steps) or sum(table.num_rows for table in made) >= wanted:
            yield from made
            return
        count *= 4


def gathered(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The same rows in fewer and larger tables."""
    held: list[pa.Table] = []
    rows = 0
    for table in tables:
        held.append(table)
        rows += table.num_rows
        if rows >= AT_ONCE:
            yield pa.concat_tables(held).combine_chunks()
            held, rows = [], 0
    if held:
        yield pa.concat_tables(held).combine_chunks()


def _shown(levels: PriceLevels, count: int | None, tick_size: float | None) -> tuple[Levels, Levels]:
    if tick_size is not None:
        return bucketed(levels, tick_size, count)
    best = levels.first(count)
    return best.bids, best.asks


def _table(symbol: str, book: Rebuilt, shown: tuple[Levels, Levels]) -> pa.Table:
    (bid_prices, bid_quantities), (ask_prices, ask_quantities) = shown
    counts = len(bid_prices), len(ask_prices)
    if not any(counts):
        return _rows(symbol, book, np.array([2]), np.array([0]), np.array([np.nan]), np.array([0.0]))
    levels = np.concatenate([np.arange(1, count + 1) for count in counts])
    order = np.argsort(levels, kind="stable")
    columns = (
        np.repeat([0, 1], counts),
        levels,
        np.concatenate((bid_prices, ask_prices)),
        np.concatenate((bid_quantities, ask_quantities)),
    )
    return _rows(symbol, book, *(column[order] for column in columns))


def _rows(symbol: str, book: Rebuilt, sides: object, levels: object, prices: object, quantities: object) -> pa.Table:
    values = pa.array(levels)
    same = [pa.scalar(value) for value in (symbol, book.update_id, book.state, *map(float, book.horizon))]
    symbols, ids, states, *horizons = (pa.repeat(value, len(values)) for value in same)
    times = [pa.repeat(pa.scalar(time, INSTANT), len(values)) for time in (book.time, book.event_time)]
    shown = [SIDES.take(pa.array(sides)), values, pa.array(prices), pa.array(quantities)]
    return pa.Table.from_arrays([times[0], symbols, ids, states, *shown, *horizons, times[1]], schema=SCHEMA)


BOOK = Computation(
    "book",
    DATASETS,
    SCHEMA,
    BookParams,
    book,
    sized_by="levels",
    summary="The order book at an instant, rebuilt from the depth stream, with how far it is proven",
)
BOOK_STATES = Computation(
    "book_states",
    DATASETS,
    SCHEMA,
    StatesParams,
    book_states,
    summary="The order book at every step of time, rebuilt from the depth stream",
)
ORDERBOOK_REBUILT = Computation(
    "orderbook_rebuilt",
    DATASETS,
    ORDERBOOK.schema,
    OrderbookParams,
    orderbook_rebuilt,
    summary="Order book snapshots at any tick sizes, made afterwards from the depth stream",
)
