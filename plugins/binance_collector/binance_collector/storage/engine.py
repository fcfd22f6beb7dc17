"""The original's `StorageEngine` over an archive of bc-parquet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any

from attrs import define, field

from bc_parquet import ParquetStore
from bc_parquet import StorageEngine as Engine
from binance_collector.frames import naive, naive_time

if TYPE_CHECKING:
    import pandas as pd

    from bcore.instants import Instant

HOT = 1024


def _path(path: str | Path) -> Path:
    return Path(path).expanduser()


@define
class StorageEngine:
    """Series of an archive folder as DataFrames with naive UTC times.

    A series is held for writing only while something is written, so that, as with the original, many programs may
    write one folder, one after the other. `compression` is taken and not used.
    """

    base_path: Path = field(default=Path("data"), converter=_path)
    compression: str = "snappy"
    _reading: Engine = field(init=False, repr=False)
    _lock: RLock = field(factory=RLock, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self.base_path.mkdir(parents=True, exist_ok=True)
        self._reading = Engine(self.base_path)

    def write(
        self,
        df: pd.DataFrame,
        data_type: str,
        symbol: str,
        schema: Mapping[str, str] | None = None,
        dedup_columns: Iterable[str] | None = None,
        sort_columns: Iterable[str] | None = None,
    ) -> Path | None:
        """Adds the rows whose keys are not held yet; durable on return. None for a frame without rows.

        Raises `ValueError` where columns of `schema` are missing or do not convert, and `StoreError` for rows that do
        not fit; nothing is stored then.
        """
        from binance_collector.schema.models import validate_dataframe

        checked = df if schema is None or df.empty else validate_dataframe(df, schema)
        with self._writing() as engine:
            return engine.write(checked, data_type, symbol, None, dedup_columns, sort_columns)

    def read(
        self, data_type: str, symbol: str, start_time: Instant | None = None, end_time: Instant | None = None
    ) -> pd.DataFrame:
        """The rows with `start_time` <= timestamp <= `end_time`, by key; an empty frame where nothing is stored."""
        return naive(self._reading.read(data_type, symbol, start_time, end_time))

    def get_latest_timestamp(self, data_type: str, symbol: str) -> pd.Timestamp | None:
        """The latest time held; None if there is none."""
        return naive_time(self._reading.get_latest_timestamp(data_type, symbol))

    def get_file_info(self, data_type: str, symbol: str) -> dict[str, Any]:
        """exists, and then path, size_mb, rows, columns, start_time, end_time; from footers, no row is read."""
        info = self._reading.get_file_info(data_type, symbol)
        for name in info.keys() & {"start_time", "end_time"}:
            info[name] = naive_time(info[name])
        return info

    def maintain_hot_snapshot(self, data_type: str, symbol: str, window_size: int = HOT) -> None:
        """Makes the newest `window_size` rows quick to read. Every write keeps 1024 so without being asked."""
        with self._writing() as engine:
            engine.maintain_hot_snapshot(data_type, symbol, window_size)

    def read_hot(self, data_type: str, symbol: str) -> pd.DataFrame:
        """The newest rows, as many as are kept hot. The frame is the caller's own."""
        return naive(self._reading.read_hot(data_type, symbol))

    @contextmanager
    def store(self) -> Iterator[ParquetStore]:
        """The archive itself while it is written to. Threads of one program take turns."""
        with self._writing() as engine:
            yield engine.store

    @contextmanager
    def _writing(self) -> Iterator[Engine]:
        with self._lock, Engine(self.base_path) as engine:
            yield engine


def storage_of(given: StorageEngine | None) -> StorageEngine:
    """The engine that a collector was given, else one of ./data."""
    return given or StorageEngine()
