"""The reference model itself, through the tests that every store has to pass."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from bcore.memory import MemoryStore
from bcore.query import Query
from bcore.records import Batch, Series
from bcore.testing import StoreTests

STORES: dict[Path, MemoryStore] = {}


class TestMemoryStore(StoreTests):
    """It has no back door: a place is one store, which a test finds there again."""

    kind = "memory"

    @pytest.fixture
    def durable(self) -> bool:
        return False

    def open(self, place: Path) -> MemoryStore:
        return STORES.setdefault(place, MemoryStore())

    def plant(self, place: Path, batch: Batch) -> None:
        self.open(place).append(batch)

    def unearth(self, place: Path, series: Series) -> pa.Table:
        return self.open(place).read(Query(series.dataset, series.symbol))
