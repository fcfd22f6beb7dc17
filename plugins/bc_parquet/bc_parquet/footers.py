"""What the footers of parts tell, read once for each file."""

from __future__ import annotations

import os
from pathlib import Path
from threading import Lock

import pyarrow as pa
import pyarrow.parquet as pq
from attrs import define, field, frozen

from bc_parquet.checking import corrupt, failed

MOST = 4096
Stamp = tuple[int, int, int]


@frozen
class Footer:
    """The schema with its metadata, how many rows there are, and how long the file is in bytes."""

    schema: pa.Schema
    rows: int
    bytes: int


@define
class Footers:
    """The footers of files, remembered by name: a part of the same name holds the same rows in every version."""

    _held: dict[str, tuple[Stamp, Footer]] = field(factory=dict, init=False)
    _lock: Lock = field(factory=Lock, init=False)

    def of(self, path: Path) -> Footer:
        """Read anew where the file is another one than before.

        Raises `CorruptFileError` for a file that has no footer, `OSError` where the machine refuses to give it.
        """
        status = os.stat(path)
        stamp, key = (status.st_ino, status.st_size, status.st_mtime_ns), f"{path.parent.parent}/{path.name}"
        with self._lock:
            held = self._held.get(key)
        if held is not None and held[0] == stamp:
            return held[1]
        footer = self._read(path, status.st_size)
        with self._lock:
            if len(self._held) >= MOST:
                self._held.clear()
            self._held[key] = (stamp, footer)
        return footer

    def _read(self, path: Path, size: int) -> Footer:
        try:
            with pq.ParquetFile(path) as file:
                return Footer(file.schema_arrow, file.metadata.num_rows, size)
        except (pa.ArrowInvalid, OSError) as error:
            if failed(error):
                raise
            raise corrupt(path, error) from error
