"""Computes a view from several series of a symbol: the computation reads what it needs, the reader cuts and counts."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any, cast

from attrs import frozen

from bcore.deriving import blamed
from bcore.errors import NotFoundError, RequestError
from bcore.naming import near
from bcore.protocols import Store
from bcore.query import Query, clip
from bcore.records import Computation, Dataset, Series, SeriesStats
from bcore.schema import fitting

if TYPE_CHECKING:
    from collections.abc import Generator

    import pyarrow as pa

Bound = int | None


@frozen
class Access:
    """What a computation may read: the series of one symbol, by the names of their datasets.

    A series that is not held reads as empty. Times are in int us UTC, ranges half-open; the options are `Query`'s.
    """

    symbol: str
    held: Mapping[str, tuple[Store, Dataset]]

    def read(self, dataset: str, *, start: Bound = None, end: Bound = None, **options: Any) -> pa.Table:
        """The rows, sorted by the dataset's key."""
        store, record = self._of(dataset)
        return store.read(Query(record, self.symbol, start=start, end=end, **options))

    def scan(self, dataset: str, *, start: Bound = None, end: Bound = None, **options: Any) -> pa.RecordBatchReader:
        """As `read`, in batches, each read when it is asked for."""
        store, record = self._of(dataset)
        return store.scan(Query(record, self.symbol, start=start, end=end, **options))

    def stats(self, dataset: str) -> SeriesStats:
        """Row count and time range, at next to no cost."""
        store, record = self._of(dataset)
        return store.stats(Series(record, self.symbol))

    def _of(self, dataset: str) -> tuple[Store, Dataset]:
        if dataset not in self.held:
            raise NotFoundError(f"there is no dataset {dataset!r} to compute from{near(dataset, self.held)}")
        return self.held[dataset]


@frozen
class Computing:
    """One view of one symbol: some `columns` of what the computation makes with `params`."""

    access: Access
    computation: Computation
    params: Any
    columns: Sequence[str]

    def table(self, query: Query) -> pa.Table:
        """The rows for the query, which speaks of the view's rows."""
        return self.scan(query).read_all()

    def scan(self, query: Query) -> pa.RecordBatchReader:
        """As `table`, in batches, each computed when it is asked for."""
        import pyarrow as pa

        self._check(query)
        schema = pa.schema([self.computation.schema.field(name) for name in self.columns])
        batches = (batch for table in self._counted(query) for batch in table.select(schema.names).to_batches())
        return pa.RecordBatchReader.from_batches(schema, batches)

    def _check(self, query: Query) -> None:
        name = self.computation.name
        if query.first is not None:
            raise RequestError(f"{name} is computed and has no ids to page by: use start_time")
        if self.computation.sized_by and not (query.start is query.end is query.tail is None):
            raise RequestError(f"{name} is of one instant: it has no start_time, end_time or tail")

    def _counted(self, query: Query) -> Iterator[pa.Table]:
        tables = (clip(table, self.computation.time, query.start, query.end) for table in self._answered(query))
        if query.tail is not None:
            return _newest(tables, query)
        return _oldest(tables, query)

    def _answered(self, query: Query) -> Iterator[pa.Table]:
        answer = self.computation.answer
        # Closed at once when no more is wanted: it may hold files open.
        schema, what = self.computation.schema, f"the view {self.computation.name!r}"
        with blamed(self.computation.name), closing(_generator(answer(self.access, query, self.params))) as tables:
            yield from (fitting(table, schema, schema.names, what) for table in tables)


def _generator(tables: Iterator[pa.Table]) -> Generator[pa.Table, None, None]:
    """Something to close."""
    return cast("Generator[pa.Table, None, None]", tables) if hasattr(tables, "close") else (each for each in tables)


def _oldest(tables: Iterator[pa.Table], query: Query) -> Iterator[pa.Table]:
    """Offset and limit from the first row on; nothing is computed beyond."""
    skip, left = query.offset, query.limit
    for table in tables:
        rows = table.slice(min(skip, table.num_rows), left)
        skip -= min(skip, table.num_rows)
        left = None if left is None else left - rows.num_rows
        yield rows
        if left == 0:
            return


def _newest(tables: Iterator[pa.Table], query: Query) -> Iterator[pa.Table]:
    """Offset and tail from the last row back, holding no more than the rows that may be among them."""
    wanted = (query.tail or 0) + query.offset
    held: deque[pa.Table] = deque()
    rows = 0
    for table in tables:
        held.append(table)
        rows += table.num_rows
        while rows - held[0].num_rows >= wanted:
            rows -= held.popleft().num_rows
            if not held:
                break
    first, last = max(rows - wanted, 0), rows - query.offset
    for table in held:
        yield table.slice(max(first, 0), max(last - max(first, 0), 0))
        first, last = first - table.num_rows, last - table.num_rows
