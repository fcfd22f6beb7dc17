"""What is true at the moment of a scrape: the collector's status, and what the archive holds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from threading import Lock

from attrs import define, field
from prometheus_client.core import CounterMetricFamily
from prometheus_client.core import GaugeMetricFamily as Gauge
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from bcore.protocols import Reader
from bcore.records import SeriesStats
from bcore.status import DiskStatus, ExchangeStatus, PluginStatus, SeriesStatus, SourceStatus, Status

Row = tuple[list[str], float | None]
FRESH = 60.0  # seconds for which the archive is not looked at again
STATES = ("starting", "ok", "failing", "stopped")


def gauge(name: str, what: str, labels: list[str], rows: Iterable[Row]) -> Gauge:
    """One family; what is not known has no sample."""
    family = Gauge(name, what, labels=labels)
    for values, value in rows:
        if value is not None:
            family.add_metric(values, value)
    return family


@define(eq=False)
class StatusGauges(Collector):
    """The collector's status, asked for at each scrape."""

    status: Callable[[], Status]

    def collect(self) -> Iterator[Metric]:
        status = self.status()
        yield gauge("bcore_start_time_seconds", "When the collector came up", [], [([], status.started / 1e6)])
        yield from _of_series(status.series)
        yield from _of_sources(status.sources)
        yield from _of_exchanges(status.exchanges)
        yield from _of_disks(status.disks)
        yield from _of_plugins(status.plugins)

    def describe(self) -> Iterator[Metric]:
        """Nothing: registering must not take a status."""
        yield from ()


def _of_series(series: tuple[SeriesStatus, ...]) -> Iterator[Metric]:
    labels = ["dataset", "symbol"]
    rows = [(each.name.split("/", 1), each) for each in series]
    newest = [(names, _seconds(each.last_time)) for names, each in rows]
    yield gauge("bcore_last_event_timestamp_seconds", "The newest row's own time", labels, newest)
    stored = [(names, _seconds(each.stored)) for names, each in rows]
    yield gauge("bcore_last_stored_timestamp_seconds", "When the last batch was stored", labels, stored)
    lags = [(names, each.lag) for names, each in rows]
    yield gauge("bcore_lag_seconds", "How far the newest row was behind the exchange's clock", labels, lags)
    gaps = [(names, each.gaps) for names, each in rows]
    yield gauge("bcore_gaps_open", "Runs of ids that are missing and asked for", labels, gaps)
    missing = [(names, each.missing) for names, each in rows]
    yield gauge("bcore_gap_ids_open", "Ids that are missing and asked for", labels, missing)


def _of_sources(sources: tuple[SourceStatus, ...]) -> Iterator[Metric]:
    states: list[Row] = [([each.name, state], float(each.state == state)) for each in sources for state in STATES]
    yield gauge("bcore_source_state", "1 for the state that a source is in", ["source", "state"], states)


def _of_exchanges(exchanges: tuple[ExchangeStatus, ...]) -> Iterator[Metric]:
    def of(name: str, what: str, value: Callable[[ExchangeStatus], float | None]) -> Gauge:
        return gauge(name, what, ["exchange"], [([each.name], value(each)) for each in exchanges])

    yield of("bcore_stream_connections", "Live connections now", lambda each: each.connections)
    yield of("bcore_streams", "Streams that live connections carry now", lambda each: each.streams)
    yield of(
        "bcore_request_weight_used", "Request weight used in the window last heard of", lambda each: each.weight_used
    )
    yield of("bcore_request_weight_limit", "Request weight that a window allows", lambda each: each.weight_limit)


def _of_disks(disks: tuple[DiskStatus, ...]) -> Iterator[Metric]:
    def of(name: str, what: str, value: Callable[[DiskStatus], float | None]) -> Gauge:
        return gauge(name, what, ["store"], [([each.store], value(each)) for each in disks])

    yield of("bcore_disk_free_bytes", "Free where the store keeps its files", lambda each: each.free)
    yield of("bcore_disk_total_bytes", "Size of the disk of the store", lambda each: each.total)
    yield of("bcore_disk_days_left", "Days until that disk is full at the present pace", lambda each: each.days_left)
    yield of("bcore_disk_low", "1 when it is time to make room", lambda each: float(each.low))


def _of_plugins(plugins: tuple[PluginStatus, ...]) -> Iterator[Metric]:
    states: list[Row] = [([each.name, each.version, each.state], 1.0) for each in plugins]
    yield gauge("bcore_plugin_state", "1 for the state that a plugin is in", ["plugin", "version", "state"], states)
    loads: list[Row] = [([each.name], each.load_seconds) for each in plugins]
    yield gauge("bcore_plugin_load_seconds", "How long its import took", ["plugin"], loads)
    seconds = CounterMetricFamily("bcore_plugin_hook_seconds", "How long its hooks took so far", labels=["plugin"])
    events = CounterMetricFamily("bcore_plugin_events", "Events that it was told of", labels=["plugin"])
    for each in plugins:
        seconds.add_metric([each.name], each.hook_seconds)
        events.add_metric([each.name], each.events)
    yield from (seconds, events)


@define(eq=False)
class ArchiveGauges(Collector):
    """What the archive holds, from metadata; looked at once a minute at the most, however often it is scraped."""

    reader: Reader
    monotonic: Callable[[], float] = time.monotonic
    _held: list[SeriesStats] = field(factory=list, init=False)
    _at: float | None = field(default=None, init=False)
    _lock: Lock = field(factory=Lock, init=False)

    def collect(self) -> Iterator[Metric]:
        labels = ["dataset", "symbol"]
        rows = [([each.series.dataset.name, each.series.symbol], each) for each in self._stats()]
        held: list[Row] = [(names, each.rows) for names, each in rows]
        yield gauge("bcore_archive_rows", "Rows that the archive holds", labels, held)
        sizes: list[Row] = [(names, each.bytes) for names, each in rows]
        yield gauge("bcore_archive_bytes", "Bytes that they take", labels, sizes)
        holes: list[Row] = [(names, each.gaps) for names, each in rows]
        yield gauge("bcore_archive_gaps", "Holes in the ids, those that nobody can fill too", labels, holes)

    def describe(self) -> Iterator[Metric]:
        """Nothing: registering must not read the archive."""
        yield from ()

    def _stats(self) -> list[SeriesStats]:
        with self._lock:
            now = self.monotonic()
            if self._at is None or now - self._at >= FRESH:
                self._held, self._at = self.reader.stats(), now
            return self._held


def _seconds(us: int | None) -> float | None:
    return None if us is None else us / 1e6
