"""Which parts to merge, and proof that a merged file holds what they held."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, pairwise
from pathlib import Path
from zlib import crc32

import pyarrow as pa

from bc_parquet.names import Part
from bcore.errors import StoreError

SOON = 24  # small parts side by side from which the background merges
MOST_PARTS = 32  # and beyond which an append merges itself, so that there are never more
FEW = 8  # parts without a hole between them that are worth a merge of their own
SEALED_BYTES = 64 * 2**20  # of rows in memory; a larger part is never read again to be merged


def first_merge(name: str) -> int:
    """How many small parts a series has when it is first merged: each series another number up to `SOON`.

    Hundreds of series that begin together would else be merged together, again and again, while all that comes waits.
    """
    return SOON - crc32(name.encode()) % (SOON // 2)


def worth_merging(parts: Sequence[Part], row_bytes: int, most: int = MOST_PARTS, whole: bool = False) -> list[Part]:
    """Neighbours to merge into one, oldest first; none while at most `most` small parts stand side by side.

    A part takes part in a merge unless it is larger than all that come after it together. Rows are then rewritten
    two or three times in all where a flush is a thousandth of a sealed part, whatever the length of the series; if
    equals were left alone, too, many would have to be read each time the count is reached.

    With `whole` (leading keys are a sequence) parts with a hole between them stay apart while there are few of them:
    a back-fill that fills the hole then adds parts, where it would have had to rewrite a part that spans it.

    A merge holds its rows in memory: no more than two sealed parts' of them at once, but always two parts.
    """
    sealed_rows = max(SEALED_BYTES // row_bytes, 1)
    longest = max(_small_runs(parts, sealed_rows), key=len, default=[])
    unbroken = max(_unbroken(longest), key=len, default=[]) if whole else longest
    if len(longest) > most and len(unbroken) >= min(FEW, most + 1):
        return _at_once(unbroken[_split(unbroken) :], 2 * sealed_rows)
    if len(longest) > max(most, SOON):
        return _at_once(longest[_split(longest) :], 2 * sealed_rows)
    return []


def _at_once(run: Sequence[Part], most_rows: int) -> list[Part]:
    """The oldest of the run that fit into one merge."""
    sums = accumulate(part.rows for part in run)
    return list(run[: max(sum(rows <= most_rows for rows in sums), 2)])


def _small_runs(parts: Sequence[Part], sealed_rows: int) -> Iterator[list[Part]]:
    run: list[Part] = []
    for part in parts:
        if part.rows >= sealed_rows:
            yield run
            run = []
        else:
            run.append(part)
    yield run


def _unbroken(run: Sequence[Part]) -> Iterator[list[Part]]:
    """The run cut wherever a value of the sequence is missing between two parts."""
    ends = [index for index, (a, b) in enumerate(pairwise(run), 1) if b.first > a.last + 1]
    yield from (list(run[begin:end]) for begin, end in pairwise([0, *ends, len(run)]))


def _split(run: Sequence[Part]) -> int:
    """Where the merge begins: before it, each part is larger than everything after it."""
    begin, after = len(run) - 1, run[-1].rows
    while begin > 0 and (run[begin - 1].rows <= after or len(run) - begin < 2):
        begin -= 1
        after += run[begin].rows
    return begin


def assert_equal(written: Iterable[pa.Table], meant: pa.Table, path: Path) -> None:
    """Raises `StoreError` if the pieces that were written are not exactly the rows that were meant, bit for bit."""
    end = 0
    for piece in written:
        begin, end = end, end + piece.num_rows
        if not equal(piece, meant.slice(begin, piece.num_rows)):
            break
    else:
        if end == meant.num_rows:
            return
    raise StoreError(f"{path}: what was written does not read back as it was meant; the old files are kept")


def equal(one: pa.Table, other: pa.Table) -> bool:
    """Whether two tables hold the same rows in the columns of the second, bit for bit."""
    return one.num_rows == other.num_rows and all(
        _bits(one.column(name)).equals(_bits(other.column(name))) for name in other.column_names
    )


def _bits(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Floats as their bits: NaN, which stands where liquidity ends, equals nothing, not even itself."""
    return column.combine_chunks().view(pa.int64()) if pa.types.is_float64(column.type) else column
