"""The views `tick_bars`, `volume_bars`, `dollar_bars` and `imbalance_bars`: bars that end with a size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from attrs import Attribute, evolve, field, frozen

from bc_trades import ohlcv
from bc_trades.bars import Measure, bars, dollars, imbalance, ticks, volume
from bc_trades.datasets import tiles
from bc_trades.pieces import Trades
from bcore.records import Derivation

if TYPE_CHECKING:
    from bcore.query import Query

INSTANT = pa.timestamp("us", tz="UTC")
SCHEMA = pa.schema(
    [
        pa.field("timestamp", INSTANT, nullable=False),
        pa.field("symbol", pa.string(), nullable=False),
        pa.field("close_time", INSTANT, nullable=False),
        pa.field("first_agg_trade_id", pa.int64(), nullable=False),
        pa.field("last_agg_trade_id", pa.int64(), nullable=False),
        pa.field("open", pa.float64(), nullable=False),
        pa.field("high", pa.float64(), nullable=False),
        pa.field("low", pa.float64(), nullable=False),
        pa.field("close", pa.float64(), nullable=False),
        pa.field("volume", pa.float64(), nullable=False),
        pa.field("quote_volume", pa.float64(), nullable=False),
        pa.field("trade_count", pa.int64(), nullable=False),
        pa.field("taker_buy_volume", pa.float64(), nullable=False),
        pa.field("taker_buy_quote_volume", pa.float64(), nullable=False),
        pa.field("vwap", pa.float64()),
        pa.field("complete", pa.bool_(), nullable=False),
    ]
)
"""`timestamp` and `close_time` are the times of the first and the last trade by id. `vwap` is null where the volume is
0, which the exchange's spot trades never show.

Several bars may open at one instant: trades share times. They are then in order of id.
"""

BARS_A_DAY = 50
_DAYS = ohlcv.OhlcvParams("1d")
_READ = ("price", "quantity", "first_trade_id", "last_trade_id", "is_buyer_maker")


def _above_zero(_: Any, attribute: Attribute[Any], value: float) -> None:
    if not 0 < value < float("inf"):
        raise ValueError(f"must be above 0, not {value!r}")


@frozen
class TickParams:
    """How many trades make a bar."""

    size: int = field(default=1000, validator=_above_zero, metadata={"help": "trades in a bar"})


@frozen
class VolumeParams:
    """How much of the base asset makes a bar."""

    size: float = field(default=100.0, validator=_above_zero, metadata={"help": "volume of a bar, in the base asset"})


@frozen
class DollarParams:
    """How much of the quote asset makes a bar."""

    size: float = field(
        default=1_000_000.0, validator=_above_zero, metadata={"help": "volume of a bar, in the quote asset"}
    )


@frozen
class ImbalanceParams:
    """How much more bought than sold, or sold than bought, makes a bar."""

    size: float = field(
        default=50.0,
        validator=_above_zero,
        metadata={"help": "difference of taker-bought and taker-sold volume that ends a bar, in the base asset"},
    )


def needs(query: Query, params: object) -> Query:
    """The trades of whole UTC days. How many days the asked-for bars take is a guess, see `days_for`."""
    count = query.limit if query.tail is None else query.tail
    if count is None:
        return ohlcv.needs(query, _DAYS)
    days = days_for(count + query.offset)
    if query.tail is not None:
        return ohlcv.needs(evolve(query, tail=days, offset=0), _DAYS)
    return ohlcv.needs(evolve(query, limit=days - 1, offset=0), _DAYS)  # which adds one for a day begun before `start`


def days_for(count: int) -> int:
    """How many days to look for so many bars in: at 50 bars a day, and more with every fourfold count.

    Who gets too few asks for four times as many, and must not be given the same days again.
    """
    return max(-(-count // BARS_A_DAY), (count.bit_length() - 1) // 2, 1)


def to_bars(table: pa.Table, measure: Measure, size: float) -> pa.Table:
    """Bars of the trades, which come in order of id."""
    columns = bars(_trades(table), measure, size) if table.num_rows else {}
    if not columns:
        return SCHEMA.empty_table()
    arrays = {name: pa.array(values, SCHEMA.field(name).type) for name, values in columns.items()}
    arrays["vwap"] = pa.array(columns["vwap"], from_pandas=True)  # which makes NaN null
    arrays["symbol"] = pa.repeat(table.column("symbol")[0], len(columns["vwap"]))
    return pa.Table.from_arrays([arrays[name] for name in SCHEMA.names], schema=SCHEMA)


def _trades(table: pa.Table) -> Trades:
    return Trades(
        time=table.column("timestamp").cast(pa.int64()).to_numpy(),
        price=table.column("price").to_numpy(),
        quantity=table.column("quantity").to_numpy(),
        id=table.column("agg_trade_id").to_numpy(),
        first=table.column("first_trade_id").to_numpy(),
        last=table.column("last_trade_id").to_numpy(),
        buyer_is_maker=table.column("is_buyer_maker")
        .cast(pa.uint8())
        .to_numpy()
        .view(np.bool_),  # far faster than as is
        tiled=tiles(table.schema),
    )


def _view(name: str, params: type, measure: Measure, summary: str) -> Derivation:
    def apply(table: pa.Table, asked: Any) -> pa.Table:
        return to_bars(table, measure, asked.size)

    return Derivation(
        name=name,
        dataset="trades",
        schema=SCHEMA,
        params=params,
        needs=needs,
        apply=apply,
        context=1,
        inputs=dict.fromkeys(SCHEMA.names, _READ),
        summary=summary,
    )


TICK_BARS = _view("tick_bars", TickParams, ticks, "Bars of so many trades, begun anew at UTC midnight")
VOLUME_BARS = _view("volume_bars", VolumeParams, volume, "Bars of so much base volume, begun anew at UTC midnight")
DOLLAR_BARS = _view("dollar_bars", DollarParams, dollars, "Bars of so much quote volume, begun anew at UTC midnight")
IMBALANCE_BARS = _view(
    "imbalance_bars",
    ImbalanceParams,
    imbalance,
    "Bars that end when takers bought or sold so much more, begun anew at UTC midnight",
)
