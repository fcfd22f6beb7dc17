"""`/metrics`: the server's counts, and what the archive holds, as Prometheus reads it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from typing import Any

import falcon.asgi
from attrs import define
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily as Gauge
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from bc_http.archive import Archive
from bc_http.inventory import parameters
from bc_http.pulse import State
from bc_http.resource import Resource
from bc_http.tally import Shared
from bcore.records import SeriesStats

LABELS = ("dataset", "symbol")


@define(eq=False)
class Scrape(Collector):
    """Everything there is to say at one moment."""

    shared: Shared
    state: State

    def collect(self) -> Iterator[Metric]:
        yield from self.shared.families()
        stats = [stats for _, stats in sorted(self.state.series.items())]
        yield _gauge("bcore_archive_rows", "Rows that the archive holds", [(each, each.rows) for each in stats])
        yield _gauge("bcore_archive_bytes", "Bytes that they take", [(each, each.bytes) for each in stats])
        yield _gauge("bcore_archive_files", "Files that they are in", [(each, each.files) for each in stats])
        yield _gauge("bcore_archive_gaps", "Holes in the ids", [(each, each.gaps) for each in stats])
        newest = [(each, None if each.last_time is None else each.last_time / 1e6) for each in stats]
        yield _gauge("bcore_archive_last_timestamp_seconds", "The newest row's own time", newest)

    def describe(self) -> Iterable[Metric]:
        """Nothing: registering must not look at the archive."""
        return ()


def _gauge(name: str, what: str, rows: Iterable[tuple[SeriesStats, float | None]]) -> Gauge:
    """One family; what is not known has no sample."""
    family = Gauge(name, what, labels=LABELS)
    for stats, value in rows:
        if value is not None:
            family.add_metric((stats.series.dataset.name, stats.series.symbol), value)
    return family


@define(eq=False)
class Metrics(Resource):
    archive: Archive
    shared: Shared

    async def on_get(self, req: falcon.asgi.Request, resp: falcon.asgi.Response, **params: Any) -> None:
        parameters(req)
        state = await self.archive.pulse.state()
        resp.data = await asyncio.get_running_loop().run_in_executor(self.archive.pool, self._text, state)
        resp.content_type = CONTENT_TYPE_LATEST
        resp.set_header("Cache-Control", "no-store")

    def _text(self, state: State) -> bytes:
        registry = CollectorRegistry()
        registry.register(Scrape(self.shared, state))
        return generate_latest(registry)
