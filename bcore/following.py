"""New rows of a series as they arrive: the store is looked at, cheaply, and read behind what was handed out.

A *cursor* is text that says what was handed out: for rows with ids the last one, and those that were missing when it
was passed (`2874~2860-2861`), for others the time in us and the rest of the last row's key (`1771113600000000,10.0`).
"""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote, unquote

from attrs import define, field

from bcore.errors import RequestError
from bcore.instants import from_datetime, to_datetime
from bcore.protocols import Stamps
from bcore.query import Query
from bcore.records import Series
from bcore.spans import Spans

if TYPE_CHECKING:
    import pyarrow as pa

    from bcore.protocols import Store

Told = Iterator[tuple["pa.Table | None", str]]
ROWS = 50_000  # handed out at a time
MOST = 100  # holes that a cursor remembers
FIRST, LONGEST = 0.02, 0.2  # seconds between looks: soon after something came, and when nothing comes
BREATH, MOST_BUSY = (
    3,
    1.0,
)  # the pause after a look, in looks as long, up to so many seconds each: what is computed costs
Where = Mapping[str, tuple[Any, ...]]


class Place(Protocol):
    """What was handed out of a series, and what comes next."""

    @property
    def waits(self) -> bool:
        """Whether something may become new without anything being stored."""

    def begin(self, cursor: str | None) -> None:
        """From a cursor, else from what is held now. Raises `RequestError`."""

    def cursor(self) -> str: ...

    def new(self) -> Iterator[pa.Table]:
        """What is held and was not handed out, in pieces; each is handed out when the next is asked for."""


def place_in(store: Store, series: Series, where: Where) -> Place:
    """A place among the stored rows of a series that have these values."""
    by_id = series.dataset.key[0] == series.dataset.sequence
    return ById(store, series, where) if by_id else ByKey(store, series, where)


def followed(place: Place, sources: Sequence[tuple[Store, Series]], cursor: str | None) -> Told:
    """Endless: rows with the cursor after them; None in their place where nothing is new, first of all.

    `sources` are the series of which one must change before anything can be new.
    """
    place.begin(cursor)
    wait, stamps = FIRST, None
    while True:
        seen, began, found = _stamps(sources), time.monotonic(), False
        if seen is None or seen != stamps or place.waits:
            for table in place.new():
                if table.num_rows:
                    found = True
                    yield table, place.cursor()
            stamps = seen
        busy = time.monotonic() - began
        wait = FIRST if found else min(wait * 2, LONGEST)
        yield None, place.cursor()
        time.sleep(max(wait, BREATH * min(busy, MOST_BUSY)))


def _stamps(sources: Sequence[tuple[Store, Series]]) -> Hashable:
    """None where a store cannot tell."""
    found = tuple(store.stamp(series) if isinstance(store, Stamps) else None for store, series in sources)
    return None if None in found else found


@define
class ById:
    """Rows with ids. Those that fill a hole which was passed come too, when they come."""

    store: Store
    series: Series
    where: Where = field(factory=dict)
    last: int = field(default=-1, init=False)
    missing: Spans = field(factory=Spans, init=False)

    waits = False

    def begin(self, cursor: str | None) -> None:
        if cursor is None:
            self.last = _or(self.store.spans(self.series).last, -1)
            return
        last, _, listed = cursor.partition("~")
        try:
            self.last = int(last)
            self.missing = Spans.of(_run(each) for each in listed.split("_") if each)
        except ValueError:
            raise RequestError(f"after must be an id, or a cursor that was told, not {cursor[:100]!r}") from None

    def cursor(self) -> str:
        holes = "_".join(f"{first}-{last}" for first, last in self.missing)
        return f"{self.last}~{holes}" if holes else str(self.last)

    def new(self) -> Iterator[pa.Table]:
        held = self.store.spans(self.series)
        late = self.missing.subtract(self.missing.subtract(held))
        begin = max(self.last + 1, _or(held.first, 0))  # what lies before the first one was never there to be missed
        fresh = Spans(((begin, held.last),)) if held.last is not None and held.last >= begin else Spans()
        for first, last in late.add(fresh.subtract(fresh.subtract(held))):
            for start in range(first, last + 1, ROWS):
                end = min(start + ROWS - 1, last)
                table = self.store.read(self._query(first=start, last=end))
                self._pass(start, end, begin)
                yield table

    def _query(self, **bounds: Any) -> Query:
        return Query(self.series.dataset, self.series.symbol, where=self.where, **bounds)

    def _pass(self, start: int, end: int, begin: int) -> None:
        if end <= self.last:
            self.missing = self.missing.subtract(Spans(((start, end),)))
            return
        hole = (max(self.last + 1, begin), start - 1)
        if hole[0] <= hole[1]:
            self.missing = Spans(self.missing.add(Spans((hole,))).runs[-MOST:])
        self.last = end


@define
class ByKey:
    """Rows without ids, by the exchange's own order where they have a chain, else by time and key.

    What comes late, with a lower one, is not handed out: nothing tells that it was missing.
    """

    store: Store
    series: Series
    where: Where = field(factory=dict)
    last: tuple[Any, ...] | None = field(default=None, init=False)  # in the order of `order`

    waits = False

    @property
    def order(self) -> tuple[str, ...]:
        dataset = self.series.dataset
        return dataset.key if dataset.chain else tuple(dict.fromkeys((dataset.time, *dataset.key)))

    def begin(self, cursor: str | None) -> None:
        if cursor is not None:
            self.last = self._parsed(cursor)
        elif newest := self.store.stats(self.series).last_time:
            for table in self._from(newest):
                self.last = self._of(table)

    def cursor(self) -> str:
        if self.last is None:
            return "-1"
        told = dict(zip(self.order, self.last, strict=True))
        others = [quote(str(told[name]), safe="") for name in self.order if name != self.series.dataset.time]
        return ",".join([str(self._time()), *others])

    def new(self) -> Iterator[pa.Table]:
        for table in self._from(self._time()):
            above = table if self.last is None else table.filter(self._above(table))
            for start in range(0, above.num_rows, ROWS):
                piece = above.slice(start, ROWS)
                self.last = self._of(piece)
                yield piece

    def _from(self, start: int) -> Iterator[pa.Table]:
        """Everything from that time on, in order; of a chain, whose order is not that of times, the newest rows."""
        dataset = self.series.dataset
        if dataset.chain:
            yield from self._newest()
            return
        yield self.store.read(self._query(start=max(start, 0))).sort_by([(name, "ascending") for name in self.order])

    def _newest(self) -> Iterator[pa.Table]:
        """The newest rows of a chain, enough of them to meet what was handed out."""
        rows = ROWS
        while True:
            table = self.store.read(self._query(tail=rows))
            if table.num_rows < rows or self.last is None or not self._above(table.slice(0, 1))[0].as_py():
                yield table
                return
            rows *= 4

    def _query(self, **bounds: Any) -> Query:
        return Query(self.series.dataset, self.series.symbol, where=self.where, **bounds)

    def _above(self, table: pa.Table) -> Any:
        import pyarrow as pa
        import pyarrow.compute as pc

        assert self.last is not None
        above: Any = pa.array([False] * table.num_rows, pa.bool_())
        for name, value in zip(reversed(self.order), reversed(self.last), strict=True):
            bound = pa.scalar(value, table.column(name).type)
            column = table.column(name)
            above = pc.or_(pc.greater(column, bound), pc.and_(pc.equal(column, bound), above))
        return above

    def _of(self, table: pa.Table) -> tuple[Any, ...] | None:
        if not table.num_rows:
            return self.last
        return tuple(table.column(name)[table.num_rows - 1].as_py() for name in self.order)

    def _time(self) -> int:
        if self.last is None:
            return 0
        at = self.last[self.order.index(self.series.dataset.time)] if self.series.dataset.time in self.order else None
        return from_datetime(at) if isinstance(at, datetime) else 0

    def _parsed(self, cursor: str) -> tuple[Any, ...]:
        import pyarrow as pa

        others = [name for name in self.order if name != self.series.dataset.time]
        at, *rest = cursor.split(",")
        try:
            if len(rest) != len(others):
                raise ValueError
            types = self.series.dataset.schema
            told: dict[str, Any] = {self.series.dataset.time: to_datetime(int(at))}
            for name, text in zip(others, rest, strict=True):
                told[name] = pa.array([unquote(text)]).cast(types.field(name).type)[0].as_py()
        except (ValueError, OverflowError, pa.ArrowInvalid, pa.ArrowNotImplementedError):
            key = ", ".join(self.order)
            raise RequestError(f"after must be a cursor that was told (of {key}), not {cursor[:100]!r}") from None
        return tuple(told[name] for name in self.order)


def _run(text: str) -> tuple[int, int]:
    first, _, last = text.partition("-")
    return int(first), int(last)


def _or(value: int | None, other: int) -> int:
    return other if value is None else value
