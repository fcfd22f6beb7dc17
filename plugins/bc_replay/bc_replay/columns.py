"""Trades as columns: 50-70 bytes a record, materialised when looked at, so that millions of them fit in memory.

`Columns` is the growing store that readers fill; `AggTrades` and `Trades` are windows on one, in id order. A window is
a Sequence; slicing it (step 1) copies nothing. Lookups: `from_id(id, limit)`, `newest(limit)`,
`between(start, end, limit)`, `until(now)`, each again a window or a short sequence.
"""

from __future__ import annotations

from abc import abstractmethod
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import accumulate, islice, pairwise
from typing import Generic, Protocol, Self, TypeVar, overload

from attrs import define, field

from bc_replay.decimals import text
from bc_replay.records import AggTrade, Trade

MAKER, BEST = 1, 2
R = TypeVar("R", AggTrade, Trade)


def _column() -> array[int]:
    return array("q")


@define(eq=False)
class Columns:
    """`price`, `quantity` in units of 1e-8; raw trades leave `first`, `last` empty; `event` is E, 0 where unknown."""

    id: array[int] = field(factory=_column)
    price: array[int] = field(factory=_column)
    quantity: array[int] = field(factory=_column)
    first: array[int] = field(factory=_column)
    last: array[int] = field(factory=_column)
    time: array[int] = field(factory=_column)
    at: array[int] = field(factory=_column)
    event: array[int] = field(factory=_column)
    flags: bytearray = field(factory=bytearray)

    def __len__(self) -> int:
        return len(self.id)

    def add_trade(
        self, id: int, price: int, quantity: int, time: int, maker: bool, best: bool, at: int, event: int = 0
    ) -> None:
        self.id.append(id)
        self.price.append(price)
        self.quantity.append(quantity)
        self.time.append(time)
        self.at.append(at)
        self.event.append(event)
        self.flags.append(MAKER * maker + BEST * best)

    def add_agg(
        self,
        id: int,
        price: int,
        quantity: int,
        first: int,
        last: int,
        time: int,
        maker: bool,
        best: bool,
        at: int,
        event: int = 0,
    ) -> None:
        self.add_trade(id, price, quantity, time, maker, best, at, event)
        self.first.append(first)
        self.last.append(last)

    def extend(self, other: Columns) -> None:
        for mine, theirs in zip(self._arrays(), other._arrays(), strict=True):
            mine.extend(theirs)
        self.flags.extend(other.flags)

    @cached_property
    def chronological(self) -> bool:
        """Whether T never falls in id order, which the exchange does not promise; asked of settled columns only."""
        return all(a <= b for a, b in pairwise(self.time))

    def settled(self) -> Columns:
        """In id order, each id once (the first record of it stays), `at` never falling."""
        ids = self.id
        ordered = all(a < b for a, b in pairwise(ids))
        columns = self if ordered else self._pick(_first_of_each(ids))
        columns.at = array("q", accumulate(columns.at, max))
        return columns

    def _pick(self, order: Sequence[int]) -> Columns:
        picked = Columns()
        for chosen, column in zip(picked._arrays(), self._arrays(), strict=True):
            chosen.extend(map(column.__getitem__, order if column else ()))
        picked.flags.extend(map(self.flags.__getitem__, order))
        return picked

    def _arrays(self) -> tuple[array[int], ...]:
        return self.id, self.price, self.quantity, self.first, self.last, self.time, self.at, self.event


def _first_of_each(ids: Sequence[int]) -> list[int]:
    order = sorted(range(len(ids)), key=ids.__getitem__)
    return [index for n, index in enumerate(order) if n == 0 or ids[order[n - 1]] != ids[index]]


class Rows(Protocol):
    """What a window looks at: settled columns, held or worked out."""

    @property
    def id(self) -> Sequence[int]: ...
    @property
    def price(self) -> Sequence[int]: ...
    @property
    def quantity(self) -> Sequence[int]: ...
    @property
    def first(self) -> Sequence[int]: ...
    @property
    def last(self) -> Sequence[int]: ...
    @property
    def time(self) -> Sequence[int]: ...
    @property
    def at(self) -> Sequence[int]: ...
    @property
    def event(self) -> Sequence[int]: ...
    @property
    def flags(self) -> Sequence[int]: ...
    @property
    def chronological(self) -> bool: ...
    def __len__(self) -> int: ...


class _Window(Sequence[R], Generic[R]):
    """Rows [0, stop) or [start, stop) of settled columns."""

    def __init__(self, columns: Rows, start: int = 0, stop: int | None = None) -> None:
        self.columns, self.start = columns, start
        self.stop = len(columns) if stop is None else stop

    def __len__(self) -> int:
        return self.stop - self.start

    @overload
    def __getitem__(self, index: int) -> R: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...
    def __getitem__(self, index: int | slice) -> R | Self:
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            if step != 1:
                raise ValueError("trades are sliced with step 1 only")
            return self._cut(self.start + start, self.start + max(start, stop))
        if not -len(self) <= index < len(self):
            raise IndexError("trade index out of range")
        return self.row(self.start + index if index >= 0 else self.stop + index)

    def __iter__(self) -> Iterator[R]:
        return map(self.row, range(self.start, self.stop))

    @abstractmethod
    def row(self, index: int) -> R:
        """The record in row `index` of the columns."""

    def until(self, now: int) -> Self:
        """Those with at <= now."""
        return self._cut(self.start, bisect_right(self.columns.at, now, self.start, self.stop))

    def newest(self, limit: int) -> Self:
        return self._cut(max(self.start, self.stop - limit), self.stop)

    def from_id(self, id: int, limit: int) -> Self:
        """The first `limit` with an id >= `id`."""
        start = bisect_left(self.columns.id, id, self.start, self.stop)
        return self._cut(start, min(start + limit, self.stop))

    def between(self, start: int | None, end: int | None, limit: int) -> list[R]:
        """At most `limit` records with start <= T <= end, in id order, by the time rule of protocol section 2.

        The oldest where `start` is given, else the newest. T need not be monotonic in id (section 9.3).
        """
        rows = self._around(start, end)
        if start is None:
            found = islice(self._matching(reversed(rows), start, end), limit)
            return [self.row(index) for index in found][::-1]
        return [self.row(index) for index in islice(self._matching(rows, start, end), limit)]

    def within(self, start: int, end: int) -> Iterator[R]:
        """All with start <= T <= end, in id order, one after the other."""
        return map(self.row, self._matching(self._around(start, end), start, end))

    def gaps(self) -> tuple[tuple[int, int], ...]:
        """Runs (first, last) of ids missing between those held."""
        ids = self.columns.id[self.start : self.stop]
        if not ids or ids[-1] - ids[0] + 1 == len(ids):
            return ()
        return tuple((a + 1, b - 1) for a, b in pairwise(ids) if b > a + 1)

    def _around(self, start: int | None, end: int | None) -> range:
        """Rows that hold all with start <= T <= end, and no others where T never falls."""
        low, high, columns = self.start, self.stop, self.columns
        known = columns.time if columns.chronological else columns.at  # `at` is never before T
        if start is not None:
            low = bisect_left(known, start, low, high)
        if end is not None and columns.chronological:
            high = bisect_right(known, end, low, high)
        return range(low, high)

    def _matching(self, rows: Iterable[int], start: int | None, end: int | None) -> Iterator[int]:
        time = self.columns.time
        return (
            index for index in rows if (start is None or time[index] >= start) and (end is None or time[index] <= end)
        )

    def _cut(self, start: int, stop: int) -> Self:
        return type(self)(self.columns, start, stop)


class AggTrades(_Window[AggTrade]):
    """Aggregates in id order."""

    def row(self, index: int) -> AggTrade:
        c = self.columns
        flags = c.flags[index]
        return AggTrade(
            c.id[index],
            text(c.price[index]),
            text(c.quantity[index]),
            c.first[index],
            c.last[index],
            c.time[index],
            bool(flags & MAKER),
            bool(flags & BEST),
            c.at[index],
            c.event[index] or c.at[index],
        )


class Trades(_Window[Trade]):
    """Raw trades in id order."""

    def row(self, index: int) -> Trade:
        c = self.columns
        flags = c.flags[index]
        return Trade(
            c.id[index],
            text(c.price[index]),
            text(c.quantity[index]),
            c.time[index],
            bool(flags & MAKER),
            bool(flags & BEST),
            c.at[index],
            c.event[index] or c.at[index],
        )
