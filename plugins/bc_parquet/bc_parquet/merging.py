"""Which parts to merge, and proof that a merged file holds what they held."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from bc_parquet.names import Part
from bcore.errors import StoreError

MOST_PARTS = 32
SEALED_BYTES = 64 * 2**20  # of rows in memory; a larger part is never read again to be merged


def worth_merging(parts: Sequence[Part], row_bytes: int, most: int = MOST_PARTS) -> list[Part]:
    """Neighbours to merge into one, oldest first; none while at most `most` small parts stand side by side.

    Small parts are kept so that each is at least as large as all after it together: a row is then rewritten about
    log2(rows of a sealed part / rows of a flush) times in all, whatever the length of the series.
    """
    longest = max(_small_runs(parts, max(SEALED_BYTES // row_bytes, 1)), key=len, default=[])
    if len(longest) <= most:
        return []
    return longest[_split(longest) :]


def _small_runs(parts: Sequence[Part], sealed_rows: int) -> Iterator[list[Part]]:
    run: list[Part] = []
    for part in parts:
        if part.rows >= sealed_rows:
            yield run
            run = []
        else:
            run.append(part)
    yield run


def _split(run: Sequence[Part]) -> int:
    """Where the merge begins: before it, each part is larger than everything after it."""
    begin, after = len(run) - 1, run[-1].rows
    while begin > 0 and (run[begin - 1].rows < 2 * after or len(run) - begin < 2):
        begin -= 1
        after += run[begin].rows
    return begin


def assert_equal(written: pa.Table, meant: pa.Table, path: Path) -> None:
    """Raises `StoreError` if the file that was written does not hold exactly the rows that were meant, bit for bit."""
    same = written.num_rows == meant.num_rows and all(
        _bits(written.column(name)).equals(_bits(meant.column(name))) for name in meant.column_names
    )
    if not same:
        raise StoreError(f"{path}: what was written does not read back as it was meant; the old files are kept")


def _bits(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Floats as their bits: NaN, which stands where liquidity ends, equals nothing, not even itself."""
    return column.combine_chunks().view(pa.int64()) if pa.types.is_float64(column.type) else column
