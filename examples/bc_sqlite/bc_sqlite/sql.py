"""Between Arrow and SQL: column types, values, and a query as a SELECT."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import pyarrow as pa

from bcore.errors import StoreError
from bcore.query import Query


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def type_of(kind: pa.DataType) -> str:
    if pa.types.is_floating(kind):
        return "REAL"
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind) or pa.types.is_timestamp(kind):
        return "INTEGER"
    if pa.types.is_string(kind):
        return "TEXT"
    raise StoreError(f"the sqlite store keeps no columns of type {kind}")


def values_of(table: pa.Table) -> Iterable[tuple[Any, ...]]:
    """Rows as SQLite takes them: times as whole numbers."""
    columns = [_plain(table.column(each.name), each.type).to_pylist() for each in table.schema]
    return zip(*columns, strict=True)


def _plain(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    return column.cast("int64") if pa.types.is_timestamp(kind) or pa.types.is_boolean(kind) else column


def columns_of(rows: Sequence[Sequence[Any]], schema: pa.Schema) -> pa.Table:
    columns = zip(*rows, strict=True) if rows else [()] * len(schema)
    return pa.Table.from_arrays(
        [_array(values, each.type) for values, each in zip(columns, schema, strict=True)], schema=schema
    )


def _array(values: Iterable[Any], kind: pa.DataType) -> pa.Array:
    if pa.types.is_timestamp(kind) or pa.types.is_boolean(kind):
        return pa.array(list(values), pa.int64()).cast(kind)
    return pa.array(list(values), kind)


def select(query: Query, table: str, wanted: Sequence[str], held: Collection[str]) -> tuple[str, tuple[Any, ...]]:
    """The query in SQL, newest row first where a tail is asked for. Columns that are not held yet are null."""
    columns = ", ".join(quoted(name) if name in held else f"NULL AS {quoted(name)}" for name in wanted)
    conditions, values = _conditions(query)
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    way = "DESC" if query.tail is not None else "ASC"
    order = ", ".join(f"{quoted(name)} {way}" for name in query.dataset.key)
    count = query.tail if query.tail is not None else query.limit
    limit = f" LIMIT {-1 if count is None else count} OFFSET {query.offset}"
    return f"SELECT {columns} FROM {table}{where} ORDER BY {order}{limit}", tuple(values)


def _conditions(query: Query) -> tuple[list[str], list[Any]]:
    bounds = (
        (query.dataset.time, ">=", query.start),
        (query.dataset.time, "<", query.end),
        (query.dataset.sequence, ">=", query.first),
        (query.dataset.sequence, "<=", query.last),
    )
    asked = [(f"{quoted(str(name))} {how} ?", value) for name, how, value in bounds if value is not None]
    conditions, values = [text for text, _ in asked], [value for _, value in asked]
    for facet, accepted in query.where.items():
        conditions.append(f"{quoted(facet)} IN ({', '.join('?' * len(accepted))})")
        values.extend(accepted)
    return conditions, values
