"""Rows in as few bytes as can be, for the wire.

Prices and quantities are decimals, in which floats show no pattern: as whole numbers of their last digit they do. Rows
that share the values of their facets (snapshots at one tick size) are put together, each column becomes the steps from
one row to the next, and all of it is compressed in one piece. What does not come back to the last bit stays as it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from math import isfinite
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

LEVEL = 3
MOST_DECIMALS = 8
SAMPLE = 32  # values that tell how many decimals a column has at least
NO_NUMBER = -(2**63)
EXACT = 2**53  # whole numbers below this are floats too
ORDER = "\0order"
PLAIN, STEPS = -2, -1  # styles of a column; a number of decimals is one too


def packed_schema() -> pa.Schema:
    """Of what is packed: a row for each batch, and one without rows before them, which tells what they are of."""
    import pyarrow as pa

    number = pa.int64()
    told = {"schema": pa.binary(), "styles": pa.string(), "content": pa.binary(), "size": number, "rows": number}
    return pa.schema(told)


def rows_in(batch: pa.RecordBatch) -> int:
    """How many rows it holds, packed or not."""
    if batch.schema.names != packed_schema().names:
        return int(batch.num_rows)
    return sum(batch.column("rows").to_pylist())


def packed(
    schema: pa.Schema, batches: Iterable[pa.RecordBatch], facets: Sequence[str] = ()
) -> Iterator[pa.RecordBatch]:
    """Each batch as one row."""
    yield _packed(schema.empty_table(), ())
    for batch in batches:
        import pyarrow as pa

        yield _packed(pa.Table.from_batches([batch]), facets)


def unpacked(reader: pa.RecordBatchReader) -> pa.RecordBatchReader:
    """What was packed; what was not comes as it is."""
    import pyarrow as pa

    if not reader.schema.equals(packed_schema()):
        return reader
    schema = _unpacked(reader.read_next_batch()).schema
    batches = (batch for row in reader for batch in _unpacked(row).to_batches())
    return pa.RecordBatchReader.from_batches(schema, batches)


def _packed(table: pa.Table, facets: Sequence[str]) -> pa.RecordBatch:
    import pyarrow as pa
    import pyarrow.compute as pc

    order = None
    if facets and table.num_rows:
        order = pc.sort_indices(table, sort_keys=[(name, "ascending") for name in facets])
    kept = (table if order is None else table.take(order)).combine_chunks()
    columns, styles = {}, []
    for name, column in zip(table.column_names, kept.columns, strict=True):
        whole = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
        columns[name], style = _stepped(whole)
        styles.append(style)
    if order is not None:
        columns[ORDER] = order.cast(pa.int32())
    content = _streamed(pa.table(columns))
    row = {
        "schema": table.schema.serialize().to_pybytes(),
        "styles": json.dumps(styles),
        "content": pa.Codec("zstd", compression_level=LEVEL).compress(content, asbytes=True),
        "size": content.size,
        "rows": table.num_rows,
    }
    return pa.RecordBatch.from_pylist([row], schema=packed_schema())


def _unpacked(batch: pa.RecordBatch) -> pa.Table:
    import pyarrow as pa
    import pyarrow.compute as pc

    (row,) = batch.to_pylist()
    schema = pa.ipc.read_schema(pa.py_buffer(row["schema"]))
    content = pa.Codec("zstd").decompress(row["content"], decompressed_size=row["size"])
    stepped = pa.ipc.open_stream(content).read_all()
    columns = [
        _restored(stepped.column(name).combine_chunks(), style, schema.field(name).type)
        for name, style in zip(schema.names, json.loads(row["styles"]), strict=True)
    ]
    found = pa.Table.from_arrays(columns, schema=schema)
    return found.take(pc.sort_indices(stepped.column(ORDER))) if ORDER in stepped.column_names else found


def _streamed(table: pa.Table) -> pa.Buffer:
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return sink.getvalue()


def _stepped(column: pa.Array) -> tuple[pa.Array, int]:
    """The column as steps from row to row where that is exact, and how it was done."""
    import pyarrow as pa

    kind = column.type
    if not len(column) or column.null_count:
        return column, PLAIN
    if pa.types.is_int64(kind) or pa.types.is_timestamp(kind):
        return _steps(column.view(pa.int64())), STEPS
    if pa.types.is_float64(kind):
        for decimals in range(max(_decimals(column), 0), MOST_DECIMALS + 1):
            scaled = _scaled(column, decimals)
            if scaled is not None:
                return _steps(scaled), decimals
    return column, PLAIN


def _restored(column: pa.Array, style: int, kind: pa.DataType) -> pa.Array:
    import pyarrow.compute as pc

    if style == PLAIN:
        return column
    whole = pc.cumulative_sum(column)
    return whole.view(kind) if style == STEPS else _unscaled(whole, style)


def _steps(column: pa.Array) -> pa.Array:
    """Differences, the first to nothing; they wrap around, and so does their sum."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return pa.concat_arrays([column.slice(0, 1), pc.pairwise_diff(column).slice(1)])


def _decimals(column: pa.Array) -> int:
    """How many some values have, evenly spread over the column."""
    places = range(0, len(column), max(len(column) // SAMPLE, 1))
    found = [value for place in places if isfinite(value := column[place].as_py())]
    return max((-int(Decimal(repr(value)).normalize().as_tuple().exponent) for value in found if value), default=0)


def _scaled(column: pa.Array, decimals: int) -> pa.Array | None:
    """As whole numbers of so many decimals; None where that would not come back to the last bit."""
    import pyarrow as pa
    import pyarrow.compute as pc

    missing = pc.is_nan(column)
    scaled = pc.round(pc.multiply(pc.if_else(missing, 0.0, column), float(10**decimals)))
    bounds: Any = pc.min_max(scaled).as_py()
    if not -EXACT < bounds["min"] <= bounds["max"] < EXACT:
        return None
    whole = pc.if_else(missing, NO_NUMBER, scaled.cast(pa.int64()))
    back = _unscaled(whole, decimals)
    return whole if back.view(pa.int64()).equals(column.view(pa.int64())) else None


def _unscaled(whole: pa.Array, decimals: int) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    missing = pc.equal(whole, NO_NUMBER)
    value = pc.divide(pc.if_else(missing, 0, whole).cast(pa.float64()), float(10**decimals))
    return pc.if_else(missing, float("nan"), value)
