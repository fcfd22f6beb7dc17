"""Bars by the clock within a session: the UTC day, whose sums begin at 0 at midnight and grow from bar to bar."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from attrs import Attribute, evolve, field, frozen
from numpy.typing import NDArray

from bc_trades import ohlcv
from bc_trades.exact import SAFE, Scaled
from bc_trades.pieces import Joined, Pieces
from bc_trades.timeframes import TIMEFRAMES, timeframe_of
from bcore.instants import DAY

if TYPE_CHECKING:
    from bcore.query import Query

Flags = NDArray[np.bool_]
Indices = NDArray[np.intp]


def _within_a_day(_: Any, attribute: Attribute[str], value: str) -> None:
    if timeframe_of(value).length > DAY:
        raise ValueError(f"must be 1d or shorter, because sums begin anew at UTC midnight, not {value!r}")


@frozen
class SessionParams(ohlcv.OhlcvParams):
    """What one may ask of a view whose sums begin at UTC midnight."""

    timeframe: str = field(
        default="1m",
        validator=_within_a_day,
        metadata={
            "help": "length of a bar: 1s, 1m ... 12h, 1d, or as pandas writes it: 15min, 1H",
            "pattern": f"^({'|'.join(name for name, each in TIMEFRAMES.items() if each.length <= DAY)})$",
        },
    )


def needs(query: Query, params: SessionParams) -> Query:
    """The trades of whole bars, and those of the day before them."""
    need = ohlcv.needs(query, params)
    return need if need.start is None else evolve(need, start=need.start // DAY * DAY)


@frozen
class Sessions:
    """The bars of some UTC days, oldest first, each day from its beginning on; `days` is where each day starts."""

    bars: Joined
    days: Indices

    @classmethod
    def of(cls, pieces: Iterable[Pieces]) -> Sessions:
        bars = Joined.of(list(pieces))
        day = bars.opened // DAY
        return cls(bars, np.flatnonzero(np.diff(day, prepend=day[:1] - 1)))

    def __len__(self) -> int:
        return len(self.bars.opened)

    def running(self, numbers: Scaled) -> Scaled:
        """For each bar the sum from its day's first bar up to and with it."""
        units = numbers.units
        if units.dtype != object and np.abs(units.astype(np.float64)).sum() >= SAFE:
            units = units.astype(object)
        total = np.cumsum(units)
        before = total[self.days] - units[self.days]
        return Scaled(total - np.repeat(before, np.diff(self.days, append=len(total))), numbers.decimals)

    def complete(self) -> Flags:
        """For each bar: whether it is proven that no trade of it is missing."""
        proven: Flags = ~np.isin(self.bars.opened, self.bars.incomplete)
        return proven

    def day_complete(self) -> Flags:
        """For each bar: whether it is proven that no trade is missing from midnight up to its end."""
        opened, lacking = self.bars.opened, np.unique(self.bars.incomplete)
        # The first bar of the same day that lacks something, with a row or without, is not before this one's end.
        next_lacking = np.append(lacking, np.iinfo(np.int64).max)[np.searchsorted(lacking, opened // DAY * DAY)]
        proven: Flags = next_lacking > opened
        return proven


def made(schema: pa.Schema, symbol: str, columns: dict[str, Any]) -> pa.Table:
    """A table of the columns, in the order and the types of `schema`, of one symbol; NaN becomes null."""
    columns["symbol"] = pa.repeat(symbol, len(columns["timestamp"]))
    arrays = [pa.array(columns[each.name], each.type, from_pandas=True) for each in schema]
    return pa.Table.from_arrays(arrays, schema=schema)
