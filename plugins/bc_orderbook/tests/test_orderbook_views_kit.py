"""The views, through the tests that every view has to pass."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from math import nan
from typing import Any

import pyarrow as pa
import pytest

from bc_orderbook.book import Book
from bc_orderbook.bookmeasures import BOOK_MEASURES
from bc_orderbook.bookproofs import BOOK_INTERVALS, BOOK_PROOFS, DEPTH_BREAKS
from bc_orderbook.booktesting import Event, HandWritten, Shown
from bc_orderbook.bookviews import BOOK, BOOK_STATES, ORDERBOOK_REBUILT
from bc_orderbook.datasets import ORDERBOOK
from bc_orderbook.diffs import DEPTH, DEPTH_SNAPSHOTS, DEPTH_STATES, DEPTH_TICKERS
from bc_orderbook.measures import BOOK_PRESSURE, DEPTH_WITHIN, IMBALANCE, MICROPRICE, SPREAD
from bc_orderbook.quotes import BOOK_QUOTES
from bc_orderbook.snapshot import Snapshot
from bcore.instants import SECOND
from bcore.query import Query
from bcore.records import Batch
from bcore.testing import ComputationTests, DerivationTests

T0 = 1_723_161_600 * SECOND  # 2024-08-09


@cache
def snapshots() -> pa.Table:
    """Forty seconds of a book at two tick sizes; for a while one side of it is empty."""
    tables = []
    for second in range(40):
        bids = [(str(99 - level), str(1 + (second + level) % 7)) for level in range(20)]
        asks = [(str(100 + level), str(2 + (second * level) % 5)) for level in range(20)]
        book = Book.of(bids, [] if second in (11, 12) else asks)
        tables.append(Snapshot("AAA", T0 + second * SECOND, book).table((1.0, 10.0)))
    return pa.concat_tables(tables)


class SnapshotViewTests(DerivationTests):
    dataset = ORDERBOOK
    asked: tuple[Mapping[str, Any], ...] = ({}, {"tick_size": 10.0})

    @pytest.fixture
    def rows(self) -> pa.Table:
        return snapshots()

    @pytest.fixture
    def parameters(self) -> tuple[Mapping[str, Any], ...]:
        return self.asked


class TestSpread(SnapshotViewTests):
    derivation = SPREAD


class TestMicroprice(SnapshotViewTests):
    derivation = MICROPRICE


class TestImbalance(SnapshotViewTests):
    derivation, asked = IMBALANCE, ({}, {"levels": 1})


class TestDepthWithin(SnapshotViewTests):
    derivation, asked = DEPTH_WITHIN, ({}, {"bps": 300})


class TestBookPressure(SnapshotViewTests):
    derivation, asked = BOOK_PRESSURE, ({}, {"levels": 3, "decay": 0.1})


@cache
def archive() -> tuple[Batch, ...]:
    """A book that is followed for 40 seconds: with two breaks, after each of which a snapshot goes on, and tickers."""
    written = HandWritten()
    written.snapshot(Shown(10, T0, {99.0: 1.0, 98.25: 2.0, 90.0: 5.0}, {100.0: 1.5, 101.5: 4.0}, horizon=(90.0, nan)))
    before = [Event(10 + n, 10 + n, T0 + n * SECOND, bids={99.0: 1.0 + n}) for n in range(1, 11)]
    after = [Event(30 + n, 30 + n, T0 + (14 + n) * SECOND, asks={100.0: n % 3}) for n in range(1, 16)]
    written.events([*before, *after])
    written.events([Event(60 + n, 60 + n, T0 + (34 + n) * SECOND, bids={97.0: n}) for n in range(1, 6)])
    for update, second in ((30, 14), (60, 34)):
        written.snapshot(Shown(update, T0 + second * SECOND, {99.0: 9.0, 97.0: 1.0}, {100.0: 1.0, 102.0: 2.0}))
    for second, update, state in ((0, 10, "verified"), (11, 20, "suspect"), (14, 30, "verified"), (31, 45, "suspect")):
        written.state(T0 + second * SECOND, update, state)
    for n in range(1, 11):
        written.ticker(10 + n, T0 + n * SECOND, (99.0, 1.0 + n, 100.0, 1.5))
    held = [(each.dataset, each.symbol) for each in written.store.series()]
    return tuple(Batch(dataset, symbol, written.store.read(Query(dataset, symbol))) for dataset, symbol in held)


class BookViewTests(ComputationTests):
    datasets = (DEPTH, DEPTH_SNAPSHOTS, DEPTH_STATES, DEPTH_TICKERS)
    asked: tuple[Mapping[str, Any], ...] = ({},)

    @pytest.fixture
    def batches(self) -> tuple[Batch, ...]:
        return archive()

    @pytest.fixture
    def parameters(self) -> tuple[Mapping[str, Any], ...]:
        return self.asked


class TestBook(BookViewTests):
    computation, asked = BOOK, ({}, {"at": "2024-08-09T00:00:05"}, {"levels": 1}, {"tick_size": 5.0})


class TestBookStates(BookViewTests):
    computation, asked = BOOK_STATES, ({}, {"every": "5s", "levels": 1})


class TestOrderbookRebuilt(BookViewTests):
    computation, asked = ORDERBOOK_REBUILT, ({"tick_size": "1,10", "every": "2s"},)


class TestBookMeasures(BookViewTests):
    computation, asked = BOOK_MEASURES, ({}, {"every": "3s", "levels": 1, "bps": 200})


class TestBookQuotes(BookViewTests):
    computation = BOOK_QUOTES


class TestBookIntervals(BookViewTests):
    computation = BOOK_INTERVALS


class TestBookProofs(BookViewTests):
    computation = BOOK_PROOFS


class TestDepthBreaks(BookViewTests):
    computation = DEPTH_BREAKS
