"""The store: a table for each series, with the dataset's own columns, so that SQL can be asked of it too."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import Any

import pyarrow as pa
from attrs import define, field, frozen

from bc_sqlite.sql import columns_of, quoted, select, type_of, values_of
from bcore.describing import dataset_of, text_of
from bcore.errors import StoreError
from bcore.protocols import Key, Store
from bcore.query import Query
from bcore.records import Appended, Batch, Context, Dataset, Series, SeriesStats
from bcore.schema import conform, keys_of
from bcore.spans import Spans

CATALOGUE = "CREATE TABLE IF NOT EXISTS bcore_series (dataset TEXT, symbol TEXT, rows TEXT, record TEXT)"


HEADER = b"SQLite format 3\0"  # what every such file begins with


def is_archive(path: Path) -> bool:
    """Whether a database lies there."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(HEADER)) == HEADER


@frozen
class SqliteConfig:
    path: str = field(default="archive.db", metadata={"help": "the database file"})


@define
class SqliteStore(Store):
    """One database file. SQLite sees to it that an append is all there or not at all, whatever ends the process."""

    path: Path = field(converter=Path)
    _connection: sqlite3.Connection | None = field(default=None, init=False)
    _closed: bool = field(default=False, init=False)
    _lock: RLock = field(factory=RLock, init=False)

    @classmethod
    def build(cls, config: SqliteConfig, context: Context) -> SqliteStore:
        return cls(Path(config.path).expanduser())

    def append(self, batch: Batch) -> Appended:
        batch = conform(batch)
        with self._lock, self._writing() as database:
            if not batch.table.num_rows:
                return Appended(0)
            name = self._table_for(database, batch.series)
            columns = ", ".join(map(quoted, batch.table.column_names))
            places = ", ".join("?" * batch.table.num_columns)
            before = database.total_changes
            database.executemany(f"INSERT OR IGNORE INTO {name} ({columns}) VALUES ({places})", values_of(batch.table))
            new = database.total_changes - before
        return Appended(rows=new, known=batch.table.num_rows - new)

    def read(self, query: Query) -> pa.Table:
        wanted = query.columns or tuple(query.dataset.schema.names)
        schema = pa.schema([query.dataset.schema.field(name) for name in wanted])
        with self._lock:
            name, _ = self._find(query.series)
            if name is None:
                return schema.empty_table()
            held = {row[1] for row in self._asked(f"PRAGMA table_info({name})")}
            text, values = select(query, name, wanted, held)
            rows = self._asked(text, values)
        return columns_of(rows[::-1] if query.tail is not None else rows, schema)

    def last(self, series: Series) -> Key | None:
        newest = self.read(Query(series.dataset, series.symbol, tail=1, columns=series.dataset.key))
        return keys_of(newest, series.dataset)[0] if newest.num_rows else None

    def spans(self, series: Series) -> Spans:
        """Rows of one run have the same difference between id and row number."""
        name, _ = self._find(series)
        if name is None or series.dataset.sequence is None:
            return Spans()
        number = quoted(series.dataset.sequence)
        runs = f"SELECT {number} AS id, {number} - row_number() OVER (ORDER BY {number}) AS run FROM {name}"
        return Spans.of(self._asked(f"SELECT min(id), max(id) FROM ({runs}) GROUP BY run"))

    def datasets(self) -> Mapping[str, Dataset]:
        return {series.dataset.name: series.dataset for series in self.series()}

    def series(self) -> list[Series]:
        found = self._asked("SELECT symbol, record FROM bcore_series ORDER BY dataset, symbol")
        return [Series(dataset_of(record), symbol) for symbol, record in found]

    def stats(self, series: Series) -> SeriesStats:
        name, _ = self._find(series)
        gaps = len(self.spans(series).gaps().runs) if series.dataset.sequence else None
        if name is None:
            return SeriesStats(series, 0, 0, None, None, gaps=gaps)
        time = quoted(series.dataset.time)
        ((rows, first, last),) = self._asked(f"SELECT count(*), min({time}), max({time}) FROM {name}")
        return SeriesStats(series, rows, self.path.stat().st_size, first, last, last_key=self.last(series), gaps=gaps)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _find(self, series: Series) -> tuple[str | None, Dataset]:
        """The table of a series, and the dataset it was made for."""
        text = "SELECT rows, record FROM bcore_series WHERE dataset = ? AND symbol = ?"
        found = self._asked(text, (series.dataset.name, series.symbol))
        return (found[0][0], dataset_of(found[0][1])) if found else (None, series.dataset)

    def _table_for(self, database: sqlite3.Connection, series: Series) -> str:
        """The table of a series, made if there is none, with every column that the dataset has by now."""
        name, known = self._find(series)
        schema = series.dataset.schema
        if name is None:
            name = f"rows_{database.execute('SELECT count(*) FROM bcore_series').fetchone()[0] + 1}"
            columns = ", ".join(f"{quoted(each.name)} {type_of(each.type)}" for each in schema)
            key = ", ".join(map(quoted, series.dataset.key))
            database.execute(f"CREATE TABLE {name} ({columns}, PRIMARY KEY ({key})) WITHOUT ROWID")
            row = (series.dataset.name, series.symbol, name, text_of(series.dataset))
            database.execute("INSERT INTO bcore_series VALUES (?, ?, ?, ?)", row)
            return name
        further = [each for each in schema if each.name not in known.schema.names]
        for each in further:
            database.execute(f"ALTER TABLE {name} ADD COLUMN {quoted(each.name)} {type_of(each.type)}")
        if further:
            database.execute("UPDATE bcore_series SET record = ? WHERE rows = ?", (text_of(series.dataset), name))
        return name

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction: everything in it, or nothing."""
        if self._closed:
            raise StoreError(f"{self.path}: the store is closed")
        try:
            database = self._opened()
            database.execute("BEGIN IMMEDIATE")
            try:
                database.execute(CATALOGUE)
                yield database
                database.execute("COMMIT")
            except BaseException:
                database.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise StoreError(f"{self.path}: nothing was stored: {error}") from error

    def _asked(self, text: str, values: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        """The rows of a question; none where there is no archive yet."""
        with self._lock:
            if not self.path.exists():
                return []
            try:
                return self._opened().execute(text, values).fetchall()
            except sqlite3.OperationalError as error:
                if "no such table: bcore_series" in str(error):
                    return []
                raise StoreError(f"{self.path}: {error}") from error
            except sqlite3.Error as error:
                raise StoreError(f"{self.path}: {error}") from error

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # Readers of other processes go on beside a writer; a second writer waits for the first.
            self._connection = sqlite3.connect(self.path, timeout=30, isolation_level=None, check_same_thread=False)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
        return self._connection
