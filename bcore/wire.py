"""Records of the core over the wire: views and stats as Arrow tables, which the remote reads back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from attrs import field, frozen, make_class

from bcore.instants import from_datetime, to_datetime
from bcore.records import Dataset, Series, SeriesStats

if TYPE_CHECKING:
    import pyarrow as pa

    from bcore.protocols import ViewInfo

_RECORD = ("name", "key", "time", "sequence", "chain", "facets", "highlight", "summary")


def _views_schema() -> pa.Schema:
    import pyarrow as pa

    text, texts = pa.string(), pa.list_(pa.string())
    return pa.schema(
        {"name": text, "summary": text, "time": text, "facets": texts, "parameters": text}
        | {"sized_by": text, "schema": pa.binary()}
    )


def _stats_schema() -> pa.Schema:
    import pyarrow as pa

    text, number, instant = pa.string(), pa.int64(), pa.timestamp("us", tz="UTC")
    return pa.schema(
        {"dataset": text, "symbol": text, "rows": number, "bytes": number, "files": number, "gaps": number}
        | {"first_time": instant, "last_time": instant, "first_key": text, "last_key": text}
        | {"record": text, "schema": pa.binary()}
    )


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
    from bcore.fields import fields_of

    return [
        {"name": each.name, "default": _plain(each.default), "required": each.required, "help": each.help}
        for each in fields_of(view.params)
    ]


def views_table(views: Mapping[str, ViewInfo]) -> pa.Table:
    """One row a view."""
    import pyarrow as pa

    rows = [
        {
            "name": name,
            "summary": view.summary,
            "time": view.time,
            "facets": list(view.facets),
            "parameters": None if view.params is None else json.dumps(parameters_of(view)),
            "sized_by": view.sized_by,
            "schema": view.schema.serialize().to_pybytes(),
        }
        for name, view in sorted(views.items())
    ]
    return pa.Table.from_pylist(rows, schema=_views_schema())


def views_in(table: pa.Table) -> dict[str, FarView]:
    """What `views_table` told."""
    return {row["name"]: _view(row) for row in table.to_pylist()}


def stats_table(stats: Iterable[SeriesStats]) -> pa.Table:
    """One row a series, with its dataset's record."""
    import pyarrow as pa

    return pa.Table.from_pylist([_stats_row(each) for each in stats], schema=_stats_schema())


def stats_in(table: pa.Table) -> list[SeriesStats]:
    """What `stats_table` told."""
    import pyarrow as pa

    for name in ("first_time", "last_time"):
        table = table.set_column(table.schema.get_field_index(name), name, table.column(name).cast(pa.int64()))
    return [_stats(row) for row in table.to_pylist()]


def _view(row: Mapping[str, Any]) -> FarView:
    told = None if row["parameters"] is None else json.loads(row["parameters"])
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
        "record": json.dumps({name: getattr(dataset, name) for name in _RECORD}),
        "schema": dataset.schema.serialize().to_pybytes(),
    }


def _stats(row: Mapping[str, Any]) -> SeriesStats:
    dataset = Dataset(schema=_schema(row["schema"]), **json.loads(row["record"]))
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
    return None if values is None else json.dumps(values)


def _values(text: str | None, dataset: Dataset) -> tuple[Any, ...] | None:
    if text is None:
        return None
    values = zip(dataset.key, json.loads(text), strict=True)
    return tuple(to_datetime(value) if _is_time(dataset, name) else value for name, value in values)


def _is_time(dataset: Dataset, name: str) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_timestamp(dataset.schema.field(name).type))


def _schema(content: bytes) -> pa.Schema:
    import pyarrow as pa

    return pa.ipc.read_schema(pa.py_buffer(content))


def _plain(value: Any) -> Any:
    return value if isinstance(value, (str, int, float, bool, list, tuple, type(None))) else str(value)
