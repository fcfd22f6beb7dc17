"""Exact sums over any span of trades in time, without walking all of them.

Every 256 aggregates are summed once into a block; a span is blocks plus its edges. Prices and quantities are units of
1e-8, quote values units of 1e-16, so nothing is ever rounded before it is printed.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property, reduce
from itertools import accumulate, chain, compress
from operator import mul

from attrs import frozen

from bc_replay.columns import MAKER, AggTrades, Rows

BLOCK = 256


@frozen
class Sums:
    """Of at least one trade, in id order. `first`, `last` are trade ids."""

    open: int
    high: int
    low: int
    close: int
    volume: int
    quote: int
    count: int
    taker: int
    taker_quote: int
    first: int
    last: int

    def then(self, later: Sums) -> Sums:
        return Sums(
            self.open,
            max(self.high, later.high),
            min(self.low, later.low),
            later.close,
            self.volume + later.volume,
            self.quote + later.quote,
            self.count + later.count,
            self.taker + later.taker,
            self.taker_quote + later.taker_quote,
            self.first,
            later.last,
        )


class TradeSums:
    """Sums over the aggregates of one tape, voided ones left out (protocol section 9.2)."""

    def __init__(self, trades: AggTrades) -> None:
        self._columns: Rows = trades.columns
        self._blocks: dict[int, Sums | None] = {}

    def between(self, start: int, end: int, count: int) -> Sums | None:
        """Over the trades among the first `count` rows with start <= T < end; None where there is none."""
        pieces = (self._rows(a, b) for a, b in self._runs(start, end, count))
        return _total(chain.from_iterable(pieces))

    def row_before(self, time: int, count: int) -> int | None:
        """The last row among the first `count` that is a trade with T < time."""
        ceiling = min(bisect_left(self._latest, time), count)
        times, late = self._columns.time, self._stragglers
        later = (
            row for row in reversed(late[bisect_left(late, ceiling) : bisect_left(late, count)]) if times[row] < time
        )
        return next(filter(self._real, chain(later, range(ceiling - 1, -1, -1))), None)

    def price_before(self, time: int, count: int) -> int:
        """The price, in units of 1e-8, of that row; 0 where there is none."""
        row = self.row_before(time, count)
        return 0 if row is None else self._columns.price[row]

    def first_time(self, count: int) -> int | None:
        """The earliest T among the first `count` rows' trades."""
        head = next((row for row in range(count) if self._real(row)), None)
        if head is None:
            return None
        times = self._columns.time
        return min(times[row] for row in chain((head,), self._stragglers) if row < count and self._real(row))

    def _real(self, row: int) -> bool:
        return self._columns.first[row] >= 0

    @cached_property
    def _latest(self) -> Sequence[int]:
        """The running maximum of T, which unlike T never falls (protocol section 9.3)."""
        times = self._columns.time
        return [*accumulate(times, max)] if self._stragglers else times

    @cached_property
    def _stragglers(self) -> Sequence[int]:
        """Rows whose T lies before that of an earlier row."""
        if self._columns.chronological:
            return ()
        times, latest, found = self._columns.time, 0, []
        for row, time in enumerate(times):
            if time < latest:
                found.append(row)
            else:
                latest = time
        return found

    def _runs(self, start: int, end: int, count: int) -> Iterator[tuple[int, int]]:
        """Row ranges, ascending, that hold exactly the rows with start <= T < end."""
        low = min(bisect_left(self._latest, start), count)
        high = min(bisect_left(self._latest, end), count)
        times, late = self._columns.time, self._stragglers
        begin, stop = bisect_left(late, low), bisect_left(late, count)
        for row in (late[n] for n in range(begin, stop)):
            inside = start <= times[row] < end
            if row < high and not inside:
                yield low, row
                low = row + 1
            elif row >= high and inside:
                yield low, high
                low, high = row, row + 1
        yield low, high

    def _rows(self, low: int, high: int) -> Iterator[Sums | None]:
        head, tail = -(-low // BLOCK), high // BLOCK
        if head >= tail:
            yield self._walk(low, high)
            return
        yield self._walk(low, head * BLOCK)
        yield from map(self._block, range(head, tail))
        yield self._walk(tail * BLOCK, high)

    def _block(self, number: int) -> Sums | None:
        if number not in self._blocks:
            self._blocks[number] = self._walk(number * BLOCK, (number + 1) * BLOCK)
        return self._blocks[number]

    def _walk(self, low: int, high: int) -> Sums | None:
        rows = [row for row in range(low, high) if self._columns.first[row] >= 0]
        if not rows:
            return None
        c = self._columns
        prices, quantities = [c.price[row] for row in rows], [c.quantity[row] for row in rows]
        quotes = list(map(mul, prices, quantities))
        bought = [not c.flags[row] & MAKER for row in rows]
        return Sums(
            prices[0],
            max(prices),
            min(prices),
            prices[-1],
            sum(quantities),
            sum(quotes),
            sum(c.last[row] - c.first[row] + 1 for row in rows),
            sum(compress(quantities, bought)),
            sum(compress(quotes, bought)),
            c.first[rows[0]],
            c.last[rows[-1]],
        )


def _total(parts: Iterable[Sums | None]) -> Sums | None:
    known = [part for part in parts if part is not None]
    return reduce(Sums.then, known) if known else None
