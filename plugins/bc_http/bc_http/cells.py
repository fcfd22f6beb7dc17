"""Columns as text, made by Arrow for whole columns at once: what JSON and CSV are joined from."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from bcore.instants import iso

NULL = "null"


def json_cells(column: pa.Array, micros: bool = False) -> pa.Array:
    """Each value as JSON: times as ISO 8601 UTC (or, with `micros`, int us), what is no number as null."""
    kind = column.type
    if pa.types.is_timestamp(kind):
        cells = _micros(column) if micros else _quoted(instants(column))
    elif pa.types.is_floating(kind):
        cells = pc.if_else(pc.is_finite(column), _as_text(column), NULL)
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
        cells = _texts(column)
    elif pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        cells = column.cast(pa.string())
    else:
        cells = pa.array([msgspec.json.encode(_plain(value)).decode() for value in column.to_pylist()], pa.string())
    return pc.fill_null(cells, NULL)


def csv_cells(column: pa.Array, micros: bool = False) -> pa.Array:
    """Each value as a CSV field; null and what is no number as an empty one."""
    kind = column.type
    if pa.types.is_timestamp(kind):
        cells = _micros(column) if micros else instants(column)
    elif pa.types.is_floating(kind):
        cells = pc.if_else(pc.is_finite(column), _as_text(column), pa.scalar(None, pa.string()))
    elif pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        cells = column.cast(pa.string())
    else:
        cells = _fields(column)
    return pc.fill_null(cells, "")


def instants(column: pa.Array) -> pa.Array:
    """Timestamps as ISO 8601 UTC with microseconds and Z."""
    naive = column.cast(pa.timestamp("us", column.type.tz), safe=False).cast(pa.timestamp("us"))
    # Arrow writes "2026-01-01 00:00:00.000000", many times faster than its strftime.
    return pc.binary_join_element_wise(pc.binary_replace_slice(naive.cast(pa.string()), 10, 11, "T"), "Z", "")


def _micros(column: pa.Array) -> pa.Array:
    return column.cast(pa.timestamp("us", column.type.tz), safe=False).cast(pa.int64()).cast(pa.string())


def _as_text(column: pa.Array) -> pa.Array:
    return (column.cast(pa.float32()) if pa.types.is_float16(column.type) else column).cast(pa.string())


def _quoted(cells: pa.Array) -> pa.Array:
    return pc.binary_join_element_wise('"', cells, '"', "")


def _texts(column: pa.Array) -> pa.Array:
    """Escaped once per text: a column of symbols has few."""
    coded = column.dictionary_encode()
    texts = [msgspec.json.encode(text).decode() for text in coded.dictionary.to_pylist()]
    return pa.array(texts, pa.string()).take(coded.indices)


def _fields(column: pa.Array) -> pa.Array:
    """As `_texts`, for CSV; what is neither text nor number as JSON."""
    if not pa.types.is_string(column.type):
        return pa.array([None if value is None else _field(value) for value in column.to_pylist()], pa.string())
    coded = column.dictionary_encode()
    return pa.array([_field(text) for text in coded.dictionary.to_pylist()], pa.string()).take(coded.indices)


def _field(value: Any) -> str:
    """A text that may hold what separates fields is quoted, as RFC 4180 says."""
    text = value if isinstance(value, str) else msgspec.json.encode(_plain(value)).decode()
    return '"' + text.replace('"', '""') + '"' if any(mark in text for mark in ',"\r\n') else text


def _plain(value: Any) -> Any:
    """What is inside lists, tables and the like, as JSON knows it."""
    if isinstance(value, datetime):
        return value.isoformat(timespec="microseconds").replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return value


def time_text(value: int | None, micros: bool = False) -> str | int | None:
    """One instant (int us UTC) as the answers write it."""
    return value if value is None or micros else iso(value)
