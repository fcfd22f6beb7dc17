"""Proofs of what a table of rows holds, day by day; they add up over files, whatever rows stand in which.

The fingerprint of a day is the sum of its rows' hashes (`bcore.hashing`), modulo 2**128. It tells apart what went wrong
by accident: a row lost, doubled or changed, values of two rows exchanged. It is no defence against somebody who
rewrites an archive on purpose.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from attrs import define, field, frozen

from bcore.instants import DAY
from bcore.records import Dataset, DayProof
from bcore.spans import Span, Spans

if TYPE_CHECKING:
    import pyarrow as pa

CHUNK = 64 * 1024  # rows at a time: few enough that what is made of them stays in the cache
FINGERPRINTS = 2**128


def day_proofs(table: pa.Table, dataset: Dataset) -> tuple[DayProof, ...]:
    """A proof for each UTC day of the dataset's time column, oldest first. The table's rows may be in any order.

    Columns that the table lacks count as null. A range of `Dataset.chain` that ends before it begins covers nothing
    and adds 1 to `chained`, so that the chain shows as broken.
    """
    prover = _Prover(dataset)
    for batch in _batches(table):
        prover.take(batch)
    return prover.proofs()


def combined(proofs: Iterable[DayProof]) -> tuple[DayProof, ...]:
    """The proofs of all those rows together, one for each day, oldest first."""
    days: dict[int, _Day] = {}
    for proof in proofs:
        day = days.setdefault(proof.day, _Day())
        day.rows += proof.rows
        day.spans.extend(proof.spans.runs)
        day.chain.extend(proof.chain.runs)
        day.chained += proof.chained
        day.fingerprint += proof.fingerprint
    return _told(days)


@define
class _Day:
    """What has been found of one day so far; runs as they came."""

    rows: int = 0
    spans: list[Span] = field(factory=list)
    chain: list[Span] = field(factory=list)
    chained: int = 0
    fingerprint: int = 0

    def proof(self, day: int) -> DayProof:
        fingerprint = self.fingerprint % FINGERPRINTS
        return DayProof(day, self.rows, Spans.of(self.spans), Spans.of(self.chain), fingerprint, self.chained)


def _told(days: dict[int, _Day]) -> tuple[DayProof, ...]:
    return tuple(days[day].proof(day) for day in sorted(days))


def _batches(table: pa.Table) -> Iterator[pa.RecordBatch]:
    """The table in pieces of `CHUNK` rows, those of many small ones put together."""
    if table.num_rows > CHUNK:
        for begin in range(0, table.num_rows, CHUNK):
            yield from table.slice(begin, CHUNK).combine_chunks().to_batches()
    else:
        yield from table.combine_chunks().to_batches()


@frozen
class _Prover:
    """Collects the days of one dataset's rows, batch by batch."""

    dataset: Dataset
    days: dict[int, _Day] = field(factory=dict, init=False)

    def proofs(self) -> tuple[DayProof, ...]:
        return _told(self.days)

    def take(self, batch: pa.RecordBatch) -> None:
        from bcore.hashing import row_hashes

        columns = [*row_hashes(batch), *(_ids(batch, name) for name in self._names)]
        for day, piece in _by_day(columns, batch.column(self.dataset.time)):
            _add(self.days.setdefault(day * DAY, _Day()), *piece)

    @property
    def _names(self) -> tuple[str, ...]:
        return (self.dataset.sequence, *self.dataset.chain) if self.dataset.sequence else self.dataset.chain


def _ids(batch: pa.RecordBatch, name: str) -> pa.Array:
    import pyarrow as pa

    return batch.column(name) if name in batch.schema.names else pa.nulls(batch.num_rows, pa.int64())


def _add(day: _Day, low: pa.Array, high: pa.Array, *ids: pa.Array) -> None:
    """Adds rows of the day by their hashes, their ids and the first and last of their finer ids."""
    from bcore.hashing import total

    day.rows += len(low)
    day.fingerprint += total(low, high)
    if len(ids) == 2:  # a chain without a sequence
        day.spans.extend(_chained(*_each_once(*ids))[0])
    elif ids:
        held = ids[0].drop_null() if ids[0].null_count else ids[0]
        day.spans.extend(_tiled(held, held))
    if len(ids) == 3:
        runs, length = _chained(*ids[1:])
        day.chain.extend(runs)
        day.chained += length


def _by_day(columns: list[pa.Array], times: pa.Array) -> Iterator[tuple[int, list[pa.Array]]]:
    """The rows of each day (since 1970-01-01, UTC), in the order in which they are."""
    import pyarrow as pa
    import pyarrow.compute as pc

    bounds = pc.min_max(times.view(pa.int64())).as_py()
    if bounds["min"] // DAY == bounds["max"] // DAY:
        yield bounds["min"] // DAY, columns
        return
    days = times.cast(pa.date32()).view(pa.int32())
    order = pc.sort_indices(days)  # stable, as Arrow documents: rows of a day stay in order
    days, columns = days.take(order), [column.take(order) for column in columns]
    ends = [end + 1 for end in pc.indices_nonzero(pc.not_equal(days[1:], days[:-1])).to_pylist()]
    for begin, end in zip([0, *ends], [*ends, len(days)], strict=True):
        yield days[begin].as_py(), [column.slice(begin, end - begin) for column in columns]


def _each_once(firsts: pa.Array, lasts: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Ranges of which none is that of the row before."""
    import pyarrow as pa
    import pyarrow.compute as pc

    another = pc.or_(pc.not_equal(lasts[1:], lasts[:-1]), pc.not_equal(firsts[1:], firsts[:-1]))
    kept = pa.concat_arrays([pa.array([True]), pc.fill_null(another, True)])
    return firsts.filter(kept), lasts.filter(kept)


def _chained(firsts: pa.Array, lasts: pa.Array) -> tuple[list[Span], int]:
    """The runs that the ranges tile, and how long the ranges are in all. Nulls and negative firsts are no ranges."""
    import pyarrow.compute as pc

    lengths, turned = pc.subtract(lasts, firsts), 0
    if lengths.null_count or min(pc.min(firsts).as_py(), pc.min(lengths).as_py()) < 0:
        there, forward = pc.greater_equal(firsts, 0), pc.greater_equal(lengths, 0)
        turned = pc.sum(pc.and_not(there, forward), min_count=0).as_py()
        firsts, lasts, lengths = (each.filter(pc.and_(there, forward)) for each in (firsts, lasts, lengths))
    return _tiled(firsts, lasts), pc.sum(lengths, min_count=0).as_py() + len(lengths) + turned


def _tiled(firsts: pa.Array, lasts: pa.Array) -> list[Span]:
    """Ranges, of which each that begins right after the one before it is joined to it."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if len(firsts) == 0:
        return []
    ends = pc.indices_nonzero(pc.not_equal(pc.subtract(firsts[1:], lasts[:-1]), 1)).to_pylist()
    if not ends:
        return [(firsts[0].as_py(), lasts[-1].as_py())]
    begins = firsts.take(pa.array([0, *(end + 1 for end in ends)], pa.int64())).to_pylist()
    return list(zip(begins, lasts.take(pa.array([*ends, len(lasts) - 1], pa.int64())).to_pylist(), strict=True))
