"""A store of files of which only the ends are here: what a query reads of them is fetched before it is read."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, Protocol, runtime_checkable

from attrs import define, evolve, field

from bc_ssh.ends import Group, groups_of, here_from, needed_from
from bcore.errors import StoreError
from bcore.frames import LinkError
from bcore.protocols import HOT_ROWS, Audits, Key, Stamps, Store
from bcore.query import Query
from bcore.records import Batch, Dataset, FileProof, Origin, Series, SeriesStats
from bcore.spans import Spans

if TYPE_CHECKING:
    import pyarrow as pa

LOOKS = 5  # a merge over there may take files away while we fetch them


@runtime_checkable
class Kept(Audits, Stamps, Protocol):
    """What a store of files can do besides, told from names and footers alone."""

    def files(self, series: Series) -> Sequence[Path]: ...


@define(eq=False)
class Fetching(Store):
    """Reads what `inner` reads. `bring` makes files whole from a byte on, or brings newer ones in their place."""

    inner: Store
    kept: Kept
    bring: Callable[[Mapping[Path, int]], None]
    _groups: dict[str, list[Group]] = field(factory=dict, init=False)

    def append(self, batch: Batch) -> NoReturn:
        raise StoreError("an archive elsewhere is only read")

    def read(self, query: Query) -> pa.Table:
        self._need(query)
        return self.inner.read(query)

    def scan(self, query: Query) -> pa.RecordBatchReader:
        self._need(query)
        return self.inner.scan(query)

    def hot(self, query: Query) -> pa.Table:
        counted = query.tail is not None or query.limit is not None
        self._need(query if counted else evolve(query, tail=HOT_ROWS))
        return self.inner.hot(query)

    def last(self, series: Series) -> Key | None:
        if series.dataset.key != (series.dataset.sequence,):
            self._need(Query(series.dataset, series.symbol, tail=1))
        return self.inner.last(series)

    def spans(self, series: Series) -> Spans:
        return self.inner.spans(series)

    def datasets(self) -> Mapping[str, Dataset]:
        return self.inner.datasets()

    def series(self) -> list[Series]:
        return list(self.inner.series())

    def stats(self, series: Series) -> SeriesStats:
        """By footers. Without the last key where that is no id: it would have to be fetched for every series."""
        if series.dataset.key == (series.dataset.sequence,):
            return self.inner.stats(series)
        files = self._files(Query(series.dataset, series.symbol))
        groups = [group for told in files.values() for group in told]
        times = [time for group in groups for time in group.times or ()]
        return SeriesStats(
            series,
            rows=sum(group.rows for group in groups),
            bytes=sum(path.stat().st_size for path in files),
            first_time=min(times, default=None),
            last_time=max(times, default=None),
            files=len(files),
            gaps=len(self.spans(series).gaps().runs) if series.dataset.sequence else None,
        )

    def audit(self, series: Series, *, deep: bool = False) -> Iterator[FileProof]:
        if deep:
            self._need(Query(series.dataset, series.symbol))
        return self.kept.audit(series, deep=deep)

    def origins(self, series: Series) -> Sequence[tuple[Origin, int]]:
        return self.kept.origins(series)

    def stamp(self, series: Series) -> Hashable:
        return self.kept.stamp(series)

    def close(self) -> None:
        self.inner.close()

    def _need(self, query: Query) -> None:
        for _ in range(LOOKS):
            lacking = self._lacking(query)
            if not lacking:
                return
            self.bring(lacking)
        raise LinkError(f"{query.series}: its files over there change faster than they can be fetched")

    def _lacking(self, query: Query) -> dict[Path, int]:
        """The files that are not here from where on the query reads them."""
        needed = needed_from(self._files(query), query)
        return {path: begin for path, begin in needed.items() if begin < here_from(path)}

    def _files(self, query: Query) -> dict[Path, list[Group]]:
        return {path: self._of(path, query) for path in self.kept.files(query.series)}

    def _of(self, path: Path, query: Query) -> list[Group]:
        """A name stands for the same rows in every version of the series."""
        name = f"{query.series}/{path.name}"
        if name not in self._groups:
            self._groups[name] = groups_of(path, query)
        return self._groups[name]
