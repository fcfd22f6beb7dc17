"""Repair: damaged files out of the way, and missing ids brought again, from a source or from another archive."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from attrs import define, field, frozen

from bcore.errors import CorruptFileError, SourceError
from bcore.ledger import Ledger, ledger_of, noted
from bcore.persistence import Persistence
from bcore.protocols import Fills, Mends
from bcore.records import Appended, Batch, Finding, Series
from bcore.spans import Span, Spans
from bcore.verify import gaps_of

if TYPE_CHECKING:
    from bcore.collect import Job
    from bcore.events import Event
    from bcore.protocols import Store


@frozen
class Failure:
    """Ids that could not be asked for, and why."""

    ids: Span
    error: Exception

    def __str__(self) -> str:
        return f"ids {self.ids[0]}..{self.ids[1]}: {self.error}"


def set_aside(store: Store, series: Series, now: int) -> tuple[str, ...]:
    """Takes damaged files out of the series and its ledger; their names. The ids of rows are noted as open.

    `now` is in int us UTC. Raises `SeriesBusyError` where another process writes the series.
    """
    if not isinstance(store, Mends):
        return ()
    ledger = Series(ledger_of(series.dataset), series.symbol)
    notes = tuple(store.set_aside_damaged(ledger)) if ledger in store.series() else ()
    return notes + _rows_set_aside(store, store, series, now)


def _rows_set_aside(store: Store, mends: Mends, series: Series, now: int) -> tuple[str, ...]:
    before = _held(store, series)
    names = tuple(mends.set_aside_damaged(series))
    lost = before.subtract(store.spans(series))
    if names and lost:
        reason = f"set aside as damaged: {', '.join(names[:3])}{', ...' if len(names) > 3 else ''}"
        store.append(noted([Finding(first, last, "open", reason) for first, last in lost], series, now))
    return names


def _held(store: Store, series: Series) -> Spans:
    """The ids held, as far as a damaged file lets the store tell."""
    try:
        return store.spans(series)
    except CorruptFileError:
        return Spans()


def to_fill(store: Store, series: Series, *, unfillable: bool = False) -> Spans:
    """The missing ids that are worth asking for: the open ones, and with `unfillable` those too that nobody had."""
    return Spans.of((gap.first, gap.last) for gap in gaps_of(store, series) if unfillable or gap.state == "open")


@define
class Repair:
    """Fills ids of one series through a job whose source `Fills`. What is done is in the store: it may be cut off."""

    job: Job
    series: Series
    emit: Callable[[Event], None]
    persist: Persistence
    whence: str = "the exchange"
    on_rows: Callable[[int], object] = field(default=lambda rows: None)
    rows: int = field(default=0, init=False)

    def fill(self, ids: Spans, on_run: Callable[[], object] = lambda: None) -> Iterator[Failure]:
        """Asks for each run of ids, oldest first; yields those that failed, and goes on with the next.

        `on_run` hears of each run that was asked for.

        What came is noted as filled in the ledger, if it was a gap. Raises `StoreError` and `OSError` if the rows
        cannot be kept, `Stopped` when the work is to stop.
        """
        missing = to_fill(self.job.store, self.series, unfillable=True)
        for run in ids:
            try:
                self.persist(lambda run=run: self._ask(run), lambda: self.rows)  # type: ignore[misc]
            except SourceError as error:
                yield Failure(run, error)
            finally:
                self._note(_both(missing, Spans((run,))))
            on_run()

    def _ask(self, run: Span) -> None:
        """Only for what is still missing: it may not be the first time."""
        assert isinstance(self.job.source, Fills)
        held = self.job.store.spans(self.series)
        for first, last in list(held.missing(*run)):
            for batch in self.job.source.fill(self.series.symbol, first, last):
                self._keep(batch)

    def _keep(self, batch: Batch) -> Appended:
        appended = self.job.keep(batch, self.emit)
        self.rows += appended.rows
        self.on_rows(appended.rows)
        self.persist.clock.sleep(0)  # raises Stopped where the work is to stop
        return appended

    def _note(self, gaps: Spans) -> None:
        """Tells the ledger which of the gaps are filled now, where the source has not done so itself."""
        filled = _both(self.job.store.spans(self.series), gaps)
        if not filled:
            return
        told = Ledger.read(self.job.store, self.series).about(filled).last_said("filled")
        if fresh := filled.subtract(told):
            self.note([Finding(first, last, "filled", f"by repair, from {self.whence}") for first, last in fresh])

    def note(self, findings: list[Finding]) -> None:
        """Writes findings about the series into its ledger."""
        own = self.job.source.datasets[0]
        self.job.keep(Batch(own, self.series.symbol, own.schema.empty_table(), findings=tuple(findings)), self.emit)


def _both(one: Spans, other: Spans) -> Spans:
    return one.subtract(one.subtract(other))
