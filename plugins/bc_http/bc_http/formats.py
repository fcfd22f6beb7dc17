"""The formats of an answer: each makes pieces of bytes from batches of rows, in memory that does not grow with them."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from attrs import field, frozen

from bc_http.cells import csv_cells, json_cells
from bcore.cli.formats import GROUP_BYTES, GROUP_ROWS

BLOCK_ROWS = 16384  # that become text at once
Piece = bytes | memoryview


@frozen
class Wanted:
    """How rows are to be written: times as int us or as text, and what stands around them in JSON."""

    schema: pa.Schema
    micros: bool = False
    head: Mapping[str, Any] = field(factory=dict)
    count: int = 0


Encode = Callable[[Wanted, Iterable[pa.RecordBatch]], Iterator[bytes]]


@frozen
class Format:
    """`media` are the media types by which it is asked for; answers carry the first. `counted` formats say how many
    rows they hold before the first, and so need them all."""

    name: str
    media: tuple[str, ...]
    encode: Encode
    summary: str
    counted: bool = False


def rows(wanted: Wanted, batches: Iterable[pa.RecordBatch]) -> Iterator[bytes]:
    """`{"symbol": .., "count": .., "data": [{..}, ..]}`, as the original answers."""
    yield _opened(wanted) + b'"data":['
    before = b""
    for block in _blocks(batches):
        yield before + joined(objects(block, wanted.micros), ",")
        before = b","
    yield b"]}"


def columns(wanted: Wanted, batches: Iterable[pa.RecordBatch]) -> Iterator[bytes]:
    """`{"symbol": .., "count": .., "columns": {"price": [..], ..}}`: a third of the bytes of rows."""
    table = pa.Table.from_batches(list(batches), wanted.schema)
    yield _opened(wanted) + b'"columns":{'
    if table.num_rows <= BLOCK_ROWS and table.num_columns:
        yield _listed(table.combine_chunks(), wanted.micros)
    else:
        yield from _long_columns(table, wanted.micros)
    yield b"}}"


def _listed(table: pa.Table, micros: bool) -> bytes:
    """Few rows: all columns are joined in one go."""
    cells = [json_cells(chunk, micros) for column in table.columns for chunk in column.chunks or [_nothing(column)]]
    ends = range(0, table.num_rows * len(cells) + 1, table.num_rows) if table.num_rows else [0] * (len(cells) + 1)
    lists = pa.ListArray.from_arrays(pa.array(ends, pa.int32()), pa.concat_arrays(cells))
    texts = zip(table.schema.names, pc.binary_join(lists, ",").to_pylist(), strict=True)
    return ",".join(f"{msgspec.json.encode(name).decode()}:[{text}]" for name, text in texts).encode()


def _nothing(column: pa.ChunkedArray) -> pa.Array:
    return pa.array([], column.type)


def _long_columns(table: pa.Table, micros: bool) -> Iterator[bytes]:
    for index, name in enumerate(table.schema.names):
        yield (b"," if index else b"") + msgspec.json.encode(name) + b":["
        chunks = [chunk for chunk in table.column(index).chunks if len(chunk)]
        for number, chunk in enumerate(chunks):
            yield (b"," if number else b"") + joined(json_cells(chunk, micros), ",")
        yield b"]"


def ndjson(wanted: Wanted, batches: Iterable[pa.RecordBatch]) -> Iterator[bytes]:
    """One JSON object a line."""
    for block in _blocks(batches):
        yield joined(objects(block, wanted.micros), "\n") + b"\n"


def csv(wanted: Wanted, batches: Iterable[pa.RecordBatch]) -> Iterator[bytes]:
    """RFC 4180 with a line of names."""
    yield (",".join(wanted.schema.names) + "\r\n").encode()
    for block in _blocks(batches):
        cells = [csv_cells(column, wanted.micros) for column in block.columns]
        yield joined(pc.binary_join_element_wise(*cells, ","), "\r\n") + b"\r\n"


def arrow(wanted: Wanted, batches: Iterable[pa.RecordBatch]) -> Iterator[bytes]:
    """An Arrow IPC stream."""
    sink = Pieces()
    with pa.ipc.new_stream(sink, wanted.schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
            yield sink.taken()
    yield sink.taken()


def parquet(wanted: Wanted, batches: Iterable[pa.RecordBatch]) -> Iterator[bytes]:
    """A Parquet file, its row groups as large as a quarter of a million rows or some 32 MB."""
    import pyarrow.parquet as pq

    sink = Pieces()
    with pq.ParquetWriter(sink, wanted.schema, compression="zstd") as writer:
        held: list[pa.RecordBatch] = []
        for batch in batches:
            held.append(batch)
            if sum(each.num_rows for each in held) >= GROUP_ROWS or sum(each.nbytes for each in held) >= GROUP_BYTES:
                writer.write_table(pa.Table.from_batches(held))
                held = []
                yield sink.taken()
        if held:
            writer.write_table(pa.Table.from_batches(held))
    yield sink.taken()


FORMATS = {
    each.name: each
    for each in (
        Format("json", ("application/json",), rows, "rows as JSON objects", counted=True),
        Format(
            "columns",
            ("application/vnd.bcore.columns+json",),
            columns,
            "JSON with one array per column",
            counted=True,
        ),
        Format("ndjson", ("application/x-ndjson", "application/jsonl"), ndjson, "one JSON object a line"),
        Format("csv", ("text/csv",), csv, "comma-separated values with a line of names"),
        Format("arrow", ("application/vnd.apache.arrow.stream",), arrow, "an Arrow IPC stream"),
        Format("parquet", ("application/vnd.apache.parquet",), parquet, "a Parquet file"),
    )
}


class Pieces(io.RawIOBase):
    """A file that is handed on as it grows. Parquet wants to know how far it is."""

    def __init__(self) -> None:
        self._held: list[bytes] = []
        self._written = 0

    def writable(self) -> bool:
        return True

    def write(self, content: Any) -> int:
        piece = bytes(content)
        self._held.append(piece)
        self._written += len(piece)
        return len(piece)

    def tell(self) -> int:
        return self._written

    def taken(self) -> bytes:
        """What was written since it was asked last."""
        held, self._held = self._held, []
        return held[0] if len(held) == 1 else b"".join(held)


def _blocks(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        for begin in range(0, batch.num_rows, BLOCK_ROWS):
            yield batch.slice(begin, BLOCK_ROWS)


def objects(block: pa.RecordBatch, micros: bool) -> pa.Array:
    """Each row as a JSON object."""
    parts: list[Any] = []
    for name, column in zip(block.schema.names, block.columns, strict=True):
        parts += [("," if parts else "{") + msgspec.json.encode(name).decode() + ":", json_cells(column, micros)]
    return pc.binary_join_element_wise(*parts, "}", "") if parts else pa.repeat("{}", block.num_rows)


def joined(cells: pa.Array, separator: str) -> bytes:
    """All the cells as one text."""
    whole = pa.ListArray.from_arrays(pa.array([0, len(cells)], pa.int32()), cells)
    text: bytes = pc.binary_join(whole, separator)[0].as_buffer().to_pybytes()
    return text


def _opened(wanted: Wanted) -> bytes:
    head = {name: value for name, value in wanted.head.items() if name not in ("count", "data", "columns")}
    return msgspec.json.encode({**head, "count": wanted.count})[:-1] + b","
