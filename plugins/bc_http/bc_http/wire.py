"""Records of the core over the wire: views and stats as Arrow tables, which the remote reads back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa
from attrs import field, frozen, make_class

from bcore.fields import fields_of
from bcore.instants import from_datetime, to_datetime
from bcore.records import Dataset, Series, SeriesStats

if TYPE_CHECKING:
    from bcore.protocols import ViewInfo

INSTANT = pa.timestamp("us", tz="UTC")
VIEWS = pa.schema(
    {"name": pa.string(), "summary": pa.string(), "time": pa.string(), "facets": pa.list_(pa.string())}
    | {"parameters": pa.string(), "sized_by": pa.string(), "schema": pa.binary()}
)
STATS = pa.schema(
    {"dataset": pa.string(), "symbol": pa.string(), "rows": pa.int64(), "bytes": pa.int64(), "files": pa.int64()}
    | {
        "gaps": pa.int64(),
        "first_time": INSTANT,
        "last_time": INSTANT,
        "first_key": pa.string(),
        "last_key": pa.string(),
    }
    | {"record": pa.string(), "schema": pa.binary()}
)
_RECORD = ("name", "key", "time", "sequence", "chain", "facets", "highlight", "summary")


@frozen
class FarView:
    """A view of a served archive. `params` has the fields that the server told."""

    name: str
    summary: str
    schema: pa.Schema = field(hash=False)
    time: str
    facets: tuple[str, ...]
    params: type | None
    sized_by: str | None = None


def parameters_of(view: ViewInfo) -> list[dict[str, Any]] | None:
    """The view's own parameters, each with name, default and help; None for a view that has no class of them."""
    if view.params is None:
        return None
    return [
        {"name": each.name, "default": _plain(each.default), "required": each.required, "help": each.help}
        for each in fields_of(view.params)
    ]


def views_table(views: Mapping[str, ViewInfo]) -> pa.Table:
    """One row a view."""
    rows = [
        {
            "name": name,
            "summary": view.summary,
            "time": view.time,
            "facets": list(view.facets),
            "parameters": None if view.params is None else msgspec.json.encode(parameters_of(view)).decode(),
            "sized_by": view.sized_by,
            "schema": view.schema.serialize().to_pybytes(),
        }
        for name, view in sorted(views.items())
    ]
    return pa.Table.from_pylist(rows, schema=VIEWS)


def views_in(table: pa.Table) -> dict[str, FarView]:
    """What `views_table` told."""
    return {row["name"]: _view(row) for row in table.to_pylist()}


def stats_table(stats: Iterable[SeriesStats]) -> pa.Table:
    """One row a series, with its dataset's record."""
    return pa.Table.from_pylist([_stats_row(each) for each in stats], schema=STATS)


def stats_in(table: pa.Table) -> list[SeriesStats]:
    """What `stats_table` told."""
    for name in ("first_time", "last_time"):
        table = table.set_column(table.schema.get_field_index(name), name, table.column(name).cast(pa.int64()))
    return [_stats(row) for row in table.to_pylist()]


def _view(row: Mapping[str, Any]) -> FarView:
    told = None if row["parameters"] is None else msgspec.json.decode(row["parameters"])
    params = None if told is None else _class(row["name"], told)
    return FarView(
        row["name"],
        row["summary"],
        _schema(row["schema"]),
        row["time"],
        tuple(row["facets"]),
        params,
        row["sized_by"],
    )


def _class(view: str, told: list[dict[str, Any]]) -> type:
    """A class of the parameters that a server told: their checks are the server's."""
    names = {
        each["name"]: (field if each["required"] else _with(each["default"]))(metadata={"help": each["help"]}, type=str)
        for each in told
    }
    return make_class(f"{view.title()}Params", names, frozen=True)


def _with(default: Any) -> Any:
    def made(**options: Any) -> Any:
        return field(default=default, **options)

    return made


def _stats_row(stats: SeriesStats) -> dict[str, Any]:
    dataset = stats.series.dataset
    return {
        "dataset": dataset.name,
        "symbol": stats.series.symbol,
        "rows": stats.rows,
        "bytes": stats.bytes,
        "files": stats.files,
        "gaps": stats.gaps,
        "first_time": stats.first_time,
        "last_time": stats.last_time,
        "first_key": _key(stats.first_key),
        "last_key": _key(stats.last_key),
        "record": msgspec.json.encode({name: getattr(dataset, name) for name in _RECORD}).decode(),
        "schema": dataset.schema.serialize().to_pybytes(),
    }


def _stats(row: Mapping[str, Any]) -> SeriesStats:
    dataset = Dataset(schema=_schema(row["schema"]), **msgspec.json.decode(row["record"]))
    return SeriesStats(
        Series(dataset, row["symbol"]),
        rows=row["rows"],
        bytes=row["bytes"],
        first_time=row["first_time"],
        last_time=row["last_time"],
        first_key=_values(row["first_key"], dataset),
        last_key=_values(row["last_key"], dataset),
        files=row["files"],
        gaps=row["gaps"],
    )


def _key(key: tuple[Any, ...] | None) -> str | None:
    """Times as int us: JSON knows none."""
    values = None if key is None else [from_datetime(each) if isinstance(each, datetime) else each for each in key]
    return None if values is None else msgspec.json.encode(values).decode()


def _values(text: str | None, dataset: Dataset) -> tuple[Any, ...] | None:
    if text is None:
        return None
    values = zip(dataset.key, msgspec.json.decode(text), strict=True)
    return tuple(to_datetime(value) if _is_time(dataset, name) else value for name, value in values)


def _is_time(dataset: Dataset, name: str) -> bool:
    return bool(pa.types.is_timestamp(dataset.schema.field(name).type))


def _schema(content: bytes) -> pa.Schema:
    return pa.ipc.read_schema(pa.py_buffer(content))


def _plain(value: Any) -> Any:
    return value if isinstance(value, (str, int, float, bool, list, tuple, type(None))) else str(value)
