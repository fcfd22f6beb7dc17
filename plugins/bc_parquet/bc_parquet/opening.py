"""Opening parts: the footer of each is read once, and which row groups can hold what is worked out once."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from attrs import define, field, frozen

from bc_parquet.checking import Between, corrupt, failed, may_hold

MOST = 24 * 1024  # column chunks, of which each takes about 1.3 kB of a footer in memory
Stamp = tuple[int, int, int]


@define
class Footer:
    """The footer of one file, and which row groups can hold what."""

    metadata: pq.FileMetaData
    names: list[str] = field(init=False)
    _statistics: dict[str, list[Any]] = field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        self.names = self.metadata.schema.to_arrow_schema().names

    @property
    def weight(self) -> int:
        """How many column chunks it describes."""
        return int(self.metadata.num_row_groups * self.metadata.num_columns)

    def groups(self, bounds: Sequence[Between]) -> list[int]:
        """The row groups whose statistics let a row be in them that lies within all bounds."""
        groups = range(self.metadata.num_row_groups)
        if not bounds or len(groups) == 1:
            return list(groups)
        return [each for each in groups if all(may_hold(self._of(name)[each], low, high) for name, low, high in bounds)]

    def _of(self, name: str) -> list[Any]:
        if name not in self._statistics:
            column, groups = self.names.index(name), range(self.metadata.num_row_groups)
            self._statistics[name] = [
                Extent.of(self.metadata.row_group(group).column(column).statistics) for group in groups
            ]
        return self._statistics[name]


@frozen
class Extent:
    """The least and the greatest value of a column in a row group, where the file tells them."""

    has_min_max: bool
    min: Any = None
    max: Any = None

    @classmethod
    def of(cls, statistics: Any) -> Extent:
        if statistics is None or not statistics.has_min_max:
            return cls(False)
        return cls(True, statistics.min, statistics.max)


@frozen
class OpenPart:
    """A part that is open for reading."""

    path: Path
    footer: Footer
    file: pq.ParquetFile

    def read(self, groups: Sequence[int], columns: list[str], threads: bool) -> pa.Table:
        """Some columns of some row groups, their pages held against their checksums. Raises `CorruptFileError`."""
        try:
            table = self.file.read_row_groups(list(groups), columns=columns, use_threads=threads)
        except (pa.ArrowInvalid, OSError) as error:
            if failed(error):
                raise
            raise corrupt(self.path, error) from error
        return table.replace_schema_metadata(None)


@define
class Openings:
    """Opens parts. A part that is the same file as before is not asked for its footer again, in whatever version."""

    _held: dict[str, tuple[Stamp, Footer]] = field(factory=dict, init=False)  # the longest unused first
    _weight: int = field(default=0, init=False)
    _lock: Lock = field(factory=Lock, init=False)

    def open(self, path: Path) -> OpenPart:
        """Raises `FileNotFoundError` for a part that was merged away, `CorruptFileError` for no Parquet file."""
        status = os.stat(path)
        stamp, key = (status.st_ino, status.st_size, status.st_mtime_ns), f"{path.parent.parent}/{path.name}"
        with self._lock:
            held = self._held.get(key)
            if held is not None:
                self._held[key] = self._held.pop(key)
        known = held[1] if held is not None and held[0] == stamp else None
        try:
            opening = partial(pq.ParquetFile, page_checksum_verification=True)
            file = opening(pa.memory_map(str(path)), metadata=None if known is None else known.metadata)
            footer = known or Footer(file.metadata)
        except (pa.ArrowInvalid, OSError) as error:
            if failed(error):
                raise
            raise corrupt(path, error) from error
        if known is None:
            self._hold(key, stamp, footer)
        return OpenPart(path, footer, file)

    def _hold(self, key: str, stamp: Stamp, footer: Footer) -> None:
        with self._lock:
            replaced = self._held.pop(key, None)
            self._held[key] = (stamp, footer)
            self._weight += footer.weight - (replaced[1].weight if replaced else 0)
            while self._weight > MOST and len(self._held) > 1:
                _, forgotten = self._held.pop(next(iter(self._held)))
                self._weight -= forgotten.weight
