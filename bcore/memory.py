"""The store that keeps everything in memory: the reference model that every other store is tested against."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from threading import RLock
from typing import TYPE_CHECKING

from attrs import define, field, frozen

from bcore.errors import StoreError
from bcore.protocols import Key, Store
from bcore.query import Query
from bcore.records import Appended, Batch, Context, Dataset, FileProof, Origin, Rejected, Series, SeriesStats
from bcore.schema import conform, keys_of
from bcore.spans import Spans

if TYPE_CHECKING:
    import pyarrow as pa


@frozen
class MemoryConfig:
    """The section of a memory store: it has no settings."""


@define
class MemoryStore(Store):
    """Keeps series in memory until the process ends. Simple rather than fast."""

    _tables: dict[Series, pa.Table] = field(factory=dict, init=False)
    _origins: dict[Series, Counter[Origin]] = field(factory=dict, init=False)
    _rejected: dict[Series, list[Rejected]] = field(factory=dict, init=False)
    _lock: RLock = field(factory=RLock, init=False)
    _closed: bool = field(default=False, init=False)

    @classmethod
    def build(cls, config: MemoryConfig, context: Context) -> MemoryStore:
        return cls()

    def append(self, batch: Batch) -> Appended:
        import pyarrow as pa

        batch = conform(batch)
        with self._lock:
            if self._closed:
                raise StoreError("the store is closed")
            held = self._held(batch.series)
            known = set(keys_of(held, batch.dataset))
            new = batch.table.filter(
                pa.array([key not in known for key in keys_of(batch.table, batch.dataset)], pa.bool_())
            )
            order = [(name, "ascending") for name in batch.dataset.key]
            if new.num_rows:
                self._tables[batch.series] = pa.concat_tables([held, new]).sort_by(order)
                if batch.origin:
                    self._origins.setdefault(batch.series, Counter())[batch.origin] += new.num_rows
        return Appended(rows=new.num_rows, known=batch.table.num_rows - new.num_rows)

    def read(self, query: Query) -> pa.Table:
        return query.apply(self._held(query.series))

    def last(self, series: Series) -> Key | None:
        keys = keys_of(self._held(series), series.dataset)
        return keys[-1] if keys else None

    def spans(self, series: Series) -> Spans:
        sequence = series.dataset.sequence
        return Spans.from_ids(self._held(series).column(sequence)) if sequence else Spans()

    def datasets(self) -> Mapping[str, Dataset]:
        return {series.dataset.name: series.dataset for series in self.series()}

    def series(self) -> list[Series]:
        with self._lock:
            return sorted(self._tables, key=lambda series: (series.dataset.name, series.symbol))

    def stats(self, series: Series) -> SeriesStats:
        import pyarrow.compute as pc

        table = self._held(series)
        times = pc.min_max(table.column(series.dataset.time).cast("int64"))
        keys = keys_of(table, series.dataset)
        return SeriesStats(
            series,
            rows=table.num_rows,
            bytes=table.nbytes,
            first_time=times["min"].as_py(),
            last_time=times["max"].as_py(),
            first_key=keys[0] if keys else None,
            last_key=keys[-1] if keys else None,
            gaps=len(self.spans(series).gaps().runs) if series.dataset.sequence else None,
        )

    def audit(self, series: Series, *, deep: bool = False) -> Iterator[FileProof]:
        """The whole series as one file, of its name; nothing of a series that is not held."""
        from bcore.proof import day_proofs

        table = self._held(series)
        if table.num_rows:
            days, origins = day_proofs(table, series.dataset), tuple(self.origins(series))
            yield FileProof(str(series), table.num_rows, table.nbytes, days, origins)

    def origins(self, series: Series) -> list[tuple[Origin, int]]:
        with self._lock:
            return list(self._origins.get(series, {}).items())

    def quarantine(self, series: Series, rejected: Rejected) -> None:
        with self._lock:
            self._rejected.setdefault(series, []).append(rejected)

    def close(self) -> None:
        self._closed = True

    def _held(self, series: Series) -> pa.Table:
        with self._lock:
            held = self._tables.get(series)
        return series.dataset.schema.empty_table() if held is None else held
