"""Whether rows are missing in a range that was asked for, told from the ids that are held."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

from bcore.local import StoreReader
from bcore.query import Request
from bcore.spans import Spans

if TYPE_CHECKING:
    from bc_http.pulse import State
    from bcore.protocols import Reader, ViewInfo
    from bcore.records import Dataset, SeriesStats


@frozen
class Completeness:
    """Counts the runs of missing ids that a range may have lost rows to."""

    reader: Reader

    def said(self, request: Request, view: ViewInfo, state: State) -> str | None:
        """`true` or `gaps=N` for a range (start, end or after); None for anything else, and for rows without ids."""
        dataset: Dataset | None = getattr(view, "dataset", None)
        if dataset is None or (request.start, request.end, request.after) == (None, None, None):
            return None
        stats = state.series.get((dataset.name, request.symbol))
        if stats is None or stats.gaps is None:
            return None
        count = self._count(request, stats) if stats.gaps else 0
        return None if count is None else f"gaps={count}" if count else "true"

    def _count(self, request: Request, stats: SeriesStats) -> int | None:
        spans = self._spans(stats)
        if spans is None:
            return None
        first, last = self._ends(request, stats.series.dataset, spans)
        # A hole beside the first or the last row may have held rows of the range too.
        return sum(begin <= last + 1 and end >= first - 1 for begin, end in spans.gaps().runs)

    def _spans(self, stats: SeriesStats) -> Spans | None:
        if not isinstance(self.reader, StoreReader):
            return None
        held = (store.spans(stats.series) for store in self.reader.stores)
        return next((spans for spans in held if spans), None)

    def _ends(self, request: Request, dataset: Dataset, spans: Spans) -> tuple[int, int]:
        whole = Request(dataset.name, request.symbol, columns=(str(dataset.sequence),))
        first, last = spans.first or 0, spans.last or 0
        if request.after is not None:
            first = request.after + 1
        elif request.start is not None:
            first = self._id(evolve(whole, start=request.start, limit=1), last + 1)
        if request.end is not None:
            last = self._id(evolve(whole, end=request.end, tail=1), first - 1)
        return first, last

    def _id(self, request: Request, otherwise: int) -> int:
        found: list[Any] = self.reader.read(request).column(0).to_pylist()
        return int(found[0]) if found else otherwise
