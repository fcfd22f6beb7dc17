"""The view `ohlcv`: candles computed from the dataset `trades` when they are read."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from attrs import Attribute, evolve, field, frozen

from bc_trades.candles import joined, pieces
from bc_trades.datasets import tiles
from bc_trades.exact import Scratch
from bc_trades.pieces import Pieces, Trades
from bc_trades.timeframes import LATEST, TIMEFRAMES, Timeframe, timeframe_of
from bcore.records import Derivation

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bcore.query import Query

SCHEMA = pa.schema(
    [
        pa.field("timestamp", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("symbol", pa.string(), nullable=False),
        pa.field("open", pa.float64(), nullable=False),
        pa.field("high", pa.float64(), nullable=False),
        pa.field("low", pa.float64(), nullable=False),
        pa.field("close", pa.float64(), nullable=False),
        pa.field("volume", pa.float64(), nullable=False),
        pa.field("quote_volume", pa.float64(), nullable=False),
        pa.field("trade_count", pa.int64(), nullable=False),
        pa.field("taker_buy_volume", pa.float64(), nullable=False),
        pa.field("taker_buy_quote_volume", pa.float64(), nullable=False),
        pa.field("complete", pa.bool_(), nullable=False),
    ]
)
ALL = frozenset(SCHEMA.names)


def _a_timeframe(_: Any, attribute: Attribute[str], value: str) -> None:
    timeframe_of(value)


@frozen
class OhlcvParams:
    """What one may ask of the view."""

    timeframe: str = field(
        default="1m",
        validator=_a_timeframe,
        metadata={
            "help": "length of a bar: 1s, 1m ... 12h, 1d, 3d, 1w, 1M, or as pandas writes it: 15min, 1H",
            "pattern": f"^({'|'.join(TIMEFRAMES)})$",
        },
    )

    @property
    def frame(self) -> Timeframe:
        return timeframe_of(self.timeframe)


def needs(query: Query, params: OhlcvParams) -> Query:
    """The trades of whole bars: those that open in [start, end), no more of them than are counted off."""
    frame = params.frame
    start = None if query.start is None else frame.floor(query.start)
    end = None if query.end is None else frame.ceil(query.end)
    if query.tail is not None and end is not None:
        start = _latest(start, _back(frame, end, query.tail + query.offset))
    if query.limit is not None and start is not None:
        end = _earliest(end, _on(frame, start, query.limit + query.offset + 1))
    return evolve(query, start=start, end=end, limit=None, tail=None, offset=0, where={}, columns=None)


def _back(frame: Timeframe, end: int, bars: int) -> int | None:
    """So many bars before `end`; None where that is before all trading, which counts from the epoch."""
    return None if bars * frame.length > end else frame.shifted(end, -bars)


def _on(frame: Timeframe, start: int, bars: int) -> int | None:
    """So many bars after `start`; None where that is beyond what a time can be."""
    return None if bars * frame.length > LATEST - start else frame.shifted(start, bars)


def _latest(one: int | None, other: int | None) -> int | None:
    return other if one is None else one if other is None else max(one, other)


def _earliest(one: int | None, other: int | None) -> int | None:
    return other if one is None else one if other is None else min(one, other)


def to_candles(table: pa.Table, params: OhlcvParams, columns: Collection[str] = ALL) -> pa.Table:
    """Candles of the trades, which come in order of id; a bar in which nothing traded gives no row.

    Of the `columns` named, those that can be made of the table's columns.
    """
    return merge([part(table, params, columns)] if table.num_rows else [], params)


@frozen
class Part:
    """What some consecutive trades give to their bars."""

    symbol: str
    pieces: Sequence[Pieces] = field(repr=False)
    columns: Collection[str] = field(repr=False)


def part(table: pa.Table, params: OhlcvParams, columns: Collection[str] = ALL) -> Part:
    """A part of the candles from some of the trades, at least one."""
    wanted = frozenset(columns)
    runs = (_trades(batch, "complete" in wanted) for batch in table.to_batches() if batch.num_rows)
    return Part(table.column("symbol")[0].as_py(), pieces(runs, params.frame, wanted, Scratch(_memory)), wanted)


def _memory(count: int, kind: type) -> NDArray[Any]:
    """From Arrow, whose allocator hands out again what it has; the system's own memory is slow to touch at first."""
    return np.frombuffer(pa.allocate_buffer(count * np.dtype(kind).itemsize), kind)


def merge(parts: Sequence[Part], params: OhlcvParams) -> pa.Table:
    """The candles of all parts, which come in order of id."""
    columns = joined(piece for each in parts for piece in each.pieces) if parts else {}
    count = len(columns.get("timestamp", ()))
    if not count:
        return SCHEMA.empty_table()
    columns["symbol"] = pa.repeat(parts[0].symbol, count)
    schema = pa.schema([each for each in SCHEMA if each.name in columns and each.name in parts[0].columns])
    return pa.Table.from_arrays([pa.array(columns[each.name], each.type) for each in schema], schema=schema)


def _trades(rows: pa.RecordBatch, proven: bool) -> Trades:
    """The columns as numpy sees them, none of them copied. `proven`: whether it is to be told what is complete."""

    def known(name: str) -> Any:
        return rows.column(name).to_numpy() if name in rows.schema.names else None

    flagged = "is_buyer_maker" in rows.schema.names
    return Trades(
        time=rows.column("timestamp").view(pa.int64()).to_numpy(),
        price=rows.column("price").to_numpy(),
        quantity=rows.column("quantity").to_numpy(),
        id=rows.column("agg_trade_id").to_numpy() if proven else None,
        first=known("first_trade_id"),
        last=known("last_trade_id"),
        buyer_is_maker=_flags(rows.column("is_buyer_maker")) if flagged else None,
        tiled=tiles(rows.schema),
    )


def _flags(column: pa.BooleanArray) -> NDArray[np.bool_]:
    """Eight times faster than the array's own way to numpy."""
    begin, end = column.offset, column.offset + len(column)
    packed = np.frombuffer(column.buffers()[1], np.uint8)[begin // 8 : -(-end // 8)]
    flags: NDArray[np.bool_] = np.unpackbits(packed, bitorder="little")[begin % 8 :][: len(column)].view(np.bool_)
    return flags


# What tells voided trades is read for every column.
_TRADED = ("price", "quantity")
_COUNTED = (*_TRADED, "first_trade_id", "last_trade_id")
_TAKEN = (*_TRADED, "is_buyer_maker")
INPUTS = {
    **dict.fromkeys(SCHEMA.names, _TRADED),
    **dict.fromkeys(("trade_count", "complete"), _COUNTED),
    **dict.fromkeys(("taker_buy_volume", "taker_buy_quote_volume"), _TAKEN),
}

OHLCV = Derivation(
    name="ohlcv",
    dataset="trades",
    schema=SCHEMA,
    params=OhlcvParams,
    needs=needs,
    apply=to_candles,
    context=1,
    inputs=INPUTS,
    part=part,
    merge=merge,
    summary="Candles from trades, equal to the exchange's own, each with whether it is proven complete",
)
