"""Comparing an archive with the recording it was collected from, id by id and field by field."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from attrs import frozen

from bcore.instants import iso
from bcore.query import Query

if TYPE_CHECKING:
    from bc_replay.recording import Recording
    from bc_replay.tape import AggTrade, Tape
    from bcore.protocols import Store
    from bcore.records import Dataset

Row = tuple[Any, ...]
COLUMNS = (
    "agg_trade_id",
    "timestamp",
    "price",
    "quantity",
    "first_trade_id",
    "last_trade_id",
    "is_buyer_maker",
    "is_best_match",
)


@frozen
class Comparison:
    """How one symbol's archive compares: ids missing, held twice or not in the recording, and rows that differ.

    `happened` is the recorded instant up to which everything must be held; None: up to the last trade that is.
    """

    symbol: str
    expected: int
    held: int
    missing: tuple[int, ...]
    doubled: tuple[int, ...]
    unknown: tuple[int, ...]
    different: tuple[int, ...]
    happened: int | None = None

    @property
    def exact(self) -> bool:
        return not (self.missing or self.doubled or self.unknown or self.different)

    def line(self) -> str:
        counts = f"lost {len(self.missing)}, doubled {len(self.doubled)}, different {len(self.different)}"
        if self.unknown:
            counts += f", not in the recording {len(self.unknown)}"
        until = "the last one held" if self.happened is None else iso(self.happened)
        return f"{self.symbol}: {self.expected:,} trades recorded up to {until}, {self.held:,} in the archive: {counts}"


@frozen
class Proof:
    """The comparison of every symbol."""

    comparisons: tuple[Comparison, ...]

    @property
    def exact(self) -> bool:
        return all(comparison.exact for comparison in self.comparisons)

    def lines(self) -> Iterator[str]:
        yield from (comparison.line() for comparison in self.comparisons)
        yield "the archive is exactly the recording" if self.exact else "THE ARCHIVE IS NOT THE RECORDING"


def prove(recording: Recording, store: Store, dataset: Dataset, *, happened: int | None = None) -> Proof:
    """Compares what the store holds of each symbol with what the recording had.

    `happened`: the instant (us UTC) up to which everything must be held; None: up to the last trade that is held.
    """
    tapes = sorted(recording.tapes.items())
    return Proof(tuple(_compared(symbol, tape, store, dataset, happened) for symbol, tape in tapes))


def _compared(symbol: str, tape: Tape, store: Store, dataset: Dataset, happened: int | None) -> Comparison:
    rows = _held(store, Query(dataset, symbol, columns=COLUMNS))
    by_id = {row[0]: row for row in rows}
    last = max(by_id, default=-1)
    expected = {
        trade.id: recorded_row(trade)
        for trade in tape.agg_trades
        if trade.id <= last or (happened is not None and trade.at <= happened)
    }
    return Comparison(
        symbol,
        expected=len(expected),
        held=len(rows),
        missing=tuple(id_ for id_ in expected if id_ not in by_id),
        doubled=tuple(row[0] for before, row in pairwise(rows) if before[0] == row[0]),
        unknown=tuple(id_ for id_ in by_id if id_ not in expected),
        different=tuple(id_ for id_, row in expected.items() if id_ in by_id and by_id[id_] != row),
        happened=happened,
    )


def _held(store: Store, query: Query) -> list[Row]:
    table = store.read(query)
    table = table.set_column(1, "timestamp", table.column("timestamp").cast("int64"))
    return list(zip(*(table.column(name).to_pylist() for name in COLUMNS), strict=True))


def recorded_row(trade: AggTrade) -> Row:
    """A recorded trade as the archive must hold it; float() of the exchange's text is exact by contract."""
    return (
        trade.id,
        trade.time,
        float(trade.price),
        float(trade.quantity),
        trade.first,
        trade.last,
        trade.buyer_maker,
        trade.best_match,
    )
