"""One pass of a source into its store: no loop, no sleep. Progress lives in the data: the store says where to go on."""

from __future__ import annotations

import logging
from collections.abc import Callable

from attrs import define, evolve, field

from bcore.errors import StoreError
from bcore.events import BatchStored, Event, RowsRejected
from bcore.protocols import Key, Quarantines, Source, Store
from bcore.records import Appended, Batch, Dataset, Series
from bcore.schema import conform

log = logging.getLogger(__name__)


@define
class Job:
    """A source and the store it fills. `rename` is another name for the source's first dataset."""

    name: str
    source: Source
    store: Store
    rename: str | None = None
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

    def run_once(self, emit: Callable[[Event], None]) -> int:
        """One pass: everything new since what the store holds. Returns how many rows were new.

        A batch is durable before the source is asked for the next, so a pass may be cut off anywhere.
        """
        stored = 0
        for batch in self.source.catch_up(self.held()):
            stored += self._keep(batch, emit).rows
        return stored

    def _keep(self, batch: Batch, emit: Callable[[Event], None]) -> Appended:
        batch = evolve(batch, dataset=self._renamed(batch.dataset))
        self._put_aside(batch, emit)
        batch = conform(batch)
        appended = self.store.append(batch)
        self.rows += appended.rows
        emit(_stored(self.name, batch, appended))
        return appended

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
