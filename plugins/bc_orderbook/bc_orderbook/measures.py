"""Views of the stored snapshots: `spread`, `microprice`, `imbalance`, `depth_within`, `book_pressure`.

Each row comes from one row of the dataset `orderbook`, which is one snapshot at one tick size. Quantities are those of
its buckets, so that they depend on the tick size; prices of the best bid and ask are the book's own at any.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
from attrs import evolve, frozen

from bc_orderbook.config import MAX_LEVELS
from bc_orderbook.formulas import Numbers, balance, bounds, microprice, mid, spread_bps, weighted
from bc_orderbook.viewparams import bps_field, decay_field, levels_field
from bcore.query import Query
from bcore.records import Derivation

LABELS = ("timestamp", "symbol", "tick_size")
QUOTES = ("best_bid", "best_ask")
FEW = "levels on each side, or as many as the snapshots have; all if not given"
Measured = dict[str, Numbers | pa.Array]


@frozen
class NoParams:
    """Nothing is to be chosen."""


@frozen
class ImbalanceParams:
    levels: int | None = levels_field(5, FEW)


@frozen
class DepthParams:
    bps: float = bps_field()


@frozen
class PressureParams:
    levels: int | None = levels_field(None, FEW)
    decay: float = decay_field()


def needs(query: Query, params: Any) -> Query:
    """As many rows of snapshots as of the view."""
    limit, tail = (None if count is None else count + query.offset for count in (query.limit, query.tail))
    return evolve(query, limit=limit, tail=tail, offset=0, columns=None)


@frozen
class Rows:
    """Snapshots by column."""

    table: pa.Table

    def column(self, name: str) -> Numbers:
        numbers: Numbers = self.table.column(name).to_numpy()
        return numbers

    @property
    def quotes(self) -> tuple[Numbers, Numbers]:
        return self.column("best_bid"), self.column("best_ask")

    def side(self, side: str, measure: str, levels: int | None = None) -> Numbers:
        """(levels, rows), best first: so many, or as many as the snapshots have."""
        held = sum(name.startswith(f"{side}_{measure}_") for name in self.table.column_names)
        shown = held if levels is None else min(levels, held)
        return np.array([self.column(f"{side}_{measure}_{level + 1}") for level in range(shown)])


def _spread(rows: Rows, params: NoParams) -> Measured:
    bid, ask = rows.quotes
    measured = {"mid": mid(bid, ask), "spread": rows.column("spread"), "spread_bps": spread_bps(bid, ask)}
    return {"best_bid": bid, "best_ask": ask, **measured}


def _microprice(rows: Rows, params: NoParams) -> Measured:
    bid, ask = rows.quotes
    quantities = rows.column("bid_qty_1"), rows.column("ask_qty_1")
    return {"mid": mid(bid, ask), "microprice": microprice(bid, quantities[0], ask, quantities[1])}


def _imbalance(rows: Rows, params: ImbalanceParams) -> Measured:
    bids, asks = (_total(rows.side(side, "cum_qty", params.levels)) for side in ("bid", "ask"))
    return {"bid_quantity": bids, "ask_quantity": asks, "imbalance": balance(bids, asks)}


def _total(running: Numbers) -> Numbers:
    """The last of the running totals that is one; 0 on a side without any level."""
    total: Numbers = np.nan_to_num(np.fmax.reduce(running, axis=0), nan=0.0)
    return total


def _pressure(rows: Rows, params: PressureParams) -> Measured:
    bids, asks = (weighted(rows.side(side, "qty", params.levels), params.decay) for side in ("bid", "ask"))
    return {"pressure": balance(bids, asks)}


def _depth_within(rows: Rows, params: DepthParams) -> Measured:
    middle = mid(*rows.quotes)
    low, high = bounds(middle, params.bps)
    inside = {"bid": rows.side("bid", "price") >= low, "ask": rows.side("ask", "price") <= high}
    counts = {side: flags.sum(axis=0) for side, flags in inside.items()}
    measured: Measured = {"mid": middle}
    for name, measure in (("quantity", "cum_qty"), ("notional", "cum_usd")):
        for side, count in counts.items():
            measured[f"{side}_{name}"] = np.where(np.isnan(middle), np.nan, _at(rows.side(side, measure), count))
    ended = [counts[side] < len(flags) for side, flags in inside.items()]
    return {**measured, "complete": pa.array(ended[0] & ended[1] & ~np.isnan(middle))}


def _at(running: Numbers, count: Any) -> Numbers:
    """The running total of so many levels."""
    padded = np.concatenate((np.zeros((1, running.shape[1])), running))
    total: Numbers = np.take_along_axis(padded, count[np.newaxis], axis=0)[0]
    return total


def _view(
    name: str,
    measure: Callable[[Rows, Any], Measured],
    params: type,
    made: tuple[str, ...],
    read: tuple[str, ...],
    summary: str,
) -> Derivation:
    """A view that has the labels of each row and what is `made` of the columns that are `read`."""
    schema = pa.schema(
        [
            pa.field("timestamp", pa.timestamp("us", tz="UTC"), nullable=False),
            pa.field("symbol", pa.string(), nullable=False),
            pa.field("tick_size", pa.float64(), nullable=False),
            *(pa.field(each, pa.bool_() if each == "complete" else pa.float64(), nullable=False) for each in made),
        ]
    )

    def apply(table: pa.Table, params: Any) -> pa.Table:
        with np.errstate(divide="ignore", invalid="ignore"):
            measured = measure(Rows(table.combine_chunks()), params)
        columns = [*(table.column(label) for label in LABELS), *(pa.array(measured[each]) for each in made)]
        return pa.Table.from_arrays(columns, schema=schema)

    inputs = dict.fromkeys(schema.names, (*LABELS, *read))
    return Derivation(name, "orderbook", schema, params, needs, apply, inputs=inputs, summary=summary)


def _levels(*measures: str) -> tuple[str, ...]:
    """The columns of all levels that there can be."""
    return tuple(
        f"{side}_{each}_{level + 1}" for level in range(MAX_LEVELS) for side in ("bid", "ask") for each in measures
    )


SPREAD = _view(
    "spread",
    _spread,
    NoParams,
    (*QUOTES, "mid", "spread", "spread_bps"),
    (*QUOTES, "spread"),
    "Best bid and ask of order book snapshots, their mid, and how far they are apart",
)
MICROPRICE = _view(
    "microprice",
    _microprice,
    NoParams,
    ("mid", "microprice"),
    (*QUOTES, "bid_qty_1", "ask_qty_1"),
    "The mid of order book snapshots, and the price weighted by what stands on the other side",
)
IMBALANCE = _view(
    "imbalance",
    _imbalance,
    ImbalanceParams,
    ("bid_quantity", "ask_quantity", "imbalance"),
    _levels("cum_qty"),
    "How much more is bid than asked in the first levels of order book snapshots, from -1 to 1",
)
DEPTH_WITHIN = _view(
    "depth_within",
    _depth_within,
    DepthParams,
    ("mid", "bid_quantity", "ask_quantity", "bid_notional", "ask_notional", "complete"),
    (*QUOTES, *_levels("price", "cum_qty", "cum_usd")),
    "What stands within so many hundredths of a percent of the mid in order book snapshots",
)
BOOK_PRESSURE = _view(
    "book_pressure",
    _pressure,
    PressureParams,
    ("pressure",),
    _levels("qty"),
    "The imbalance of order book snapshots with nearer levels weighing more, from -1 to 1",
)
