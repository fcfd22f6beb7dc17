"""What a kept book is written down as: the depth datasets here, snapshots at several tick sizes in `gallery`."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from typing import Protocol

import pyarrow as pa
from attrs import define, field

from bc_orderbook.booktables import Turning, book_table, seed_table, states_table
from bc_orderbook.diffrows import DiffRows
from bc_orderbook.diffs import DEPTH, DEPTH_SNAPSHOTS, DEPTH_STATES, VERIFIED
from bc_orderbook.events import DepthEvent, Run
from bc_orderbook.lacking import Lacking
from bc_orderbook.localbook import LocalBook, Seed
from bcore.records import Batch, Origin, Rejected

SECOND = 1_000_000
NEVER = 2**63 - 1


class Journal(Protocol):
    """Is told everything about one symbol, in order, and hands out what is to be stored of it.

    `due`: the book is wanted as it stood before the first event that is later than this, int us UTC.
    """

    @property
    def due(self) -> int: ...
    @property
    def rows(self) -> int: ...
    @property
    def laden(self) -> bool: ...

    def events(self, events: Sequence[DepthEvent], run: Run) -> None:
        """They came, each for the first time; all or some of those of `run`."""

    def seeded(self, seed: Seed, time: int, reason: str) -> None:
        """The exchange showed its book as it was at `time`."""

    def take(self, book: LocalBook, until: int) -> None:
        """The book as it stood from its last event to `until`."""

    def turned(self, turning: Turning) -> None:
        """The book is in another state; times rise strictly."""

    def batches(self, observed: int | None) -> Iterator[Batch]:
        """Everything that is ready. `observed` is the exchange's clock."""


@define(eq=False)
class DepthJournal:
    """The datasets depth, depth_snapshots and depth_states; a checkpoint every `checkpoint` us of a changing book."""

    symbol: str
    checkpoint: int
    phase: float = 1.0  # the first checkpoint comes after this part of it, so that many books do not write at once
    due: int = field(default=NEVER, init=False)
    _diffs: DiffRows = field(factory=DiffRows, init=False)
    _snapshots: list[pa.Table] = field(factory=list, init=False)
    _levels: int = field(default=0, init=False)
    _turnings: list[Turning] = field(factory=list, init=False)
    _rejected: list[Rejected] = field(factory=list, init=False)
    _anchored: int = field(default=-1, init=False)
    _lacking: Lacking = field(factory=Lacking, init=False)

    @property
    def rows(self) -> int:
        """How many are ready to be stored."""
        return len(self._diffs) + self._levels

    @property
    def laden(self) -> bool:
        return bool(self.rows or self._turnings or self._rejected)

    def resume(self, update_id: int) -> None:
        """The events up to that u are stored."""
        self._lacking.reached = update_id

    def events(self, events: Sequence[DepthEvent], run: Run) -> None:
        numbers: array[float] | None = run.numbers if len(events) == len(run.events) else None
        self._diffs.extend(events, numbers)
        self._rejected += run.rejected

    def seeded(self, seed: Seed, time: int, reason: str) -> None:
        self._keep(seed_table(self.symbol, seed, time, reason))
        self._anchored, self.due = seed.last_update_id, time + int(self.checkpoint * self.phase)
        self.phase = 1.0

    def take(self, book: LocalBook, until: int) -> None:
        """A checkpoint, unless the last one is of the same book."""
        self.due = until + self.checkpoint
        if book.id != self._anchored:
            self._anchored = book.id
            self._keep(book_table(self.symbol, book))

    def turned(self, turning: Turning) -> None:
        self._turnings.append(turning)

    def batches(self, observed: int | None) -> Iterator[Batch]:
        """In an order that may be cut off anywhere: nothing is verified before what proves it is stored, and what is
        missing is in the ledger before what comes after it."""
        diffs, self._diffs = self._diffs, DiffRows()
        snapshots, self._snapshots, self._levels = self._snapshots, [], 0
        turnings, self._turnings = self._turnings, []
        rejected, self._rejected = tuple(self._rejected), []
        missing, filled = self._lacking.take(diffs.firsts, diffs.lasts)
        yield from self._states([each for each in turnings if each.state != VERIFIED])
        if missing:
            yield Batch(DEPTH, self.symbol, DEPTH.schema.empty_table(), observed, findings=missing)
        if len(diffs) or rejected:
            table = diffs.table(self.symbol)
            yield Batch(DEPTH, self.symbol, table, observed, rejected, filled, Origin("stream"))
        if snapshots:
            yield Batch(DEPTH_SNAPSHOTS, self.symbol, pa.concat_tables(snapshots), observed)
        yield from self._states([each for each in turnings if each.state == VERIFIED])

    def _keep(self, snapshot: pa.Table) -> None:
        self._snapshots.append(snapshot)
        self._levels += snapshot.num_rows

    def _states(self, turnings: Sequence[Turning]) -> Iterator[Batch]:
        if turnings:
            yield Batch(DEPTH_STATES, self.symbol, states_table(self.symbol, turnings))
