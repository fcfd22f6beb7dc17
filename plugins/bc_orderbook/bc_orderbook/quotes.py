"""The view `book_quotes`: the best bid and ask after every event, of the book rebuilt from the depth stream."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from attrs import define, field

from bc_orderbook.bookviews import DATASETS, INSTANT
from bc_orderbook.checkpoints import LAG, Checkpoint, checkpoint_at, checkpoints
from bc_orderbook.events import DepthEvent
from bc_orderbook.localbook import BookSide, LocalBook
from bc_orderbook.measures import NoParams
from bc_orderbook.pricelevels import Levels
from bc_orderbook.rebuilding import known
from bc_orderbook.tape import COLUMNS, Changes
from bc_orderbook.trust import Trust
from bcore.computing import Access
from bcore.errors import NotFoundError
from bcore.instants import MINUTE
from bcore.query import Query
from bcore.records import Computation

SCHEMA = pa.schema(
    [
        pa.field("timestamp", INSTANT, nullable=False),
        pa.field("symbol", pa.string(), nullable=False),
        pa.field("update_id", pa.int64(), nullable=False),
        pa.field("state", pa.string(), nullable=False),
        *(
            pa.field(f"{side}_{what}", pa.float64(), nullable=False)
            for side in ("bid", "ask")
            for what in ("price", "quantity")
        ),
    ]
)
"""NaN and 0 stand where a side is empty. Events that follow on no snapshot have no row."""

NOTHING = (np.nan, 0.0)
WINDOW, WIDER = 10 * MINUTE, 6  # how far back the newest rows are looked for first, and then each time


def book_quotes(access: Access, query: Query, params: NoParams) -> Iterator[pa.Table]:
    """One row for each event that follows on a snapshot, or on one that does."""
    first, last = known(access)
    start = first if query.start is None else max(query.start, first)
    end = last + 1 if query.end is None else min(query.end, last + 1)
    if query.tail is None:
        yield from _quotes(access, start, end)
        return
    span = WINDOW
    while True:  # the newest rows: no farther back than they reach
        tables = list(_quotes(access, max(start, end - span), end))
        if end - span <= start or sum(table.num_rows for table in tables) >= query.tail + query.offset:
            yield from tables
            return
        span *= WIDER


def _quotes(access: Access, start: int, end: int) -> Iterator[pa.Table]:
    walk, trust = Walk(_snapshots(access, start, end)), Trust.over(access, start, end)
    since = walk.next.time - LAG if walk.next else start
    for changes in _whole_events(access, since, end):
        rows = [
            (time, event.last, trust.at(time), *quote)
            for event, time in _events(changes)
            if (quote := walk.quote(event)) is not None and time >= start
        ]
        columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(7)]
        columns.insert(1, [access.symbol] * len(rows))
        arrays = [pa.array(column, kind.type) for column, kind in zip(columns, SCHEMA, strict=True)]
        yield pa.Table.from_arrays(arrays, schema=SCHEMA)


def _snapshots(access: Access, start: int, end: int) -> Iterator[Checkpoint]:
    """Those in [start, end), and the one before them."""
    with suppress(NotFoundError):
        yield checkpoint_at(access, start - 1)
    yield from checkpoints(access, start, end)


def _whole_events(access: Access, start: int, end: int) -> Iterator[Changes]:
    """The rows, in pieces that cut no event in two."""
    held = Changes.nothing()
    for batch in access.scan("depth", start=start, end=end, columns=COLUMNS):
        rows = held.and_then(Changes.of(batch))
        border = int(rows.starts[-1]) if len(rows) else 0
        yield rows.between(0, border)
        held = rows.between(border)
    yield held


def _events(changes: Changes) -> Iterator[tuple[DepthEvent, int]]:
    keys, quantities = changes.keys.tolist(), changes.quantities.tolist()
    starts = changes.starts.tolist()
    heads: Any = zip(
        changes.event_firsts.tolist(), changes.lasts[starts].tolist(), changes.times[starts].tolist(), strict=True
    )
    for (begin, until), (first, last, time) in zip(pairwise([*starts, len(keys)]), heads, strict=True):
        bids: list[tuple[float, float]] = []
        asks: list[tuple[float, float]] = []
        for key, quantity in zip(keys[begin:until], quantities[begin:until], strict=True):
            if key:  # there is none in an event that changes nothing
                (asks if key > 0 else bids).append((abs(key), quantity))
        yield DepthEvent(time, "", first, last, bids, asks), time


@define(eq=False)
class Walk:
    """A book on its way from event to event; each snapshot that it meets takes its place."""

    _coming: Iterator[Checkpoint]
    next: Checkpoint | None = field(init=False)
    _book: LocalBook | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self.next = next(self._coming, None)

    def quote(self, event: DepthEvent) -> tuple[float, float, float, float] | None:
        """The best bid and ask, each with its quantity, after the event; None where the book is not known."""
        if self._book is None or event.first > self._book.id + 1:
            self._book = self._joining(event)
        if self._book is None:
            return None
        self._book.apply(event)
        self._meet(self._book)
        bid, ask = self._book.bids.levels(1), self._book.asks.levels(1)
        return (*(bid[0] if bid else NOTHING), *(ask[0] if ask else NOTHING))

    def _joining(self, event: DepthEvent) -> LocalBook | None:
        """The snapshot that the event follows on, or that lies within it."""
        while self.next is not None and self.next.update_id < event.first - 1:
            self.next = next(self._coming, None)
        joins = self.next is not None and self.next.update_id < event.last
        return _book_of(self.next) if joins and self.next is not None else None

    def _meet(self, book: LocalBook) -> None:
        while self.next is not None and self.next.update_id <= book.id:
            if self.next.update_id == book.id:
                self._book = _book_of(self.next)
            self.next = next(self._coming, None)


def _book_of(shown: Checkpoint) -> LocalBook:
    bids, asks = (dict(zip(*(each.tolist() for each in side), strict=True)) for side in _sides(shown))
    bid_horizon, ask_horizon = shown.horizon
    return LocalBook(shown.update_id, shown.time, BookSide(1, bid_horizon, bids), BookSide(-1, ask_horizon, asks))


def _sides(shown: Checkpoint) -> tuple[Levels, Levels]:
    return shown.levels.bids, shown.levels.asks


BOOK_QUOTES = Computation(
    "book_quotes",
    DATASETS,
    SCHEMA,
    NoParams,
    book_quotes,
    summary="The best bid and ask after every event of the depth stream, with their quantities",
)
