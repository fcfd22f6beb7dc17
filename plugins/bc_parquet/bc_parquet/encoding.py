"""How columns are encoded: ids and times as deltas, the rest plain or by dictionary, each in the codec that suits it.

Measured on real trades against the defaults of common writers: 7 to 8 bytes a trade instead of 28 to 32. Where LZ4
costs hardly a byte more than zstd, it is taken: its pages are read two to five times faster.

Where several rows make one thing, as the levels of an event of a book do, a question for a few things reads many rows
anyhow. Row groups are then larger, which dictionaries gain most by, and speed is worth fewer bytes of a row: changes of
books take 4.4 to 4.7 bytes instead of 5.3 to 5.7.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import log
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from attrs import define, evolve, field, frozen

from bc_parquet.metadata import DATASET, dataset_of

ROW_GROUP = 32 * 1024  # what a small question has to decode; against 128 k: 4 x less work for 8 % more bytes
WIDEST_GROUP = 4  # times as many rows, where several make one thing,
LARGE = 1024  # unless one has more rows than these: then few of them are all that is asked for
GROUP_VALUES = 2**20  # but no more values than these, in whatever many columns
SWIFT_LEVEL = 1  # of a few rows:
FEW = 2 * 1024  # the footer is the larger part of their file
SMALL = 8 * 1024  # rows of a small file,
SMALL_LEVEL = 12  # of which bytes count where it may stay as it is: there are few
TRIAL_ROWS = 4 * 1024  # below this the choice between plain and dictionary saves next to nothing
ALIKE = 2  # times as many rows: of the next size
AGAIN = 16  # files, after which what suits is tried out again
SWIFT = 0.4  # bytes a value that reading without zstd is worth, shared by the rows of a thing
# Types that come back from Parquet as they were, without a copy of the Arrow schema in every file.
NATIVE = {"float", "double", "bool", "string", "timestamp[us, tz=UTC]"}
NATIVE |= {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}


@frozen
class Encoding:
    """How one column is written: `codec` is "zstd" of that level or "lz4"; `style` "DELTA", "PLAIN" or "DICTIONARY"."""

    style: str
    codec: str
    level: int | None

    def size(self, sample: pa.Table) -> float:
        """Bytes of a table of one column. Only dictionaries take less the more rows there are; else some rows tell."""
        told = sample if self.style == "DICTIONARY" else sample.slice(0, ROW_GROUP)
        sink = pa.BufferOutputStream()
        write_encoded(told, sink, {told.column_names[0]: self}, statistics=False, group=told.num_rows)
        return float(sink.getvalue().size * sample.num_rows / told.num_rows)


@define
class Suited:
    """The encodings that suited a series' files, by the size of their row groups: they suit the next of that size.

    Trying them out takes twice as long as writing a file of one row group. It is done again after `AGAIN` files:
    what a series holds may change.
    """

    _known: dict[int, tuple[dict[str, Encoding], int]] = field(factory=dict, init=False)  # and for how many more files

    def of(self, table: pa.Table, level: int, group: int, each: float) -> dict[str, Encoding]:
        size = round(log(min(table.num_rows, group), ALIKE))
        encodings, left = self._known.get(size, ({}, 0))  # appends and merges share it
        if left == 0 or list(encodings) != table.column_names:
            encodings, left = _tried(table, level, group, each), AGAIN
        self._known[size] = encodings, left - 1
        return encodings


def write(table: pa.Table, path: Path, level: int, *, lasting: bool = True, suited: Suited | None = None) -> None:
    """Writes the table, with its schema's metadata, and with the encodings that suit its columns.

    Up to a row group of rows that are not `lasting` are merged before long: nothing is tried out, and LZ4 takes the
    least time, to write and for the merge to read. So are a few rows, but they may wait long for others.
    """
    each = 1.0 if table.num_rows <= ROW_GROUP and not lasting else _rows_each(table, path)
    group = _group_rows(each, table.num_columns)
    if not lasting and table.num_rows <= ROW_GROUP:
        encodings = {name: evolve(each, codec="lz4", level=None) for name, each in _likeliest(table, level).items()}
    elif table.num_rows <= FEW:
        encodings = _likeliest(table, min(level, SWIFT_LEVEL))
    elif table.num_rows > SMALL:
        encodings = (suited or Suited()).of(table, level, group, each)
    else:
        encodings = _tried(table, max(level, SMALL_LEVEL), group, each)
    if table.num_rows > SMALL:
        write_encoded(table, path, encodings, _bounded(table, path, group), group)
        return
    sink = pa.BufferOutputStream()  # in one piece: a path costs as much as the rows do
    write_encoded(table, sink, encodings, _bounded(table, path, group), group)
    path.write_bytes(memoryview(sink.getvalue()))


def write_encoded(
    table: pa.Table, to: Any, encodings: dict[str, Encoding], statistics: bool | list[str], group: int = ROW_GROUP
) -> None:
    """Writes the table to a path or a sink, with its schema's metadata. `statistics`: of which columns."""
    levels = {name: each.level for name, each in encodings.items() if each.level is not None}
    foreign = any(str(field.type) not in NATIVE for field in table.schema)
    with pq.ParquetWriter(
        to,
        # Where the Arrow schema is stored, its metadata is all that Arrow gives back.
        table.schema if foreign else table.schema.remove_metadata(),
        compression={name: each.codec for name, each in encodings.items()},
        compression_level=levels or None,
        use_dictionary=[name for name, each in encodings.items() if each.style == "DICTIONARY"],
        column_encoding={name: "DELTA_BINARY_PACKED" for name, each in encodings.items() if each.style == "DELTA"},
        write_statistics=statistics,
        write_page_checksum=True,
        store_schema=foreign,
    ) as writer:
        writer.write_table(table.replace_schema_metadata(None), row_group_size=group)
        if not foreign:
            writer.add_key_value_metadata(table.schema.metadata or {})


def _rows_each(table: pa.Table, path: Path) -> float:
    """How many rows have one value of the leading column of the key: they make one thing."""
    if table.num_rows <= SMALL or DATASET not in (table.schema.metadata or {}):
        return 1.0
    leading = table.column(dataset_of(table.schema, str(path)).key[0]).combine_chunks()
    return float(table.num_rows / (1 + pc.sum(pc.not_equal(leading[1:], leading[:-1])).as_py()))


def _group_rows(each: float, columns: int) -> int:
    rows = min(round(ROW_GROUP * each), WIDEST_GROUP * ROW_GROUP, GROUP_VALUES // columns)
    return max(rows, ROW_GROUP) if each <= LARGE else ROW_GROUP


def _bounded(table: pa.Table, path: Path, group: int) -> bool | list[str]:
    """The columns with statistics. In a file of one row group those of the key and the time are all that skip any."""
    if table.num_rows > group or DATASET not in (table.schema.metadata or {}):
        return True
    dataset = dataset_of(table.schema, str(path))
    return [name for name in table.column_names if name in (*dataset.key, dataset.time)]


def _likeliest(table: pa.Table, level: int) -> dict[str, Encoding]:
    return {column.name: next(_candidates(column.type, table.num_rows, level)) for column in table.schema}


def _tried(table: pa.Table, level: int, group: int, each: float) -> dict[str, Encoding]:
    return {name: _suiting(table.select([name]), level, group, each) for name in table.column_names}


def _suiting(column: pa.Table, level: int, group: int, each: float) -> Encoding:
    """The encoding for a table of one column: tried out, where there are rows enough for the choice to matter."""
    candidates = list(_candidates(column.schema.types[0], column.num_rows, level))
    if len(candidates) == 1:
        return candidates[0]
    sample = column.slice(0, group).replace_schema_metadata(None)
    sizes = {tried: tried.size(sample) for tried in candidates}
    swift = [tried for tried in candidates if tried.codec != "zstd"]
    least = min(candidates, key=sizes.__getitem__)
    best = min(swift, key=sizes.__getitem__, default=least)
    return best if sizes[best] - sizes[least] <= SWIFT / each * sample.num_rows else least


def _candidates(kind: pa.DataType, rows: int, level: int) -> Iterator[Encoding]:
    """What may suit values of the type, the likeliest first."""
    small = rows <= SMALL
    if pa.types.is_floating(kind):
        # Two levels more make floats a tenth smaller, and no slower to read.
        level = level if small else min(level + 2, 22)
        yield Encoding("PLAIN", "zstd", level)
        styles = ["DICTIONARY"] if rows >= TRIAL_ROWS else []
    else:
        styles = ["DELTA" if _is_whole(kind) else "PLAIN" if _is_plain(kind, small) else "DICTIONARY"]
    for style in styles:
        yield Encoding(style, "zstd", level)
        if not small:
            yield Encoding(style, "lz4", None)


def _is_plain(kind: pa.DataType, small: bool) -> bool:
    """Flags; and in small files texts. Bytes, such as a side, are few different ones and always take less by number."""
    return bool(pa.types.is_boolean(kind) or (small and not pa.types.is_int8(kind)))


def _is_whole(kind: pa.DataType) -> bool:
    return bool(pa.types.is_int64(kind) or pa.types.is_int32(kind) or pa.types.is_timestamp(kind))
