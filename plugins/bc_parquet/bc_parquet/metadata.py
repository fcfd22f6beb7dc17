"""What every file says of itself: its dataset, which ids it holds where they have holes, its days if it has several."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from bcore.errors import CorruptFileError
from bcore.records import Dataset
from bcore.spans import Spans

DATASET, SPANS, DAYS = b"bcore.dataset", b"bcore.spans", b"bcore.days"
EPOCH = date(1970, 1, 1)


def described(table: pa.Table, dataset: Dataset) -> pa.Table:
    """The table with its dataset, the spans of a sequence with holes, and rows per day, in the schema's metadata."""
    metadata = {DATASET: json.dumps(_plain(dataset)).encode()}
    if dataset.sequence and dataset.sequence == dataset.key[0]:
        spans = Spans.from_ids(table.column(dataset.sequence))
        if len(spans.runs) > 1:
            metadata[SPANS] = json.dumps(spans.runs).encode()
    days = _days(table.column(dataset.time))
    if len(days) > 1:
        metadata[DAYS] = json.dumps(days).encode()
    return table.replace_schema_metadata(metadata)


def dataset_of(schema: pa.Schema, where: str) -> Dataset:
    """The dataset that a file's schema describes. Raises `CorruptFileError` naming the file if it does not."""
    try:
        plain = json.loads((schema.metadata or {})[DATASET])
        return Dataset(schema=schema.remove_metadata(), **plain)
    except (KeyError, ValueError, TypeError) as error:
        raise CorruptFileError(f"{where} is a Parquet file, but not one that bcore wrote") from error


def spans_of(schema: pa.Schema) -> Spans | None:
    """The spans that a file's schema tells; None if its ids have no hole."""
    found = (schema.metadata or {}).get(SPANS)
    return None if found is None else Spans(tuple((first, last) for first, last in json.loads(found)))


def days_of(schema: pa.Schema) -> dict[int, int] | None:
    """Day (since 1970-01-01, UTC) -> rows, as a file's schema tells; None if all its rows are of one day."""
    found = (schema.metadata or {}).get(DAYS)
    return None if found is None else dict(json.loads(found))


def _days(times: pa.ChunkedArray) -> list[tuple[int, int]]:
    counts = pc.value_counts(times.cast(pa.date32())).to_pylist()
    return sorted(((each["values"] - EPOCH).days, each["counts"]) for each in counts)


def _plain(dataset: Dataset) -> dict[str, Any]:
    names = ("name", "key", "time", "sequence", "facets", "highlight", "summary")
    return {name: getattr(dataset, name) for name in names}
