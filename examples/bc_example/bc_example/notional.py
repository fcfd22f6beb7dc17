"""What each trade was worth: price times quantity, in the quote currency."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
from attrs import evolve, field, frozen, validators

from bcore.query import Query
from bcore.records import Derivation

SCHEMA = pa.schema(
    {
        "timestamp": pa.timestamp("us", tz="UTC"),
        "symbol": pa.string(),
        "agg_trade_id": pa.int64(),
        "notional": pa.float64(),
    }
)


@frozen
class NotionalParams:
    min_value: float = field(
        default=0.0, validator=validators.ge(0), metadata={"help": "leave out trades worth less than this"}
    )


def needs(query: Query, params: NotionalParams) -> Query:
    """The trades of the same window; without a threshold each trade is a row, so that as many trades do."""
    if params.min_value == 0:
        tail, limit = (count and count + query.offset for count in (query.tail, query.limit))
        return evolve(query, tail=tail, limit=limit, offset=0)
    return evolve(query, tail=None, limit=None, offset=0)


def notional(trades: pa.Table, params: NotionalParams) -> pa.Table:
    value = pc.multiply(trades["price"], trades["quantity"])
    columns = [trades["timestamp"], trades["symbol"], trades["agg_trade_id"], value]
    table = pa.Table.from_arrays(columns, schema=SCHEMA)
    return table.filter(pc.field("notional") >= params.min_value)


NOTIONAL = Derivation(
    "notional",
    "trades",
    SCHEMA,
    NotionalParams,
    needs,
    notional,
    summary="What each trade was worth (price x quantity)",
)
