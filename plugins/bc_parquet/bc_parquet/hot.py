"""The hot file: the newest rows of a series as one Arrow file, replaced by rename and memory-mapped by readers."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from threading import Lock

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from attrs import define, field, frozen

from bc_parquet.folder import NEVER_NS, SeriesFolder, remove
from bcore.protocols import Key
from bcore.records import Dataset
from bcore.schema import keys_of

log = logging.getLogger(__name__)
Stamp = tuple[int, int, int]


@frozen
class Window:
    """How much is kept hot: `rows` of a dataset without facets, `snapshots` of each facet value of one with."""

    rows: int
    snapshots: int

    def of_rows(self, rows: int, newest: pa.Table, dataset: Dataset) -> Window:
        """A window of about `rows` rows in all; `newest` rows tell how many facet values share it."""
        values = max(newest.group_by(list(dataset.facets)).aggregate([]).num_rows, 1) if dataset.facets else 1
        return Window(rows, max(rows // values, 1))

    def newest(self, table: pa.Table, dataset: Dataset) -> pa.Table:
        """The window's rows of a table sorted by key, in the same order."""
        if not dataset.facets:
            return table.slice(max(table.num_rows - self.rows, 0))
        kept = pc.list_flatten(self._indices(table, dataset))
        return table.take(pc.take(kept, pc.sort_indices(kept)))

    def _indices(self, table: pa.Table, dataset: Dataset) -> pa.Array:
        """For each combination of facet values, the positions of its newest rows."""
        indexed = table.select(list(dataset.facets)).append_column("index", pa.array(range(table.num_rows), pa.int64()))
        groups = indexed.group_by(list(dataset.facets)).aggregate([("index", "list")])
        lists = [group[-self.snapshots :] for group in groups.column("index_list").to_pylist()]
        return pa.array(lists, pa.list_(pa.int64()))


@define
class HotFile:
    """The writer's side: what is hot, in memory and on disk. `parquet` is a second file in the original's format."""

    folder: SeriesFolder
    dataset: Dataset
    window: Window
    parquet: bool
    last: Key | None = field(default=None, init=False)  # the highest hot key
    _table: pa.Table = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._table = self.dataset.schema.empty_table()

    def load(self, newest: pa.Table) -> None:
        """Starts from the newest rows of the series and writes them."""
        self._keep(self.window.newest(newest, self.dataset))

    def add(self, rows: pa.Table) -> None:
        """Takes in newer rows (above every hot key) and replaces the file."""
        self._keep(self.window.newest(pa.concat_tables([self._table, rows]), self.dataset).combine_chunks())

    def drop(self) -> None:
        """Keeps nothing hot until the next `load`."""
        self._table, self.last = self.dataset.schema.empty_table(), None
        remove(self.folder.hot)  # one that is behind would be believed

    def _keep(self, table: pa.Table) -> None:
        newest = keys_of(table.slice(max(table.num_rows - 1, 0)), self.dataset)
        self._table, self.last = table, newest[0] if newest else None
        self._write()

    def _write(self) -> None:
        """Replaces the file. The rows are durable already: a disk that refuses the hot file takes only that away."""
        try:
            self._replace()
        except OSError as error:
            remove(self.folder.hot)  # one that is behind would be believed
            log.warning(
                "%s: %s; until it can be written, the newest rows are read from the parts", self.folder.hot, error
            )
        finally:
            remove(self._staged)

    @property
    def _staged(self) -> Path:
        return self.folder.staging / "hot"

    def _replace(self) -> None:
        staged = self._staged
        with pa.OSFile(str(staged), "wb") as sink, pa.ipc.new_file(sink, self._table.schema) as writer:
            writer.write_table(self._table)
        os.replace(staged, self.folder.hot)
        if self.parquet:
            pq.write_table(self._table, staged, compression="snappy")
            os.replace(staged, self.folder.dataset_path / f"{self.folder.name}_hot.parquet")


@define
class HotCache:
    """The readers' side: each hot file is mapped once and used until its stamp changes."""

    _held: dict[Path, tuple[Stamp, pa.Table]] = field(factory=dict, init=False)
    _lock: Lock = field(factory=Lock, init=False)

    def read(self, path: Path) -> pa.Table | None:
        """The hot rows; None if there is no hot file, or one that is behind."""
        try:
            status = os.stat(path)
        except FileNotFoundError:
            return None
        if status.st_mtime_ns == NEVER_NS:
            return None
        stamp = (status.st_ino, status.st_size, status.st_mtime_ns)
        with self._lock:
            held = self._held.get(path)
        if held is not None and held[0] == stamp:
            return held[1]
        try:
            with pa.memory_map(str(path)) as source:
                table = pa.ipc.open_file(source, options=pa.ipc.IpcReadOptions(use_threads=False)).read_all()
        except FileNotFoundError:
            return None
        with self._lock:
            self._held[path] = (stamp, table)
        return table
