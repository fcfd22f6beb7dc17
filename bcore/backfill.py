"""Back-fill: history of any age, in portions that are fetched side by side, then joined to what is held by id.

What is done is told by the store alone: a file whose rows are all stored is not fetched again, a row that is held is
not stored twice. So it may be cut off at any instant, and run again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import TYPE_CHECKING

from attrs import define, evolve, field

from bcore.clock import SystemClock
from bcore.errors import SeriesBusyError, Stopped
from bcore.persistence import Persistence
from bcore.protocols import Audits, Backfills, Portion
from bcore.query import Query
from bcore.records import Batch, Series
from bcore.repair import to_fill
from bcore.spans import Span, Spans

if TYPE_CHECKING:
    import pyarrow as pa

    from bcore.collect import Job
    from bcore.events import Event
    from bcore.protocols import Store
    from bcore.records import Origin

log = logging.getLogger(__name__)
JOIN_SECONDS = 3.0


def series_of(job: Job, symbol: str) -> Series:
    """The series that the job's source fills with history: that of its first dataset."""
    return Series(job.datasets()[0], symbol)


def finished(store: Store, series: Series) -> list[Origin]:
    """The files whose rows are all stored."""
    told = store.origins(series) if isinstance(store, Audits) else ()
    return [origin for origin, rows in told if origin.rows is not None and rows >= origin.rows]


def portions(job: Job, symbol: str, start: int, end: int) -> list[Portion]:
    """What is to be fetched for [start, end), int us UTC, oldest first. Asks the exchange what there is."""
    assert isinstance(job.source, Backfills)
    series = series_of(job, symbol)
    done, held = finished(job.store, series), job.store.spans(series)
    return list(job.source.plan(symbol, start, end, done, held))


def claim(job: Job, symbol: str, emit: Callable[[Event], None]) -> None:
    """Makes this process the writer of the series before anything is fetched.

    Raises `SeriesBusyError` that says what to do.
    """
    own = job.source.datasets[0]
    try:
        job.keep(Batch(own, symbol, own.schema.empty_table()), emit)
    except SeriesBusyError as error:
        raise SeriesBusyError(
            f"{series_of(job, symbol)} is being written by another process: stop that collector, run this, and start "
            f"it again: it goes on from what is held ({error})"
        ) from error


def seams(store: Store, series: Series, start: int, end: int | None) -> Spans:
    """The open gaps between rows of [start, end), int us UTC, None: to the newest row."""
    found = to_fill(store, series)
    return Spans(tuple(run for run in found if _lies_in(store, series, run, start, end)))


def _lies_in(store: Store, series: Series, run: Span, start: int, end: int | None) -> bool:
    """Whether the nearest rows before and after the ids are of [start, end)."""
    named, columns = (series.dataset, series.symbol), (series.dataset.time,)
    before = _time(store.read(Query(*named, last=run[0] - 1, tail=1, columns=columns)))
    after = _time(store.read(Query(*named, first=run[1] + 1, limit=1, columns=columns)))
    return before is not None and after is not None and start <= before and (end is None or after < end)


def _time(row: pa.Table) -> int | None:
    times: list[int] = row.column(0).cast("int64").to_pylist()
    return times[0] if times else None


@define
class Fetching:
    """Fetches portions with so many threads; each holds one portion at a time, so memory is bounded by them.

    `on_rows(portion, rows)` hears of each stored batch with how many rows it brought, `on_done(portion)` of each
    portion that is stored. A portion that fails is tried again a few times (`on_retry(portion, error, seconds)`), then
    left in `failures`; the others go on.
    """

    job: Job
    emit: Callable[[Event], None]
    clock: SystemClock
    persist: Persistence
    on_rows: Callable[[Portion, int], object] = field(default=lambda portion, rows: None)
    on_done: Callable[[Portion], object] = field(default=lambda portion: None)
    on_retry: Callable[[Portion, Exception, float], object] = field(default=lambda portion, error, seconds: None)
    failures: list[tuple[Portion, Exception]] = field(factory=list, init=False)
    rows: int = field(default=0, init=False)
    _todo: SimpleQueue[Portion] = field(factory=SimpleQueue, init=False)
    _lock: Lock = field(factory=Lock, init=False)

    def run(self, todo: Iterable[Portion], jobs: int) -> None:
        """Until all are fetched or have failed. Raises `Stopped` when the clock is told to stop.

        A request that hangs is left to the end of the process: an append is all or nothing.
        """
        for portion in todo:
            self._todo.put(portion)
        threads = [Thread(target=self._work, name=f"backfill-{number}", daemon=True) for number in range(jobs)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads) and not self.clock.stopping.wait(0.05):
            pass
        if self.clock.stopping.is_set():
            deadline = self.clock.monotonic() + JOIN_SECONDS
            for thread in threads:
                thread.join(max(deadline - self.clock.monotonic(), 0.0))
            raise Stopped("asked to stop")

    def _work(self) -> None:
        while not self.clock.stopping.is_set():
            try:
                portion = self._todo.get_nowait()
            except Empty:
                return
            try:
                self._bring(portion)
            except Stopped:
                return
            except Exception as error:
                log.debug("%s failed", portion.summary, exc_info=True)
                with self._lock:
                    self.failures.append((portion, error))

    def _bring(self, portion: Portion) -> None:
        stored = [0]
        persist = evolve(self.persist, told=lambda error, seconds: self.on_retry(portion, error, seconds))
        persist(lambda: self._fetch(portion, stored), lambda: stored[0])
        self.on_done(portion)

    def _fetch(self, portion: Portion, stored: list[int]) -> None:
        assert isinstance(self.job.source, Backfills)
        batches = self.job.source.fetch(portion)
        for batch in batches:
            self.clock.sleep(0)  # raises Stopped where the work is to stop
            rows = self.job.keep(batch, self.emit).rows
            stored[0] += rows
            with self._lock:
                self.rows += rows
            self.on_rows(portion, batch.table.num_rows)
