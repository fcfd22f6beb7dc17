"""Where the chain of a series does not tile although no row is missing: the second proof that nothing is missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from bcore.audits import Break
from bcore.errors import CorruptFileError
from bcore.query import Query
from bcore.spans import Span, Spans

if TYPE_CHECKING:
    import pyarrow as pa

    from bcore.protocols import Store
    from bcore.records import Dataset, DayProof, Series

EXPLAINED = 64  # gaps whose neighbours are read
LOOK = 64  # rows looked at on either side of a gap for one that has finer ids
LOCATED = 20  # breaks whose place is searched, a day's rows each


@frozen
class Chaining:
    """Reads single rows of a series, to tell holes of the chain that missing rows explain from those that none does."""

    store: Store
    series: Series

    def breaks(self, holes: Spans, missing: Spans, days: Sequence[DayProof]) -> tuple[Break, ...]:
        """Those `holes` of the chain that none of the `missing` ids explains, each with its place if that is found.

        Where very many ids are missing, as many holes as gaps are taken to be theirs.
        """
        if holes and missing:
            many = len(missing.runs) > EXPLAINED and len(holes.runs) <= len(missing.runs)
            holes = Spans() if many else holes.subtract(Spans.of(self._explained(missing)))
        return tuple(self._break(number, hole, days) for number, hole in enumerate(holes))

    def _explained(self, missing: Iterable[Span]) -> Iterator[Span]:
        """The finer ids between the rows on either side of each gap."""
        _, first, last = self._names
        for run in missing:
            before = self._rows(Query(*self._named, last=run[0] - 1, tail=LOOK)).column(last).to_pylist()[-1:]
            after = self._rows(Query(*self._named, first=run[1] + 1, limit=LOOK)).column(first).to_pylist()[:1]
            if before and after and before[0] + 1 < after[0]:
                yield before[0] + 1, after[0] - 1

    def _break(self, number: int, hole: Span, days: Iterable[DayProof]) -> Break:
        before = hole[0] - 1
        place = (self._place(before, day) for day in days if before in day.chain)
        after = next((found for found in place if found is not None), None) if number < LOCATED else None
        return Break(*hole, after)

    def _place(self, finer: int, day: DayProof) -> int | None:
        """The id of the day's row whose chain ends with `finer`."""
        import pyarrow.compute as pc

        sequence, _, last = self._names
        rows = self._rows(Query(*self._named, first=day.spans.first, last=day.spans.last))
        found: list[int] = rows.filter(pc.field(last) == finer).column(sequence).to_pylist()
        return found[0] if found else None

    def _rows(self, query: Query) -> pa.Table:
        """Ids and chain of those of the rows that have finer ids; none where a damaged file hides them."""
        import pyarrow.compute as pc

        try:
            table = self.store.read(evolve(query, columns=self._names))
        except CorruptFileError:
            table = self.series.dataset.schema.empty_table()
        return table.filter(pc.field(self._names[1]) >= 0)

    @property
    def _names(self) -> tuple[str, str, str]:
        first, last = self.series.dataset.chain
        return self.series.dataset.sequence or "", first, last

    @property
    def _named(self) -> tuple[Dataset, str]:
        return self.series.dataset, self.series.symbol
