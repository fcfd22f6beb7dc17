"""What every file says of itself: its dataset, and which ids it holds where they have holes."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa

from bcore.errors import CorruptFileError
from bcore.records import Dataset
from bcore.spans import Spans

DATASET, SPANS = b"bcore.dataset", b"bcore.spans"


def described(table: pa.Table, dataset: Dataset) -> pa.Table:
    """The table with its dataset, and with its spans if the sequence has holes, in the schema's metadata."""
    metadata = {DATASET: json.dumps(_plain(dataset)).encode()}
    if dataset.sequence and dataset.sequence == dataset.key[0]:
        spans = Spans.from_ids(table.column(dataset.sequence))
        if len(spans.runs) > 1:
            metadata[SPANS] = json.dumps(spans.runs).encode()
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


def _plain(dataset: Dataset) -> dict[str, Any]:
    names = ("name", "key", "time", "sequence", "facets", "highlight", "summary")
    return {name: getattr(dataset, name) for name in names}
