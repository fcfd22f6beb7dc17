"""The view `book_measures`: spread, microprice, imbalance, pressure and depth of the rebuilt book, level by level."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from bc_orderbook.bookviews import DATASETS, INSTANT, counted, gathered, grid, stepwise
from bc_orderbook.formulas import Numbers, balance, bounds, microprice, mid, spread, spread_bps, weighted
from bc_orderbook.pricelevels import Levels
from bc_orderbook.rebuilding import Rebuilt
from bc_orderbook.viewparams import MeasuresParams
from bcore.computing import Access
from bcore.query import Query
from bcore.records import Computation

NUMBERS = ("best_bid", "best_ask", "mid", "spread", "spread_bps", "microprice", "imbalance", "pressure")
DEPTHS = ("bid_quantity", "ask_quantity", "bid_notional", "ask_notional")
SCHEMA = pa.schema(
    [
        pa.field("timestamp", INSTANT, nullable=False),
        pa.field("symbol", pa.string(), nullable=False),
        pa.field("update_id", pa.int64(), nullable=False),
        pa.field("state", pa.string(), nullable=False),
        *(pa.field(name, pa.float64(), nullable=False) for name in (*NUMBERS, *DEPTHS)),
        pa.field("complete", pa.bool_(), nullable=False),
        pa.field("event_time", INSTANT, nullable=False),
    ]
)
"""`imbalance` and `pressure` are of the best `levels`, the last columns of what is within `bps` of the mid; `complete`
says whether every level there is known."""

Row = dict[str, Any]


def book_measures(access: Access, query: Query, params: MeasuresParams) -> Iterator[pa.Table]:
    """One row at every step."""

    def tables(steps: range) -> Iterator[pa.Table]:
        for each in stepwise(access, steps):
            yield pa.Table.from_pylist([_row(access.symbol, each, params)], schema=SCHEMA)

    return gathered(counted(query, grid(access, query, params.every), 1, tables))


def _row(symbol: str, book: Rebuilt, params: MeasuresParams) -> Row:
    known = {"timestamp": book.time, "symbol": symbol, "update_id": book.update_id, "state": book.state}
    with np.errstate(divide="ignore", invalid="ignore"):
        return {**known, **_prices(book), **_sides(book, params), **_depth(book, params), "event_time": book.event_time}


def _prices(book: Rebuilt) -> Row:
    bid, ask = (np.array([price]) for price in book.levels.best)
    quantities = (side[1][:1] if len(side[1]) else np.array([np.nan]) for side in (book.levels.bids, book.levels.asks))
    bid_quantity, ask_quantity = quantities
    measured = {
        "best_bid": bid,
        "best_ask": ask,
        "mid": mid(bid, ask),
        "spread": spread(bid, ask),
        "spread_bps": spread_bps(bid, ask),
        "microprice": microprice(bid, bid_quantity, ask, ask_quantity),
    }
    return {name: float(value[0]) for name, value in measured.items()}


def _sides(book: Rebuilt, params: MeasuresParams) -> Row:
    best = book.levels.first(params.levels)
    sides = best.bids[1], best.asks[1]
    plain, pressed = ([_one(weighted(side, decay)) for side in sides] for decay in (0.0, params.decay))
    return {"imbalance": float(balance(*plain)[0]), "pressure": float(balance(*pressed)[0])}


def _one(number: Any) -> Numbers:
    return np.array([number], np.float64)


def _depth(book: Rebuilt, params: MeasuresParams) -> Row:
    low, high = bounds(mid(*map(_one, book.levels.best))[0], params.bps)
    if np.isnan(low):
        return {**dict.fromkeys(DEPTHS, np.nan), "complete": False}
    (bid_prices, _), (ask_prices, _) = book.levels.bids, book.levels.asks
    bids = _summed(book.levels.bids, int(np.searchsorted(-bid_prices, -low, side="right")))
    asks = _summed(book.levels.asks, int(np.searchsorted(ask_prices, high, side="right")))
    depths = dict(zip(DEPTHS, (bids[0], asks[0], bids[1], asks[1]), strict=True))
    bid_horizon, ask_horizon = book.horizon
    return {**depths, "complete": not (low < bid_horizon or high > ask_horizon)}


def _summed(side: Levels, count: int) -> tuple[float, float]:
    """The quantity of the best so many levels, and what it is worth in the quote asset."""
    prices, quantities = side[0][:count], side[1][:count]
    return float(quantities.sum()), float((prices * quantities).sum())


BOOK_MEASURES = Computation(
    "book_measures",
    DATASETS,
    SCHEMA,
    MeasuresParams,
    book_measures,
    summary="Spread, microprice, imbalance, pressure and depth near the mid at every step, of the rebuilt book",
)
