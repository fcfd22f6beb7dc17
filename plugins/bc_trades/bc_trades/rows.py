"""Trades on their way into a table: one buffer per column, 57 bytes a row, nothing boxed."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from attrs import define, field

from bc_binance.messages import MICROSECONDS_FROM, micros
from bc_trades.datasets import TRADES

if TYPE_CHECKING:
    from bc_trades.trade import Trade


def _ints() -> array[int]:
    return array("q")


def _floats() -> array[float]:
    return array("d")


@define
class Rows:
    """Columns that grow. Once made into a table they are its memory, and must not grow any more."""

    ids: array[int] = field(factory=_ints)
    times: array[int] = field(factory=_ints)
    prices: array[float] = field(factory=_floats)
    quantities: array[float] = field(factory=_floats)
    firsts: array[int] = field(factory=_ints)
    lasts: array[int] = field(factory=_ints)
    makers: bytearray = field(factory=bytearray)
    matches: bytearray = field(factory=bytearray)

    def __len__(self) -> int:
        return len(self.ids)

    def extend(self, trades: Sequence[Trade]) -> None:
        """Texts become the nearest float64 and times microseconds; the texts must be decimal numbers."""
        self.ids.fromlist([trade.a for trade in trades])
        self.times.fromlist(_times(trades))
        self.prices.fromlist([float(trade.p) for trade in trades])
        self.quantities.fromlist([float(trade.q) for trade in trades])
        self.firsts.fromlist([trade.f for trade in trades])
        self.lasts.fromlist([trade.l for trade in trades])
        self.makers += bytes([trade.m for trade in trades])
        self.matches += bytes([trade.M for trade in trades])

    def table(self, symbol: str) -> pa.Table:
        """The rows in the order in which they came, in the schema of TRADES."""
        columns = [
            _column(self.ids, pa.int64()),
            _column(self.times, pa.timestamp("us", tz="UTC")),
            pa.repeat(pa.scalar(symbol, pa.string()), len(self)),
            _column(self.prices, pa.float64()),
            _column(self.quantities, pa.float64()),
            _column(self.firsts, pa.int64()),
            _column(self.lasts, pa.int64()),
            pa.array(np.frombuffer(self.makers, dtype=np.bool_)),
            pa.array(np.frombuffer(self.matches, dtype=np.bool_)),
        ]
        return pa.Table.from_arrays(columns, schema=TRADES.schema)


def _times(trades: Sequence[Trade]) -> list[int]:
    times = [trade.T for trade in trades]
    if times and min(times) < MICROSECONDS_FROM:
        return [micros(time) for time in times]
    return times


def _column(values: array[int] | array[float], kind: pa.DataType) -> pa.Array:
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(values)])
