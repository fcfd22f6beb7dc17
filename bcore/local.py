"""The reader of stores on this machine: finds the series, asks for what a derivation needs, cuts to the window."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from attrs import define, evolve

from bcore.catalogue import Catalogue, View
from bcore.errors import NotFoundError, RequestError
from bcore.naming import near
from bcore.protocols import Store
from bcore.query import Query, Request, clip
from bcore.records import Dataset, Derivation, Series, SeriesStats

if TYPE_CHECKING:
    import pyarrow as pa

    from bcore.protocols import ViewInfo

WIDEN = 4


@define
class StoreReader:
    """Answers requests from stores. Where several hold one series, the first in order is read."""

    stores: tuple[Store, ...]
    declared: tuple[Dataset, ...] = ()
    derivations: tuple[Derivation, ...] = ()

    def views(self) -> Mapping[str, ViewInfo]:
        return self._catalogue().views

    def symbols(self, view: str | None = None) -> list[str]:
        name = self._catalogue().view(view).dataset.name if view is not None else None
        found = {
            series.symbol for store in self.stores for series in store.series() if name in (None, series.dataset.name)
        }
        return sorted(found)

    def read(self, request: Request) -> pa.Table:
        view = self._catalogue().view(request.view)
        where, params = view.split(request.params)
        columns = _columns(view, request)
        store = self._store(view, request.symbol)
        if view.derivation:
            return _derived(store, view.derivation, request.query(view.dataset, where), params).select(columns)
        query = evolve(request.query(view.dataset, where), columns=tuple(columns))
        return store.hot(query) if request.hot else store.read(query)

    def scan(self, request: Request) -> pa.RecordBatchReader:
        view = self._catalogue().view(request.view)
        if view.derivation:
            return self.read(request).to_reader()
        where, _ = view.split(request.params)
        columns = _columns(view, request)
        store = self._store(view, request.symbol)
        return store.scan(evolve(request.query(view.dataset, where), columns=tuple(columns)))

    def stats(self) -> list[SeriesStats]:
        return [store.stats(series) for store, series in self._series()]

    def close(self) -> None:
        for store in self.stores:
            store.close()

    def _series(self) -> Iterator[tuple[Store, Series]]:
        seen: set[Series] = set()
        for store in self.stores:
            for series in store.series():
                if series not in seen:
                    seen.add(series)
                    yield store, series

    def _catalogue(self) -> Catalogue:
        """Made anew for each request: a collector beside us may just have created a dataset."""
        held = [dataset for store in self.stores for dataset in store.datasets().values()]
        known = {dataset.name for dataset in held}
        return Catalogue.of([*held, *(each for each in self.declared if each.name not in known)], self.derivations)

    def _store(self, view: View, symbol: str) -> Store:
        for store, series in self._series():
            if series.dataset.name == view.dataset.name and series.symbol == symbol:
                return store
        there = self.symbols(view.name)
        raise NotFoundError(
            f"nothing is stored of {view.dataset.name} for the symbol {symbol!r}{near(symbol, there)}; "
            f"stored: {', '.join(there[:20]) or 'none yet'}"
        )


def _columns(view: View, request: Request) -> list[str]:
    names: list[str] = view.schema.names
    if request.columns is None:
        return names
    unknown = [name for name in request.columns if name not in names]
    if unknown:
        problems = [f"{view.name} has no column {name!r}{near(name, names)}" for name in unknown]
        raise RequestError(*problems, f"columns: {', '.join(names)}")
    return list(request.columns)


def _derived(store: Store, derivation: Derivation, query: Query, params: Any) -> pa.Table:
    """The derivation's rows for the query, reading no more of the dataset than they need.

    For N rows the window is guessed by the derivation and widened until N are there or the series is exhausted: how
    far N candles reach depends on how often the symbol trades.
    """
    if query.first is not None:
        raise RequestError(f"{derivation.name} is computed and has no ids to page by: use start_time")
    stats = store.stats(query.series)
    asked = query
    if query.tail is not None and query.end is None:
        asked = evolve(query, end=(stats.last_time or 0) + 1)
    while True:
        need = derivation.needs(asked, params)
        rows = clip(_applied(store, need, derivation, params), derivation.time, query.start, query.end)
        wanted = query.tail if query.tail is not None else query.limit
        if wanted is None or rows.num_rows >= wanted + query.offset or _exhausted(need, query, stats):
            return query.counted(rows)
        asked = evolve(asked, tail=_wider(asked.tail), limit=_wider(asked.limit))


def _wider(count: int | None) -> int | None:
    """A count of 0 grows too: an offset may want rows beyond the none that were asked for."""
    return None if count is None else max(count, 1) * WIDEN


def _exhausted(need: Query, query: Query, stats: SeriesStats) -> bool:
    """Whether a wider window would bring nothing more, on the side that the query counts towards."""
    if query.tail is not None:
        return need.start is None or stats.first_time is None or need.start <= max(stats.first_time, query.start or 0)
    if need.end is None or stats.last_time is None:
        return True
    return need.end > stats.last_time or (query.end is not None and need.end >= query.end)


def _applied(store: Store, need: Query, derivation: Derivation, params: Any) -> pa.Table:
    table = store.read(need)
    if derivation.context and need.dataset.sequence and table.num_rows:
        table = _with_context(store, need, table, derivation.context)
    # Rows that context brought in, and half-read rows at the window's edge, are the window's no more.
    return clip(derivation.apply(table, params), derivation.time, need.start, need.end)


def _with_context(store: Store, need: Query, table: pa.Table, context: int) -> pa.Table:
    """`table` with its neighbours by sequence, and with the rows in between that the time window left out."""
    import pyarrow as pa
    import pyarrow.compute as pc

    sequence = need.dataset.sequence
    bounds = pc.min_max(table.column(sequence))
    low, high = bounds["min"].as_py(), bounds["max"].as_py()
    plain = evolve(need, start=None, end=None, limit=None, tail=None, offset=0)
    before = store.read(evolve(plain, last=low - 1, tail=context))
    after = store.read(evolve(plain, first=high + 1, limit=context))
    if table.num_rows < high - low + 1:
        table = store.read(evolve(plain, first=low, last=high))
    return pa.concat_tables([before, table, after])
