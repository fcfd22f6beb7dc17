"""Sync for programs: one series of any reader into a folder or a store, in one call."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bcore.clock import SystemClock
from bcore.collect import Job
from bcore.elsewhere import Elsewhere
from bcore.errors import StoreError
from bcore.instants import iso
from bcore.persistence import Persistence
from bcore.protocols import Reader, Store
from bcore.sync import Sync, Synced, as_kept, wanted

if TYPE_CHECKING:
    from bcore.events import Event


def synced(reader: Reader, dataset: str, symbol: str, store: Store | str | Path) -> Synced:
    """Raises `NotFoundError` for a series that the reader does not hold, `StoreError` where rows of one key differ."""
    with _opened(store) as kept:
        done = _sync(reader, dataset, symbol, kept).run()
    if done.differing:
        days = ", ".join(iso(day)[:10] for day in done.differing[:3])
        raise StoreError(f"{done.series}: both sides have different rows under the same keys, ours are kept: {days}")
    return done


def synced_hot(reader: Reader, dataset: str, symbol: str, store: Store | str | Path) -> int:
    with _opened(store) as kept:
        return _sync(reader, dataset, symbol, kept).hot()


def _sync(reader: Reader, dataset: str, symbol: str, store: Store) -> Sync:
    clock, name = SystemClock(), "the other archive"
    (series,) = (as_kept(series, store) for series in wanted(reader, name, [dataset], [symbol]))
    elsewhere = Elsewhere(name, reader, series)
    return Sync(elsewhere, Job("sync", elsewhere, store, clock=clock), _unheard, Persistence(clock))


def _unheard(event: Event) -> None:
    """Nobody listens."""


@contextmanager
def _opened(store: Store | str | Path) -> Iterator[Store]:
    """The store, or that of a folder for as long as it is needed."""
    if isinstance(store, Store):
        yield store
        return
    from bcore.app import folder_reader
    from bcore.registry import Registry

    reader = folder_reader(Path(store), Registry.load())
    try:
        yield reader.stores[0]
    finally:
        reader.close()
