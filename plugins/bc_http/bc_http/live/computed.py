"""Computed views: their newest rows are made again when the data changes, and sent where they are different."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from attrs import define, field, frozen

from bc_http.live.feeds import BATCH_ROWS, Feed, Page, Shape
from bcore.errors import RequestError
from bcore.instants import parse_instant
from bcore.protocols import Reader, Store, ViewInfo
from bcore.query import Request
from bcore.records import Series
from bcore.spans import Spans

MOST = 500  # rows that are kept in doubt because ids are missing below them
_serial = itertools.count(1)


@frozen(eq=False)
class Drawn:
    """The view as it was sent. Rows from `time` on may still change; `rows` are those as they were last, and `changed`
    are the ones that `since` (another position) did not have."""

    time: int
    rows: tuple[str, ...] = field(default=(), repr=False)
    changed: tuple[str, ...] = field(default=(), repr=False)
    since: int = 0
    serial: int = field(factory=lambda: next(_serial))


@define(eq=False)
class Doubt:
    """Whether ids are missing among those that have come since it was made: the rows of a view that are made of them
    may still change, however old they are."""

    store: Store
    series: Series
    _last: int | None = field(default=None, init=False)
    _missing: Spans = field(factory=Spans, init=False)

    def arises(self) -> bool:
        spans = self.store.spans(self.series)
        if spans.last is not None:
            known = self._last if self._last is not None else spans.last
            passed = Spans.of(spans.missing(known + 1, spans.last)) if spans.last > known else Spans()
            self._last = max(known, spans.last)
            self._missing = self._missing.subtract(spans).add(passed)
        return bool(self._missing)


@frozen
class Computed(Feed[Drawn]):
    """Until ids that are missing have come, or MOST rows have passed, earlier rows than the last are looked at too."""

    reader: Reader
    view: ViewInfo
    symbol: str
    params: Mapping[str, Any]
    shape: Shape
    doubt: Doubt | None = None

    def present(self) -> Drawn:
        table = self.reader.read(self._request(**({} if self.view.sized_by else {"tail": 1})))
        return Drawn(self._time(table, 0), tuple(self.shape.written(table))) if table.num_rows else Drawn(0)

    def newest(self, position: Drawn) -> Drawn:
        return Drawn(position.time)  # the row that may still change, to begin with

    def parsed(self, cursor: str) -> Drawn:
        try:
            return Drawn(int(cursor) if len(cursor) <= 17 else parse_instant(cursor))
        except (RequestError, ValueError):
            raise RequestError(
                f"after_id must be the time of a row in microseconds since 1970, not {cursor[:100]!r}"
            ) from None

    def cursor(self, position: Drawn) -> str:
        return str(position.time)

    def look(self, position: Drawn) -> Drawn:
        doubtful = self._doubtful()
        table = self.reader.read(self._request(**self._from(position)))
        rows = tuple(self.shape.written(table))
        known = set(position.rows)
        changed = tuple(row for row in rows if row not in known)
        if not changed:
            return position
        if self.view.sized_by:
            return Drawn(self._time(table, 0), rows, rows, position.serial)
        doubtful = self._doubtful() or doubtful
        settled = 0 if doubtful and table.num_rows <= MOST else self._last(table)
        return Drawn(self._time(table, settled), rows[settled:], changed, position.serial)

    def pages(self, begin: Drawn, end: Drawn) -> Iterator[Page[Drawn]]:
        if end.since == begin.serial:
            yield Page(_listed(end.changed), end)
            return
        held: Page[Drawn] | None = None
        for batch in self._scanned(begin):
            for first in range(0, batch.num_rows, self.shape.page):
                if held is not None:
                    yield held
                piece = batch.slice(first, self.shape.page)
                held = Page(self.shape.listed(piece), Drawn(self._time(piece, piece.num_rows - 1)))
        if held is not None:
            yield Page(held.rows, end)

    def joined(self, position: Drawn, begin: Drawn) -> Drawn:
        return position

    def beyond(self, one: Drawn, other: Drawn) -> bool:
        return False  # rows are told again as they are: whoever is behind does no harm

    def _doubtful(self) -> bool:
        return self.doubt is not None and self.doubt.arises()

    def _from(self, position: Drawn) -> dict[str, Any]:
        return {} if self.view.sized_by else {"start": position.time}

    def _request(self, **bounds: Any) -> Request:
        columns = tuple(dict.fromkeys((*self.shape.columns, self.view.time)))
        return Request(self.view.name, self.symbol, columns=columns, params=self.params, **bounds)

    def _scanned(self, begin: Drawn) -> Iterator[pa.RecordBatch]:
        if self.view.sized_by:  # whole, or not at all
            yield from self.reader.read(self._request()).combine_chunks().to_batches()
            return
        for batch in self.reader.scan(self._request(start=begin.time)):
            for first in range(0, batch.num_rows, BATCH_ROWS):
                yield batch.slice(first, BATCH_ROWS)

    def _time(self, table: pa.Table | pa.RecordBatch, index: int) -> int:
        return int(table.column(self.view.time)[index].cast(pa.int64()).as_py())

    def _last(self, table: pa.Table) -> int:
        """The first of the rows that have the last time."""
        times = table.column(self.view.time).cast(pa.int64())
        return int(pc.index(times, times[-1]).as_py())


def _listed(rows: tuple[str, ...]) -> bytes:
    return ("[" + ",".join(rows) + "]").encode()
