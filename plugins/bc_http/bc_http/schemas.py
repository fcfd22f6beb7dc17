"""JSON schemas of what goes in and out: of attrs fields, and of Arrow columns."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable
from typing import Any, Literal, get_args, get_origin

import pyarrow as pa

from bcore.fields import Field, FieldsError, fields_of, parse
from bcore.query import LARGEST

Schema = dict[str, Any]
NUMBER = "-?[0-9]{1,15}(\\.[0-9]{1,9})?"
MOST = LARGEST - 1
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


def parameter(each: Field, cls: type) -> Schema:
    """A parameter of an operation, one of the fields of `cls`. Lists are written with commas."""
    known = _known(each.name)
    schema = known if "type" in known or "anyOf" in known else {**of_type(each.type), **_bounds(each, cls), **known}
    if each.pattern:
        schema["pattern"] = each.pattern
    if not each.required and isinstance(each.default, (str, int, float, bool)):
        schema["default"] = each.default
    told: Schema = {"name": each.name, "in": "query", "required": each.required, "schema": schema}
    if schema.get("type") == "array":
        told |= {"style": "form", "explode": False}
    return told | ({"description": each.help} if each.help else {})


def parameters(cls: type) -> list[Schema]:
    """The fields of an attrs class as query parameters."""
    return [parameter(each, cls) for each in fields_of(cls)]


def named(name: str) -> Schema:
    """Of a parameter that is text, unless its name says more."""
    return _known(name) or {"type": "string"}


def _known(name: str) -> Schema:
    """What is checked elsewhere than in the class."""
    count: Schema = {"minimum": 0, "maximum": MOST}
    instant: Schema = {"type": "string", "format": "date-time", "examples": ["2026-02-15T00:00:00Z"]}
    known: dict[str, Schema] = {
        "limit": count,
        "tail": {"anyOf": [{"type": "integer", **count}, {"type": "boolean"}]},
        "offset": count,
        "after_id": count,
        "start_time": instant,
        "end_time": {**instant, "examples": ["2026-02-15T01:00:00Z"]},
        "columns": {"minItems": 1},
        "at": instant,
        "end": instant,
    }
    return known.get(name, {})


def _bounds(each: Field, cls: type) -> Schema:
    """The numbers that the class takes: the class itself is asked, and so never told otherwise."""
    schema = of_type(each.type)
    numbers = schema["items"] if schema.get("type") == "array" else schema
    whole = numbers.get("type") == "integer"
    if not whole and numbers.get("type") != "number":
        return {}

    def takes(value: float) -> bool:
        return _takes(cls, each.name, value)

    found: Schema = {}
    if not takes(-1):
        found = {"minimum": 0} if takes(0) else {"minimum": 1} if whole else {"exclusiveMinimum": 0}
    if takes(1) and not takes(MOST):
        found["maximum"] = _largest(takes)
    if schema.get("type") != "array":
        return found
    return {"items": {**numbers, **found}} | ({} if _takes(cls, each.name, ()) else {"minItems": 1})


def _takes(cls: type, name: str, value: Any) -> bool:
    try:
        parse(cls, {name: value})
    except FieldsError as error:
        return not any(path.split("[")[0] == name for path, _ in error.problems)
    return True


def _largest(takes: Callable[[float], bool]) -> int:
    """The largest whole number that is taken, 1 being one."""
    low, high = 1, MOST
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if takes(middle) else (low, middle)
    return low


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
    return {"type": "string"}


def of_rows(schema: pa.Schema) -> Schema:
    """Of one row as an object; a request may ask for some columns only."""
    return {
        "type": "object",
        "properties": {column.name: of_column(column) for column in schema},
        "additionalProperties": False,
    }
