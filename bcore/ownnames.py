"""What a job's store holds, under the names that its source itself gives its datasets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from bcore.errors import StoreError
from bcore.protocols import Key, Store
from bcore.query import Query
from bcore.records import Appended, Batch, Dataset, Series, SeriesStats
from bcore.spans import Spans

if TYPE_CHECKING:
    import pyarrow as pa

    from bcore.collect import Job
    from bcore.local import StoreReader
    from bcore.registry import Registry


@frozen
class OwnNames(Store):
    """For reading only. `names` leads from a source's names to the store's (`us_trades` for `trades`)."""

    store: Store
    names: Mapping[str, str]

    @classmethod
    def reader(cls, job: Job, registry: Registry) -> StoreReader:
        """A reader for the job's source: views that are derived from its datasets work on its own series."""
        pairs = zip(job.source.datasets, job.datasets(), strict=True)
        return cls.reading(job.store, {own.name: kept.name for own, kept in pairs}, registry)

    @classmethod
    def reading(cls, store: Store, names: Mapping[str, str], registry: Registry) -> StoreReader:
        """A reader of what has these names, and of the views that are made of it."""
        from bcore.app import reader_of

        return reader_of([cls(store, names)], registry)

    def append(self, batch: Batch) -> Appended:
        raise StoreError("this view of the store is for reading")

    def read(self, query: Query) -> pa.Table:
        return self.store.read(evolve(query, dataset=self._kept(query.dataset)))

    def scan(self, query: Query) -> pa.RecordBatchReader:
        return self.store.scan(evolve(query, dataset=self._kept(query.dataset)))

    def last(self, series: Series) -> Key | None:
        return self.store.last(self._kept_series(series))

    def spans(self, series: Series) -> Spans:
        return self.store.spans(self._kept_series(series))

    def datasets(self) -> Mapping[str, Dataset]:
        held = self.store.datasets()
        return {own: evolve(held[kept], name=own) for own, kept in self.names.items() if kept in held}

    def series(self) -> list[Series]:
        own = {kept: name for name, kept in self.names.items()}
        held = [series for series in self.store.series() if series.dataset.name in own]
        return [Series(evolve(each.dataset, name=own[each.dataset.name]), each.symbol) for each in held]

    def stats(self, series: Series) -> SeriesStats:
        return evolve(self.store.stats(self._kept_series(series)), series=series)

    def _kept(self, dataset: Dataset) -> Dataset:
        return evolve(dataset, name=self.names.get(dataset.name, dataset.name))

    def _kept_series(self, series: Series) -> Series:
        return Series(self._kept(series.dataset), series.symbol)
