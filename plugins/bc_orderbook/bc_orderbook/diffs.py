"""The datasets of the full depth stream: every change of a book, the snapshots that anchor it, and how sure it is.

`depth`, one row per changed level (protocol section 6):

| column | meaning |
|---|---|
| `first_update_id`, `last_update_id` | U and u: the changes that the event sums up; the next begins at u + 1. Where |
| | an event names the one before it (`pu` of USD-M futures), the first is pu + 1 |
| `timestamp` | E: when the exchange emitted the event, UTC |
| `received` | the exchange's clock when the event was received, UTC |
| `symbol` | the symbol |
| `side` | 1 bid, -1 ask; 0 where the event changed nothing: its price and quantity are 0 |
| `price` | the level, in the quote asset |
| `quantity` | what the level holds from now on, in the base asset; 0 removes it |

`depth_snapshots`, one row per level of a whole book:

| column | meaning |
|---|---|
| `last_update_id` | the book's id: the events after it are those with a greater u |
| `timestamp` | rest: the exchange's clock at receipt, or E of the last event in it; book: E of that event |
| `kind` | "rest": the exchange showed it; "book": the maintained book, so that reading begins near |
| `side`, `price`, `quantity` | a level: 1 bid, -1 ask; a book without any level is one row of side 0 |
| `bid_horizon`, `ask_horizon` | the lowest bid and highest ask up to which all levels are known; NaN: all are |
| `reason` | "start", "once", "resync: gap 5..9" and the like, "reconciled", "checkpoint" |

`depth_states`, one row per change; it lasts until the next row of the symbol:

| column | meaning |
|---|---|
| `timestamp` | from this instant on; no two rows of a symbol share one |
| `update_id` | the book's id at that instant, 0 where there is no book |
| `state` | "verified": no event is missing, so the book is right up to its horizon; "suspect": one may be, or is; |
| | "unknown": nobody was looking |
| `reason` | why, for people |

`depth_tickers`, one row per bookTicker, where they are recorded (`tickers = true`):

| column | meaning |
|---|---|
| `update_id` | u: the update of the book after which these were the best prices |
| `timestamp` | the exchange's clock when it was received, UTC: it carries no time of its own |
| `bid_price`, `bid_quantity`, `ask_price`, `ask_quantity` | the best levels |

Before the first row of a symbol everything is unknown. A suspect interval begins with the last event that was in order.
Events that come while a book is suspect are stored all the same: their ids tell where something is missing.
"""

from __future__ import annotations

import pyarrow as pa

from bcore.records import Dataset

BID, ASK, NEITHER = 1, -1, 0
REST, BOOK = "rest", "book"
VERIFIED, SUSPECT, UNKNOWN = "verified", "suspect", "unknown"

_INSTANT = pa.timestamp("us", tz="UTC")
_COMMON = {"symbol": pa.string(), "side": pa.int8(), "price": pa.float64(), "quantity": pa.float64()}


def _schema(**columns: pa.DataType) -> pa.Schema:
    return pa.schema([pa.field(name, kind, nullable=False) for name, kind in columns.items()])


DEPTH = Dataset(
    "depth",
    _schema(
        first_update_id=pa.int64(),
        last_update_id=pa.int64(),
        timestamp=_INSTANT,
        received=_INSTANT,
        **_COMMON,
    ),
    key=("last_update_id", "side", "price"),
    chain=("first_update_id", "last_update_id"),
    highlight="price",
    summary="Every change of the order book as the exchange streams it, one row per level",
)

DEPTH_SNAPSHOTS = Dataset(
    "depth_snapshots",
    _schema(
        last_update_id=pa.int64(),
        timestamp=_INSTANT,
        symbol=pa.string(),
        kind=pa.string(),
        side=pa.int8(),
        price=pa.float64(),
        quantity=pa.float64(),
        bid_horizon=pa.float64(),
        ask_horizon=pa.float64(),
        reason=pa.string(),
    ),
    key=("last_update_id", "kind", "side", "price"),
    facets=("kind",),
    summary="Whole order books, as the exchange showed them or as maintained, to begin with before events of depth",
)

DEPTH_TICKERS = Dataset(
    "depth_tickers",
    _schema(
        update_id=pa.int64(),
        timestamp=_INSTANT,
        symbol=pa.string(),
        bid_price=pa.float64(),
        bid_quantity=pa.float64(),
        ask_price=pa.float64(),
        ask_quantity=pa.float64(),
    ),
    key=("update_id",),
    highlight="bid_price",
    summary="The exchange's own best bid and ask, which it sends whenever they change: to compare depth with",
)

DEPTH_STATES = Dataset(
    "depth_states",
    _schema(
        timestamp=_INSTANT,
        symbol=pa.string(),
        update_id=pa.int64(),
        state=pa.string(),
        reason=pa.string(),
    ),
    key=("timestamp", "state"),
    facets=("state",),
    highlight="state",
    summary="Since when the book that depth and depth_snapshots give is verified, suspect or unknown, and why",
)
