"""From a source into its store: one finite pass, or a live stream until it ends. No loop over failures, no sleep.

Progress lives in the data: the store says where to go on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import closing

from attrs import define, evolve, field

from bcore.clock import SystemClock
from bcore.errors import PluginError, StoreError
from bcore.events import BatchStored, Event, GapFound, RowsRejected, SourcePassed
from bcore.ledger import noted
from bcore.protocols import Clock, Key, Quarantines, Resumes, Source, Store, Streams
from bcore.records import Appended, Batch, Dataset, Series, SeriesStats
from bcore.schema import conform
from bcore.spans import Spans

log = logging.getLogger(__name__)


@define
class Job:
    """A source and the store it fills. `rename` is another name for the source's first dataset."""

    name: str
    source: Source
    store: Store
    rename: str | None = None
    clock: Clock = field(factory=SystemClock)
    rows: int = field(default=0, init=False)
    rejected: int = field(default=0, init=False)

    def datasets(self) -> tuple[Dataset, ...]:
        """The datasets that the source writes, by the names they have in the store."""
        return tuple(self._renamed(dataset) for dataset in self.source.datasets)

    def held(self) -> dict[str, Key]:
        """Symbol -> the last key that the store holds of the source's first dataset."""
        first = self.datasets()[0]
        keys = {symbol: self.store.last(Series(first, symbol)) for symbol in self.source.symbols}
        return {symbol: key for symbol, key in keys.items() if key is not None}

    def held_ids(self) -> dict[str, Spans]:
        """Symbol -> the ids that the store holds of the source's first dataset."""
        first = self.datasets()[0]
        spans = {symbol: self.store.spans(Series(first, symbol)) for symbol in self.source.symbols}
        return {symbol: each for symbol, each in spans.items() if each}

    def held_stats(self) -> dict[str, list[SeriesStats]]:
        """Symbol -> what the store says of its series, one of each of the source's datasets."""
        datasets = self.datasets()
        return {
            symbol: [self.store.stats(Series(dataset, symbol)) for dataset in datasets]
            for symbol in self.source.symbols
        }

    @property
    def live(self) -> bool:
        """Whether the source follows its exchange live."""
        return isinstance(self.source, Streams) and self.source.streaming

    def run_live(self, emit: Callable[[Event], None]) -> None:
        """Follows the exchange until the source ends or fails, joined to what the store holds.

        A batch is durable before the source is asked for the next.
        """
        assert isinstance(self.source, Streams)
        if isinstance(self.source, Resumes):
            self.source.resume(self.held_stats())
        passed = self.rows
        with closing(self.source.stream(self.held_ids())) as batches:
            for batch in batches:
                if batch is not None:
                    self.keep(batch, emit)
                else:
                    emit(SourcePassed(self.name, self.rows - passed))
                    passed = self.rows

    def run_once(self, emit: Callable[[Event], None]) -> int:
        """One pass: everything new since what the store holds. Returns how many rows were new.

        A batch is durable before the source is asked for the next, so a pass may be cut off anywhere.
        """
        stored = 0
        for batch in self.source.catch_up(self.held()):
            stored += self.keep(batch, emit).rows
        return stored

    def keep(self, batch: Batch, emit: Callable[[Event], None]) -> Appended:
        """Stores a batch of the source; durable when it returns."""
        self._refuse_rubbish(batch)
        batch = evolve(batch, dataset=self._renamed(batch.dataset))
        self._put_aside(batch, emit)
        batch = conform(batch)
        appended = self.store.append(batch)
        self.rows += appended.rows
        self._note(batch, emit)
        emit(_stored(self.name, batch, appended))
        return appended

    def _refuse_rubbish(self, batch: object) -> None:
        """What no source may bring is its plugin's fault, and must not become a series."""
        if not isinstance(batch, Batch):
            raise PluginError(f"source {self.name} has a fault: it brought a {type(batch).__name__}, and not a Batch")
        if batch.symbol not in self.source.symbols:
            known = ", ".join(self.source.symbols)
            raise PluginError(f"source {self.name} has a fault: it brought {batch.symbol!r}, and was asked for {known}")

    def _note(self, batch: Batch, emit: Callable[[Event], None]) -> None:
        if not batch.findings:
            return
        self.store.append(noted(batch.findings, batch.series, self.clock.now()))
        for found in batch.findings:
            where = (self.name, batch.dataset.name, batch.symbol)
            emit(GapFound(*where, found.first, found.last, found.state, found.reason))

    def _put_aside(self, batch: Batch, emit: Callable[[Event], None]) -> None:
        for rejected in batch.rejected:
            self.rejected += len(rejected.rows)
            log.warning("%s: %d rows put aside: %s", batch.series, len(rejected.rows), rejected.reason)
            emit(RowsRejected(self.name, batch.dataset.name, batch.symbol, rejected.reason, rejected.rows))
            if isinstance(self.store, Quarantines):
                self.store.quarantine(batch.series, rejected)

    def _renamed(self, dataset: Dataset) -> Dataset:
        """`us_trades` for `trades`; a source's further datasets follow: `us_depth_snapshots` for `depth_snapshots`."""
        first = self.source.datasets[0].name
        if dataset.name not in [known.name for known in self.source.datasets]:
            raise StoreError(f"source {self.name} brought dataset {dataset.name}, which it does not declare")
        if self.rename is None:
            return dataset
        rest = dataset.name.removeprefix(first)
        return evolve(dataset, name=self.rename + rest if rest != dataset.name else f"{self.rename}_{rest}")


def _stored(source: str, batch: Batch, appended: Appended) -> BatchStored:
    last_time, highlight = None, ""
    if batch.table.num_rows:
        newest = batch.table.slice(batch.table.num_rows - 1)
        last_time = newest.column(batch.dataset.time).cast("int64")[0].as_py()
        if batch.dataset.highlight:
            highlight = str(newest.column(batch.dataset.highlight)[0].as_py())
    return BatchStored(
        source, batch.dataset.name, batch.symbol, appended.rows, appended.known, last_time, batch.observed, highlight
    )
