"""The view `taker_flow`: what takers bought and sold in each bar, and the difference summed up since UTC midnight."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from attrs import frozen
from numpy.typing import NDArray

from bc_trades import ohlcv
from bc_trades.exact import Scaled
from bc_trades.pieces import Joined, Pieces
from bc_trades.sessions import SessionParams, Sessions, made, needs
from bcore.records import Derivation

SCHEMA = pa.schema(
    [
        pa.field("timestamp", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("symbol", pa.string(), nullable=False),
        pa.field("buy_volume", pa.float64(), nullable=False),
        pa.field("sell_volume", pa.float64(), nullable=False),
        pa.field("buy_quote_volume", pa.float64(), nullable=False),
        pa.field("sell_quote_volume", pa.float64(), nullable=False),
        pa.field("buy_count", pa.int64(), nullable=False),
        pa.field("sell_count", pa.int64(), nullable=False),
        pa.field("delta", pa.float64(), nullable=False),
        pa.field("quote_delta", pa.float64(), nullable=False),
        pa.field("day_delta", pa.float64(), nullable=False),
        pa.field("day_quote_delta", pa.float64(), nullable=False),
        pa.field("complete", pa.bool_(), nullable=False),
        pa.field("day_complete", pa.bool_(), nullable=False),
    ]
)
"""`timestamp` is the bar's open time, a delta is bought less sold. What begins with `day` is from UTC midnight up to
the end of the bar."""

_READ = ("price", "quantity", "first_trade_id", "last_trade_id", "is_buyer_maker")


@frozen
class Part:
    """What some consecutive trades give to their bars, and what those of them give in which the taker bought."""

    symbol: str
    pieces: Sequence[Pieces]
    bought: Sequence[Pieces]


def to_taker_flow(table: pa.Table, params: SessionParams) -> pa.Table:
    """The flow of the trades, which come in order of id; a bar in which nothing traded gives no row."""
    return merge([part(table, params)] if table.num_rows else [], params)


def part(table: pa.Table, params: SessionParams) -> Part:
    """A part of the flow from some of the trades, at least one."""
    every = ohlcv.part(table, params)
    bought = table.filter(~pc.field("is_buyer_maker"))
    return Part(every.symbol, every.pieces, ohlcv.part(bought, params).pieces if bought.num_rows else ())


def merge(parts: Sequence[Part], params: SessionParams) -> pa.Table:
    """The flow of all parts, which come in order of id."""
    sessions = Sessions.of(piece for each in parts for piece in each.pieces)
    if not len(sessions):
        return SCHEMA.empty_table()
    bought = _counts(sessions.bars, [piece for each in parts for piece in each.bought])
    columns = {
        "timestamp": sessions.bars.opened,
        **_sides(sessions, "volume", ""),
        **_sides(sessions, "quote_volume", "quote_"),
        "buy_count": bought,
        "sell_count": sessions.bars.values["trade_count"] - bought,
        "complete": sessions.complete(),
        "day_complete": sessions.day_complete(),
    }
    return made(SCHEMA, parts[0].symbol, columns)


def _counts(bars: Joined, bought: Sequence[Pieces]) -> NDArray[np.int64]:
    """For each bar the number of trades in which the taker bought."""
    counts = np.zeros(len(bars.opened), np.int64)
    buys = Joined.of(bought)
    if len(buys.opened):
        counts[np.searchsorted(bars.opened, buys.opened)] = buys.values["trade_count"]
    return counts


def _sides(sessions: Sessions, name: str, prefix: str) -> dict[str, Any]:
    # Joined, so that all and bought are in the same units.
    both = Scaled.joined([sessions.bars.sums[name], sessions.bars.sums[f"taker_buy_{name}"]])
    every, bought = both.units[: len(sessions)], both.units[len(sessions) :]
    sold = every - bought
    delta = Scaled(bought - sold, both.decimals)
    return {
        f"buy_{name}": Scaled(bought, both.decimals).nearest(),
        f"sell_{name}": Scaled(sold, both.decimals).nearest(),
        f"{prefix}delta": _signed(delta),
        f"day_{prefix}delta": _signed(sessions.running(delta)),
    }


def _signed(numbers: Scaled) -> NDArray[np.float64]:
    """The nearest floats, with further decimals cut towards 0 on either side of it."""
    sizes = Scaled(np.abs(numbers.units), numbers.decimals).nearest()
    signed: NDArray[np.float64] = np.where(numbers.units < 0, -sizes, sizes)
    return signed


TAKER_FLOW = Derivation(
    name="taker_flow",
    dataset="trades",
    schema=SCHEMA,
    params=SessionParams,
    needs=needs,
    apply=to_taker_flow,
    context=1,
    inputs=dict.fromkeys(SCHEMA.names, _READ),
    part=part,
    merge=merge,
    summary="What takers bought and sold in each bar, and the difference since UTC midnight",
)
