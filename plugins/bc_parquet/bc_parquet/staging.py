"""Files on their way into an archive: written and synced outside every version, then moved in by rename."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from attrs import define, field

from bc_parquet.checking import pieces
from bc_parquet.encoding import Suited, write
from bc_parquet.folder import SeriesFolder, remove, sync_file
from bc_parquet.held import Held
from bc_parquet.merging import assert_equal
from bc_parquet.metadata import described
from bc_parquet.names import Part, crc_of, leading
from bcore.records import Dataset

Staged = tuple[Path, Part]


@define
class Staging:
    """Writes the files of one series."""

    folder: SeriesFolder
    dataset: Dataset
    level: int
    _suited: Suited = field(factory=Suited, init=False)
    _numbers: Iterator[int] = field(factory=lambda: count(1), init=False)

    def write(self, held: Held, *, lasting: bool = False) -> Staged:
        """A synced file outside every version, with the part that it will be. What is streamed is merged soon."""
        path = self.folder.staging / f"{next(self._numbers):06d}"
        try:
            table = described(held.table, self.dataset, held.proofs, held.origins)
            write(table, path, self.level, lasting=lasting or not held.streamed, suited=self._suited)
            sync_file(path)
            return path, self._part(held.table, crc_of(path))
        except BaseException:
            remove(path)
            raise

    def write_checked(self, held: Held) -> Staged:
        """As `write`, but the rows must be those that were proven before, and are read back: the old files go for good.

        Raises `CorruptFileError` or `StoreError` if they are not.
        """
        held.assert_proven(self.dataset)
        path, part = self.write(held, lasting=True)
        try:
            assert_equal(pieces(path), held.table, path)
        except BaseException:
            remove(path)
            raise
        return path, part

    def bounds(self, table: pa.Table) -> tuple[int, int]:
        """The lowest and the highest leading key of rows that are sorted by key."""
        column = table.column(self.dataset.key[0])
        return leading(column[0].as_py()), leading(column[-1].as_py())

    def _part(self, table: pa.Table, crc: int) -> Part:
        first, last = self.bounds(table)
        times = pc.min_max(table.column(self.dataset.time).cast("int64"))
        return Part(first, last, table.num_rows, times["min"].as_py(), times["max"].as_py(), crc)
