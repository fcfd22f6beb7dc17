"""The stored snapshots of a book: where rebuilding begins."""

from __future__ import annotations

from collections.abc import Iterator
from math import nan

import pyarrow as pa
import pyarrow.compute as pc
from attrs import frozen

from bc_orderbook.pricelevels import PriceLevels, keys_of
from bcore.computing import Access
from bcore.errors import NotFoundError
from bcore.instants import SECOND, iso

Horizon = tuple[float, float]
DATASET = "depth_snapshots"
COLUMNS = ("last_update_id", "timestamp", "kind", "side", "price", "quantity", "bid_horizon", "ask_horizon")
LAG = 10 * SECOND  # how long a snapshot may take to arrive: the times of two need not rise as their ids do


@frozen(eq=False)
class Checkpoint:
    """A whole book as it was after update `update_id`, known since `time` (int us UTC).

    `kind` is "rest" (the exchange's own) or "book" (the maintained book); `horizon` the lowest bid and the highest ask
    up to which every level is in it, NaN where all of the side are.
    """

    update_id: int
    kind: str
    time: int
    horizon: Horizon
    levels: PriceLevels

    @classmethod
    def of(cls, rows: pa.Table) -> Checkpoint:
        """From all rows of one snapshot."""
        first = rows.slice(0, 1).to_pylist()[0]
        keys = keys_of(rows.column("side").to_numpy(), rows.column("price").to_numpy())
        return cls(
            first["last_update_id"],
            first["kind"],
            rows.column("timestamp").cast(pa.int64())[0].as_py(),
            (first["bid_horizon"], first["ask_horizon"]),
            PriceLevels.of(keys, rows.column("quantity").to_numpy()),
        )

    @property
    def key(self) -> tuple[int, str]:
        """What snapshots are in order of."""
        return self.update_id, self.kind

    def covers(self, other: Horizon) -> Horizon:
        """Up to where this book and one with the `other` horizon both know every level."""
        return _nearer(self.horizon[0], other[0], bid=True), _nearer(self.horizon[1], other[1], bid=False)


def _nearer(one: float, other: float, *, bid: bool) -> float:
    known = [horizon for horizon in (one, other) if horizon == horizon]
    return (max(known) if bid else min(known)) if known else nan


def checkpoint_at(access: Access, instant: int) -> Checkpoint:
    """The newest by id of those known at the instant. Raises `NotFoundError` where none was."""
    names = ("last_update_id", "kind", "timestamp")
    head = access.read(DATASET, end=instant + 1, tail=1, columns=names)
    if not head.num_rows:
        raise NotFoundError(_too_early(access, instant))
    update_id, kind = head.column("last_update_id")[0], head.column("kind")[0].as_py()
    time = head.column("timestamp").cast(pa.int64())[0].as_py()
    rows = access.read(DATASET, start=time, end=time + 1, where={"kind": (kind,)}, columns=COLUMNS)
    return Checkpoint.of(rows.filter(pc.equal(rows.column("last_update_id"), update_id)))


def _too_early(access: Access, instant: int) -> str:
    first = access.stats(DATASET).first_time
    since = "no snapshot is stored" if first is None else f"the first snapshot is of {iso(first)}"
    return f"no book of {access.symbol} is known at {iso(instant)}: {since}"


def checkpoints(access: Access, start: int, end: int) -> Iterator[Checkpoint]:
    """Those of [start, end) in order of id, read one after the other."""
    held: list[pa.RecordBatch] = []
    for batch in access.scan(DATASET, start=start, end=end, columns=COLUMNS):
        for run in _by_snapshot(batch):
            if held and not _same(held[0], run):
                yield Checkpoint.of(pa.Table.from_batches(held))
                held = []
            held.append(run)
    if held:
        yield Checkpoint.of(pa.Table.from_batches(held))


def _by_snapshot(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """The runs of rows of one snapshot."""
    ids, kinds = batch.column("last_update_id"), batch.column("kind")
    if batch.num_rows:
        differ = pc.or_(pc.not_equal(ids[1:], ids[:-1]), pc.not_equal(kinds[1:], kinds[:-1]))
        ends = [*(place + 1 for place in pc.indices_nonzero(differ).to_pylist()), batch.num_rows]
        for begin, end in zip([0, *ends], ends, strict=False):
            yield batch.slice(begin, end - begin)


def _same(one: pa.RecordBatch, other: pa.RecordBatch) -> bool:
    return all(one.column(name)[0] == other.column(name)[0] for name in ("last_update_id", "kind"))
