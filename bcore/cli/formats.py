"""Rows in one of the formats, batch by batch: a long answer takes no more memory than a short one."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import IO, TYPE_CHECKING, Any

from attrs import define, field

if TYPE_CHECKING:
    import pyarrow as pa

TEXT = ("table", "json")
WIDE = 12  # columns of a table for eyes; more would wrap on every terminal
BLOCK_ROWS = 4096  # that are text at once
GROUP_ROWS, GROUP_BYTES = 2**18, 2**25  # of a row group in a Parquet file, whichever are fewer rows


def as_json(rows: pa.RecordBatchReader) -> Iterator[str]:
    """A JSON array of objects, one row a line; times as ISO 8601 UTC and NaN as null."""
    before = "[\n"
    for block in _blocks(rows):
        lines = [json.dumps({name: _plain(value) for name, value in row.items()}) for row in block.to_pylist()]
        yield before + ",\n".join(lines)
        before = ",\n"
    yield "[]\n" if before == "[\n" else "\n]\n"


def as_table(rows: pa.RecordBatchReader) -> Iterator[str]:
    """Aligned columns; the rest of a very wide table is named in a last line. Columns never become narrower."""
    names, widths = rows.schema.names[:WIDE], None
    for block in _blocks(rows):
        cells = [[_cell(row[name]) for name in names] for row in block.select(names).to_pylist()]
        first, widths = widths is None, _widths([names, *cells], widths)
        yield _lines([names, *cells] if first else cells, widths)
    if widths is None:
        yield _lines([names], _widths([names]))
    if len(rows.schema) > WIDE:
        yield f"... and {len(rows.schema) - WIDE} more columns: choose some with --columns\n"
    if widths is None:
        yield "(no rows)\n"


def write_csv(rows: pa.RecordBatchReader, sink: IO[bytes]) -> None:
    import pyarrow.csv as csv

    with csv.CSVWriter(sink, _times_as_text(rows.schema.empty_table()).schema) as writer:
        for table in _tables(rows):
            writer.write_table(_times_as_text(table))


def write_arrow(rows: pa.RecordBatchReader, sink: IO[bytes]) -> None:
    import pyarrow as pa

    with pa.ipc.new_stream(sink, rows.schema) as writer:
        for batch in rows:
            writer.write_batch(batch)


def write_parquet(rows: pa.RecordBatchReader, sink: IO[bytes]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    counted: Any = Counted(sink)
    with pq.ParquetWriter(counted, rows.schema, compression="zstd") as writer:
        held: list[pa.RecordBatch] = []
        for batch in rows:
            held.append(batch)
            if sum(each.num_rows for each in held) >= GROUP_ROWS or sum(each.nbytes for each in held) >= GROUP_BYTES:
                writer.write_table(pa.Table.from_batches(held))
                held = []
        if held:
            writer.write_table(pa.Table.from_batches(held))


BINARY = {"csv": write_csv, "arrow": write_arrow, "parquet": write_parquet}


@define(slots=False)  # an io class has slots of its own
class Counted(io.RawIOBase):
    """A pipe cannot tell how far it is, and Parquet wants to know."""

    sink: IO[bytes]
    written: int = field(default=0, init=False)

    def writable(self) -> bool:
        return True

    def write(self, content: Any) -> int:
        self.sink.write(content)
        self.written += len(content)
        return len(content)

    def tell(self) -> int:
        return self.written


def _blocks(rows: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    for batch in rows:
        for begin in range(0, batch.num_rows, BLOCK_ROWS):
            yield batch.slice(begin, BLOCK_ROWS)


def _tables(rows: pa.RecordBatchReader) -> Iterator[pa.Table]:
    import pyarrow as pa

    return (pa.Table.from_batches([batch]) for batch in rows if batch.num_rows)


def _times_as_text(table: pa.Table) -> pa.Table:
    import pyarrow as pa
    import pyarrow.compute as pc

    for index, column in enumerate(table.schema):
        if pa.types.is_timestamp(column.type):
            naive = table.column(index).cast(pa.timestamp(column.type.unit))
            text = pc.binary_join_element_wise(pc.strftime(naive, "%Y-%m-%dT%H:%M:%S"), "Z", "")
            table = table.set_column(index, column.name, text)
    return table


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    if isinstance(value, float) and value != value:
        return None
    return value


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S.%f")
    if isinstance(value, float):
        return f"{value:.10g}"
    return str(value)


def _widths(rows: Sequence[Sequence[str]], least: Sequence[int] | None = None) -> list[int]:
    least = least or [0] * len(rows[0])
    return [max(low, *(len(row[index]) for row in rows)) for index, low in enumerate(least)]


def _lines(rows: Sequence[Sequence[str]], widths: Sequence[int]) -> str:
    return "".join(line + "\n" for line in laid_out(rows, widths))


def laid_out(rows: Sequence[Sequence[str]], widths: Sequence[int]) -> list[str]:
    """Lines of cells that are as wide as told."""
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def aligned(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of columns as wide as their widest cell."""
    return laid_out([head, *rows], _widths([head, *rows]))
