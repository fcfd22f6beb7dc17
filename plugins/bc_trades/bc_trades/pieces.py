"""Pieces of candles: what consecutive trades give to their bars, to be joined with what comes before and after.

Trades are taken block by block, small enough for the processor's cache: a pass over a block costs a fraction of one
over memory, and the few rows per bar that remain are joined at the end. Sums stay exact integers until then, so that
candles are the same to the last bit however the trades were cut.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from itertools import pairwise
from typing import Any

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from bc_trades.exact import Scaled, Scratch, Whole
from bc_trades.timeframes import Timeframe

BLOCK = 64 * 1024
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Indices = NDArray[np.intp]
ADDED = ("volume", "quote_volume", "taker_buy_volume", "taker_buy_quote_volume")
QUOTED, TAKEN = frozenset({"quote_volume", "taker_buy_quote_volume"}), frozenset(ADDED[2:])
EVERYTHING = frozenset({"open", "high", "low", "close", *ADDED, "trade_count"})
NONE = np.empty(0, np.int64)


@frozen
class Trades:
    """Aggregate trades in order of id (or of time where ids are not known), one array per column.

    `time` is in int us UTC. What is None is not known, and what would need it is left out. `tiled`: whether a hole
    between the trade ids of two neighbours shows that a trade is missing.
    """

    time: Ints
    price: Floats
    quantity: Floats
    id: Ints | None = None
    first: Ints | None = None
    last: Ints | None = None
    buyer_is_maker: Flags | None = None
    tiled: bool = True

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
        rest: tuple[Any, ...] = (self.id, self.first, self.last, self.buyer_is_maker)
        ids, first, last, maker = (None if column is None else column[where] for column in rest)
        return Trades(self.time[where], self.price[where], self.quantity[where], ids, first, last, maker, self.tiled)


@frozen
class Edge:
    """The first or last of some trades: enough to tell whether the neighbouring ones follow directly."""

    opened: int
    id: int | None
    first: int | None
    last: int | None
    voided: bool

    @classmethod
    def of(cls, trades: Trades, row: int, opened: int) -> Edge:
        """The edge of a row in the bar that opens at `opened`."""

        def value(column: Ints | None) -> int | None:
            return None if column is None else int(column[row])

        voided = (
            trades.price[row] == 0 and trades.quantity[row] == 0 and (trades.first is None or trades.first[row] < 0)
        )
        first, last = (value(trades.first), value(trades.last)) if trades.tiled else (None, None)
        return cls(opened, value(trades.id), first, last, bool(voided))

    def joins(self, following: Edge) -> bool:
        """Whether `following` is the next trade, by its id and by the trades that both sum up, see `_tainted`."""
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
    def of(
        cls,
        trades: Trades,
        frame: Timeframe,
        wanted: Set[str] = EVERYTHING,
        scratch: Scratch | None = None,
    ) -> Pieces:
        """The pieces of trades, of which there is at least one, as far as the `wanted` columns need them.

        Raises `ValueError` for a price or quantity that is no number.
        """
        scratch = scratch or Scratch()
        return _quick(trades, frame, wanted, scratch) or _careful(trades, frame, wanted, scratch)


def _quick(trades: Trades, frame: Timeframe, wanted: Set[str], scratch: Scratch) -> Pieces | None:
    """Where times never run backwards and nothing is voided, so that each bar is a run of rows; else None."""
    if not trades.price.min() > 0:
        return None
    bars = _bars(trades.time, frame, scratch)
    if bars is None:
        return None
    opened, starts = bars
    tainted, tiled = _tainted(trades, frame, scratch)
    values = _values(trades, starts, wanted, tiled)
    if not all(np.isfinite(each).all() for each in values.values()):
        return None
    return Pieces(
        opened,
        values,
        _sums(trades, starts, wanted, scratch),
        tainted,
        Edge.of(trades, 0, int(opened[0])),
        Edge.of(trades, -1, int(opened[-1])),
    )


def _careful(trades: Trades, frame: Timeframe, wanted: Set[str], scratch: Scratch) -> Pieces:
    """Whatever the trades are like: puts the rows of each bar together, without those that are voided."""
    if not (np.isfinite(trades.price).all() and np.isfinite(trades.quantity).all()):
        raise ValueError("a price or quantity is missing or not finite")
    tainted, _ = _tainted(trades, frame, scratch)
    head, tail = (Edge.of(trades, row, frame.floor(int(trades.time[row]))) for row in (0, -1))
    rows = np.flatnonzero(~trades.voided)
    opens = frame.opens(trades.time[rows])
    by_time = np.argsort(opens, kind="stable")
    opens, chosen = opens[by_time], trades.at(rows[by_time])
    starts = np.flatnonzero(np.diff(opens, prepend=opens[:1] - 1))
    if not len(starts):
        return Pieces(opens, {}, {}, tainted, head, tail)
    values = _values(chosen, starts, wanted, tiled=False)
    return Pieces(opens[starts], values, _sums(chosen, starts, wanted, scratch), tainted, head, tail)


def _bars(time: Ints, frame: Timeframe, scratch: Scratch) -> tuple[Ints, Indices] | None:
    """Open times, and where in the rows each bar starts; None if rows of bars are mixed, or bars all but empty."""
    begin, end = int(time[0]), int(time[-1])
    forward = np.greater_equal(time[1:], time[:-1], out=scratch.array("same", len(time) - 1, np.bool_))
    first = frame.floor(begin)
    if not forward.all() or end - first > len(time) * frame.length:
        return None
    opens = np.append(first, frame.within(first, end))
    starts = np.searchsorted(time, opens)
    traded = starts[1:] > starts[:-1]
    if not traded.all() or starts[-1] == len(time):
        traded = np.append(traded, starts[-1] < len(time))
        opens, starts = opens[traded], starts[traded]
    return opens, starts


def _values(trades: Trades, starts: Indices, wanted: Set[str], tiled: bool) -> dict[str, NDArray[Any]]:
    makers = {name: make for name, make in _JOINS.items() if name in wanted and name != "trade_count"}
    values = {name: make(trades.price, starts) for name, make in makers.items()}
    if "trade_count" in wanted and trades.first is not None and trades.last is not None:
        values["trade_count"] = _counts(trades.first, trades.last, starts, tiled)
    return values


def _counts(first: Ints, last: Ints, starts: Indices, tiled: bool) -> Ints:
    """How many trades the rows of each bar sum up; where those tile the trade ids, their ends tell."""
    counts: Ints
    if tiled:
        counts = _last(last, starts) - first[starts] + 1
    else:
        rows = np.diff(starts, append=len(first))
        counts = np.add.reduceat(last, starts) - np.add.reduceat(first, starts) + rows
    return counts


def _sums(trades: Trades, starts: Indices, wanted: Set[str], scratch: Scratch) -> dict[str, Scaled]:
    """In floats where those are exact, else in integers."""
    taken = trades.buyer_is_maker is not None
    added = [name for name in ADDED if name in wanted and (taken or name not in TAKEN)]

    def quick(values: Floats, name: str) -> Whole | None:
        return Whole.of(values, scratch, name)

    def sure(values: Floats, name: str) -> Scaled:
        return Scaled.of(values)

    return _totals(quick, trades, starts, added, scratch) or _totals(sure, trades, starts, added, scratch) or {}


def _totals(
    kind: Callable[[Floats, str], Any], trades: Trades, starts: Indices, added: Sequence[str], scratch: Scratch
) -> dict[str, Scaled] | None:
    """Sums of numbers of one kind, `Whole` or `Scaled`. None if one of them may be inexact."""
    rows, numbers = len(trades), {"volume": kind(trades.quantity, "quantity")}
    if not QUOTED.isdisjoint(added):
        numbers["quote_volume"] = kind(trades.price, "price")
    if any(each is None for each in numbers.values()):
        return None
    if not QUOTED.isdisjoint(added):
        numbers["quote_volume"] = numbers["quote_volume"].times(numbers["volume"], scratch.array("quote", rows))
    if trades.buyer_is_maker is not None and not TAKEN.isdisjoint(added):
        bought = scratch.array("bought", rows)
        np.copyto(bought, np.logical_not(trades.buyer_is_maker, out=scratch.array("same", rows, np.bool_)))
        taken = {f"taker_buy_{name}": number for name, number in numbers.items()}
        numbers |= {name: number.where(bought, scratch.array(name, rows)) for name, number in taken.items()}
    totals = {name: numbers[name].totals(starts) for name in added}
    return None if any(each is None for each in totals.values()) else totals


def _tainted(trades: Trades, frame: Timeframe, scratch: Scratch) -> tuple[Ints, bool]:
    """The bars of each two neighbouring rows that do not follow each other directly; whether the rows tile."""
    if trades.id is None:
        return NONE, False
    rows, tiled = len(trades) - 1, False
    joined = _follows(trades.id[:-1], trades.id[1:], scratch.array("joined", rows, np.bool_), scratch)
    if trades.first is not None and trades.last is not None:
        tiles = _follows(trades.last[:-1], trades.first[1:], scratch.array("tiles", rows, np.bool_), scratch)
        tiled = bool(tiles.all())
        if trades.tiled:
            joined &= tiles if tiled else tiles | _beside(trades.voided)
    if joined.all():
        return NONE, tiled
    before = np.flatnonzero(~joined)
    return np.unique(frame.opens(trades.time[np.concatenate([before, before + 1])])), tiled


def _follows(one: Ints, other: Ints, out: Flags, scratch: Scratch) -> Flags:
    """For each pair: whether the other number is the next one.

    Aggregates tile the trade ids, which is a proof of its own (protocol section 9.1); voided ones cover none.
    """
    apart = np.subtract(other, one, out=scratch.array("apart", len(one), np.int64))
    flags: Flags = np.equal(apart, 1, out=out)
    return flags


def _beside(voided: Flags) -> Flags:
    """For each two neighbours: whether one of them is voided."""
    return voided[1:] | voided[:-1]


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
