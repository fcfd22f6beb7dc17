"""Telling a sound file from one that was cut off, overwritten or never ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from bc_parquet.names import Part
from bcore.errors import CorruptFileError

MANY = 64 * 1024  # rows of a file that threads read sooner; fewer take them half as much time again
Between = tuple[str, Any, Any]  # a column, and its least and greatest value of interest
REMEDY = (
    "stop the collector and run `bcore compact`, which moves it to the archive's quarantine; what it held then shows "
    "as a gap in `bcore stats`"
)


def damage(path: Path, part: Part) -> str | None:
    """What the footer shows to be wrong with a file; None if it is sound. A disk that fails raises `OSError`."""
    try:
        rows = pq.read_metadata(path).num_rows
    except (pa.ArrowInvalid, OSError) as error:
        if failed(error):
            raise
        return str(error)
    return None if rows == part.rows else f"it holds {rows} rows, and its name says {part.rows}"


def checked(path: Path, columns: list[str] | None = None, between: Between | None = None) -> pa.Table:
    """The rows of a file, its pages held against their checksums. Raises `CorruptFileError`.

    `between` leaves out row groups whose statistics show that no row of theirs can lie in it.
    """
    with _opened(path) as file:
        groups = [group for group in range(file.num_row_groups) if between is None or _meets(file, group, between)]
        many = file.metadata.num_rows > MANY
        return file.read_row_groups(groups, columns=columns, use_threads=many).replace_schema_metadata(None)


def pieces(path: Path) -> Iterator[pa.Table]:
    """The rows of a file as `checked` gives them, one row group after the other."""
    with _opened(path) as file:
        for group in range(file.num_row_groups):
            yield file.read_row_group(group, use_threads=False).replace_schema_metadata(None)


def decoded(content: bytes, path: Path, *, pages: bool) -> tuple[pa.Table, pa.Schema]:
    """The rows of the file that has these bytes, and its schema with what its footer says.

    `pages`: whether to hold them against their checksums. Raises `CorruptFileError` that names the path.
    """
    with _opened(path, pa.BufferReader(content), pages=pages) as file:
        table = file.read(use_threads=file.metadata.num_rows > MANY)
        return table.replace_schema_metadata(None), file.schema_arrow


@contextmanager
def _opened(path: Path, source: pa.NativeFile | None = None, *, pages: bool = True) -> Iterator[pq.ParquetFile]:
    try:
        with pq.ParquetFile(source or path, page_checksum_verification=pages) as file:
            yield file
    except (pa.ArrowInvalid, OSError) as error:
        if failed(error):
            raise
        raise corrupt(path, error) from error


def _meets(file: pq.ParquetFile, group: int, between: Between) -> bool:
    name, low, high = between
    column = file.metadata.row_group(group).column(file.schema_arrow.names.index(name))
    return may_hold(column.statistics, low, high)


def may_hold(statistics: Any, low: Any, high: Any) -> bool:
    """Whether a value from `low` to `high` (None: unbounded) can be in the column that the statistics are of."""
    if statistics is None or not statistics.has_min_max:
        return True
    return (low is None or statistics.max >= low) and (high is None or statistics.min <= high)


def failed(error: Exception) -> bool:
    """Whether the machine refused (no such file, no permission, EIO, too many files), and not the file's content."""
    return isinstance(error, OSError) and error.errno is not None


def corrupt(path: Path, error: object) -> CorruptFileError:
    return CorruptFileError(f"{path} cannot be read: {error}; {REMEDY}")
