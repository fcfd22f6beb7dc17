"""Taking over a folder of single-file series, `trades/BTCUSDT.parquet`, as the original collector wrote them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from hashlib import file_digest
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from attrs import evolve, field, frozen

from bc_parquet.checking import failed
from bc_parquet.frames import fitted, inferred
from bc_parquet.merging import equal
from bc_parquet.names import symbol_of
from bcore.errors import CorruptFileError, StoreError
from bcore.protocols import Store
from bcore.query import Query
from bcore.records import Batch, Dataset, Origin
from bcore.schema import conform

KEPT = ".original"
ROWS = 256 * 1024
HOT = "_hot.parquet"


@frozen
class OldSeries:
    """A file that holds all of a series. `path` is where it stands, `dataset` the folder's name."""

    path: Path
    dataset: str
    symbol: str

    @classmethod
    def inside(cls, folder: Path) -> list[OldSeries]:
        """Every such file of a data folder, also those that an import cut short has put aside already."""
        found = [*folder.glob("*/*.parquet"), *folder.glob(f"*/*.parquet{KEPT}")]
        return [
            cls(path, path.parent.name, symbol_of(path.name.removesuffix(KEPT).removesuffix(".parquet")))
            for path in sorted(found)
            if path.is_file() and not path.is_symlink() and not path.name.removesuffix(KEPT).endswith(HOT)
        ]


@frozen
class Imported:
    """What came of one file: its rows, how many of them were new to the archive, and where the file is kept."""

    rows: int
    new: int
    kept: Path


@frozen
class Import:
    """Brings old series into a store, and reads back every value before it calls one imported."""

    store: Store
    declared: Mapping[str, Dataset] = field(factory=dict)
    advance: Callable[[int], None] = lambda rows: None

    def run(self, old: OldSeries, *, in_place: bool) -> Imported:
        """Imports one file. `in_place`: it stands where the series will, and is renamed to `*.parquet.original` first.

        May be run again after an interruption. Raises `CorruptFileError` for a file that cannot be read and
        `StoreError` where rows do not fit, or differ from rows that the archive holds under the same keys.
        """
        dataset = self._dataset(old)
        for batch in _batches(old.path, dataset, old.symbol):
            conform(batch)  # what is wrong with the file is found before anything is touched
        path = _aside(old.path) if in_place else old.path
        origin = _origin(path, old)
        new = sum(self.store.append(evolve(batch, origin=origin)).rows for batch in _batches(path, dataset, old.symbol))
        rows = sum(self._verified(batch, path) for batch in _batches(path, dataset, old.symbol))
        return Imported(rows, new, path)

    def _dataset(self, old: OldSeries) -> Dataset:
        known = self.store.datasets().get(old.dataset) or self.declared.get(old.dataset)
        return known or inferred(old.dataset, _open(old.path).schema_arrow.empty_table())

    def _verified(self, batch: Batch, path: Path) -> int:
        """How many rows the batch has, each of which the archive gives back bit for bit. Raises `StoreError`."""
        dataset, table = batch.dataset, conform(batch).table
        times = pc.min_max(table.column(dataset.time).cast("int64"))
        query = Query(dataset, batch.symbol, start=times["min"].as_py(), end=times["max"].as_py() + 1)
        held = _among(self.store.read(query), table, dataset)
        if not equal(held, table):
            raise StoreError(
                f"{path}: the archive holds other values than this file for some keys from {_key(table, dataset, 0)} "
                f"to {_key(table, dataset, -1)}; the file is kept as it is: import it into a folder of its own"
            )
        self.advance(table.num_rows)
        return int(table.num_rows)


def _origin(path: Path, old: OldSeries) -> Origin:
    """The old file as it is, under the name that it had."""
    with path.open("rb") as file:
        digest = file_digest(file, "sha256").hexdigest()
    return Origin("archive", path.name.removesuffix(KEPT), digest, _open(path).metadata.num_rows)


def _batches(path: Path, dataset: Dataset, symbol: str) -> Iterator[Batch]:
    try:
        for rows in _open(path).iter_batches(ROWS):
            yield Batch(dataset, symbol, fitted(pa.Table.from_batches([rows]).replace_schema_metadata(None), dataset))
    except (pa.ArrowInvalid, OSError) as error:
        if failed(error):
            raise
        raise CorruptFileError(f"{path} cannot be read to its end: {error}") from error


def _open(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except (pa.ArrowInvalid, OSError) as error:
        if failed(error):
            raise
        raise CorruptFileError(f"{path} is no Parquet file that can be read: {error}") from error


def _among(held: pa.Table, wanted: pa.Table, dataset: Dataset) -> pa.Table:
    """The held rows whose keys are wanted, by key."""
    keys = list(dataset.key)
    order = [(name, "ascending") for name in keys]
    return held.join(wanted.select(keys), keys=keys, join_type="left semi").sort_by(order).select(wanted.column_names)


def _key(table: pa.Table, dataset: Dataset, index: int) -> str:
    return ", ".join(str(table.column(name)[index].as_py()) for name in dataset.key)


def _aside(path: Path) -> Path:
    if path.name.endswith(KEPT):
        return path
    kept = path.with_name(path.name + KEPT)
    if kept.exists():
        raise StoreError(f"{kept} is there already: move it away, so that {path.name} can be kept under that name")
    os.rename(path, kept)
    return kept
