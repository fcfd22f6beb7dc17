"""What events are counted as. One object has its own registry: nothing is global."""

from __future__ import annotations

from attrs import define, field
from prometheus_client import CollectorRegistry, Counter, Histogram

from bcore.events import (
    BatchStored,
    Event,
    GapFound,
    RowsRejected,
    SourceFailed,
    SourcePassed,
    StreamClosed,
    StreamOpened,
)
from bcore.hookspecs import hookimpl

SERIES = ("dataset", "symbol", "source")
LAGS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0)


@define(eq=False)
class Counting:
    """An observer of events that counts. Labels are those of the configuration, and the kinds of errors."""

    registry: CollectorRegistry = field(factory=CollectorRegistry)
    stored: Counter = field(init=False)
    known: Counter = field(init=False)
    rejected: Counter = field(init=False)
    gaps: Counter = field(init=False)
    passes: Counter = field(init=False)
    failures: Counter = field(init=False)
    opened: Counter = field(init=False)
    closed: Counter = field(init=False)
    lag: Histogram = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.stored = self._counter("bcore_rows_stored", "Rows that were new and are durably stored", *SERIES)
        self.known = self._counter("bcore_rows_known", "Rows that came again and were stored already", *SERIES)
        self.rejected = self._counter("bcore_rejected_rows", "Rows that do not fit and were put aside", *SERIES)
        self.gaps = self._counter("bcore_gap_ids", "Missing ids by what became of them", "dataset", "symbol", "state")
        self.passes = self._counter("bcore_source_passes", "How often a source had caught up", "source")
        self.failures = self._counter("bcore_source_failures", "Failed passes by kind of error", "source", "error")
        self.opened = self._counter("bcore_stream_connections_opened", "Live connections made", "exchange")
        closed = "Live connections that ended; not planned ones were lost"
        self.closed = self._counter("bcore_stream_reconnects", closed, "exchange", "planned")
        what = "How far the newest row of a batch was behind the exchange's clock"
        self.lag = Histogram("bcore_batch_lag_seconds", what, ("dataset",), registry=self.registry, buckets=LAGS)

    @hookimpl
    def bcore_event(self, event: Event) -> None:
        match event:
            case BatchStored():
                self._batch(event)
            case SourcePassed():
                self.passes.labels(event.source).inc()
            case SourceFailed():
                self.failures.labels(event.source, type(event.error).__name__).inc()
            case RowsRejected():
                self.rejected.labels(event.dataset, event.symbol, event.source).inc(len(event.rows))
            case GapFound():
                self.gaps.labels(event.dataset, event.symbol, event.state).inc(event.last - event.first + 1)
            case StreamOpened():
                self.opened.labels(event.source).inc()
            case StreamClosed():
                self.closed.labels(event.source, str(event.planned).lower()).inc()

    def _batch(self, event: BatchStored) -> None:
        self.stored.labels(event.dataset, event.symbol, event.source).inc(event.rows)
        if event.known:
            self.known.labels(event.dataset, event.symbol, event.source).inc(event.known)
        if event.observed is not None and event.last_time is not None:
            self.lag.labels(event.dataset).observe(max((event.observed - event.last_time) / 1e6, 0.0))

    def _counter(self, name: str, what: str, *labels: str) -> Counter:
        return Counter(name, what, labels, registry=self.registry)
