"""The archive, through the tests that every store has to pass."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from attrs import evolve

from bc_parquet import ParquetStore
from bc_parquet.metadata import described
from bc_parquet.names import Part, crc_of
from bcore.proof import day_proofs
from bcore.records import Batch, Series
from bcore.schema import conform
from bcore.testing import StoreTests


class TestParquetStore(StoreTests):
    kind = "parquet"

    def open(self, place: Path) -> ParquetStore:
        return ParquetStore(place / "data")

    def plant(self, place: Path, batch: Batch) -> None:
        """One file, as another program could write it: named after what it holds, behind the symlink."""
        batch = conform(batch)
        folder = place / "data" / batch.dataset.name
        version = folder / f".{batch.symbol}" / "v000001"
        version.mkdir(parents=True)
        path, rows = (
            version / "part.parquet",
            described(batch.table, batch.dataset, day_proofs(batch.table, batch.dataset)),
        )
        pq.write_table(rows, path)
        ids, times = batch.table["id"].to_pylist(), batch.table["timestamp"].cast("int64").to_pylist()
        part = Part(min(ids), max(ids), len(ids), min(times), max(times))
        path.rename(version / evolve(part, crc=crc_of(path)).name)
        (folder / f"{batch.symbol}.parquet").symlink_to(f".{batch.symbol}/v000001")

    def unearth(self, place: Path, series: Series) -> pa.Table:
        return pq.read_table(place / "data" / series.dataset.name / f"{series.symbol}.parquet")
