"""The other side of `/live`: Server-Sent Events become tables, and a stream that breaks is taken up at its cursor."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import requests

from bcore.errors import RequestError, StoreError
from bcore.following import Told

log = logging.getLogger(__name__)
TRIES, PAUSE = 8, 0.25
Opened = Callable[[str | None], requests.Response]


def followed(opened: Opened, schema: pa.Schema, cut: tuple[type[Exception], ...], cursor: str | None) -> Told:
    """Endless. `opened` asks for the events after a cursor, `cut` is what a stream raises that breaks off."""
    failures = 0
    broken: tuple[type[Exception], ...] = (StoreError, *cut)
    while True:
        try:
            with opened(cursor) as response:
                for message in _messages(response):
                    if message is not None and "last" in message:
                        cursor = str(message["last"])
                    if cursor is not None:
                        failures = 0
                        yield _rows(message, schema), cursor
            raise StoreError("the server ended the stream")
        except broken as error:
            failures += 1
            if failures >= TRIES:
                raise (
                    error if isinstance(error, StoreError) else StoreError(f"the stream broke off: {error}")
                ) from error
            log.warning("%s; trying again", error)
            time.sleep(PAUSE * 2**failures)


def _messages(response: requests.Response) -> Iterator[dict[str, Any] | None]:
    """Each message; None for a sign of life. Raises `RequestError`, `StoreError` where the server says that it ends."""
    held: list[str] = []
    for raw in response.iter_lines(chunk_size=None):
        line = raw.decode()
        if line.startswith(":"):
            yield None
        elif line.startswith("data:"):
            held.append(line.removeprefix("data:").removeprefix(" "))
        elif not line and held:
            message, held = json.loads("\n".join(held)), []
            _check(message)
            yield message


def _check(message: dict[str, Any]) -> None:
    status = message.get("status", 503)
    if message.get("type") == "error" and 400 <= status < 500:
        raise RequestError(str(message.get("detail")))


def _rows(message: dict[str, Any] | None, schema: pa.Schema) -> pa.Table | None:
    """Times are int us, and what JSON has no number for is null."""
    if message is None or message.get("type") != "rows" or not message["data"]:
        return None
    loose = pa.schema([pa.field(each.name, _plain(each.type)) for each in schema])
    table = pa.Table.from_pylist(message["data"], schema=loose)
    shown = pa.schema([each for each in schema if each.name in message["data"][0]])  # `levels` may leave some out
    columns = [_column(table.column(each.name), each) for each in shown]
    return pa.Table.from_arrays(columns, schema=shown)


def _plain(kind: pa.DataType) -> pa.DataType:
    return pa.int64() if pa.types.is_timestamp(kind) else kind


def _column(column: pa.ChunkedArray, field: pa.Field) -> pa.ChunkedArray:
    if pa.types.is_floating(field.type):
        return pc.fill_null(column, float("nan"))
    return column.cast(field.type)
