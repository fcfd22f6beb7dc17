"""Snapshots at several tick sizes of a maintained book, at the multiples of an interval; none while it is in doubt."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence

from attrs import define, field

from bc_orderbook.book import Book, MalformedBookError
from bc_orderbook.booktables import Turning
from bc_orderbook.config import TickSizes
from bc_orderbook.diffs import VERIFIED
from bc_orderbook.events import DepthEvent, Run
from bc_orderbook.journal import NEVER
from bc_orderbook.localbook import LocalBook, Seed
from bc_orderbook.snapshot import Row, rows_of, table_of
from bcore.records import Batch, Dataset, Origin

log = logging.getLogger(__name__)
MOST = 20_000  # snapshots at once, after which something must be wrong with the clocks


@define(eq=False)
class Gallery:
    """A journal that keeps nothing of the events. A snapshot at T has every event with E <= T and no other.

    `interval` in us; `depth` levels of either side are looked at, within the book's horizon.
    """

    symbol: str
    dataset: Dataset
    interval: int
    depth: int
    ticks: Callable[[], TickSizes | None]
    due: int = field(default=NEVER, init=False)
    _times: list[int] = field(factory=list, init=False)
    _rows: list[Row] = field(factory=list, init=False)
    _shown: int = field(default=-1, init=False)
    _last: list[Row] = field(factory=list, init=False)

    @property
    def rows(self) -> int:
        """How many are ready to be stored."""
        return len(self._rows)

    @property
    def laden(self) -> bool:
        return bool(self._rows)

    def events(self, events: Sequence[DepthEvent], run: Run) -> None:
        for rejected in run.rejected:
            log.warning("%s: an event of the depth stream is left out: %s", self.symbol, rejected.reason)

    def seeded(self, seed: Seed, time: int, reason: str) -> None:
        self._shown = -1

    def turned(self, turning: Turning) -> None:
        verified = turning.state == VERIFIED
        self.due = -(-turning.time // self.interval) * self.interval if verified else NEVER

    def take(self, book: LocalBook, until: int) -> None:
        """A snapshot at every multiple of the interval below `until`: between two events a book stands still."""
        times = range(self.due, until, self.interval)
        self.due = times[-1] + self.interval
        rows = self._rows_of(book)
        for time in times[-MOST:]:
            self._times += [time] * len(rows)
            self._rows += rows

    def batches(self, observed: int | None) -> Iterator[Batch]:
        if self._rows:
            table = table_of(self.symbol, self._times, self._rows, self.dataset)
            self._times, self._rows = [], []
            yield Batch(self.dataset, self.symbol, table, observed, origin=Origin("stream"))

    def _rows_of(self, book: LocalBook) -> list[Row]:
        if book.id != self._shown:
            try:
                exact = Book.of_numbers(*book.levels(self.depth, known=True))
                self._last = rows_of(exact, self.ticks() or (), self.dataset)
            except MalformedBookError as error:  # the keeper will say so; nothing of it is stored
                log.debug("%s: %s", self.symbol, error)
                self._last = []
            self._shown = book.id
        return self._last
