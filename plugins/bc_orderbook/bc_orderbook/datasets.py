"""The dataset `orderbook`: bucketed snapshots of an order book, one row per snapshot and tick size.

| column | meaning |
|---|---|
| `timestamp` | the exchange's clock when the book was received, UTC; equal in all rows of one snapshot |
| `symbol` | the symbol |
| `tick_size` | width of the price buckets of this row, in the quote asset |
| `best_bid`, `best_ask` | the best prices of the book itself, before bucketing |
| `spread` | best_ask - best_bid, in the quote asset |
| `spread_pct` | 100 * spread / mid, in percent of mid = (best_bid + best_ask) / 2 |
| `imbalance` | (B - A) / (B + A), from -1 to 1; B and A are the last `cum_qty` of either side |
| `depth_ratio` | B / A |
| `{side}_price_N` | price of the Nth best bucket that holds anything: bids rounded down to the tick, asks up |
| `{side}_qty_N` | quantity in that bucket, in the base asset |
| `{side}_cum_qty_N` | quantity in the buckets 1 to N |
| `{side}_cum_usd_N` | sum of price * quantity over the raw levels in the buckets 1 to N, in the quote asset |

The level columns stand in the order bid_price_1, bid_qty_1, bid_cum_qty_1, bid_cum_usd_1, ask_price_1, ask_qty_1,
ask_cum_qty_1, ask_cum_usd_1, bid_price_2, ...: 9 columns and 8 per level, 129 for the usual 15 levels.

`cum_usd` values each raw level at its own price, not at its bucket's, so that it is the same money at every tick size.
Every number is the exact result, rounded once to float64. There are no nulls. NaN stands where there is nothing to say:
in the levels beyond a side's last bucket; in the best price, spread and spread_pct of a side that is empty; in
`imbalance` if both sides are, and in `depth_ratio` if no asks are.

The last bucket of a side may hold more than is shown where the exchange has more levels than it was asked for (the
source's `depth`): buckets wider than what those levels span need more of them.
"""

from __future__ import annotations

import pyarrow as pa

from bcore.records import Dataset

MEASURES = ("price", "qty", "cum_qty", "cum_usd")
QUOTES = ("best_bid", "best_ask", "spread", "spread_pct", "imbalance", "depth_ratio")


def level_columns(num_levels: int) -> list[str]:
    """The names of the level columns, in order."""
    return [
        f"{side}_{measure}_{level}"
        for level in range(1, num_levels + 1)
        for side in ("bid", "ask")
        for measure in MEASURES
    ]


def orderbook_dataset(num_levels: int = 15) -> Dataset:
    """The dataset with that many levels on either side: 9 + 8 * num_levels columns."""
    numbers = ("tick_size", *QUOTES, *level_columns(num_levels))
    schema = pa.schema(
        [
            pa.field("timestamp", pa.timestamp("us", tz="UTC"), nullable=False),
            pa.field("symbol", pa.string(), nullable=False),
            *(pa.field(name, pa.float64(), nullable=False) for name in numbers),
        ]
    )
    return Dataset(
        "orderbook",
        schema,
        key=("timestamp", "tick_size"),
        facets=("tick_size",),
        highlight="best_bid",
        summary=f"Order book snapshots at several tick sizes, {num_levels} levels on either side",
    )


def levels_of(dataset: Dataset) -> int:
    """How many levels on either side the dataset has."""
    return (len(dataset.schema) - 3 - len(QUOTES)) // (2 * len(MEASURES))


ORDERBOOK = orderbook_dataset()
