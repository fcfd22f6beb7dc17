"""Rows without ids: in order of time and key. What comes late, with a lower one, is not told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import reduce
from typing import Any
from urllib.parse import quote, unquote

import pyarrow as pa
import pyarrow.compute as pc
from attrs import field, frozen

from bc_http.live.feeds import Feed, Page, Shape
from bcore.errors import RequestError
from bcore.instants import SECOND, from_datetime
from bcore.protocols import Reader
from bcore.query import Request
from bcore.records import Dataset, Series

TAILS = (64, 1024)  # newest rows to look at first
MARGIN = 60 * SECOND  # by how much an exchange's times may run back


@frozen
class Place:
    """A row by its values in the feed's order, and its time. `values` is empty for: all rows up to this time."""

    time: int
    values: tuple[Any, ...] = ()


@frozen
class ByKey(Feed[Place]):
    """A dataset without a sequence. Where its rows have a chain, their key is the exchange's own order; else their time
    comes first, and then the key."""

    reader: Reader
    dataset: Dataset
    symbol: str
    params: Mapping[str, Any]
    shape: Shape
    order: tuple[str, ...] = field(init=False)

    @order.default
    def _order(self) -> tuple[str, ...]:
        key = self.dataset.key
        return key if self.dataset.chain else tuple(dict.fromkeys((self.dataset.time, *key)))

    def present(self) -> Place:
        if self._keyed:
            return self._last(self._tail(1)) or Place(-1)
        stats = (each for each in self.reader.stats() if each.series == Series(self.dataset, self.symbol))
        times = [each.last_time for each in stats if each.last_time is not None]
        return self.look(Place(max(times) - 1)) if times else Place(-1)

    def newest(self, position: Place) -> Place:
        return position

    def parsed(self, cursor: str) -> Place:
        time, *rest = cursor.split(",")
        if not time.removeprefix("-").isdigit() or len(time) > 17 or len(rest) not in (0, len(self._others)):
            raise RequestError(
                f"after_id must be microseconds since 1970, or the last cursor that was sent, not {cursor[:100]!r}"
            )
        known = dict(zip(self._others, rest, strict=False))
        try:
            values = [self._value(name, known[name]) for name in self._others if rest]
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError):
            raise RequestError(f"after_id is no cursor that was sent: {cursor[:100]!r}") from None
        whole = dict(zip(self._others, values, strict=False)) | {self.dataset.time: int(time)}
        return Place(int(time), tuple(whole[name] for name in self.order) if rest else ())

    def cursor(self, position: Place) -> str:
        known = dict(zip(self.order, position.values, strict=False))
        others = (quote(str(known[name]), safe="") for name in self._others if known)
        return ",".join((str(position.time), *others))

    def look(self, position: Place) -> Place:
        newest = self.present() if self._keyed else self._last(self._from(position)) or position
        return newest if self.beyond(newest, position) else position

    def pages(self, begin: Place, end: Place) -> Iterator[Page[Place]]:
        held: Page[Place] | None = None
        for table in self._since(begin):
            wanted = table.filter(pc.and_(self._after(table, begin), pc.invert(self._after(table, end))))
            for batch in wanted.combine_chunks().to_batches(self.shape.page):
                if held is not None:
                    yield held
                place = self._place(pa.Table.from_batches([batch]), batch.num_rows - 1)
                held = Page(self.shape.listed(batch), place)
        if held is not None:
            yield Page(held.rows, end)

    def joined(self, position: Place, begin: Place) -> Place:
        return position

    def beyond(self, one: Place, other: Place) -> bool:
        if one.values and other.values:
            return bool(one.values > other.values)
        return one.time > other.time

    @property
    def _others(self) -> tuple[str, ...]:
        return tuple(name for name in self.order if name != self.dataset.time)

    def _value(self, name: str, text: str) -> Any:
        return pa.array([unquote(text)]).cast(self.dataset.schema.field(name).type)[0].as_py()

    @property
    def _keyed(self) -> bool:
        return self.order == self.dataset.key

    def _request(self, **bounds: Any) -> Request:
        columns = tuple(dict.fromkeys((*self.shape.columns, self.dataset.time, *self.order)))
        return Request(self.dataset.name, self.symbol, columns=columns, params=self.params, **bounds)

    def _tail(self, rows: int) -> pa.Table:
        return self.reader.read(self._request(tail=rows))

    def _from(self, begin: Place) -> pa.Table:
        table = self.reader.read(self._request(start=max(begin.time, 0)))
        return table.sort_by([(name, "ascending") for name in self.order])

    def _since(self, begin: Place) -> Iterator[pa.Table]:
        """Tables that together have all rows after `begin`, in order."""
        if not self._keyed:
            yield self._from(begin)
            return
        for rows in TAILS:
            table = self._tail(rows)
            if table.num_rows < rows or not self._after(table.slice(0, 1), begin)[0].as_py():
                yield table
                return
        margin = MARGIN if self.dataset.chain else 0
        for batch in self.reader.scan(self._request(start=max(begin.time - margin, 0))):
            yield pa.Table.from_batches([batch])

    def _last(self, table: pa.Table) -> Place | None:
        return self._place(table, table.num_rows - 1) if table.num_rows else None

    def _place(self, table: pa.Table, index: int) -> Place:
        values = [_plain(table.column(name)[index].as_py()) for name in (self.dataset.time, *self.order)]
        return Place(values[0], tuple(values[1:]))

    def _after(self, table: pa.Table, place: Place) -> pa.ChunkedArray:
        """Which rows come after the place."""
        if not place.values:
            return pc.greater(_numbers(table.column(self.dataset.time)), place.time)
        pairs = [(_numbers(table.column(name)), value) for name, value in zip(self.order, place.values, strict=True)]
        last, value = pairs[-1]
        return reduce(_deeper, reversed(pairs[:-1]), pc.greater(last, value))


def _deeper(inner: Any, pair: tuple[Any, Any]) -> Any:
    column, value = pair
    return pc.or_(pc.greater(column, value), pc.and_(pc.equal(column, value), inner))


def _numbers(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column


def _plain(value: Any) -> Any:
    return from_datetime(value) if isinstance(value, datetime) else value
