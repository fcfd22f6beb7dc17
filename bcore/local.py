"""The reader of stores on this machine: finds the series and asks the store, or what derives from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from attrs import define, evolve

from bcore.catalogue import Catalogue, View
from bcore.deriving import Deriving
from bcore.errors import NotFoundError, RequestError
from bcore.naming import near
from bcore.protocols import Store
from bcore.query import Request
from bcore.records import Dataset, Derivation, Series, SeriesStats

if TYPE_CHECKING:
    import pyarrow as pa

    from bcore.protocols import ViewInfo


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
            deriving, query = Deriving(store, view.derivation, params, columns), request.query(view.dataset, where)
            return deriving.of_hot(query) if request.hot and query.everything else deriving.table(query)
        query = evolve(request.query(view.dataset, where), columns=tuple(columns))
        return store.hot(query) if request.hot else store.read(query)

    def scan(self, request: Request) -> pa.RecordBatchReader:
        view = self._catalogue().view(request.view)
        where, params = view.split(request.params)
        columns = _columns(view, request)
        store = self._store(view, request.symbol)
        if view.derivation:
            return Deriving(store, view.derivation, params, columns).scan(request.query(view.dataset, where))
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
    return list(dict.fromkeys(request.columns))
