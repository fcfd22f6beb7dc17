"""What each trade was worth: price times quantity, in the quote currency."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
from attrs import field, frozen, validators

from bcore.instants import SECOND
from bcore.query import Query, guessed
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
    """The trades of the same window; of as many seconds as rows are wanted, to begin with."""
    return guessed(query, SECOND)


def notional(trades: pa.Table, params: NotionalParams) -> pa.Table:
    value = pc.multiply(trades["price"], trades["quantity"])
    columns = [trades["timestamp"], trades["symbol"], trades["agg_trade_id"], value]
    table = pa.Table.from_arrays(columns, schema=SCHEMA).filter(pc.field("notional") >= params.min_value)
    return table.sort_by([("timestamp", "ascending"), ("agg_trade_id", "ascending")])


NOTIONAL = Derivation(
    "notional",
    "trades",
    SCHEMA,
    NotionalParams,
    needs,
    notional,
    summary="What each trade was worth (price x quantity)",
)
