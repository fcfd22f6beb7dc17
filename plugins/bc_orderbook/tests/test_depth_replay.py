"""Recorded streams played back over real sockets and recorded again: nothing is lost, and every book is right."""

from __future__ import annotations

import gzip
import json
import time
from bisect import bisect_right
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from threading import Thread
from typing import Any

import pyarrow as pa
import pytest
from attrs import define, field, frozen

from bc_binance import Binance, BinanceConfig
from bc_orderbook.config import OrderBookConfig
from bc_orderbook.depth_config import DepthConfig
from bc_orderbook.depth_source import DepthSource
from bc_orderbook.diffs import DEPTH, DEPTH_SNAPSHOTS, DEPTH_STATES
from bc_orderbook.source import OrderBookSource
from bcore.clock import SystemClock
from bcore.collect import Job
from bcore.events import Event
from bcore.memory import MemoryStore
from bcore.records import Appended, Batch, Dataset
from bcore.schema import conform

pytest.importorskip("bc_replay", reason="the replay exchange is not installed")
from bc_replay import sample
from bc_replay.testing import ReplayServer

BTC = sample.paths()

DEADLINE = 60.0
Levels = dict[float, float]


@define
class Shelf(MemoryStore):
    """Keeps whole batches: a recording is too long for the reference store."""

    batches: list[Batch] = field(factory=list)

    def append(self, batch: Batch) -> Appended:
        self.batches.append(conform(batch))
        return Appended(batch.table.num_rows)

    def table(self, dataset: Dataset, symbol: str) -> pa.Table:
        tables = [each.table for each in self.batches if (each.dataset.name, each.symbol) == (dataset.name, symbol)]
        order = [(name, "ascending") for name in dataset.key]
        return pa.concat_tables([dataset.schema.empty_table(), *tables]).sort_by(order)

    def rows(self, dataset: Dataset, symbol: str) -> list[dict[str, Any]]:
        table = self.table(dataset, symbol)
        times = table[dataset.time].cast("int64")
        rows: list[dict[str, Any]] = table.set_column(
            table.column_names.index(dataset.time), dataset.time, times
        ).to_pylist()
        return rows


@define
class Diff:
    """An event of `depth`, put together again."""

    first: int
    last: int
    time: int
    levels: list[tuple[int, float, float]] = field(factory=list)


Best = tuple[float, float, float, float]


@frozen
class Recorded:
    """What a recording has of one symbol: diffs by u, and u and the best levels of every bookTicker."""

    diffs: dict[int, Diff]
    tickers: list[tuple[int, Best]]

    def best(self, u: int) -> Best | None:
        """What was best after update `u`: a ticker is sent whenever that changes."""
        at = bisect_right(self.tickers, u, key=lambda ticker: ticker[0]) - 1
        return self.tickers[at][1] if at >= 0 else None


def best_of(bids: Levels, asks: Levels) -> Best:
    bid, ask = max(bids), min(asks)
    return bid, bids[bid], ask, asks[ask]


def recorded(*files: Path) -> Recorded:
    diffs: dict[int, Diff] = {}
    tickers: dict[int, Best] = {}
    for file in files:
        with gzip.open(file, "rt") as lines:
            for line in lines:
                body = json.loads(line.partition(" ")[2])
                data = body.get("data", body)
                if data.get("e") == "depthUpdate":
                    levels = [(side, float(p), float(q)) for side, key in ((-1, "a"), (1, "b")) for p, q in data[key]]
                    diffs[data["u"]] = Diff(data["U"], data["u"], data["E"] * 1000, sorted(levels) or [(0, 0.0, 0.0)])
                elif "A" in data and "u" in data:
                    tickers[data["u"]] = float(data["b"]), float(data["B"]), float(data["a"]), float(data["A"])
    return Recorded(diffs, sorted(tickers.items()))


def stored_diffs(shelf: Shelf, symbol: str) -> dict[int, Diff]:
    made: dict[int, Diff] = {}
    for row in shelf.rows(DEPTH, symbol):
        at = made.setdefault(
            row["last_update_id"], Diff(row["first_update_id"], row["last_update_id"], row["timestamp"])
        )
        at.levels.append((row["side"], row["price"], row["quantity"]))
    return made


def stored_books(shelf: Shelf, symbol: str) -> dict[tuple[int, str], tuple[Levels, Levels]]:
    """(id, kind) -> bids and asks."""
    made: dict[tuple[int, str], tuple[Levels, Levels]] = {}
    for row in shelf.rows(DEPTH_SNAPSHOTS, symbol):
        sides = made.setdefault((row["last_update_id"], row["kind"]), ({}, {}))
        sides[row["side"] != 1][row["price"]] = row["quantity"]
    return made


def replayed(number: int, book: tuple[Levels, Levels], diffs: dict[int, Diff]) -> Iterator[tuple[int, Levels, Levels]]:
    """The book after each of the diffs that follow without a gap: (u, bids, asks)."""
    bids, asks = dict(book[0]), dict(book[1])
    for diff in sorted(diffs.values(), key=lambda each: each.last):
        if diff.last <= number:
            continue
        if diff.first > number + 1:
            return
        for side, price, quantity in diff.levels:
            levels = bids if side == 1 else asks
            levels[price] = quantity
            if not quantity:
                del levels[price]
        number = diff.last
        yield number, bids, asks


def states(shelf: Shelf, symbol: str) -> list[str]:
    return [row["state"] for row in shelf.rows(DEPTH_STATES, symbol)]


@define
class Recorder:
    """A source that follows a replay, in a thread."""

    source: Any
    exchange: Binance
    clock: SystemClock
    shelf: Shelf = field(factory=Shelf)
    told: list[Event] = field(factory=list)
    errors: list[Exception] = field(factory=list)
    _thread: Thread = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            Job("depth", self.source, self.shelf, clock=self.clock).run_live(self.told.append)
        except Exception as error:
            self.errors.append(error)

    def stop(self) -> None:
        self.clock.stopping.set()
        self._thread.join(DEADLINE)
        self.exchange.close()

    def until(self, what: Any, patience: float = DEADLINE) -> None:
        deadline = time.monotonic() + patience
        while not what():
            assert [] == self.errors
            assert time.monotonic() < deadline, f"it did not come about; told: {self.told[-5:]}"
            time.sleep(0.05)

    def until_stored(self, symbol: str, last: int) -> None:
        """Until the event with this u is durable."""

        def there() -> bool:
            depth = [each for each in self.shelf.batches if (each.dataset.name, each.symbol) == (DEPTH.name, symbol)]
            return any(last in batch.table["last_update_id"].to_pylist()[-1:] for batch in depth[-2:])

        self.until(there)


def opened(server: ReplayServer, make: Any, **config: Any) -> Recorder:
    clock = SystemClock()
    exchange = Binance(BinanceConfig(rest_url=server.url, stream_url=server.ws_url, timeout=5.0, **config), clock)
    return Recorder(make(exchange, clock), exchange, clock)


def depth_of(*symbols: str, **config: Any) -> Any:
    def make(exchange: Binance, clock: SystemClock) -> DepthSource:
        return DepthSource(DepthConfig(flush=0.2, **config), exchange, symbols, clock)

    return make


def test_a_connection_is_replaced_by_the_next_one_without_a_doubt() -> None:
    truth = recorded(BTC[0])
    with ReplayServer(BTC[0], speed=8.0, wait=True) as server:
        recorder = opened(server, depth_of("BTCUSDT", checkpoint=5.0), stream_lifetime=1.0, stream_overlap=0.2)
        recorder.until(lambda: states(recorder.shelf, "BTCUSDT") == ["verified"])
        before = server.status()["accepted"]
        recorder.until(lambda: server.status()["accepted"] > before + 3)
        recorder.stop()
    shelf, diffs = recorder.shelf, stored_diffs(recorder.shelf, "BTCUSDT")

    assert ["verified", "unknown"] == states(shelf, "BTCUSDT")
    assert {u: diff for u, diff in truth.diffs.items() if min(diffs) <= u <= max(diffs)} == diffs
    assert_books_hold(shelf, diffs, truth)


def assert_books_hold(shelf: Shelf, diffs: dict[int, Diff], truth: Recorded) -> None:
    """From the exchange's one snapshot on: never crossed, equal to the tickers and checkpoints."""
    books = stored_books(shelf, "BTCUSDT")
    [number] = [number for number, kind in books if kind == "rest"]
    unequal = checked = 0
    for u, bids, asks in replayed(number, books[number, "rest"], diffs):
        assert max(bids) < min(asks)
        unequal += truth.best(u) not in (None, best_of(bids, asks))
        if (u, "book") in books:
            assert books[u, "book"] == (bids, asks)
            checked += 1
    assert (unequal <= 2, checked >= 1) == (True, True), (unequal, checked)


def test_a_stream_that_is_acknowledged_and_silent_recovers_by_itself() -> None:
    truth = recorded(BTC[0])
    # Twice as long as the collector takes to notice, so that it does on a slow machine too.
    with ReplayServer(BTC[0], speed=6.0, faults=["acksilent@0:14"], wait=True) as server:
        recorder = opened(server, depth_of("BTCUSDT"))
        recorder.until(lambda: states(recorder.shelf, "BTCUSDT")[-1:] == ["verified"])
        recorder.stop()
        subscribed = server.faults()[0]["hits"]
    diffs = stored_diffs(recorder.shelf, "BTCUSDT")

    assert subscribed >= 2
    assert all(truth.diffs[u] == diff for u, diff in diffs.items())
    first = recorder.shelf.rows(DEPTH_STATES, "BTCUSDT")[0]
    assert first["state"] == "verified"
    assert min(each.time for each in diffs.values()) <= first["timestamp"]


def test_others_go_on_untouched_beside_a_symbol_that_the_exchange_does_not_have() -> None:
    with ReplayServer(BTC[0], speed=10.0, wait=True) as server:
        recorder = opened(server, depth_of("BTCUSDT", "NONEUSDT"))
        recorder.until(lambda: any(type(each).__name__ == "SourcePassed" for each in recorder.told))
        recorder.stop()

    assert (["verified", "unknown"], []) == (states(recorder.shelf, "BTCUSDT"), states(recorder.shelf, "NONEUSDT"))


def test_live_snapshots_are_the_recorded_book_at_their_times() -> None:
    """Ten a second, at the tick sizes named for the symbol, for the weight of the snapshot to begin with."""

    def made(exchange: Binance, clock: SystemClock) -> OrderBookSource:
        config = OrderBookConfig(interval=0.1, tick_sizes={"BTCUSDT": (50.0, 10.0)}, flush=0.2)
        return OrderBookSource(config, exchange, ("BTCUSDT",), clock)

    truth = recorded(BTC[0])
    with ReplayServer(BTC[0], speed=20.0, wait=True) as server:
        recorder = opened(server, made)
        dataset = recorder.source.datasets[0]
        recorder.until(lambda: recorder.shelf.table(dataset, "BTCUSDT").num_rows > 1200)
        recorder.stop()
        assert 1 == server.status()["requests"]["/api/v3/depth"]
    rows = recorder.shelf.rows(dataset, "BTCUSDT")
    times = [row["timestamp"] for row in rows[::2]]
    diffs = sorted(truth.diffs.values(), key=lambda each: each.time)

    assert [10.0, 50.0] * len(times) == [row["tick_size"] for row in rows]
    assert [row["timestamp"] for row in rows[1::2]] == times
    assert {100_000} == {later - earlier for earlier, later in pairwise(times)}
    assert {0} == {time % 100_000 for time in times}
    compared = 0
    for row in rows:
        happened = bisect_right(diffs, row["timestamp"], key=lambda each: each.time)
        told = truth.best(max(each.last for each in diffs[happened - 10 : happened]))
        if told is not None:
            assert (told[0], told[2]) == (row["best_bid"], row["best_ask"])
            compared += 1
    assert compared >= 1000
