"""Pieces of candles: what consecutive trades give to their bars, to be joined with what comes before and after.

Trades are taken block by block, small enough for the processor's cache: a pass over a block costs a fraction of one
over memory, and the few rows per bar that remain are joined at the end. Sums stay exact integers until then, so that
candles are the same to the last bit however the trades were cut.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from attrs import evolve, field, frozen
from numpy.typing import NDArray

from bc_trades.exact import Scaled, Whole
from bc_trades.timeframes import Timeframe

BLOCK = 64 * 1024
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Indices = NDArray[np.intp]


@frozen
class Trades:
    """Aggregate trades in order of id (or of time where ids are not known), one array per column.

    `time` is in int us UTC. What is None is not known, and what would need it is left out.
    """

    time: Ints
    price: Floats
    quantity: Floats
    id: Ints | None = None
    first: Ints | None = None
    last: Ints | None = None
    buyer_is_maker: Flags | None = None

    def __len__(self) -> int:
        return len(self.time)

    @property
    def voided(self) -> Flags:
        """Aggregates that only hold their id (protocol section 9.2): price and quantity 0, no trades."""
        empty: Flags = (self.price == 0) & (self.quantity == 0)
        return empty if self.first is None else empty & (self.first < 0)

    def blocks(self) -> Iterator[Trades]:
        """The same trades, so few at a time that they stay in the cache."""
        for begin in range(0, len(self), BLOCK):
            yield self.at(slice(begin, begin + BLOCK))

    def at(self, where: slice | Indices) -> Trades:
        columns = ("time", "price", "quantity", "id", "first", "last", "buyer_is_maker")
        present = {name: getattr(self, name) for name in columns if getattr(self, name) is not None}
        return evolve(self, **{name: column[where] for name, column in present.items()})


@frozen
class Edge:
    """The first or last of some trades: enough to tell whether the neighbouring ones follow directly."""

    opened: int
    id: int | None
    first: int | None
    last: int | None
    voided: bool

    @classmethod
    def of(cls, trades: Trades, row: int, frame: Timeframe) -> Edge:
        def value(column: Ints | None) -> int | None:
            return None if column is None else int(column[row])

        voided = (
            trades.price[row] == 0 and trades.quantity[row] == 0 and (trades.first is None or trades.first[row] < 0)
        )
        opened = frame.floor(int(trades.time[row]))
        return cls(opened, value(trades.id), value(trades.first), value(trades.last), bool(voided))

    def joins(self, following: Edge) -> bool:
        """Whether `following` is the next trade, by its id and by the trades that both sum up, see `_joined`."""
        if self.id is None or following.id != self.id + 1:
            return False
        if self.last is None or following.first is None or self.voided or following.voided:
            return True
        return following.first == self.last + 1


@frozen
class Pieces:
    """For each bar that the trades touch, in no more than one run of rows each: what they give to it.

    `values` and `sums` are by column of the candles. `tainted` are open times of bars in which a trade may be missing.
    """

    opened: Ints
    values: Mapping[str, NDArray[Any]] = field(repr=False)
    sums: Mapping[str, Scaled] = field(repr=False)
    tainted: Ints = field(repr=False)
    head: Edge
    tail: Edge

    @classmethod
    def of(cls, trades: Trades, frame: Timeframe) -> Pieces:
        """The pieces of trades, of which there is at least one. Raises `ValueError` for a price that is no number."""
        opened, starts, order = _bars(trades, frame)
        tainted = _tainted(trades, frame)
        head, tail = Edge.of(trades, 0, frame), Edge.of(trades, len(trades) - 1, frame)
        chosen = trades if order is None else trades.at(order)
        if not len(starts):
            return cls(opened, {}, {}, tainted, head, tail)
        return cls(opened, _values(chosen, starts), _sums(chosen, starts), tainted, head, tail)


def _bars(trades: Trades, frame: Timeframe) -> tuple[Ints, Indices, Indices | None]:
    """Open times, where in the rows each bar starts, and the order that brings its rows together; None if they are."""
    time = trades.time
    if trades.price.min() > 0 and (time[1:] >= time[:-1]).all():
        first = frame.floor(int(time[0]))
        if int(time[-1]) - first <= len(trades) * frame.length:
            opens = np.append(first, frame.within(first, int(time[-1])))
            starts = np.searchsorted(time, opens)
            traded = np.diff(starts, append=len(time)) > 0
            return opens[traded], starts[traded], None
    rows = np.flatnonzero(~trades.voided)
    opens = frame.opens(time)[rows]
    by_time = np.argsort(opens, kind="stable")
    rows, opens = rows[by_time], opens[by_time]
    starts = np.flatnonzero(np.diff(opens, prepend=opens[:1] - 1))
    return opens[starts], starts, rows


def _values(trades: Trades, starts: Indices) -> dict[str, NDArray[Any]]:
    price = trades.price
    values: dict[str, NDArray[Any]] = {
        "open": price[starts],
        "high": np.maximum.reduceat(price, starts),
        "low": np.minimum.reduceat(price, starts),
        "close": _last(price, starts),
    }
    if trades.first is not None and trades.last is not None:
        rows = np.diff(starts, append=len(price))
        values["trade_count"] = np.add.reduceat(trades.last, starts) - np.add.reduceat(trades.first, starts) + rows
    return values


def _sums(trades: Trades, starts: Indices) -> dict[str, Scaled]:
    """In floats where those are exact, else in integers."""
    price, quantity = Whole.of(trades.price), Whole.of(trades.quantity)
    quick = price and quantity and _totals(price, quantity, trades.buyer_is_maker, starts)
    return quick or _totals(Scaled.of(trades.price), Scaled.of(trades.quantity), trades.buyer_is_maker, starts) or {}


def _totals(price: Any, quantity: Any, maker: Flags | None, starts: Indices) -> dict[str, Scaled] | None:
    """From prices and quantities that are both `Whole`, or both `Scaled`. None if one of the sums may be inexact."""
    numbers = {"volume": quantity, "quote_volume": price.times(quantity)}
    if maker is not None:
        bought = 1 - maker.view(np.uint8)
        numbers |= {f"taker_buy_{name}": number.where(bought) for name, number in numbers.items()}
    totals = {name: number.totals(starts) for name, number in numbers.items()}
    return None if any(each is None for each in totals.values()) else totals


def _tainted(trades: Trades, frame: Timeframe) -> Ints:
    """The bars of each two neighbouring rows that do not follow each other directly."""
    if trades.id is None:
        return np.empty(0, np.int64)
    joined = _joined(trades, trades.id)
    if joined.all():
        return np.empty(0, np.int64)
    before = np.flatnonzero(~joined)
    return np.unique(frame.opens(trades.time[np.concatenate([before, before + 1])]))


def _joined(trades: Trades, ids: Ints) -> Flags:
    """For each row but the first: whether it follows the one before it directly, by its id and by the trades it sums.

    Aggregates tile the trade ids, which is a proof of its own (protocol section 9.1); voided ones cover none.
    """
    joined: Flags = ids[1:] - ids[:-1] == 1
    if trades.first is not None and trades.last is not None:
        tiled = trades.first[1:] - trades.last[:-1] == 1
        if not tiled.all():
            voided = trades.voided
            tiled |= voided[1:] | voided[:-1]
        joined &= tiled
    return joined


@frozen
class Joined:
    """The pieces of all trades, in order: what bars are made of."""

    opened: Ints
    values: Mapping[str, NDArray[Any]]
    sums: Mapping[str, Scaled]
    incomplete: Ints

    @classmethod
    def of(cls, pieces: Sequence[Pieces]) -> Joined:
        full = [each for each in pieces if len(each.opened)]
        if not full:
            return cls(np.empty(0, np.int64), {}, {}, np.empty(0, np.int64))
        opened = np.concatenate([each.opened for each in full])
        order = np.argsort(opened, kind="stable")
        starts = np.flatnonzero(np.diff(opened[order], prepend=opened[order[:1]] - 1))
        columns = {name: np.concatenate([each.values[name] for each in full])[order] for name in full[0].values}
        sums = {name: Scaled.joined([each.sums[name] for each in full]).taken(order) for name in full[0].sums}
        return cls(
            opened[order][starts],
            {name: _JOINS[name](column, starts) for name, column in columns.items()},
            {name: numbers.totals(starts) for name, numbers in sums.items()},
            _incomplete(pieces),
        )


def _last(values: NDArray[Any], starts: Indices) -> NDArray[Any]:
    last: NDArray[Any] = values[np.append(starts[1:], len(values)) - 1]
    return last


_JOINS: Mapping[str, Callable[[NDArray[Any], Indices], NDArray[Any]]] = {
    "open": lambda values, starts: values[starts],
    "high": np.maximum.reduceat,
    "low": np.minimum.reduceat,
    "close": _last,
    "trade_count": np.add.reduceat,
}


def _incomplete(pieces: Sequence[Pieces]) -> Ints:
    """Open times of the bars in which a trade may be missing.

    The first row has no neighbour before it unless its id is 0, and the last has none after it: whatever comes next
    may still belong to its bar.
    """
    seams = [(one.tail, other.head) for one, other in pairwise(pieces) if not one.tail.joins(other.head)]
    edges = [edge.opened for seam in seams for edge in seam]
    begin, end = pieces[0].head, pieces[-1].tail
    edges += [end.opened] if begin.id == 0 else [begin.opened, end.opened]
    return np.concatenate([np.array(edges, np.int64), *(each.tainted for each in pieces)])
