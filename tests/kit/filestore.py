"""A store that keeps each series as one file, replaced by rename: durable, and simple enough to be made wrong."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa
import pytest
from attrs import define, field

from bcore.memory import MemoryStore
from bcore.protocols import Key
from bcore.query import Query
from bcore.records import Appended, Batch, Dataset, Series, SeriesStats
from bcore.spans import Spans
from bcore.testing import StoreTests


def file_of(place: Path, series: Series) -> Path:
    return place / f"{series.dataset.name}~{quote(series.symbol, safe='')}.pickle"


@define
class FileStore(MemoryStore):
    """Reads its files anew for each question, so that other processes' appends are seen."""

    place: Path = field(factory=Path)

    def append(self, batch: Batch) -> Appended:
        self.load()
        done = super().append(batch)
        if done.rows:
            self.save(batch.series)
        return done

    def save(self, series: Series) -> None:
        (held,) = (each for each in MemoryStore.series(self) if self.named(each) == self.named(series))
        table = MemoryStore.read(self, Query(held.dataset, held.symbol))
        self.write(file_of(self.place, series), pickle.dumps((held, table)))

    def write(self, file: Path, content: bytes) -> None:
        staged = file.with_suffix(f".{os.getpid()}")
        staged.write_bytes(content)
        staged.rename(file)

    def load(self) -> None:
        for file in self.place.glob("*.pickle"):
            series, table = pickle.loads(file.read_bytes())
            MemoryStore.append(self, Batch(series.dataset, series.symbol, table))

    def read(self, query: Query) -> pa.Table:
        self.load()
        return super().read(query)

    def spans(self, series: Series) -> Spans:
        self.load()
        return super().spans(series)

    def last(self, series: Series) -> Key | None:
        self.load()
        return super().last(series)

    def stats(self, series: Series) -> SeriesStats:
        self.load()
        return super().stats(series)

    def series(self) -> list[Series]:
        self.load()
        return super().series()

    def datasets(self) -> dict[str, Dataset]:
        return {series.dataset.name: series.dataset for series in self.series()}

    @staticmethod
    def named(series: Series) -> tuple[str, str]:
        return (series.dataset.name, series.symbol)


class FileStoreTests(StoreTests):
    """What is the same for all wrong file stores."""

    kind: type[FileStore] = FileStore

    @pytest.fixture
    def kills(self) -> int:
        return 3

    def open(self, place: Path) -> FileStore:
        return self.kind(place=place)

    def plant(self, place: Path, batch: Batch) -> None:
        FileStore(place=place).append(batch)

    def unearth(self, place: Path, series: Series) -> pa.Table:
        return pickle.loads(file_of(place, series).read_bytes())[1]
