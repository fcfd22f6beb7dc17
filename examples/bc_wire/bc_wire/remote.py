"""The remote: a reader of an archive on another machine. Each question has a connection of its own."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
from attrs import field, frozen, validators

from bc_wire.messages import Wire, checked, receive, request_message, send, stats_of, views_of
from bcore.errors import StoreError
from bcore.protocols import ViewInfo
from bcore.query import Request
from bcore.records import Context, SeriesStats


@frozen
class RemoteConfig:
    url: str = field(metadata={"help": "wire://HOST:PORT"})
    timeout: float = field(default=30.0, validator=validators.gt(0), metadata={"help": "seconds to wait for an answer"})


@frozen
class WireReader:
    config: RemoteConfig

    @classmethod
    def build(cls, config: RemoteConfig, context: Context) -> WireReader:
        return cls(config)

    def views(self) -> Mapping[str, ViewInfo]:
        return views_of(self._told("views"))

    def symbols(self, view: str | None = None) -> list[str]:
        return list(self._told("symbols", view=view)["symbols"])

    def read(self, request: Request) -> pa.Table:
        return self.scan(request).read_all()

    def scan(self, request: Request) -> pa.RecordBatchReader:
        """The answer is read as it is asked for; leaving it closes the connection, and ends the work over there."""
        connection = self._connected()
        answer = self._asked(connection, "rows", **request_message(request))
        try:
            stream = pa.ipc.open_stream(answer)
        except pa.ArrowException as error:
            raise self._broken(error) from error
        return pa.RecordBatchReader.from_batches(stream.schema, self._batches(stream, connection))

    def stats(self) -> list[SeriesStats]:
        return [stats_of(each) for each in self._told("stats")["stats"]]

    def close(self) -> None:
        """Nothing is open between two questions."""

    def _batches(self, stream: pa.RecordBatchReader, connection: socket.socket) -> Iterator[pa.RecordBatch]:
        with connection:
            try:
                yield from stream
            except (OSError, pa.ArrowException) as error:
                raise self._broken(error) from error

    def _told(self, what: str, **more: Any) -> dict[str, Any]:
        with self._connected() as connection:
            file = connection.makefile("rwb")
            send(file, {"ask": what, **more})
            return checked(receive(file))

    def _asked(self, connection: socket.socket, what: str, **more: Any) -> Wire:
        try:
            file = connection.makefile("rwb")
            send(file, {"ask": what, **more})
            checked(receive(file))
        except BaseException:
            connection.close()
            raise
        return file

    def _connected(self) -> socket.socket:
        address = urlsplit(self.config.url)
        try:
            return socket.create_connection((address.hostname or "", address.port or 7000), self.config.timeout)
        except OSError as error:
            raise StoreError(f"{self.config.url} cannot be reached: {error.strerror or error}") from error

    def _broken(self, error: Exception) -> StoreError:
        return StoreError(f"{self.config.url}: the answer broke off: {error}")
