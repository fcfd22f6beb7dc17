"""What events do not tell and the store knows: the highest id of each series, and which ids are missing."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable, Iterator

from attrs import define, field, frozen

from bcore.board import Board
from bcore.collect import Job
from bcore.errors import BcoreError
from bcore.ledger import Ledger
from bcore.protocols import Clock, Store
from bcore.records import Series, SeriesStats
from bcore.spans import Spans

log = logging.getLogger(__name__)
BUDGET = 0.02  # seconds that one round may take


@frozen
class Kept:
    """A series, the store that keeps it, and the source that writes it."""

    series: Series
    store: Store
    source: str

    @classmethod
    def of(cls, jobs: Iterable[Job]) -> Iterator[Kept]:
        for job in jobs:
            for dataset in job.datasets():
                yield from (cls(Series(dataset, symbol), job.store, job.name) for symbol in job.source.symbols)

    def gaps(self, spans: Spans) -> Spans:
        """The ids that are missing, but for those that nobody has."""
        gaps = spans.gaps()
        return gaps.subtract(Ledger.read(self.store, self.series).unfillable()) if gaps else gaps


@define
class Survey:
    """Asks the stores, series by series in turn, for a small part of each second: 500 series take several rounds."""

    board: Board
    kept: tuple[Kept, ...]
    clock: Clock
    budget: float = BUDGET
    _turn: deque[Kept] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._turn = deque(each for each in self.kept if each.series.dataset.sequence)

    def look(self) -> None:
        """Goes on where the last round ended. A series that cannot be looked at keeps the facts it has."""
        until = self.clock.monotonic() + self.budget
        for _ in range(len(self._turn)):
            kept = self._turn[0]
            self._turn.rotate(-1)
            self._look_at(kept)
            if self.clock.monotonic() >= until:
                break

    def _look_at(self, kept: Kept) -> None:
        series = kept.series
        try:
            spans = kept.store.spans(series)
            gaps = kept.gaps(spans)
        except (BcoreError, OSError) as error:
            log.debug("%s cannot be looked at: %s", series, error)
            return
        if spans:
            self.board.look_up(series.dataset.name, series.symbol, kept.source, spans.last, gaps)


def stats_of(kept: Iterable[Kept]) -> Iterator[SeriesStats]:
    """The stats of each series that can be looked at."""
    for each in kept:
        try:
            yield each.store.stats(each.series)
        except (BcoreError, OSError) as error:
            log.debug("%s cannot be looked at: %s", each.series, error)
