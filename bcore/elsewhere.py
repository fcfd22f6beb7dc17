"""Another archive as a source of the ids that ours lacks, and as a witness of those that both have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from attrs import frozen

from bcore.errors import NotFoundError, RequestError
from bcore.local import StoreReader
from bcore.protocols import Key, Reader
from bcore.proving import proofs_of
from bcore.query import Query, Request
from bcore.records import Batch, Dataset, DayProof, Origin, Series
from bcore.spans import Span, Spans
from bcore.verify import audit_of

if TYPE_CHECKING:
    import pyarrow as pa

    from bcore.protocols import Store

ROWS = 200_000  # asked for at a time


@frozen
class Elsewhere:
    """A series in another archive, by any reader. Implements `Source` and `Fills`: what it has, it brings."""

    name: str
    reader: Reader
    series: Series

    interval = 0.0

    @property
    def datasets(self) -> tuple[Dataset, ...]:
        return (self.series.dataset,)

    @property
    def symbols(self) -> tuple[str, ...]:
        return (self.series.symbol,)

    def catch_up(self, after: Mapping[str, Key]) -> Iterator[Batch]:
        """Nothing: it is asked for ids, never followed."""
        return iter(())

    def fill(self, symbol: str, first: int, last: int) -> Iterator[Batch]:
        """Those of the ids `first`..`last` that the other archive has, oldest first."""
        for table in self.tables(first, last):
            yield Batch(self.series.dataset, symbol, table, origin=Origin("archive", name=self.name))

    def check(self) -> None:
        """Raises `RequestError` unless the other archive has the series in the same shape, with rows named by ids."""
        if not self.has_ids:
            raise RequestError(f"{self.series}: its rows have no ids of their own to be asked for by")
        self.check_shape()

    def check_shape(self) -> None:
        """Raises `RequestError` unless the other archive has the series, in the same shape."""
        dataset = self.series.dataset
        view = self.reader.views().get(dataset.name)
        if view is None or self.series.symbol not in self.reader.symbols(dataset.name):
            raise NotFoundError(f"{self.name} holds nothing of {self.series}")
        if dict(_types(view.schema)) != dict(_types(dataset.schema)):
            ours, theirs = ({f"{name}: {kind}" for name, kind in _types(each.schema)} for each in (dataset, view))
            differ = ", ".join(sorted(ours ^ theirs))
            raise RequestError(f"{self.series}: the rows of {self.name} have another shape: {differ}")

    @property
    def has_ids(self) -> bool:
        """Whether a row is an id: then it is known from ids alone what is missing."""
        return self.series.dataset.key == (self.series.dataset.sequence,)

    def proofs(self, end: int | None = None) -> tuple[DayProof, ...]:
        """What it provably holds of each day; with `end` (int us UTC) of the time before it."""
        return proofs_of(self.reader, self.series, end)

    def between(self, start: int, end: int, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Its rows of [start, end), int us UTC, some at a time."""
        import pyarrow as pa

        wanted = None if columns is None else tuple(columns)
        asked = Request(self.series.dataset.name, self.series.symbol, start=start, end=end, columns=wanted)
        for batch in self.reader.scan(asked):
            yield pa.Table.from_batches([batch])

    def newest(self) -> pa.Table:
        """The rows that it keeps hot."""
        return self.reader.read(Request(self.series.dataset.name, self.series.symbol, hot=True))

    def reach(self) -> Span | None:
        """The first and the last id that it has."""
        oldest, newest = self._read(start=0, limit=1), self._read(tail=1)
        if not oldest.num_rows or not newest.num_rows:
            return None
        return self._ids(oldest)[0].as_py(), self._ids(newest)[-1].as_py()

    def tables(self, first: int, last: int) -> Iterator[pa.Table]:
        """Its rows with the ids `first`..`last`, in id order, some at a time."""
        while first <= last:
            limit = min(ROWS, last - first + 1)
            found = self._read(after=first - 1, limit=limit) if first > 0 else self._read(start=0, limit=limit)
            within = _upto(found, self._sequence, last)
            if within.num_rows:
                yield within
            if within.num_rows < limit:
                return
            first = self._ids(within)[-1].as_py() + 1

    def known_equal(self, store: Store) -> Spans:
        """The ids of the days that both archives prove to hold alike, where the other one is on this machine too."""
        theirs = self._store()
        if theirs is None:
            return Spans()
        ours = {day.day: day for day in audit_of(store, self.series).days}
        days = [day for day in audit_of(theirs, self.series).days if ours.get(day.day) == day]
        # Only days without ids of other days between theirs: what is equal is then a run.
        return Spans.of((day.first or 0, day.last or 0) for day in days if not day.elsewhere and not day.missing)

    def conflicts(self, store: Store, ids: Spans) -> Iterator[int]:
        """Those of the ids under which the two archives have different rows."""
        for run in ids:
            for theirs in self.tables(*run):
                numbers = self._ids(theirs)
                bounds = {"first": numbers[0].as_py(), "last": numbers[-1].as_py()}
                ours = store.read(Query(self.series.dataset, self.series.symbol, **bounds))
                yield from _differing(ours, theirs, self._sequence)

    @property
    def _sequence(self) -> str:
        assert self.series.dataset.sequence is not None
        return self.series.dataset.sequence

    def _ids(self, table: pa.Table) -> pa.ChunkedArray:
        return table.column(self._sequence)

    def _read(
        self, *, start: int | None = None, limit: int | None = None, tail: int | None = None, after: int | None = None
    ) -> pa.Table:
        name, symbol = self.series.dataset.name, self.series.symbol
        return self.reader.read(Request(name, symbol, start=start, limit=limit, tail=tail, after=after))

    def _store(self) -> Store | None:
        """The other archive's own store, if it is one of this machine."""
        stores = self.reader.stores if isinstance(self.reader, StoreReader) else ()
        return next((store for store in stores if self.series in store.series()), None)


def _types(schema: pa.Schema) -> list[tuple[str, str]]:
    return [(field.name, str(field.type)) for field in schema]


def _upto(table: pa.Table, sequence: str, last: int) -> pa.Table:
    import pyarrow.compute as pc

    return table.filter(pc.field(sequence) <= last)


def _differing(ours: pa.Table, theirs: pa.Table, sequence: str) -> Iterator[int]:
    """The ids that both tables have, with something different in any column. Both are in id order."""
    import pyarrow as pa
    import pyarrow.compute as pc

    ours = ours.filter(pc.is_in(ours.column(sequence), theirs.column(sequence).combine_chunks()))
    theirs = theirs.filter(pc.is_in(theirs.column(sequence), ours.column(sequence).combine_chunks()))
    theirs = theirs.select(ours.column_names).cast(ours.schema)
    if ours.equals(theirs):
        return
    differs = pa.array([False] * ours.num_rows)
    for name in ours.column_names:
        differs = pc.or_(differs, _unequal(ours.column(name).combine_chunks(), theirs.column(name).combine_chunks()))
    yield from ours.column(sequence).filter(differs).to_pylist()


def _unequal(ours: pa.Array, theirs: pa.Array) -> pa.Array:
    """For each row whether the values differ; a null equals a null, and not-a-number itself."""
    import pyarrow as pa
    import pyarrow.compute as pc

    either = pc.xor(pc.is_null(ours), pc.is_null(theirs))
    unequal = pc.fill_null(pc.not_equal(ours, theirs), False)
    if pa.types.is_floating(ours.type):
        unequal = pc.and_not(unequal, pc.fill_null(pc.and_(pc.is_nan(ours), pc.is_nan(theirs)), False))
    return pc.or_(either, unequal)
