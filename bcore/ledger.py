"""The ledger: what became of missing ids, kept as a dataset of its own beside the one it speaks of.

What is held is told by the store's spans alone. The ledger adds what spans cannot tell: since when something is
missing, from where it came later, and why it cannot be had, with the evidence.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from attrs import frozen

from bcore.query import Query
from bcore.records import Batch, Dataset, Finding, Series
from bcore.spans import Spans

if TYPE_CHECKING:
    from bcore.protocols import Store

SUFFIX = "_gaps"


def ledger_of(dataset: Dataset) -> Dataset:
    """The dataset that keeps the findings about `dataset`: `trades_gaps` for `trades`."""
    import pyarrow as pa

    instant = pa.timestamp("us", tz="UTC")
    columns = {"timestamp": instant, "symbol": pa.string(), "first_id": pa.int64(), "last_id": pa.int64()}
    columns |= {"state": pa.string(), "reason": pa.string()}
    return Dataset(
        name=dataset.name + SUFFIX,
        schema=pa.schema([pa.field(name, kind, nullable=False) for name, kind in columns.items()]),
        key=("first_id", "last_id", "timestamp", "state"),
        facets=("state",),
        summary=f"Ledger of {dataset.name}: ids found missing, filled, or not to be had, each with when and why",
    )


def noted(findings: Iterable[Finding], series: Series, now: int) -> Batch:
    """The findings as rows of the series' ledger, found at `now` (int us UTC)."""
    import pyarrow as pa

    dataset = ledger_of(series.dataset)
    rows = [
        {
            "timestamp": now,
            "symbol": series.symbol,
            "first_id": finding.first,
            "last_id": finding.last,
            "state": finding.state,
            "reason": finding.reason,
        }
        for finding in findings
    ]
    return Batch(dataset, series.symbol, pa.Table.from_pylist(rows, schema=dataset.schema))


@frozen
class Entry:
    """A finding, and when it was noted (int us UTC)."""

    at: int
    finding: Finding


@frozen
class Ledger:
    """The findings about one series, oldest first."""

    entries: tuple[Entry, ...]

    @classmethod
    def read(cls, store: Store, series: Series) -> Ledger:
        """What the store's ledger holds about the series; empty if it has none."""
        table = store.read(Query(ledger_of(series.dataset), series.symbol))
        table = table.set_column(0, "timestamp", table.column("timestamp").cast("int64"))
        rows = sorted(table.to_pylist(), key=lambda row: row["timestamp"])
        findings = (
            (row["timestamp"], Finding(row["first_id"], row["last_id"], row["state"], row["reason"])) for row in rows
        )
        return cls(tuple(Entry(at, finding) for at, finding in findings))

    def of(self, state: str) -> tuple[Entry, ...]:
        """The entries of one state."""
        return tuple(entry for entry in self.entries if entry.finding.state == state)

    def about(self, ids: Spans) -> Ledger:
        """The entries that speak of anything from the first of these ids to the last."""
        low, high = ids.first or 0, -1 if ids.last is None else ids.last
        told = (entry for entry in self.entries if entry.finding.first <= high and entry.finding.last >= low)
        return Ledger(tuple(told))

    def last_said(self, state: str) -> Spans:
        """The ids of which this was said last: what nobody had may have come, and what had come may be lost again."""
        found = Spans()
        for entry in self.entries:
            ids = Spans(((entry.finding.first, entry.finding.last),))
            if entry.finding.state == state:
                found = found.add(ids)
            elif found and entry.finding.state != "broken":
                found = found.subtract(ids)
        return found

    def unfillable(self) -> Spans:
        """The ids that nobody has."""
        return self.last_said("unfillable")

    def missing(self, held: Spans) -> Spans:
        """The ids that are not held though they should be: the gaps, and what is known to be open beyond the ends."""
        return held.gaps().add(self.last_said("open").subtract(held))

    def latest(self, first: int, last: int) -> Entry | None:
        """The newest entry that speaks of any of the ids."""
        met = [entry for entry in self.entries if entry.finding.first <= last and entry.finding.last >= first]
        return met[-1] if met else None
