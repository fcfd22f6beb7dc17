"""The board: events go in, a status comes out.

It only listens. Who shows a status (a terminal, a heartbeat file, a metrics server) asks for one when it wants one;
nothing here knows of them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import floor
from threading import Lock

from attrs import define, evolve, field

from bcore.events import (
    BatchStored,
    Event,
    GapFound,
    RowsRejected,
    SourceFailed,
    SourcePassed,
    SourceRecovered,
    SourceStarted,
    SourceStopped,
    StreamClosed,
    StreamOpened,
    WeightUsed,
)
from bcore.logs import one_line, scrubbed
from bcore.protocols import Clock
from bcore.spans import Span, Spans
from bcore.status import DiskStatus, ExchangeStatus, PluginStatus, SeriesStatus, SourceStatus, Status

SHORT, LONG = 10, 60  # seconds over which rates are taken


@define
class Meter:
    """Counts rows by the second, for as long as rates look back."""

    _counts: deque[tuple[int, int]] = field(factory=deque, init=False)

    def add(self, now: float, rows: int) -> None:
        """`now` in seconds that never jump."""
        second = floor(now)
        if self._counts and self._counts[-1][0] == second:
            rows += self._counts.pop()[1]
        self._counts.append((second, rows))
        while self._counts[0][0] < second - LONG:
            self._counts.popleft()

    def rate(self, now: float, window: int, since: float) -> float:
        """Rows per second over the last `window` seconds, or since `since` if that is less."""
        first = floor(now) - window
        seconds = now - max(first, since)
        return sum(rows for second, rows in self._counts if second >= first) / seconds if seconds > 0 else 0.0


@define
class Board:
    """Listens to events and knows what they add up to. Safe to use from several threads."""

    clock: Clock
    plugins: Callable[[], tuple[PluginStatus, ...]] = tuple
    series: dict[str, SeriesStatus] = field(factory=dict, init=False)
    sources: dict[str, SourceStatus] = field(factory=dict, init=False)
    exchanges: dict[str, ExchangeStatus] = field(factory=dict, init=False)
    disks: dict[str, DiskStatus] = field(factory=dict, init=False)
    _meters: dict[str, Meter] = field(factory=dict, init=False)
    _open: dict[str, Spans] = field(factory=dict, init=False)
    _carried: dict[tuple[str, int], int] = field(factory=dict, init=False)
    _lock: Lock = field(factory=Lock, init=False)
    _started: int = field(init=False)
    _since: float = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._started, self._since = self.clock.now(), self.clock.monotonic()

    def on_event(self, event: Event) -> None:
        with self._lock:
            match event:
                case BatchStored():
                    self._batch(event)
                case RowsRejected():
                    line = self._line(event.dataset, event.symbol, event.source)
                    self._put(evolve(line, rejected=line.rejected + len(event.rows)))
                case GapFound():
                    self._gap(event)
                case StreamOpened() | StreamClosed() | WeightUsed():
                    self._exchange(event)
                case _:
                    self._source(event)

    def look_up(self, dataset: str, symbol: str, source: str, last_id: int | None, gaps: Spans) -> None:
        """What the store holds of a series: the highest id, and the ids that are missing and can still come."""
        with self._lock:
            line = self._line(dataset, symbol, source)
            self._put(evolve(line, last_id=last_id if last_id is not None else line.last_id))
            self._missing(line.name, gaps)

    def measure(self, disk: DiskStatus) -> None:
        with self._lock:
            self.disks[disk.store] = disk

    def status(self) -> Status:
        now, ticks = self.clock.now(), self.clock.monotonic()
        with self._lock:
            return Status(
                started=self._started,
                taken=now,
                sources=tuple(each for _, each in sorted(self.sources.items())),
                exchanges=tuple(each for _, each in sorted(self.exchanges.items())),
                series=tuple(self._rated(each, now, ticks) for _, each in sorted(self.series.items())),
                disks=tuple(each for _, each in sorted(self.disks.items())),
                plugins=self.plugins(),
            )

    def _rated(self, line: SeriesStatus, now: int, ticks: float) -> SeriesStatus:
        meter = self._meters[line.name]
        rates = (meter.rate(ticks, window, self._since) for window in (SHORT, LONG))
        return evolve(line, rate_10s=next(rates), rate_1m=next(rates), lag=self._lag(line, now))

    def _lag(self, line: SeriesStatus, now: int) -> float | None:
        source = self.sources.get(line.source)
        if line.lag is None or line.stored is None or source is None or source.state != "failing":
            return line.lag
        return line.lag + max(now - max(line.stored, source.passed or 0), 0) / 1e6

    def _line(self, dataset: str, symbol: str, source: str) -> SeriesStatus:
        name = f"{dataset}/{symbol}"
        return self.series.get(name) or SeriesStatus(name, source)

    def _put(self, line: SeriesStatus) -> None:
        self.series[line.name] = line
        self._meters.setdefault(line.name, Meter())

    def _batch(self, event: BatchStored) -> None:
        line = self._line(event.dataset, event.symbol, event.source)
        stored = self.clock.now() if event.rows or event.known else line.stored
        line = evolve(line, rows=line.rows + event.rows, stored=stored)
        if event.last_time is None or event.last_time >= (line.last_time or event.last_time):  # no back-fill
            line = evolve(line, last=event.highlight or line.last, last_time=event.last_time or line.last_time)
            if event.observed is not None and event.last_time is not None:
                line = evolve(line, lag=max((event.observed - event.last_time) / 1e6, 0.0))
        self._put(line)
        self._meters[line.name].add(self.clock.monotonic(), event.rows)

    def _gap(self, event: GapFound) -> None:
        line = self._line(event.dataset, event.symbol, event.source)
        self._put(line)
        known, found = self._open.get(line.name, Spans()), Spans(((event.first, event.last),))
        if event.state != "broken":  # whose rows are there
            self._missing(line.name, known.add(found) if event.state == "open" else known.subtract(found))

    def _missing(self, name: str, gaps: Spans) -> None:
        self._open[name] = gaps
        self.series[name] = evolve(self.series[name], gaps=len(gaps.runs), missing=sum(map(_ids, gaps)))

    def _exchange(self, event: StreamOpened | StreamClosed | WeightUsed) -> None:
        known = self.exchanges.get(event.source) or ExchangeStatus(event.source)
        if isinstance(event, WeightUsed):
            known = evolve(known, weight_used=event.used, weight_limit=event.limit, weight_at=self.clock.now())
            self.exchanges[event.source] = known
            return
        if isinstance(event, StreamOpened):
            self._carried[event.source, event.connection] = event.streams
        else:
            self._carried.pop((event.source, event.connection), None)
            known = self._closed(known, event)
        carried = [streams for (name, _), streams in self._carried.items() if name == event.source]
        self.exchanges[event.source] = evolve(known, connections=len(carried), streams=sum(carried))

    def _closed(self, exchange: ExchangeStatus, event: StreamClosed) -> ExchangeStatus:
        if not event.planned:
            return evolve(exchange, reconnects=exchange.reconnects + 1, reason=scrubbed(event.reason))
        # Connections are numbered as they open: one that no later one outlives ends because the collector does.
        followed = any(name == event.source and number > event.connection for name, number in self._carried)
        return evolve(exchange, rotations=exchange.rotations + followed)

    def _source(self, event: Event) -> None:
        now = self.clock.now()
        known = self.sources.get(event.source) or SourceStatus(event.source, "starting", now)
        match event:
            case SourceStarted():
                known = SourceStatus(event.source, "starting", now, len(event.symbols))
            case SourceFailed():
                since = known.since if known.state == "failing" else now
                known = evolve(known, state="failing", since=since, reason=one_line(event.error))
                known = evolve(known, failures=event.failures, retry_in=event.retry_in)
            case SourceRecovered():
                known = _well(known, now)
            case SourcePassed():
                known = evolve(_well(known, now), passed=now)
            case SourceStopped():
                known = evolve(known, state="stopped", since=now)
            case _:
                return
        self.sources[event.source] = known


def _well(source: SourceStatus, now: int) -> SourceStatus:
    since = source.since if source.state == "ok" else now
    return evolve(source, state="ok", since=since, reason="", failures=0, retry_in=0.0)


def _ids(span: Span) -> int:
    return span[1] - span[0] + 1
