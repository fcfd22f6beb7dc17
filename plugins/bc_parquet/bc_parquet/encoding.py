"""How columns are encoded: ids and times as deltas, the rest plain or by dictionary, whichever comes out smaller.

Measured on real trades against the defaults of common writers: 6 to 9 bytes a trade instead of 28 to 32.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

ROW_GROUP = 32 * 1024  # what a small question has to decode; against 128 k: 4 x less work for 8 % more bytes
TRIAL_ROWS = 4 * 1024  # below this the choice between plain and dictionary saves next to nothing
# Types that come back from Parquet as they were, without a copy of the Arrow schema in every file.
NATIVE = {"int32", "int64", "float", "double", "bool", "string", "timestamp[us, tz=UTC]"}


def write(table: pa.Table, path: Path, level: int) -> None:
    """Writes the table, with its schema's metadata, and with the encodings that suit its columns."""
    deltas = {field.name: "DELTA_BINARY_PACKED" for field in table.schema if _is_whole(field.type)}
    dictionary = [name for name in table.column_names if name not in deltas and _repeats(table, name, level)]
    with pq.ParquetWriter(
        path,
        table.schema.remove_metadata(),
        compression="zstd",
        compression_level=level,
        use_dictionary=dictionary,
        column_encoding=deltas,
        write_statistics=True,
        write_page_checksum=True,
        store_schema=any(str(field.type) not in NATIVE for field in table.schema),
    ) as writer:
        writer.write_table(table.replace_schema_metadata(None), row_group_size=ROW_GROUP)
        writer.add_key_value_metadata(table.schema.metadata or {})


def _is_whole(kind: pa.DataType) -> bool:
    return bool(pa.types.is_int64(kind) or pa.types.is_int32(kind) or pa.types.is_timestamp(kind))


def _repeats(table: pa.Table, name: str, level: int) -> bool:
    """Whether the column is smaller with a dictionary: tried out on numbers, known of everything else."""
    column = table.column(name)
    if not pa.types.is_floating(column.type):
        return not pa.types.is_boolean(column.type)
    if len(column) < TRIAL_ROWS:
        return False
    sample = pa.table({name: column.slice(0, ROW_GROUP)})
    return _size(sample, level, dictionary=True) < _size(sample, level, dictionary=False)


def _size(table: pa.Table, level: int, **options: Any) -> int:
    sink = pa.BufferOutputStream()
    use = options["dictionary"]
    pq.write_table(
        table, sink, compression="zstd", compression_level=level, use_dictionary=use, row_group_size=ROW_GROUP
    )
    return int(sink.getvalue().size)
