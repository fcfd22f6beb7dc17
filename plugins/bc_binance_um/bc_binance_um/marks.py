"""The dataset `mark_price`, and its rows.

| column | meaning |
|---|---|
| `timestamp` | when the exchange computed it, UTC |
| `symbol` | the symbol |
| `mark_price` | what positions are valued and liquidated at, in the quote asset |
| `index_price` | the price of the underlying on spot exchanges |
| `estimated_settle_price` | for delivery contracts in their last hour; null where none is given |
| `funding_rate` | what longs pay to shorts at the next funding, as a fraction; null for contracts without |
| `next_funding_time` | when that is, UTC; null for contracts without |

There is one a second on the stream. What is missed is lost: the exchange has no history of it that is as fine, so
there is no proof that none is missing either.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

from bcore.records import Dataset

if TYPE_CHECKING:
    from bc_binance_um.messages import Mark

_INSTANT = pa.timestamp("us", tz="UTC")

MARK_PRICE = Dataset(
    "mark_price",
    pa.schema(
        [
            pa.field("timestamp", _INSTANT, nullable=False),
            pa.field("symbol", pa.string(), nullable=False),
            pa.field("mark_price", pa.float64(), nullable=False),
            pa.field("index_price", pa.float64(), nullable=False),
            pa.field("estimated_settle_price", pa.float64()),
            pa.field("funding_rate", pa.float64()),
            pa.field("next_funding_time", _INSTANT),
        ]
    ),
    key=("timestamp",),
    highlight="mark_price",
    summary="Mark price, index price and funding rate of futures, one a second",
)


def table_of(marks: Sequence[Mark], symbol: str) -> pa.Table:
    """The rows in the order given; the texts must be numbers."""
    from bc_binance.messages import micros

    columns = [
        pa.array([micros(mark.time) for mark in marks], pa.int64()).cast(_INSTANT),
        pa.repeat(pa.scalar(symbol, pa.string()), len(marks)),
        pa.array([float(mark.price) for mark in marks], pa.float64()),
        pa.array([float(mark.index) for mark in marks], pa.float64()),
        pa.array([float(mark.settle) if mark.settle else None for mark in marks], pa.float64()),
        pa.array([float(mark.rate) if mark.rate else None for mark in marks], pa.float64()),
        pa.array([micros(mark.funding_time) if mark.funding_time else None for mark in marks], pa.int64()).cast(
            _INSTANT
        ),
    ]
    return pa.Table.from_arrays(columns, schema=MARK_PRICE.schema)
