"""What goes over the wire: a question is a line of JSON; the answer too, with an Arrow stream behind it for rows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Protocol

from attrs import asdict, field, frozen

from bcore.describing import dataset_of, text_of
from bcore.errors import BcoreError, NotFoundError, RequestError, StoreError
from bcore.protocols import ViewInfo
from bcore.query import Request
from bcore.records import Dataset, Series, SeriesStats

Json = dict[str, Any]
ERRORS: tuple[type[RequestError], ...] = (NotFoundError, RequestError)


class Wire(Protocol):
    """Bytes in both directions, as files have them and what sockets make of themselves."""

    def write(self, data: bytes, /) -> object: ...
    def flush(self) -> object: ...
    def readline(self, /) -> bytes: ...


def send(stream: Wire, message: Json) -> None:
    stream.write(json.dumps(message).encode() + b"\n")
    stream.flush()


def receive(stream: Wire) -> Json:
    """Raises `StoreError` where the other side is gone, or is no bcore."""
    line = stream.readline()
    try:
        message: Json = json.loads(line)
    except ValueError as error:
        raise StoreError("the other side is gone" if not line else "the other side is no bcore") from error
    return message


def request_message(request: Request) -> Json:
    return {**asdict(request), "params": {name: _plain(value) for name, value in request.params.items()}}


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def request_of(message: Json) -> Request:
    columns = message.pop("columns")
    return Request(**message, columns=None if columns is None else tuple(columns))


def error_message(error: BcoreError) -> Json:
    kind = next((kind.__name__ for kind in ERRORS if isinstance(error, kind)), "StoreError")
    return {"error": kind, "problems": list(getattr(error, "problems", None) or [str(error)])}


def checked(message: Json) -> Json:
    """The message, if it is no error; an error is raised here as it was there."""
    if "error" not in message:
        return message
    for kind in ERRORS:
        if kind.__name__ == message["error"]:
            raise kind(*message["problems"])
    raise StoreError("; ".join(message["problems"]))


@frozen
class FarView:
    """A view as the other side describes it. Its parameters are taken as they are typed."""

    name: str
    summary: str
    schema: Any
    time: str
    facets: tuple[str, ...] = field(converter=tuple)
    sized_by: str | None
    params: type | None = None


def view_message(view: ViewInfo) -> Json:
    """The schema goes as that of a dataset would; only then has a view to be one."""
    shape = Dataset("shape", _with_symbol(view), key=(view.time,), time=view.time)
    told = {"name": view.name, "summary": view.summary, "time": view.time, "sized_by": view.sized_by}
    return {**told, "facets": list(view.facets), "columns": view.schema.names, "shape": text_of(shape)}


def _with_symbol(view: ViewInfo) -> Any:
    import pyarrow as pa

    has = "symbol" in view.schema.names
    return view.schema if has else view.schema.append(pa.field("symbol", pa.string()))


def view_of(message: Json) -> FarView:
    import pyarrow as pa

    shape, names = dataset_of(message.pop("shape")).schema, message.pop("columns")
    return FarView(**message, schema=pa.schema([shape.field(name) for name in names]))


def stats_message(stats: SeriesStats) -> Json:
    told = {name: getattr(stats, name) for name in ("rows", "bytes", "first_time", "last_time", "files", "gaps")}
    return {**told, "dataset": text_of(stats.series.dataset), "symbol": stats.series.symbol}


def stats_of(message: Json) -> SeriesStats:
    series = Series(dataset_of(message.pop("dataset")), message.pop("symbol"))
    return SeriesStats(series, **message)


def views_of(message: Json) -> Mapping[str, ViewInfo]:
    return {each["name"]: view_of(each) for each in message["views"]}
