"""New rows of a series as they arrive: a store is looked at, cheaply, and read behind the last row handed out."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from attrs import define

from bcore.errors import RequestError
from bcore.instants import from_datetime, to_datetime
from bcore.query import Query
from bcore.records import Dataset, Series

if TYPE_CHECKING:
    import pyarrow as pa

    from bcore.protocols import Key, Store

ROWS = 50_000  # handed out at a time
FIRST, LONGEST = 0.02, 0.2  # seconds between looks: soon after something came, and when nothing comes


@define
class Following:
    """The rows of a series above a key, in the order of keys, each once.

    Rows that are stored later below a key that was handed out, as those that fill an old hole, do not come: `after`
    would then say nothing of what one has.
    """

    store: Store
    series: Series

    def __attrs_post_init__(self) -> None:
        dataset = self.series.dataset
        if dataset.key[0] not in (dataset.sequence, dataset.time, *dataset.chain):
            raise RequestError(f"{dataset.name} cannot be followed: its rows do not arrive in the order of their keys")

    def tables(self, after: Key | None) -> Iterator[pa.Table | None]:
        """Endless; None where nothing is new. Without `after` from the newest row on that is held now."""
        after = self.store.last(self.series) if after is None else checked(after, self.series.dataset)
        wait = FIRST
        while True:
            newest = self.store.last(self.series)
            found = None if newest is None or newest == after else self._above(after)
            if found is not None and found.num_rows:
                after, wait = key_of(found, self.series.dataset), FIRST
                yield found
                continue
            yield None
            time.sleep(wait)
            wait = min(wait * 2, LONGEST)

    def _above(self, after: Key | None) -> pa.Table:
        """The next rows, no more than some at a time where the dataset lets them be asked for."""
        dataset, of = self.series.dataset, (self.series.dataset, self.series.symbol)
        if after is None:
            return self.store.read(Query(*of, limit=ROWS))
        if dataset.key == (dataset.sequence,):
            return self.store.read(Query(*of, first=after[0] + 1, limit=ROWS))
        by_time, rows = dataset.key[0] == dataset.time, ROWS
        while True:
            query = Query(*of, start=from_datetime(after[0]), limit=rows) if by_time else Query(*of, tail=rows)
            found = self.store.read(query)
            above = found.filter(_higher(found, after, dataset))
            # All of one instant, and none of it new: or all of the newest, and all of it new: look at more.
            enough = above.num_rows > 0 if by_time else above.num_rows < found.num_rows
            if enough or found.num_rows < rows:
                return above
            rows *= 4


def checked(after: Sequence[Any], dataset: Dataset) -> Key:
    """A key as the dataset has them. Raises `RequestError` that names its columns."""
    key = tuple(after)
    times = [name == dataset.time for name in dataset.key]
    if [isinstance(value, datetime) for value in key] != times:
        raise RequestError(f"a key of {dataset.name} is ({', '.join(dataset.key)}), not {after!r}")
    return key


def key_of(rows: pa.Table | pa.RecordBatch, dataset: Dataset) -> Key:
    """The key of the last row."""
    return tuple(rows.column(name)[rows.num_rows - 1].as_py() for name in dataset.key)


def key_out(key: Key) -> list[Any]:
    """A key for JSON."""
    return [{"us": from_datetime(value)} if isinstance(value, datetime) else value for value in key]


def key_in(told: Sequence[Any]) -> Key:
    """What `key_out` told."""
    return tuple(to_datetime(value["us"]) if isinstance(value, dict) else value for value in told)


def _higher(table: pa.Table, key: Key, dataset: Dataset) -> pa.ChunkedArray:
    """For each row whether its key is above `key`."""
    import pyarrow as pa
    import pyarrow.compute as pc

    above: Any = pa.array([False] * table.num_rows, pa.bool_())
    for name, value in zip(reversed(dataset.key), reversed(key), strict=True):
        column = table.column(name)
        bound = pa.scalar(value, column.type)
        above = pc.or_(pc.greater(column, bound), pc.and_(pc.equal(column, bound), above))
    return above
