"""Columns of types that Parquet itself does not know, or knows as another."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from attrs import evolve

from bc_parquet.store import ParquetStore
from bcore.query import Query
from bcore.records import Batch, Dataset

INSTANT = pa.timestamp("us", tz="UTC")


def dataset_with(kind: pa.DataType) -> Dataset:
    columns = {"id": pa.int64(), "timestamp": INSTANT, "symbol": pa.string(), "value": kind}
    return Dataset("things", pa.schema([pa.field(*each, nullable=False) for each in columns.items()]), key=("id",))


@pytest.mark.parametrize(
    "kind", [pa.int8(), pa.uint16(), pa.uint32(), pa.date32(), pa.timestamp("ns"), pa.large_string()]
)
def test_a_series_reads_back_as_written_also_after_a_merge(tmp_path: Path, kind: pa.DataType) -> None:
    dataset, store = dataset_with(kind), ParquetStore(tmp_path)
    values = pa.array(["c", "a", "b", ""] if pa.types.is_large_string(kind) else [3, 1, 2, 0], kind)
    rows = {"id": [1, 2, 3, 4], "timestamp": pa.array([10, 20, 30, 40], INSTANT), "value": values}
    table = pa.table(rows)
    batch = Batch(dataset, "AAA", table)
    for number in range(4):
        store.append(evolve(batch, table=table.slice(number, 1)))
    store.compact(batch.series)
    store.close()
    read = ParquetStore(tmp_path)
    assert ({"things": dataset}, [batch.series]) == (dict(read.datasets()), read.series())
    assert values.to_pylist() == read.read(Query(dataset, "AAA")).column("value").to_pylist()
    assert [[]] == [list(proof.problems) for proof in read.audit(batch.series, deep=True)]
