"""The dataset `trades`: the exchange's aggregate trades, one row each."""

from __future__ import annotations

import pyarrow as pa
from attrs import evolve

from bcore.records import CHAIN, Dataset

TRADES = Dataset(
    name="trades",
    schema=pa.schema(
        [
            pa.field("agg_trade_id", pa.int64(), nullable=False),
            pa.field("timestamp", pa.timestamp("us", tz="UTC"), nullable=False),
            pa.field("symbol", pa.string(), nullable=False),
            pa.field("price", pa.float64(), nullable=False),
            pa.field("quantity", pa.float64(), nullable=False),
            pa.field("first_trade_id", pa.int64(), nullable=False),
            pa.field("last_trade_id", pa.int64(), nullable=False),
            pa.field("is_buyer_maker", pa.bool_(), nullable=False),
            pa.field("is_best_match", pa.bool_(), nullable=False),
        ]
    ),
    key=("agg_trade_id",),
    sequence="agg_trade_id",
    chain=("first_trade_id", "last_trade_id"),
    highlight="price",
    summary="Aggregate trades by id: price, quantity, the trade ids covered, and which side was the maker",
)
"""Rows in order of id, never of time: the exchange's times are not monotonic in id (protocol section 9.3).

`price` is in the quote asset, `quantity` in the base asset, both the float64 nearest to the exchange's decimal text, so
that they print as it did. `first_trade_id`..`last_trade_id` are the trades that the row sums up. A voided aggregate
(price and quantity 0, both trade ids -1; protocol section 9.2) is a row like any other: it holds its id.
"""

UNTILED_TRADES = evolve(TRADES, chain=())
"""The same rows of an exchange whose public tape leaves out fills that have ids: there a hole between the trade ids of
two aggregates is no loss, and `agg_trade_id` alone proves that none is missing."""


def tiles(schema: pa.Schema) -> bool:
    """Whether a hole between the trade ids of a derivation's rows shows that one is lost."""
    return (schema.metadata or {}).get(CHAIN) != b""
