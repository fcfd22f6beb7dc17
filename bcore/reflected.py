"""An archive elsewhere as a store to be read: what gives account of a store can then do so of any reader."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, NoReturn

from attrs import evolve, frozen

from bcore.errors import CorruptFileError, StoreError
from bcore.local import StoreReader
from bcore.protocols import Key, Store
from bcore.proving import ids_in, proofs_of
from bcore.query import Query, Request
from bcore.records import Batch, Dataset, FileProof, Origin, Series, SeriesStats
from bcore.spans import Spans

if TYPE_CHECKING:
    import pyarrow as pa

    from bcore.protocols import Reader


def stored(reader: Reader, dataset: str) -> list[tuple[Store, Series]]:
    """The series of a dataset that a reader holds, each with the store that can be asked about it."""
    if isinstance(reader, StoreReader):
        return reader.held(dataset)
    there = Reflected(reader)
    return [(there, series) for series in there.series() if series.dataset.name == dataset]


@frozen(slots=False)
class Reflected(Store):
    """What `reader` holds. Which series, and how many rows, is asked once; rows and proofs whenever they are wanted."""

    reader: Reader

    def append(self, batch: Batch) -> NoReturn:
        raise StoreError("an archive elsewhere is only read")

    def read(self, query: Query) -> pa.Table:
        """Asks for no more rows than the query's counts need, and for their ids by what is held of them."""
        request = self._request(query) if str(query.series) in self._held else None
        rows = query.dataset.schema.empty_table() if request is None else self.reader.read(request)
        return query.apply(rows)

    def last(self, series: Series) -> Key | None:
        return self.stats(series).last_key

    def spans(self, series: Series) -> Spans:
        return ids_in(proofs_of(self.reader, series)) if series.dataset.sequence else Spans()

    def datasets(self) -> Mapping[str, Dataset]:
        return {each.series.dataset.name: each.series.dataset for each in self._held.values()}

    def series(self) -> list[Series]:
        return [each.series for each in self._held.values()]

    def stats(self, series: Series) -> SeriesStats:
        return self._held.get(str(series)) or SeriesStats(series, 0, 0, None, None)

    def audit(self, series: Series, *, deep: bool = False) -> Iterator[FileProof]:
        """All files as one: what the other side proves of them. No bytes are read here, `deep` or not."""
        told = self.stats(series)
        if str(series) not in self._held:
            return
        try:
            yield FileProof("the archive", told.rows, told.bytes, tuple(proofs_of(self.reader, series)))
        except CorruptFileError as error:
            yield FileProof("the archive", told.rows, told.bytes, problems=(str(error),))

    def origins(self, series: Series) -> Sequence[tuple[Origin, int]]:
        """Nothing: a reader does not tell."""
        return ()

    @cached_property
    def _held(self) -> dict[str, SeriesStats]:
        return {str(each.series): each for each in self.reader.stats() if each.rows}

    def _request(self, query: Query) -> Request | None:
        """For the rows that decide the answer, and few others; None where there are none."""
        dataset, shown = query.dataset, query.columns
        deciding = (*dataset.key, dataset.time, *filter(None, (dataset.sequence,)), *query.where)
        columns = None if shown is None else tuple(dict.fromkeys((*shown, *deciding)))
        asked = Request(dataset.name, query.symbol, query.start, query.end, columns=columns)
        if query.first is not None or query.last is not None:
            ids = self._ids(query)
            return _following(asked, ids) if ids else None
        if query.where:
            return asked
        if query.tail is not None:
            return evolve(asked, tail=query.tail + query.offset)
        return asked if query.limit is None else evolve(asked, start=asked.start or 0, limit=query.limit + query.offset)

    def _ids(self, query: Query) -> Spans:
        """Those of the ids that are held that the query's bounds and counts choose."""
        held = self.spans(query.series)
        low = held.first if query.first is None else query.first
        high = held.last if query.last is None else query.last
        if low is None or high is None or low > high:
            return Spans()
        ids = Spans(((low, high),)).subtract(Spans(tuple(held.missing(low, high))))
        if query.where or query.start is not None or query.end is not None:
            return ids
        if query.tail is not None:
            return ids.subtract(_oldest(ids, len(ids) - query.tail - query.offset))
        return ids if query.limit is None else _oldest(ids, query.limit + query.offset)


def _oldest(ids: Spans, count: int) -> Spans:
    runs = []
    for first, last in ids:
        if count > 0:
            runs.append((first, min(last, first + count - 1)))
        count -= last - first + 1
    return Spans(tuple(runs))


def _following(asked: Request, ids: Spans) -> Request:
    first = ids.first or 0
    return evolve(asked, after=first - 1, limit=len(ids)) if first > 0 else evolve(asked, start=0, limit=len(ids))
