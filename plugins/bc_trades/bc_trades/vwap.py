"""The view `vwap`: volume-weighted average prices of bars, and of the UTC day up to the end of each."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from bc_trades import ohlcv
from bc_trades.quotients import averages
from bc_trades.sessions import SessionParams, Sessions, made, needs
from bcore.records import Derivation

SCHEMA = pa.schema(
    [
        pa.field("timestamp", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("symbol", pa.string(), nullable=False),
        pa.field("vwap", pa.float64()),
        pa.field("volume", pa.float64(), nullable=False),
        pa.field("quote_volume", pa.float64(), nullable=False),
        pa.field("trade_count", pa.int64(), nullable=False),
        pa.field("day_vwap", pa.float64()),
        pa.field("day_volume", pa.float64(), nullable=False),
        pa.field("day_quote_volume", pa.float64(), nullable=False),
        pa.field("complete", pa.bool_(), nullable=False),
        pa.field("day_complete", pa.bool_(), nullable=False),
    ]
)
"""`timestamp` is the bar's open time. What begins with `day` is from UTC midnight up to the end of the bar. An average
is null where no quantity was traded, which the exchange's spot trades never show."""

_READ = ("price", "quantity", "first_trade_id", "last_trade_id")


def to_vwap(table: pa.Table, params: SessionParams) -> pa.Table:
    """Averages of the trades, which come in order of id; a bar in which nothing traded gives no row."""
    return merge([part(table, params)] if table.num_rows else [], params)


def part(table: pa.Table, params: SessionParams) -> ohlcv.Part:
    """A part of the averages from some of the trades, at least one."""
    return ohlcv.part(table, params)


def merge(parts: Sequence[ohlcv.Part], params: SessionParams) -> pa.Table:
    """The averages of all parts, which come in order of id."""
    sessions = Sessions.of(piece for each in parts for piece in each.pieces)
    if not len(sessions):
        return SCHEMA.empty_table()
    bars = sessions.bars
    volume, quote = bars.sums["volume"], bars.sums["quote_volume"]
    day_volume, day_quote = sessions.running(volume), sessions.running(quote)
    columns = {
        "timestamp": bars.opened,
        "vwap": averages(quote, volume),
        "volume": volume.nearest(),
        "quote_volume": quote.nearest(),
        "trade_count": bars.values["trade_count"],
        "day_vwap": averages(day_quote, day_volume),
        "day_volume": day_volume.nearest(),
        "day_quote_volume": day_quote.nearest(),
        "complete": sessions.complete(),
        "day_complete": sessions.day_complete(),
    }
    return made(SCHEMA, parts[0].symbol, columns)


VWAP = Derivation(
    name="vwap",
    dataset="trades",
    schema=SCHEMA,
    params=SessionParams,
    needs=needs,
    apply=to_vwap,
    context=1,
    inputs=dict.fromkeys(SCHEMA.names, _READ),
    part=part,
    merge=merge,
    summary="Volume-weighted average price of each bar, and of the UTC day so far",
)
