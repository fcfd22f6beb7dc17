"""Writing one series: appends that cost the same however long the series is, and merges that keep its parts few."""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import RLock

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from attrs import define, field

from bc_parquet.encoding import write
from bc_parquet.folder import SeriesFolder, remove, sync_file
from bc_parquet.merging import assert_equal, worth_merging
from bc_parquet.metadata import described
from bc_parquet.names import Part, leading
from bcore.errors import SeriesBusyError, StoreError
from bcore.records import Appended, Batch, Dataset
from bcore.schema import keys_of

log = logging.getLogger(__name__)
GRACE = 60.0  # seconds that a version outlives its end, for readers that listed it and open its files one by one


@define
class SeriesWriter:
    """The only writer of a series, in this process and in all others: it holds the series' lock until closed."""

    folder: SeriesFolder
    dataset: Dataset
    level: int
    monotonic: Callable[[], float]
    _version: Path | None = field(init=False)
    _parts: list[Part] = field(init=False)
    _lock_file: int = field(init=False)
    _staged: int = field(default=0, init=False)
    _retired: list[tuple[float, Path]] = field(factory=list, init=False)
    lock: RLock = field(factory=RLock, init=False)

    def __attrs_post_init__(self) -> None:
        """Takes the lock, makes the folders, and clears away what a killed writer left. Raises `SeriesBusyError`."""
        with _as_store_error(self.folder.link):
            self.folder.version()  # a file that another program wrote is refused before anything is made beside it
            self.folder.home.mkdir(parents=True, exist_ok=True)
            self._lock_file = _locked(self.folder.lock)
            try:
                self._version = self.folder.version()
                self.folder.clean(self._version)
                self._parts = self.folder.parts(self._version) if self._version else []
            except BaseException:
                os.close(self._lock_file)
                raise

    def append(self, batch: Batch) -> Appended:
        """Stores what is new of a conformed batch; durable on return. All or nothing."""
        with self.lock, _as_store_error(self.folder.link):
            fresh, touched = self._new_rows(batch.table)
            appended = Appended(rows=fresh.num_rows, known=batch.table.num_rows - fresh.num_rows)
            if fresh.num_rows:
                self._store(fresh, touched)
                self._tidy()
            return appended

    def compact(self) -> int:
        """Merges whatever small parts there are into one; returns how many files went."""
        with self.lock, _as_store_error(self.folder.link):
            before = len(self._parts)
            while run := worth_merging(self._parts, self._row_bytes(), most=1):
                self._merge(run)
            return before - len(self._parts)

    def close(self) -> None:
        with self.lock:
            for _, version in self._retired:
                remove(version)
            os.close(self._lock_file)

    def _new_rows(self, table: pa.Table) -> tuple[pa.Table, list[Part]]:
        """The rows whose keys are not held, and the parts whose range those rows fall into."""
        touched = self._touched(table)
        if not touched:
            return table, []
        held = set().union(*(self._keys(part) for part in touched))
        fresh = table.filter(pa.array([key not in held for key in keys_of(table, self.dataset)], pa.bool_()))
        return fresh, self._touched(fresh)

    def _touched(self, table: pa.Table) -> list[Part]:
        if table.num_rows == 0:
            return []
        first, last = self._bounds(table)
        if self._parts and first > self._parts[-1].last:
            return []
        return [part for part in self._parts if part.meets(first, last)]

    def _keys(self, part: Part) -> set[tuple[object, ...]]:
        table = pq.read_table(self.version / part.name, columns=list(self.dataset.key), memory_map=True)
        return set(keys_of(table, self.dataset))

    def _store(self, fresh: pa.Table, touched: list[Part]) -> None:
        """As a part of its own where the rows fall between parts, else merged with the parts they fall into."""
        if not touched:
            self._publish(*self._stage(fresh))
            return
        held = [self._read(part) for part in touched]
        order = [(name, "ascending") for name in self.dataset.key]
        merged = pa.concat_tables([*held, fresh], promote_options="default").sort_by(order)
        self._replace(touched, merged)

    def _publish(self, staged: Path, part: Part) -> None:
        if self._version is None:
            self._version = self.folder.begin(staged, part)
        else:
            self.folder.publish(staged, self._version, part)
        self._parts = sorted([*self._parts, part])

    @property
    def version(self) -> Path:
        """The current version folder; there is one as soon as there are parts."""
        assert self._version is not None
        return self._version

    def _tidy(self) -> None:
        """Keeps the parts few, and drops versions that no reader can still be in."""
        while run := worth_merging(self._parts, self._row_bytes()):
            self._merge(run)
        now = self.monotonic()
        while self._retired and now - self._retired[0][0] > GRACE:
            remove(self._retired.pop(0)[1])

    def _merge(self, run: list[Part]) -> None:
        self._replace(run, pa.concat_tables([self._read(part) for part in run], promote_options="default"))

    def _replace(self, gone: list[Part], table: pa.Table) -> None:
        staged, part = self._stage(table)
        # The old files go for good: what stands in the new one is read back first.
        assert_equal(pq.read_table(staged), table, staged)
        new = self.folder.replace(self.version, gone, [(staged, part)])
        self._retired.append((self.monotonic(), self.version))
        self._version, self._parts = new, self.folder.parts(new)

    def _stage(self, table: pa.Table) -> tuple[Path, Part]:
        """A synced file outside every version, with the part that it will be."""
        self._staged += 1
        path = self.folder.staging / f"{self._staged:06d}"
        try:
            write(described(table, self.dataset), path, self.level)
            sync_file(path)
        except BaseException:
            remove(path)
            raise
        return path, self._part(table)

    def _part(self, table: pa.Table) -> Part:
        first, last = self._bounds(table)
        times = pc.min_max(table.column(self.dataset.time).cast("int64"))
        return Part(first, last, table.num_rows, times["min"].as_py(), times["max"].as_py())

    def _bounds(self, table: pa.Table) -> tuple[int, int]:
        column = table.column(self.dataset.key[0])
        return leading(column[0].as_py()), leading(column[-1].as_py())

    def _read(self, part: Part) -> pa.Table:
        table = pq.read_table(self.version / part.name)
        return table.replace_schema_metadata(None)

    def _row_bytes(self) -> int:
        """About how many bytes a row takes in memory, which is what a merge has to hold."""
        return sum(getattr(field.type, "byte_width", 16) if _fixed(field.type) else 16 for field in self.dataset.schema)


def _fixed(kind: pa.DataType) -> bool:
    return bool(pa.types.is_primitive(kind)) and not pa.types.is_boolean(kind)


def _locked(path: Path) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise SeriesBusyError(
            f"{path.parent.parent / path.parent.name.removeprefix('.')}: another process is writing this series; stop "
            "it first, or give this one another folder (reading needs no lock)"
        ) from error
    return descriptor


@contextmanager
def _as_store_error(path: Path) -> Iterator[None]:
    """Turns what the file system refuses into a sentence with the path and what to do; nothing of a batch is kept."""
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"{path}: {error.strerror or error}; nothing half-written is kept and the rows are asked for again: free "
            "space, or give permission"
        ) from error
