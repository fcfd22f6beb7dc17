"""The stores behind a reader: what only they can tell of a series."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

from bcore.local import StoreReader
from bcore.protocols import Reader, Stamps, Store
from bcore.records import Series


def store_of(reader: Reader, series: Series) -> Store | None:
    """The store that the reader reads the series from; None for a reader of another kind, and where nothing is held."""
    if not isinstance(reader, StoreReader):
        return None
    return next((store for store in reader.stores if series in store.series()), None)


def stamp_of(reader: Reader, series: Iterable[Series]) -> Hashable:
    """Something that differs as soon as one of the series has other rows."""
    return tuple(_stamp(reader, each) for each in series)


def _stamp(reader: Reader, series: Series) -> Hashable:
    if not isinstance(reader, StoreReader):
        return tuple((each.series, each.rows, each.last_key) for each in reader.stats() if each.series == series)
    return tuple(store.stamp(series) if isinstance(store, Stamps) else _facts(store, series) for store in reader.stores)


def _facts(store: Store, series: Series) -> Hashable:
    stats = store.stats(series)
    return stats.rows, stats.last_key, stats.gaps
