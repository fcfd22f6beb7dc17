"""Proofs of a series whose store keeps none: made from its rows, read once. The slow way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bcore.query import Query
from bcore.records import DayProof, FileProof, Series

if TYPE_CHECKING:
    import pyarrow as pa

    from bcore.protocols import Store

ROWS = 1_000_000  # so many at a time are hashed


def scanned(store: Store, series: Series) -> Iterator[FileProof]:
    """One `FileProof` for everything that a scan of the series brings; keys that come twice are a problem of it."""
    from bcore.proof import combined, day_proofs

    days: tuple[DayProof, ...] = ()
    rows = twice = 0
    last = None
    for table in _tables(store, series):
        days = tuple(combined([*days, *day_proofs(table, series.dataset)]))
        keys = table.select(list(series.dataset.key))
        twice += _repeated(keys) + (last is not None and last.equals(keys.slice(0, 1)))
        rows, last = rows + table.num_rows, keys.slice(table.num_rows - 1)
    problems = (f"{twice} rows have the key of the row before",) if twice else ()
    yield FileProof(str(series), rows, 0, days, (), problems)


def _tables(store: Store, series: Series) -> Iterator[pa.Table]:
    """The rows, gathered: proofs of many small batches cost more than those of a few large ones."""
    import pyarrow as pa

    held: list[pa.RecordBatch] = []
    for batch in store.scan(Query(series.dataset, series.symbol)):
        held.append(batch)
        if sum(each.num_rows for each in held) >= ROWS:
            yield pa.Table.from_batches(held)
            held = []
    if sum(each.num_rows for each in held):
        yield pa.Table.from_batches(held)


def _repeated(keys: pa.Table) -> int:
    """How many rows have the key of the row before."""
    import pyarrow.compute as pc

    same = None
    for column in keys.columns:
        whole = column.combine_chunks()
        equal = pc.equal(whole[1:], whole[:-1])
        same = equal if same is None else pc.and_(same, equal)
    return int(pc.sum(same).as_py() or 0)
