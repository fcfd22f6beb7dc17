"""The server: answers each connection in a thread of its own."""

from __future__ import annotations

import socketserver
from contextlib import suppress
from threading import Thread
from typing import IO, Any

import pyarrow as pa
from attrs import define, field, frozen, validators

from bc_wire.messages import error_message, receive, request_of, send, stats_message, view_message
from bcore.errors import BcoreError, ConfigError, Stopped, StoreError
from bcore.protocols import Clock, Reader
from bcore.records import Context


@frozen
class ServerConfig:
    host: str = field(
        default="127.0.0.1", metadata={"help": "address to listen on; who reaches it can read everything"}
    )
    port: int = field(
        default=7000,
        validator=[validators.ge(0), validators.le(65535)],
        metadata={"help": "TCP port; 0 takes a free one"},
    )


@define(eq=False)
class WireServer:
    config: ServerConfig
    section: str
    clock: Clock
    _running: socketserver.ThreadingTCPServer | None = field(default=None, init=False)

    @classmethod
    def build(cls, config: ServerConfig, context: Context) -> WireServer:
        return cls(config, context.section, context.clock)

    @property
    def port(self) -> int:
        return int(self._running.server_address[1]) if self._running else 0

    def start(self, reader: Reader) -> None:
        """Beside a collector: `bcore run` starts what is configured in [servers.*]."""
        try:
            self._running = _Listening((self.config.host, self.config.port), _answering(reader))
        except OSError as error:
            where = f"{self.config.host}:{self.config.port}"
            raise ConfigError([f"{self.section}: cannot listen on {where}: {error.strerror}"]) from error
        Thread(target=self._running.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        if self._running is not None:
            self._running.shutdown()
            self._running.server_close()
            self._running = None

    def serve(self, reader: Reader) -> None:
        """Alone: `bcore serve`."""
        self.start(reader)
        with suppress(Stopped):
            while True:
                self.clock.sleep(3600)
        self.close()


class _Listening(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


def _answering(reader: Reader) -> type[socketserver.StreamRequestHandler]:
    class Connection(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            with suppress(ConnectionError, StoreError):  # the other side has had enough
                while True:
                    _answer(reader, receive(self.rfile), self.wfile)

    return Connection


def _answer(reader: Reader, asked: dict[str, Any], out: Any) -> None:
    try:
        match asked.pop("ask"):
            case "rows":
                rows = reader.scan(request_of(asked))
                send(out, {})
                _send_rows(rows, out)
            case "views":
                send(out, {"views": [view_message(view) for view in reader.views().values()]})
            case "symbols":
                send(out, {"symbols": reader.symbols(asked["view"])})
            case "stats":
                send(out, {"stats": [stats_message(each) for each in reader.stats()]})
    except BcoreError as error:
        send(out, error_message(error))


def _send_rows(rows: pa.RecordBatchReader, out: IO[bytes]) -> None:
    with pa.ipc.new_stream(out, rows.schema) as stream:
        for batch in rows:
            stream.write_batch(batch)
    out.flush()
