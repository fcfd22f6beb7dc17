"""What bc_prometheus offers to bcore: the server kind "prometheus"."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bcore.hookspecs import hookimpl

if TYPE_CHECKING:
    from bcore.records import Transport


@hookimpl
def bcore_transports() -> Iterator[Transport]:
    from bc_prometheus.config import MetricsConfig
    from bc_prometheus.server import MetricsServer
    from bcore.records import Factory, Transport

    summary = "Metrics of the collector for Prometheus, served while `bcore run` runs"
    yield Transport("prometheus", server=Factory("prometheus", MetricsConfig, MetricsServer.build, summary))
