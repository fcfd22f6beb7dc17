"""An order book as people want it: two tables, best first, from the rows of a view such as `book`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING, Generic, TypeVar

from attrs import field, frozen

if TYPE_CHECKING:
    import pyarrow as pa

T = TypeVar("T")


@frozen(eq=False)
class Book(Generic[T]):
    """The book of a symbol at one instant.

    - `time`: the instant; `event_time`: when the exchange sent the last change that is in the book. UTC.
    - `update_id`: the exchange's id of that change.
    - `state`: "verified" (proven to be the exchange's book at `time`), "suspect" (something is known to be missing; the
      book is the last one without it, of `event_time`) or "unknown" (nothing tells whether it stood until `time`).
    - `horizon`: the lowest bid and the highest ask up to which every level is known; NaN where the whole side is.
    - `bids`, `asks`: `price` and `quantity`, best first, as pandas, polars or Arrow tables.
    - `best_bid`, `best_ask`, `mid`, `spread` are those of the tables, NaN where a side is empty. Of a book in buckets
      (`tick_size`) they are the buckets' own.
    """

    symbol: str
    time: datetime
    event_time: datetime
    update_id: int
    state: str
    horizon: tuple[float, float]
    bids: T = field(repr=False)
    asks: T = field(repr=False)
    best_bid: float
    best_ask: float

    @property
    def mid(self) -> float:
        return (self.best_bid + self.best_ask) / 2

    @property
    def spread(self) -> float:
        return self.best_ask - self.best_bid

    @classmethod
    def of(cls, rows: pa.Table, convert: Callable[[pa.Table], T]) -> Book[T]:
        """From the rows of one book: at least one, which has no side where the book is empty."""
        bids, asks = (_side(rows, side) for side in ("bid", "ask"))
        names = ("symbol", "timestamp", "event_time", "update_id", "state", "bid_horizon", "ask_horizon")
        symbol, time, event_time, update_id, state, *horizon = (rows.column(name)[0].as_py() for name in names)
        tables, best = (convert(bids), convert(asks)), (_best(bids), _best(asks))
        return cls(symbol, time, event_time, update_id, state, (horizon[0], horizon[1]), *tables, *best)


def books(batches: Iterable[pa.RecordBatch], convert: Callable[[pa.Table], T]) -> Iterator[Book[T]]:
    """One book after the other from rows in order of time; a book's rows may be spread over batches."""
    import pyarrow as pa

    pieces = (piece for batch in batches for piece in _by_time(batch))
    for _, same in groupby(pieces, key=lambda piece: piece.column("timestamp")[0]):
        yield Book.of(pa.Table.from_batches(list(same)), convert)


def _by_time(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """The runs of rows of one time."""
    import pyarrow.compute as pc

    ends = pc.run_end_encode(batch.column("timestamp").cast("int64")).run_ends.to_pylist() if batch.num_rows else []
    for begin, end in zip([0, *ends], ends, strict=False):
        yield batch.slice(begin, end - begin)


def _side(rows: pa.Table, side: str) -> pa.Table:
    import pyarrow.compute as pc

    return rows.filter(pc.equal(rows.column("side"), side)).select(["price", "quantity"])


def _best(levels: pa.Table) -> float:
    return float(levels.column("price")[0].as_py()) if levels.num_rows else float("nan")
