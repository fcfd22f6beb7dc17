"""Rows without ids of their own, of one day: which of another archive's ours lacks, told by their keys alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from attrs import define, field

from bcore.elsewhere import Elsewhere
from bcore.instants import DAY
from bcore.query import Query

if TYPE_CHECKING:
    import pyarrow as pa

    from bcore.protocols import Store

RANGES = 64  # asked for one after the other; where rows lack in more places, everything from first to last comes


@define
class Keyed:
    """The keys that the other archive has of the day, as they were when they were first asked for."""

    other: Elsewhere
    store: Store
    day: int
    _keys: pa.Table | None = field(default=None, init=False)

    def lacking(self) -> Iterator[pa.Table]:
        """The rows of the day that are missing here, with some that are not."""
        for start, end in self._ranges():
            yield from self.other.between(start, end)

    @property
    def settled(self) -> int:
        """Up to and without this instant (int us UTC) the other archive is not likely to add rows any more."""
        import pyarrow.compute as pc

        keys = self._told()
        last = pc.max(keys.column(self._time).cast("int64")).as_py() if keys.num_rows else None
        newest = last is not None and not self._later()
        return last if newest and last is not None else self.day + DAY

    def ours(self, end: int) -> pa.Table:
        """Our rows of the day before `end` with keys that the other archive has."""
        dataset = self.other.series.dataset
        rows = self.store.read(Query(dataset, self.other.series.symbol, start=self.day, end=end))
        return rows.filter(_among(rows, self._told(), dataset.key))

    @property
    def _time(self) -> str:
        return self.other.series.dataset.time

    def _told(self) -> pa.Table:
        import pyarrow as pa

        if self._keys is None:
            dataset = self.other.series.dataset
            columns = tuple(dict.fromkeys((*dataset.key, dataset.time)))
            tables = list(self.other.between(self.day, self.day + DAY, columns))
            empty = dataset.schema.empty_table().select(list(columns))
            self._keys = pa.concat_tables([empty, *(each.cast(empty.schema) for each in tables)])
        return self._keys

    def _later(self) -> bool:
        """Whether the other archive has rows of later days."""
        rows = next(self.other.between(self.day + DAY, 2**61, (self._time,)), None)
        return rows is not None and rows.num_rows > 0

    def _ranges(self) -> list[tuple[int, int]]:
        """Ranges of time, [start, end), in which rows are missing here."""
        import pyarrow.compute as pc

        keys, dataset = self._told(), self.other.series.dataset
        of = (dataset, self.other.series.symbol)
        held = self.store.read(Query(*of, start=self.day, end=self.day + DAY, columns=dataset.key))
        times = keys.column(self._time).cast("int64")
        missing = times.filter(pc.invert(_among(keys, held, dataset.key)))
        if not len(missing):
            return []
        # A range goes on as long as the next time over there lacks too.
        order = pc.unique(times).sort()
        gone = pc.is_in(order, pc.unique(missing)).to_pylist()
        ranges = list(_runs(order.to_pylist(), gone))
        return ranges if len(ranges) <= RANGES else [(ranges[0][0], ranges[-1][1])]


def _among(rows: pa.Table, others: pa.Table, key: tuple[str, ...]) -> pa.Array:
    """For each row whether its key is one of the others'. By hashes: a join in Arrow would bring pandas in."""
    import pyarrow.compute as pc

    (low, high), (lows, highs) = _marks(rows, key), _marks(others, key)
    return pc.and_(pc.is_in(low, lows), pc.is_in(high, highs))


def _marks(rows: pa.Table, key: tuple[str, ...]) -> tuple[pa.Array, pa.Array]:
    import pyarrow as pa

    from bcore.hashing import row_hashes

    whole = rows.select(list(key)).combine_chunks().to_batches()
    return row_hashes(whole[0]) if whole else (pa.array([], pa.uint64()), pa.array([], pa.uint64()))


def _runs(times: list[int], gone: list[bool]) -> Iterator[tuple[int, int]]:
    begun: int | None = None
    last = 0
    for time, missing in zip(times, gone, strict=True):
        if missing:
            begun, last = (time if begun is None else begun), time
        elif begun is not None:
            yield begun, last + 1
            begun = None
    if begun is not None:
        yield begun, last + 1
