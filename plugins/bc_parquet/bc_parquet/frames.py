"""DataFrames in and out: the only place of the store that knows pandas."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from bcore.records import Dataset

if TYPE_CHECKING:
    import pandas as pd

INSTANT = pa.timestamp("us", tz="UTC")


def table_of(frame: pd.DataFrame) -> pa.Table:
    """The columns of a frame. Raises `ValueError` for a column of mixed types."""
    return pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)


def fitted(table: pa.Table, dataset: Dataset) -> pa.Table:
    """The table with times in us UTC (naive ones are taken as UTC) and NaN for null, which is how pandas keeps NaN."""
    for index, field in enumerate(table.schema):
        column = table.column(index)
        if pa.types.is_timestamp(field.type):
            table = table.set_column(index, field.name, _instants(column))
        elif field.name in dataset.schema.names and pa.types.is_floating(dataset.schema.field(field.name).type):
            table = table.set_column(index, field.name, pc.fill_null(column.cast(pa.float64()), float("nan")))
    return table


def inferred(name: str, table: pa.Table, key: Iterable[str] = ()) -> Dataset:
    """A dataset for rows that nothing installed describes.

    Key: `key`, else `agg_trade_id` (which is then a sequence), else `timestamp` with `tick_size` if there is one.
    """
    found = table.column_names
    keys = tuple(key) or (("agg_trade_id",) if "agg_trade_id" in found else ("timestamp", "tick_size"))
    keys = tuple(each for each in keys if each in found and each != "symbol")
    fields = [pa.field(each.name, _kept(each.type), nullable=each.name not in keys) for each in table.schema]
    if "symbol" not in found:
        fields.append(pa.field("symbol", pa.string()))
    return Dataset(
        name,
        pa.schema(fields),
        key=keys,
        sequence="agg_trade_id" if keys[:1] == ("agg_trade_id",) else None,
        facets=[each for each in ("tick_size",) if each in found],
        summary="Inferred from the rows first written",
    )


def _kept(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_timestamp(kind):
        return INSTANT
    return pa.string() if pa.types.is_large_string(kind) else kind


def _instants(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if column.type.tz is None:
        column = column.cast(pa.timestamp(column.type.unit, tz="UTC"))
    return column.cast(INSTANT, safe=False)  # what lies below a microsecond is none of an exchange's
