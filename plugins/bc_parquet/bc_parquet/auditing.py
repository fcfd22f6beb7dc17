"""The account of one series, file by file: from names and footers, or from every byte."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
from attrs import define, evolve, field

from bc_parquet.checking import checked
from bc_parquet.examining import DAMAGE, FOREIGN, claimed, examined
from bc_parquet.folder import SeriesFolder
from bc_parquet.footers import Footers
from bc_parquet.names import Part, leading
from bcore.errors import StoreError
from bcore.proof import day_proofs
from bcore.records import FileProof, Series

ATTEMPTS = 100  # times that a version may be merged away under one audit


@define
class SeriesAudit:
    """Goes through the files of a series, beside a writer that may merge them meanwhile.

    A file that is merged away is met as by a reader: the audit goes on in the next version, after the highest leading
    key that it has seen. What it tells of a file that begins below that key is of the rows above it only.
    """

    folder: SeriesFolder
    series: Series
    footers: Footers
    deep: bool
    _seen: int | None = field(default=None, init=False)

    def files(self) -> Iterator[FileProof]:
        """Each file once, in order of keys; then those that are no parts. Raises `StoreError` if none can be listed."""
        for _ in range(ATTEMPTS):
            try:
                version = self.folder.version()
                if version is not None:
                    yield from self._parts(version)
                    yield from (_foreign(path) for path in sorted(self.folder.foreign(version)))
                return
            except FileNotFoundError:
                continue
            except OSError as error:
                raise StoreError(f"{self.folder.link} cannot be listed: {error}") from error
        raise StoreError(f"{self.folder.link} names files that are not there")

    def _parts(self, version: Path) -> Iterator[FileProof]:
        begun, before = self._seen, None
        for part in self.folder.parts(version):
            if begun is None or part.first > begun:
                yield _apart(self._proof(version / part.name, part), part, before)
            elif part.last > begun:
                yield self._rest(version / part.name, part, begun)
            before = part if before is None or part.last > before.last else before
            self._seen = before.last

    def _proof(self, path: Path, part: Part) -> FileProof:
        """What is wrong with a file is told; only of one that is gone is it raised, as `FileNotFoundError`."""
        try:
            if self.deep:
                return examined(path, part, self.series)
            return claimed(path, part, self.footers.of(path), self.series.dataset)
        except FileNotFoundError:
            if not path.is_symlink():
                raise
            return _unread(path, part.rows, "it is a link to nothing")
        except (*DAMAGE, MemoryError) as error:
            return _unread(path, part.rows, f"it cannot be read: {_reason(error)}")

    def _rest(self, path: Path, part: Part, seen: int) -> FileProof:
        """Of a part that holds rows of files seen before: the other rows. Their origins cannot be told apart."""
        whole = self._proof(path, part)
        if whole.problems:
            return whole
        table, key = checked(path), self.series.dataset.key[0]
        column = table.column(key)
        begin = bisect_right(range(len(column)), seen, key=lambda index: leading(column[index].as_py()))
        rows = table.slice(begin)
        return evolve(whole, rows=rows.num_rows, days=day_proofs(rows, self.series.dataset), origins=())


def _apart(proof: FileProof, part: Part, before: Part | None) -> FileProof:
    """Files share no keys; one that begins within another is a problem of its own."""
    if before is None or part.first > before.last:
        return proof
    return evolve(proof, problems=(*proof.problems, f"its keys begin at {part.first}, within {before.name}"))


def _reason(error: BaseException) -> BaseException:
    """What Arrow said; what our own errors add speaks to those who read rows."""
    return error.__cause__ if isinstance(error.__cause__, (pa.ArrowException, OSError)) else error


def _foreign(path: Path) -> FileProof:
    return _unread(path, 0, FOREIGN)


def _unread(path: Path, rows: int, problem: str) -> FileProof:
    try:
        size = os.lstat(path).st_size
    except OSError:
        size = 0
    return FileProof(path.name, rows, size, problems=(problem,))
