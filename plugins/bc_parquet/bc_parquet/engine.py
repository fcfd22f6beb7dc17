"""`StorageEngine`: pandas in and out over an archive, by the names that users of binance-collector know."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from attrs import define, field

from bc_parquet.config import ParquetConfig
from bc_parquet.frames import fitted, inferred, table_of
from bc_parquet.store import ParquetStore
from bcore.instants import Instant, parse_instant
from bcore.query import Query
from bcore.records import Batch, Dataset, Series
from bcore.registry import Registry

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)
FEW_ROWS = 16 * 1024


def _path(path: str | Path) -> Path:
    return Path(path)


@define
class StorageEngine:
    """Reads and writes series of an archive folder as DataFrames.

    Differences from its namesake: a write appends and never rewrites history, rows whose key is held already are left
    out, times come back aware (UTC), and files are encoded as the archive does (`compression` is taken for the sake of
    old calls). One process writes a series until the engine is closed; use it in a `with` block, or `close()` it.
    """

    base_path: Path = field(default=Path("data"), converter=_path)
    compression: str = "zstd"
    config: ParquetConfig = field(factory=ParquetConfig, kw_only=True)
    store: ParquetStore = field(init=False)
    _known: dict[str, Dataset] = field(factory=dict, init=False)
    _frames: dict[tuple[str, str], tuple[pa.Table, pd.DataFrame]] = field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        self.store = ParquetStore(self.base_path, self.config)

    def write(
        self,
        df: pd.DataFrame,
        data_type: str,
        symbol: str,
        schema: Mapping[str, Any] | None = None,
        dedup_columns: Iterable[str] | None = None,
        sort_columns: Iterable[str] | None = None,
    ) -> Path | None:
        """Appends the rows that are not held yet; durable on return. The path that readers open; None without rows.

        `schema` names columns that must be there. `dedup_columns` (else `sort_columns`) are the key of a data type that
        neither the archive nor an installed source describes. Raises `ValueError` or `StoreError` for rows that do
        not fit, and then stores none.
        """
        if df.empty:
            log.warning("%s/%s: there are no rows to write", data_type, symbol)
            return None
        if missing := [name for name in schema or () if name not in df.columns]:
            raise ValueError(f"{data_type}/{symbol}: the frame has no column {', '.join(missing)}")
        table = table_of(df)
        dataset = self._dataset(data_type) or inferred(data_type, table, dedup_columns or sort_columns or ())
        self.store.append(Batch(dataset, symbol, fitted(table, dataset)))
        self._known[data_type] = dataset
        return self.store.location(Series(dataset, symbol))

    def read(
        self,
        data_type: str,
        symbol: str,
        start_time: Instant | None = None,
        end_time: Instant | None = None,
        columns: Iterable[str] | None = None,
        limit: int | None = None,
    ) -> pd.DataFrame:
        """The rows with `start_time` <= timestamp <= `end_time`, by key; an empty frame for a series that is not there.

        `limit`: the newest so many, or the oldest from `start_time` on if that is given.
        """
        dataset = self._dataset(data_type)
        if dataset is None:
            return _frame(pa.table({}))
        query = Query(
            dataset,
            symbol,
            start=None if start_time is None else parse_instant(start_time),
            end=None if end_time is None else parse_instant(end_time) + 1,
            columns=None if columns is None else tuple(columns),
            limit=None if start_time is None else limit,
            tail=limit if start_time is None else None,
        )
        return _frame(self.store.read(query))

    def get_latest_timestamp(self, data_type: str, symbol: str) -> pd.Timestamp | None:
        """The latest time held (UTC), from file names; None if there is none."""
        info = self.get_file_info(data_type, symbol)
        return info["end_time"] if info["exists"] else None

    def get_file_info(self, data_type: str, symbol: str) -> dict[str, Any]:
        """Facts from names and footers: exists, and then path, size_mb, rows, columns, start_time, end_time, files."""
        dataset = self._dataset(data_type)
        stats = None if dataset is None else self.store.stats(Series(dataset, symbol))
        if dataset is None or stats is None or not stats.rows:
            return {"exists": False}
        return {
            "exists": True,
            "path": str(self.store.location(stats.series)),
            "size_mb": stats.bytes / 2**20,
            "rows": stats.rows,
            "columns": dataset.schema.names,
            "start_time": _timestamp(stats.first_time),
            "end_time": _timestamp(stats.last_time),
            "files": stats.files,
        }

    def maintain_hot_snapshot(self, data_type: str, symbol: str, window_size: int = 1024) -> None:
        """From now on keeps the newest `window_size` rows hot (of all facet values together), for `read_hot`."""
        dataset = self._dataset(data_type)
        if dataset is None or not self.store.stats(Series(dataset, symbol)).rows:
            log.warning("%s/%s: nothing is stored, so nothing can be kept hot", data_type, symbol)
            return
        self.store.keep_hot(Series(dataset, symbol), window_size)

    def read_hot(self, data_type: str, symbol: str) -> pd.DataFrame:
        """The newest rows, as many as are kept hot. The frame is the caller's own, to change at will."""
        dataset = self._dataset(data_type)
        if dataset is None:
            return _frame(pa.table({}))
        table = self.store.hot(Query(dataset, symbol))
        held = self._frames.get((data_type, symbol))
        if held is None or held[0] is not table:  # the store gives the same table until the file changes
            held = self._frames[data_type, symbol] = (table, _frame(table))
        return _own(held[1])

    def close(self) -> None:
        """Lets other processes write what this engine wrote."""
        self.store.close()

    def __enter__(self) -> StorageEngine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _dataset(self, data_type: str) -> Dataset | None:
        """As the archive describes it, else as an installed source does."""
        if data_type not in self._known:
            found = self.store.datasets().get(data_type) or _installed(data_type)
            if found is None:
                return None
            self._known[data_type] = found
        return self._known[data_type]


def _installed(data_type: str) -> Dataset | None:
    sources = Registry.load().of("sources").values()
    known = (dataset for source in sources for dataset in source.datasets)
    return next((dataset for dataset in known if dataset.name == data_type), None)


def _frame(table: pa.Table) -> pd.DataFrame:
    # Handing a thousand rows to threads takes longer than converting them.
    frame: pd.DataFrame = table.to_pandas(use_threads=table.num_rows > FEW_ROWS)
    return frame


def _timestamp(time: int | None) -> pd.Timestamp | None:
    import pandas as pd

    return None if time is None else pd.Timestamp(time, unit="us", tz="UTC")


def _own(frame: pd.DataFrame) -> pd.DataFrame:
    """A frame that shares nothing the caller could change: since pandas 3 a shallow copy is one."""
    import pandas as pd

    return frame.copy(deep=int(pd.__version__.split(".")[0]) < 3)
