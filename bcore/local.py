"""The reader of stores on this machine: finds the series and asks the store, or what derives from it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import define, evolve, field

from bcore.catalogue import Catalogue, Offer, View
from bcore.computing import Access, Computing
from bcore.deriving import Deriving
from bcore.errors import NotFoundError, RequestError
from bcore.faceting import check_facets
from bcore.naming import near_symbol
from bcore.protocols import HOT_ROWS, KeepsFolder, Store
from bcore.query import Query, Request
from bcore.records import Dataset, DayProof, Series, SeriesStats, datasets_of

if TYPE_CHECKING:
    import pyarrow as pa

    from bcore.audits import Gap
    from bcore.following import Told
    from bcore.protocols import ViewInfo
    from bcore.settling import Settling


@define
class StoreReader:
    """Answers requests from stores. Where several hold one series, the first in order is read.

    `folder` is what the archive was opened by, said where it is not there at all. `recorders` has the source that
    writes each dataset.
    """

    stores: tuple[Store, ...]
    declared: tuple[Dataset, ...] = ()
    derivations: tuple[Offer, ...] = ()
    folder: Path | None = None
    recorders: Mapping[str, str] = field(factory=dict)

    def views(self) -> Mapping[str, ViewInfo]:
        return self._catalogue().listed

    def symbols(self, view: str | None = None) -> list[str]:
        name = self._catalogue().view(view).dataset.name if view is not None else None
        found = {
            series.symbol for store in self.stores for series in store.series() if name in (None, series.dataset.name)
        }
        return sorted(found)

    def read(self, request: Request) -> pa.Table:
        catalogue = self._catalogue()
        view = catalogue.view(request.view)
        where, params = view.split(request.params)
        columns = view.columns(request.columns, params)
        store = self._store(view, request.symbol)
        if view.computation:
            return self._computing(view, request, params, columns, catalogue).table(_asked(view, request))
        query = request.query(view.dataset, where)
        if view.derivation:
            deriving = Deriving(store, view.derivation, params, columns)
            table = deriving.of_hot(query) if request.hot and query.everything else deriving.table(_few(query, request))
        else:
            query = evolve(query, columns=tuple(columns))
            table = store.hot(query) if request.hot else store.read(query)
        if not table.num_rows:
            check_facets(store, query)
        return table

    def scan(self, request: Request) -> pa.RecordBatchReader:
        if request.newest_kept:
            return self.read(request).to_reader()
        catalogue = self._catalogue()
        view = catalogue.view(request.view)
        where, params = view.split(request.params)
        columns = view.columns(request.columns, params)
        store = self._store(view, request.symbol)
        if view.computation:
            return self._computing(view, request, params, columns, catalogue).scan(_asked(view, request))
        query = request.query(view.dataset, where)
        check_facets(store, query)
        if view.derivation:
            return Deriving(store, view.derivation, params, columns).scan(query)
        return store.scan(evolve(query, columns=tuple(columns)))

    def stats(self) -> list[SeriesStats]:
        return [store.stats(series) for store, series in self._series()]

    def proofs(self, dataset: str, symbol: str, *, end: int | None = None) -> Sequence[DayProof]:
        from bcore.proving import stored_proofs

        for store, series in self._series():
            if (series.dataset.name, series.symbol) == (dataset, symbol):
                return stored_proofs(store, series, end)
        return ()

    def gaps(self, dataset: str, symbol: str) -> Sequence[Gap]:
        from bcore.verify import gaps_of

        return gaps_of(*self._held(dataset, symbol))

    def follow(
        self, view: str, symbol: str, cursor: str | None = None, params: Mapping[str, Any] | None = None
    ) -> Told:
        from bcore.following import followed, place_in
        from bcore.settling import BySettling

        found = self._catalogue().view(view)
        where, parsed = found.split(params or {})
        columns = found.columns(None, parsed)
        if found.made_by:
            settling = self.settling(found, symbol, params or {})
            return followed(BySettling(settling), settling.sources, cursor)
        source = self._store(found, symbol), Series(found.dataset, symbol)
        told = followed(place_in(*source, where), (source,), cursor)
        return ((None if rows is None else rows.select(columns), place) for rows, place in told)

    def settling(self, view: View, symbol: str, params: Mapping[str, Any]) -> Settling:
        """How rows of a computed view become final. Raises `NotFoundError` where nothing of it is held."""
        from bcore.settling import Settling

        assert view.offer is not None
        names = [view.prefix + name for name in datasets_of(view.offer)]
        first = self._store(view, symbol), Series(view.dataset, symbol)
        others = [(each, series) for each, series in self._series() if series.dataset.name in names[1:]]
        mine = [pair for pair in others if pair[1].symbol == symbol]
        return Settling(self, view, symbol, params, (first, *mine))

    def held(self, dataset: str) -> list[tuple[Store, Series]]:
        """The stored series of a dataset, each with its store."""
        return [(store, series) for store, series in self._series() if series.dataset.name == dataset]

    def close(self) -> None:
        for store in self.stores:
            store.close()

    def _held(self, dataset: str, symbol: str) -> tuple[Store, Series]:
        """A stored series. What is computed is told from what is stored."""
        view = self._catalogue().view(dataset)
        if view.made_by:
            raise RequestError(f"{dataset} is computed: name what it is computed from, {view.dataset.name}")
        return self._store(view, symbol), Series(view.dataset, symbol)

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

    def _computing(
        self, view: View, request: Request, params: Any, columns: Sequence[str], known: Catalogue
    ) -> Computing:
        from bcore.memory import MemoryStore

        assert view.computation is not None
        stores: dict[str, Store] = {}
        for store, series in self._series():
            if series.symbol == request.symbol:
                stores.setdefault(series.dataset.name, store)
        nothing, names = MemoryStore(), {name: view.prefix + name for name in view.computation.datasets}
        held = {own: (stores.get(name, nothing), known.dataset(name)) for own, name in names.items()}
        return Computing(Access(request.symbol, held), view.computation, params, columns)

    def _store(self, view: View, symbol: str) -> Store:
        for store, series in self._series():
            if series.dataset.name == view.dataset.name and series.symbol == symbol:
                return store
        there = self.symbols(view.name)
        missing = self.folder is not None and not self.folder.is_dir()
        none = f"nothing: there is no folder {str(self.folder)!r}" if missing else "none yet"
        raise NotFoundError(
            f"nothing is stored of {view.dataset.name} for the symbol {symbol!r}{near_symbol(symbol, there)}; "
            f"stored: {', '.join(there[:20]) or none}{'' if there or missing else self._made_of(view)}"
        )

    def _made_of(self, view: View) -> str:
        """Whence a computed view's rows would come."""
        name = view.dataset.name.removeprefix(view.prefix)
        if view.offer is None or name not in self.recorders:
            return ""
        source = f"the source {self.recorders[name]} ([sources.{self.recorders[name]}])"
        return f"; {view.name} is made of what {source} records, which is not in this archive"


def absent(stores: Iterable[Store]) -> Path | None:
    """The folder that the stores would keep things in, if none of them has one yet."""
    folders = [store.path if isinstance(store, KeepsFolder) else None for store in stores]
    missing = [folder for folder in folders if folder is not None and not folder.is_dir()]
    return missing[0] if missing and len(missing) == len(folders) else None


def _asked(view: View, request: Request) -> Query:
    """As a query of the view's rows. What is of one instant has no newest ones: it counts from the first."""
    if view.sized_by and request.tail is None and request.after is None:
        counted = Query(view.dataset, request.symbol, request.start, request.end)
        return evolve(counted, limit=request.limit, offset=request.offset)
    return request.query(view.dataset, {}) if view.sized_by else _few(request.query(view.dataset, {}), request)


def _few(query: Query, request: Request) -> Query:
    """What is computed has no rows that are kept hot: its newest are as many as a store keeps."""
    return evolve(query, tail=HOT_ROWS) if request.newest_kept else query
