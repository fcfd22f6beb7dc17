"""The metrics over HTTP, beside a collector or alone."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from wsgiref.simple_server import WSGIServer

from attrs import define, field
from prometheus_client import start_http_server

from bc_prometheus.config import MetricsConfig
from bc_prometheus.counting import Counting
from bc_prometheus.gauges import ArchiveGauges, StatusGauges
from bcore.errors import ConfigError, Stopped
from bcore.protocols import Reader
from bcore.records import Context
from bcore.status import Status

HOUR = 3600.0


@define(eq=False)
class MetricsServer:
    """Counts events from `start` to `close`, and answers scrapes. Everything it counts is its own."""

    config: MetricsConfig
    context: Context
    _status: Callable[[], Status] | None = field(default=None, init=False)
    _counting: Counting | None = field(default=None, init=False)
    _http: tuple[WSGIServer, Thread] | None = field(default=None, init=False)

    @classmethod
    def build(cls, config: MetricsConfig, context: Context) -> MetricsServer:
        return cls(config, context)

    @property
    def port(self) -> int:
        """The port that is listened on; 0 before `start`."""
        return self._http[0].server_port if self._http else 0

    def watch(self, status: Callable[[], Status]) -> None:
        self._status = status

    def start(self, reader: Reader) -> None:
        """Raises `ConfigError` if the port cannot be had."""
        counting = Counting()
        counting.registry.register(ArchiveGauges(reader))
        if self._status:
            counting.registry.register(StatusGauges(self._status))
        self._http = self._listening(counting)
        # An object of its own, and no hook of the plugin's module: without a server nothing is counted or kept.
        self.context.plugins.register(counting, name=self.context.section)
        self._counting = counting

    def close(self) -> None:
        if self._counting:
            self.context.plugins.unregister(self._counting)
            self._counting = None
        if self._http:
            server, thread = self._http
            self._http = None
            server.shutdown()
            server.server_close()
            thread.join(2.0)

    def serve(self, reader: Reader) -> None:
        """The archive's metrics, without a collector, until asked to stop."""
        self.start(reader)
        try:
            with suppress(Stopped):
                while True:
                    self.context.clock.sleep(HOUR)
        finally:
            self.close()

    def _listening(self, counting: Counting) -> tuple[WSGIServer, Thread]:
        host, port = self.config.host, self.config.port
        try:
            return start_http_server(port, host, counting.registry)
        except OSError as error:
            why = error.strerror or str(error)
            sentence = f"{self.context.section}: cannot listen on {host}:{port}: {why}; choose another host or port"
            raise ConfigError([sentence]) from error
