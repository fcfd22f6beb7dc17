"""Rows with ids: what is new is told by ids alone, also where holes are filled that were passed before."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from attrs import evolve, field, frozen

from bc_http.live.feeds import Feed, Page, Shape
from bcore.errors import RequestError
from bcore.protocols import HOT_ROWS, Store
from bcore.query import LARGEST, Query
from bcore.records import Dataset
from bcore.spans import Span, Spans

MOST = 100  # holes that a cursor remembers
CURSOR = re.compile(r"(-?\d{1,19})(?:~(\d{1,19}-\d{1,19}(?:_\d{1,19}-\d{1,19})*))?")


@frozen
class Seen:
    """All ids up to `last`, but for those of `missing`, which were not there when `last` was passed."""

    last: int
    missing: Spans = field(factory=Spans)

    def new_in(self, end: Seen) -> Spans:
        """The ids that are seen at `end` and are not here."""
        late = self.missing.subtract(end.missing)
        fresh = Spans(((self.last + 1, end.last),)) if end.last > self.last else Spans()
        return late.add(fresh.subtract(end.missing))

    def up_to(self, last: int, end: Seen) -> Seen:
        """Here, when of the ids new at `end` those up to `last` have been seen."""
        below = Spans(((-LARGEST, last),))
        above = self.missing.subtract(below)
        passed = end.missing.subtract(Spans(((max(self.last, last) + 1, LARGEST),)))
        return Seen(max(self.last, last), passed.add(above))


@frozen
class ById(Feed[Seen]):
    """A dataset whose key begins with a sequence."""

    store: Store
    dataset: Dataset
    symbol: str
    where: Mapping[str, tuple[Any, ...]]
    shape: Shape
    wanted: Query = field(init=False)

    @wanted.default
    def _wanted(self) -> Query:
        names = dict.fromkeys((*self.shape.columns, str(self.dataset.sequence)))
        return Query(self.dataset, self.symbol, where=self.where, columns=tuple(names))

    def present(self) -> Seen:
        last = self.store.spans(self.wanted.series).last
        return Seen(-1 if last is None else last)

    def newest(self, position: Seen) -> Seen:
        return position

    def parsed(self, cursor: str) -> Seen:
        found = CURSOR.fullmatch(cursor)
        if found is None:
            raise RequestError(f"after_id must be an id, or the last cursor that was sent, not {cursor!r}")
        last, listed = int(found[1]), found[2].split("_") if found[2] else []
        try:
            runs = Spans.of(_run(each) for each in listed)
        except ValueError as error:
            raise RequestError(f"after_id is no cursor that was sent: {error}") from None
        if last >= LARGEST or last < -1 or (runs.last or -1) > last or len(runs.runs) > MOST:
            raise RequestError(f"after_id is no cursor that was sent: {cursor!r}")
        return Seen(last, runs)

    def cursor(self, position: Seen) -> str:
        holes = "_".join(f"{first}-{last}" for first, last in position.missing)
        return f"{position.last}~{holes}" if holes else str(position.last)

    def look(self, position: Seen) -> Seen:
        spans = self.store.spans(self.wanted.series)
        if spans.last is None:
            return position
        last = max(position.last, spans.last)
        # What lies before the first id that is held was never there to be missed.
        first = max(position.last + 1, spans.first or 0)
        passed = Spans.of(spans.missing(first, last)) if first <= last else Spans()
        missing = position.missing.subtract(spans).add(passed)
        found = Seen(last, Spans(missing.runs[-MOST:]))
        return position if found == position else found

    def pages(self, begin: Seen, end: Seen) -> Iterator[Page[Seen]]:
        held: Page[Seen] | None = None
        for run in begin.new_in(end):
            for batch in self._batches(run):
                if held is not None:
                    yield held
                last = int(batch.column(str(self.dataset.sequence))[-1].as_py())
                held = Page(self.shape.listed(batch), begin.up_to(last, end))
        if held is not None:
            yield evolve(held, position=end)

    def joined(self, position: Seen, begin: Seen) -> Seen:
        spans = self.store.spans(self.wanted.series)
        first = max(begin.last + 1, spans.first or 0)
        passed = Spans.of(spans.missing(first, position.last)) if first <= position.last else Spans()
        lacking = begin.missing.subtract(spans).subtract(Spans(((position.last + 1, LARGEST),)))
        missing = position.missing.add(lacking).add(passed)
        return Seen(position.last, Spans(missing.runs[-MOST:]))

    def beyond(self, one: Seen, other: Seen) -> bool:
        return one.last > other.last

    def _batches(self, run: Span) -> Iterator[pa.RecordBatch]:
        first, last = run
        tables = self._newest(first, last)
        for batch in tables if tables is not None else self.store.scan(evolve(self.wanted, first=first, last=last)):
            for begin in range(0, batch.num_rows, self.shape.page):
                yield batch.slice(begin, self.shape.page)

    def _newest(self, first: int, last: int) -> list[pa.RecordBatch] | None:
        """The rows from what is kept hot, where every one of them is there."""
        if self.where or last - first >= HOT_ROWS:
            return None
        hot = self.store.hot(self.wanted)
        ids = hot.column(str(self.dataset.sequence))
        mask = pc.and_(pc.greater_equal(ids, first), pc.less_equal(ids, last))
        found = hot.filter(mask)
        return found.combine_chunks().to_batches() if found.num_rows == last - first + 1 else None


def _run(text: str) -> Span:
    first, _, last = text.partition("-")
    return int(first), int(last)
