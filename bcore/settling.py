"""Rows of a computed view, each once: a row is handed out when it is final.

A candle changes with every trade of its minute, and a missing trade that comes late changes it once more. So a row
waits until it can no longer change:

- until there is a row of a later time, or
- until everything that it is made of lies before what is stored (of a `Derivation` its `needs` tell that; of a
  `Computation` its time, unless its newest row `grows`), and
- while ids are missing that were passed meanwhile: the source asks for them. What has not come after `PATIENCE` will
  hardly come; the row then says itself that it is not complete, if it can.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from attrs import define, field

from bcore.catalogue import View
from bcore.errors import NotFoundError, RequestError
from bcore.protocols import Reader, Store
from bcore.query import Query, Request
from bcore.records import Series
from bcore.spans import Spans

if TYPE_CHECKING:
    import pyarrow as pa

PATIENCE = 60.0  # seconds that missing ids are waited for


@define(eq=False)
class Doubt:
    """Whether ids are missing among those that have come since it was made."""

    store: Store
    series: Series
    _passed: int | None = field(default=None, init=False)
    _missing: Spans = field(factory=Spans, init=False)
    _since: float = field(default=0.0, init=False)

    @property
    def open(self) -> bool:
        """As it was found last."""
        return bool(self._missing)

    def arises(self) -> bool:
        held = self.store.spans(self.series)
        if held.last is None:
            return False
        known = held.last if self._passed is None else self._passed
        if held.last > known:
            self._missing = self._missing.add(Spans.of(held.missing(known + 1, held.last)))
        self._passed = max(known, held.last)
        before, self._missing = bool(self._missing), self._missing.subtract(held)
        if not before or not self._missing:
            self._since = time.monotonic()
        elif time.monotonic() - self._since > PATIENCE:
            self._missing = Spans()
        return bool(self._missing)


@define(eq=False)
class Settling:
    """One computed view of one symbol. `sources` are the series that it is made of, those that are held."""

    reader: Reader
    view: View
    symbol: str
    params: Mapping[str, Any]
    sources: tuple[tuple[Store, Series], ...]
    _doubt: Doubt | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        if self.view.sized_by:
            raise RequestError(f"{self.view.name} is of one instant: it has no rows to follow, ask for it again")
        ids = self.view.dataset.sequence is not None and self.view.dataset.sequence == self.view.dataset.key[0]
        if ids and self.sources:
            self._doubt = Doubt(*self.sources[0])

    @property
    def waits(self) -> bool:
        """Whether rows are held back that come by and by, even if nothing is stored any more."""
        return self._doubt is not None and self._doubt.open

    def until(self) -> int | None:
        """The time up to which every row is final, int us UTC; None while nothing tells."""
        doubtful = self._doubt is not None and self._doubt.arises()
        try:
            newest = self.reader.read(self._request(tail=1))
        except NotFoundError:
            return None
        if doubtful or not newest.num_rows:
            return None
        at = self._time(newest, newest.num_rows - 1)
        return at if self._over(at) else at - 1

    def rows(self, after: int, until: int) -> Iterator[pa.Table]:
        """The rows of (after, until], in tables between which the time goes on."""
        import pyarrow as pa

        held: list[pa.RecordBatch] = []
        for batch in self.reader.scan(self._request(start=after + 1, end=until + 1)):
            if not batch.num_rows:
                continue
            border = self._border(batch)
            if held and (border or self._time(batch, 0) > self._time(held[-1], held[-1].num_rows - 1)):
                yield pa.Table.from_batches([*held, batch.slice(0, border)])
                held = []
            elif border:
                yield pa.Table.from_batches([batch.slice(0, border)])
            held.append(batch.slice(border))
        if held:
            yield pa.Table.from_batches(held)

    def last(self, table: pa.Table) -> int:
        """The time of the last row."""
        return self._time(table, table.num_rows - 1)

    def _over(self, at: int) -> bool:
        """Whether all is stored that a row of that time can be made of."""
        times = [store.stats(series).last_time for store, series in self.sources]
        stored = max((each for each in times if each is not None), default=at)
        made, dataset = self.view.derivation, self.view.dataset
        if made is None:
            return not self.view.grows and stored > at
        _, params = self.view.split(self.params)
        end = made.needs(Query(dataset, self.symbol, start=at, end=at + 1), params).end
        # Rows of one time are stored together where it leads their key; those with ids may come one after the other.
        together = dataset.key[0] == dataset.time
        return end is not None and end <= (stored + 1 if together else stored)

    def _request(self, **bounds: Any) -> Request:
        return Request(self.view.name, self.symbol, params=self.params, **bounds)

    def _time(self, rows: pa.Table | pa.RecordBatch, index: int) -> int:
        import pyarrow as pa

        at: int = rows.column(self.view.time)[index].cast(pa.int64()).as_py()
        return at

    def _border(self, batch: pa.RecordBatch) -> int:
        """Where the rows of its last time begin."""
        import pyarrow as pa
        import pyarrow.compute as pc

        times = batch.column(self.view.time).cast(pa.int64())
        first: int = pc.index(times, times[-1]).as_py()
        return first


@define
class BySettling:
    """The rows of a computed view as a place in it: all up to a time have been handed out."""

    settling: Settling
    until: int = field(default=-1, init=False)

    @property
    def waits(self) -> bool:
        return self.settling.waits

    def begin(self, cursor: str | None) -> None:
        if cursor is None:
            self.until = _or(self.settling.until(), -1)
            return
        try:
            self.until = int(cursor)
        except ValueError:
            raise RequestError(
                f"after must be a cursor that was told (int us since 1970), not {cursor[:100]!r}"
            ) from None

    def cursor(self) -> str:
        return str(self.until)

    def new(self) -> Iterator[pa.Table]:
        until = self.settling.until()
        if until is None or until <= self.until:
            return
        for table in self.settling.rows(self.until, until):
            self.until = self.settling.last(table)
            yield table
        self.until = until


def _or(value: int | None, other: int) -> int:
    return other if value is None else value
