"""Bringing a table into a dataset's schema: the one gate that every row passes on its way into a store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from attrs import evolve

from bcore.errors import PluginError, StoreError
from bcore.records import Batch, Dataset

if TYPE_CHECKING:
    import pyarrow as pa


def conform(batch: Batch) -> Batch:
    """The batch with exactly the dataset's columns and types, sorted by key, each key once (its first row).

    A missing column is filled with nulls where the schema allows them, `symbol` with the batch's symbol. Raises
    `StoreError` that names the dataset and what is wrong; nothing is ever dropped to make rows fit.
    """
    try:
        table = _typed(batch)
    except (ValueError, TypeError, KeyError, NotImplementedError) as error:
        raise StoreError(f"{batch.series}: the rows do not fit the dataset: {error}") from error
    return evolve(batch, table=_sorted_once(_checked(table, batch), batch.dataset.key))


def _typed(batch: Batch) -> pa.Table:
    import pyarrow as pa

    schema, table = batch.dataset.schema, batch.table
    if not isinstance(table, pa.Table):
        raise TypeError(f"a pyarrow.Table is needed, not a {type(table).__name__}")
    if table.schema.equals(schema, check_metadata=True):
        return table
    given = set(table.column_names)
    unknown = [name for name in table.column_names if name not in schema.names]
    if unknown:
        raise ValueError(f"unknown column {', '.join(unknown)}; the dataset has {', '.join(schema.names)}")
    columns = []
    for want in schema:
        if want.name in given:
            columns.append(table.column(want.name).cast(want.type))
        elif want.name == "symbol":
            columns.append(pa.chunked_array([pa.repeat(pa.scalar(batch.symbol, want.type), table.num_rows)]))
        elif want.nullable:
            columns.append(pa.chunked_array([pa.nulls(table.num_rows, want.type)]))
        else:
            raise ValueError(f"column {want.name} is missing")
    return pa.Table.from_arrays(columns, schema=schema)


def _checked(table: pa.Table, batch: Batch) -> pa.Table:
    import pyarrow.compute as pc

    required = {*batch.dataset.key, batch.dataset.time, "symbol"}
    required |= {field.name for field in batch.dataset.schema if not field.nullable}
    for name in sorted(required):
        if table.column(name).null_count:
            raise StoreError(f"{batch.series}: column {name} has nulls, and it must not")
    if table.num_rows and not pc.all(pc.equal(table.column("symbol"), batch.symbol)).as_py():
        raise StoreError(f"{batch.series}: the batch has rows of another symbol")
    return table


def _sorted_once(table: pa.Table, key: tuple[str, ...]) -> pa.Table:
    import pyarrow.compute as pc

    if table.num_rows < 2:
        return table
    rising = _rises(table, key)
    if pc.all(rising).as_py():
        return table
    table = table.sort_by([(name, "ascending") for name in key])
    keep = _rises(table, key)
    return table.filter(pc.fill_null(_after_first(keep), False))


def _after_first(flags: pa.Array) -> pa.Array:
    import pyarrow as pa

    return pa.concat_arrays([pa.array([True]), flags])


def _rises(table: pa.Table, key: tuple[str, ...]) -> pa.Array:
    """For each row but the first: whether its key is above that of the row before."""
    import pyarrow.compute as pc

    above = None
    for name in reversed(key):
        column = table.column(name).combine_chunks()
        before, here = column[:-1], column[1:]
        higher = pc.greater(here, before)
        above = higher if above is None else pc.or_(higher, pc.and_(pc.equal(here, before), above))
    return above


def keys_of(table: pa.Table, dataset: Dataset) -> list[tuple[object, ...]]:
    """The keys of a table's rows as tuples of Python values (datetimes for times)."""
    columns = [table.column(name).to_pylist() for name in dataset.key]
    return list(zip(*columns, strict=True))


def fitting(table: object, schema: pa.Schema, columns: Sequence[str], what: str) -> pa.Table:
    """What a plugin computed, where these columns are there with the types that the schema declares.

    Raises `PluginError` that names `what` computed it.
    """
    import pyarrow as pa

    if not isinstance(table, pa.Table):
        raise PluginError(f"{what} has a fault: it gave a {type(table).__name__}, and not a pyarrow.Table")
    missing = [name for name in columns if name not in table.column_names]
    if missing:
        raise PluginError(f"{what} has a fault: it gave no column {', '.join(missing)}, which it declares")
    for name in columns:
        declared, given = schema.field(name).type, table.schema.field(name).type
        if declared != given:
            raise PluginError(f"{what} has a fault: its column {name} is of type {given}, and declared as {declared}")
    return table
