"""The store, through the tests that every store has to pass; its back doors are plain SQL."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pyarrow as pa

from bc_sqlite.sql import columns_of, values_of
from bc_sqlite.store import CATALOGUE, SqliteStore, is_archive
from bcore.describing import text_of
from bcore.records import Batch, Series
from bcore.registry import Registry
from bcore.schema import conform
from bcore.testing import StoreTests
from bcore.testing.samples import ticks


class TestSqliteStore(StoreTests):
    def open(self, place: Path) -> SqliteStore:
        return SqliteStore(place / "archive.db")

    def plant(self, place: Path, batch: Batch) -> None:
        rows = list(values_of(conform(batch).table))
        database = sqlite3.connect(place / "archive.db")
        database.execute(CATALOGUE)
        names = ", ".join(batch.dataset.schema.names)
        database.execute(f"CREATE TABLE planted ({names}, PRIMARY KEY ({', '.join(batch.dataset.key)})) WITHOUT ROWID")
        database.executemany(f"INSERT INTO planted VALUES ({', '.join('?' * len(rows[0]))})", rows)
        told = (batch.dataset.name, batch.symbol, "planted", text_of(batch.dataset))
        database.execute("INSERT INTO bcore_series VALUES (?, ?, ?, ?)", told)
        database.commit()
        database.close()

    def unearth(self, place: Path, series: Series) -> pa.Table:
        database = sqlite3.connect(place / "archive.db")
        rows = database.execute("SELECT * FROM rows_1").fetchall()
        database.close()
        return columns_of(rows, series.dataset.schema)


def test_the_installed_plugin_offers_the_store() -> None:
    assert "sqlite" in Registry.load(environ={}).of("stores")


def test_a_database_is_recognised_and_nothing_else(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "archive.db")
    store.append(ticks([1]))
    store.close()
    (tmp_path / "notes.txt").write_text("SQL")
    assert [True, False, False, False] == [
        is_archive(path) for path in (store.path, tmp_path / "notes.txt", tmp_path, tmp_path / "none")
    ]
