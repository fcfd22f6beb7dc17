"""Parquet files of which only the end is here: enough to tell what they hold, not to read the rows before it.

Such a file is as long as the whole one, and sparse; where a whole one begins with Parquet's mark, it says from where on
its bytes are here. The end of a Parquet file has its footer, and footers tell where each group of rows begins.
"""

from __future__ import annotations

import os
import re
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import frozen

if TYPE_CHECKING:
    import pyarrow.parquet as pq

    from bcore.query import Query

SMALL = 128 * 1024  # a file that is no longer comes whole
END = 64 * 1024  # of a longer one; most footers are shorter
MARK = re.compile(rb"bcore has this file from (\d{20})\n")
PARQUET, TRAILER = b"PAR1", 8
Span = tuple[Any, Any]


def here_from(path: Path) -> int:
    """From which byte on the file is here: 0 for a whole one."""
    with path.open("rb") as file:
        found = MARK.match(file.read(64))
    return int(found[1]) if found else 0


def mark(path: Path, begin: int) -> None:
    """Notes in a file that it is here from that byte on only. There must be room before."""
    if begin:
        with path.open("r+b") as file:
            file.write(b"bcore has this file from %020d\n" % begin)


def end_of(size: int) -> int:
    """From which byte on a file of that size is fetched when it is first seen."""
    return 0 if size <= SMALL else size - END


def footer_begin(path: Path) -> int:
    """Where the footer begins, by the last bytes; 0 for what is no Parquet file."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(size - TRAILER, 0))
        last = file.read()
    if len(last) < TRAILER or last[4:] != PARQUET:
        return 0
    (length,) = struct.unpack("<I", last[:4])
    return max(size - TRAILER - int(length), 0)


@frozen
class Group:
    """A group of rows: where it begins, how many they are, the range of their times (us) and ids where that is told."""

    begin: int
    rows: int
    times: Span | None
    ids: Span | None

    def meets(self, query: Query) -> bool:
        """Whether any row of it may be asked for."""
        end = None if query.end is None else query.end - 1
        return _meets(self.times, query.start, end) and _meets(self.ids, query.first, query.last)

    def within(self, query: Query) -> bool:
        """Whether all rows of it have ids that are asked for."""
        if query.first is None and query.last is None:
            return True
        if self.ids is None:
            return False
        low, high = self.ids
        return (query.first is None or low >= query.first) and (query.last is None or high <= query.last)


def groups_of(path: Path, query: Query) -> list[Group]:
    """The groups of rows of a file, by its footer. One without is wanted whole: the store says what is wrong."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        told = pq.read_metadata(path)
    except (pa.ArrowInvalid, OSError):
        return [Group(0, 0, None, None)]
    names = [told.schema.column(number).name for number in range(told.num_columns)]
    return [_group(told.row_group(number), names, query) for number in range(told.num_row_groups)]


def needed_from(files: dict[Path, list[Group]], query: Query) -> dict[Path, int]:
    """Of each file that the query reads, from which byte on. `files` in the order of keys."""
    countable = not query.where and query.start is None and query.end is None
    count = query.tail if query.tail is not None else query.limit
    wanted = None if count is None or not countable else count + query.offset
    steps = [(path, group) for path, groups in files.items() for group in groups if group.meets(query)]
    found: dict[Path, int] = {}
    for path, group in reversed(steps) if query.tail is not None else steps:
        if wanted is not None and wanted <= 0:
            break
        found[path] = min(group.begin, found.get(path, group.begin))
        if wanted is not None and group.within(query):
            wanted -= group.rows
    return found


def _group(told: pq.RowGroupMetaData, names: list[str], query: Query) -> Group:
    dataset, columns = query.dataset, [told.column(number) for number in range(told.num_columns)]
    begins = [number for each in columns for number in (each.dictionary_page_offset, each.data_page_offset)]
    begin = min((number for number in begins if number), default=0)
    ids = None if dataset.sequence is None else _range(columns, names, dataset.sequence)
    times = _range(columns, names, dataset.time)
    return Group(0 if begin <= len(PARQUET) else begin, told.num_rows, times and (_us(times[0]), _us(times[1])), ids)


def _range(columns: list[Any], names: list[str], name: str) -> Span | None:
    statistics = columns[names.index(name)].statistics if name in names else None
    return (statistics.min, statistics.max) if statistics is not None and statistics.has_min_max else None


def _us(time: Any) -> int:
    from bcore.instants import from_datetime

    return from_datetime(time)


def _meets(told: Span | None, low: int | None, high: int | None) -> bool:
    return told is None or ((low is None or told[1] >= low) and (high is None or told[0] <= high))


def leftovers(path: Path) -> list[Path]:
    """What has come of the file, from whatever bytes on, and is not whole yet."""
    return [each for each in _arriving(path).iterdir() if each.name.rpartition(".")[0] == path.name]


def begun(path: Path, begin: int) -> Path:
    """Where the file grows while it comes from that byte on; what was cut off there goes on where it was."""
    _arriving(path).mkdir(parents=True, exist_ok=True)
    part = _arriving(path) / f"{path.name}.{begin}"
    if not part.exists():
        part.touch()
        os.truncate(part, begin)
    return part


def _arriving(path: Path) -> Path:
    """Beside the versions of its series: a version has nothing but complete files."""
    return path.parent.parent / "arriving"
