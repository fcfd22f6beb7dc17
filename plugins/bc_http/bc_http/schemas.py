"""JSON schemas of what goes in and out: of attrs fields, and of Arrow columns."""

from __future__ import annotations

import types
import typing
from typing import Any, Literal, get_args, get_origin

import pyarrow as pa

from bcore.fields import Field, fields_of

Schema = dict[str, Any]
NUMBER = "-?[0-9]{1,15}(\\.[0-9]{1,9})?"
_SCALARS: dict[Any, str] = {bool: "boolean", int: "integer", float: "number", str: "string"}


def of_type(kind: Any) -> Schema:
    """Of an annotation as the parser of fields takes it; what has no better schema is text."""
    origin = get_origin(kind)
    if origin in (types.UnionType, typing.Union):
        members = [of_type(each) for each in get_args(kind) if each is not types.NoneType]
        return members[0] if len(members) == 1 else {"anyOf": members}
    if origin is Literal:
        return {"type": "string", "enum": list(get_args(kind))}
    if origin is tuple:
        return {"type": "array", "items": of_type(get_args(kind)[0])}
    return {"type": _SCALARS.get(kind, "string")}


def parameter(each: Field, where: str = "query") -> Schema:
    """A parameter of an operation. Lists are written with commas."""
    schema = of_type(each.type)
    if each.name in BOUNDS:
        schema = {**schema, **BOUNDS[each.name]}
    if not each.required and isinstance(each.default, (str, int, float, bool)):
        schema = {**schema, "default": each.default}
    told: Schema = {"name": each.name, "in": where, "required": each.required, "schema": schema}
    if schema.get("type") == "array":
        told |= {"style": "form", "explode": False}
    return told | ({"description": each.help} if each.help else {})


BOUNDS: dict[str, Schema] = {
    "limit": {"minimum": 0},
    "offset": {"minimum": 0},
    "after_id": {"minimum": 0},
    "start_time": {"examples": ["2026-02-15T00:00:00"]},
    "end_time": {"examples": ["2026-02-15T01:00:00"]},
    "columns": {"minItems": 1},
}


def parameters(cls: type) -> list[Schema]:
    """The fields of an attrs class as query parameters."""
    return [parameter(each) for each in fields_of(cls)]


def of_column(column: pa.Field) -> Schema:
    """Of a column's values in JSON. Numbers may be null where they are none (NaN)."""
    kind = column.type
    if pa.types.is_timestamp(kind):
        schema: Schema = {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "integer"}]}
    elif pa.types.is_boolean(kind):
        schema = {"type": ["boolean", "null"]}
    elif pa.types.is_integer(kind):
        schema = {"type": ["integer", "null"]}
    elif pa.types.is_floating(kind):
        schema = {"type": ["number", "null"]}
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
        schema = {"type": ["string", "null"]}
    else:
        schema = {}
    return schema


def of_facet(column: pa.Field | None) -> Schema:
    """Of one value of a facet, or several with commas between them."""
    if column is not None and (pa.types.is_floating(column.type) or pa.types.is_integer(column.type)):
        return {"type": "string", "pattern": f"^{NUMBER}(,{NUMBER})*$"}
    return {"type": "string", "minLength": 1}


def of_rows(schema: pa.Schema) -> Schema:
    """Of one row as an object; a request may ask for some columns only."""
    return {
        "type": "object",
        "properties": {column.name: of_column(column) for column in schema},
        "additionalProperties": False,
    }
