"""The store that keeps everything in memory: the reference model that every other store is tested against."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from threading import RLock
from typing import TYPE_CHECKING

from attrs import define, evolve, field, frozen

from bcore.errors import StoreError
from bcore.protocols import Key, Store
from bcore.query import Query
from bcore.records import Appended, Batch, Context, Dataset, FileProof, Origin, Rejected, Series, SeriesStats
from bcore.schema import conform, keys_of
from bcore.spans import Spans

if TYPE_CHECKING:
    import pyarrow as pa


Name = tuple[str, str]  # of the dataset, and the symbol


@frozen
class _Held:
    """The rows of a series, under the widest dataset that any of them came with."""

    dataset: Dataset
    table: pa.Table


@frozen
class MemoryConfig:
    """The section of a memory store: it has no settings."""


@define
class MemoryStore(Store):
    """Keeps series in memory until the process ends. Simple rather than fast."""

    _held: dict[Name, _Held] = field(factory=dict, init=False)
    _origins: dict[Name, Counter[Origin]] = field(factory=dict, init=False)
    _rejected: dict[Name, list[Rejected]] = field(factory=dict, init=False)
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
            dataset = self._grown(batch.series)
            held = self._rows(Series(dataset, batch.symbol))
            known = set(keys_of(held, dataset))
            new = batch.table.filter(pa.array([key not in known for key in keys_of(batch.table, dataset)], pa.bool_()))
            order = [(name, "ascending") for name in dataset.key]
            if new.num_rows:
                table = pa.concat_tables([held, _fitted(new, dataset.schema)]).sort_by(order)
                self._held[_name(batch.series)] = _Held(dataset, table)
                if batch.origin:
                    self._origins.setdefault(_name(batch.series), Counter())[batch.origin] += new.num_rows
        return Appended(rows=new.num_rows, known=batch.table.num_rows - new.num_rows)

    def read(self, query: Query) -> pa.Table:
        return query.apply(self._rows(query.series))

    def last(self, series: Series) -> Key | None:
        keys = keys_of(self._rows(series), series.dataset)
        return keys[-1] if keys else None

    def spans(self, series: Series) -> Spans:
        sequence = series.dataset.sequence
        return Spans.from_ids(self._rows(series).column(sequence)) if sequence else Spans()

    def datasets(self) -> Mapping[str, Dataset]:
        return {series.dataset.name: series.dataset for series in self.series()}

    def series(self) -> list[Series]:
        with self._lock:
            return [Series(held.dataset, symbol) for (_, symbol), held in sorted(self._held.items(), key=_by_name)]

    def stamp(self, series: Series) -> int:
        """Rows are only ever added."""
        return int(self._rows(series).num_rows)

    def stats(self, series: Series) -> SeriesStats:
        import pyarrow.compute as pc

        table = self._rows(series)
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

        table = self._rows(series)
        if table.num_rows:
            days, origins = day_proofs(table, series.dataset), tuple(self.origins(series))
            yield FileProof(str(series), table.num_rows, table.nbytes, days, origins)

    def origins(self, series: Series) -> list[tuple[Origin, int]]:
        with self._lock:
            return list(self._origins.get(_name(series), {}).items())

    def quarantine(self, series: Series, rejected: Rejected) -> None:
        with self._lock:
            self._rejected.setdefault(_name(series), []).append(rejected)

    def close(self) -> None:
        self._closed = True

    def _rows(self, series: Series) -> pa.Table:
        """The rows with the columns of the series' own dataset: what it has more than is held is null."""
        with self._lock:
            held = self._held.get(_name(series))
        schema = series.dataset.schema
        return schema.empty_table() if held is None else _fitted(held.table, schema)

    def _grown(self, series: Series) -> Dataset:
        """The dataset of what will be held: a later version may bring further columns, an earlier one takes none."""
        import pyarrow as pa

        held = self._held.get(_name(series))
        if held is None:
            return series.dataset
        further = [each for each in series.dataset.schema if each.name not in held.dataset.schema.names]
        if any(not each.nullable for each in further):
            raise StoreError(f"{series}: a column that is added to what is held must be nullable")
        fewer = set(held.dataset.schema.names) - set(series.dataset.schema.names)
        wider = held.dataset if fewer else series.dataset
        return evolve(wider, schema=pa.schema([*held.dataset.schema, *further]))


def _name(series: Series) -> Name:
    return (series.dataset.name, series.symbol)


def _by_name(item: tuple[Name, _Held]) -> Name:
    return item[0]


def _fitted(table: pa.Table, schema: pa.Schema) -> pa.Table:
    import pyarrow as pa

    if table.schema == schema:
        return table
    given = set(table.column_names)
    columns = [
        table.column(each.name) if each.name in given else pa.nulls(table.num_rows, each.type) for each in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)
