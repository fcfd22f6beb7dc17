"""What the tests of a store ask of their subclass: how to open it, its back doors, and what it can do."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path

import pyarrow as pa
import pytest

from bcore.protocols import Store
from bcore.records import Batch, Series
from bcore.testing.kit import Kit
from bcore.testing.samples import ODD_SYMBOLS


class StoreKit(Kit):
    """Three methods make a store testable; the fixtures tell what it can do."""

    @abstractmethod
    def open(self, place: Path) -> Store:
        """A store on this folder, which exists; each call opens what is there, as a new process would."""

    @abstractmethod
    def plant(self, place: Path, batch: Batch) -> None:
        """Puts the rows of a batch there by other means than `Store.append`, before anything is open."""

    @abstractmethod
    def unearth(self, place: Path, series: Series) -> pa.Table:
        """The rows of a series, by other means than `Store.read`, in any order, while a store may be open."""

    @pytest.fixture
    def durable(self) -> bool:
        """Whether what is stored is there for another process, and after this one has ended."""
        return True

    @pytest.fixture
    def grows(self) -> bool:
        """Whether a dataset may get further columns that may be null."""
        return True

    @pytest.fixture
    def symbols(self) -> tuple[str, ...]:
        """Symbols that have to be kept apart, and given back as they are."""
        return ODD_SYMBOLS

    @pytest.fixture
    def examples(self) -> int:
        """How many random histories the store lives through."""
        return 25

    @pytest.fixture
    def store(self, tmp_path: Path) -> Store:
        """An empty store."""
        return self.open(tmp_path)
