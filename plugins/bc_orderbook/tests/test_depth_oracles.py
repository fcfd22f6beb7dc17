"""Every recording of a spot depth stream that there is, played over real sockets into an archive: each book is right.

Right is what the recording itself says: the diffs, the exchange's bookTicker, and that no book is crossed.
"""

from __future__ import annotations

import gzip
import json
import time
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from attrs import define, field, frozen

from bc_binance import Binance, BinanceConfig
from bc_orderbook.bookchecks import SIDES, examine
from bc_orderbook.depth_config import DepthConfig
from bc_orderbook.depth_source import DepthSource
from bc_orderbook.diffs import DEPTH, DEPTH_SNAPSHOTS, DEPTH_STATES, DEPTH_TICKERS
from bc_orderbook.keeping import Keeper
from bcore.client import Client
from bcore.clock import SystemClock
from bcore.collect import Job
from bcore.errors import Stopped
from bcore.local import StoreReader
from bcore.query import Query
from bcore.records import Batch, Compared, Dataset, Series
from bcore.registry import Registry
from bcore.verify import audit_of

replay = pytest.importorskip("bc_replay.testing", reason="the replay exchange is not installed")
sample = pytest.importorskip("bc_replay.sample", reason="the replay exchange is not installed")
parquet = pytest.importorskip("bc_parquet.store", reason="the archive (bc-parquet) is not installed")

FOLDER = Path(__file__).parents[4] / "shared" / "data"
DEADLINE = 120.0
Level = tuple[int, float, float]
Best = tuple[float, float, float, float]


@frozen
class Recording:
    """Files, how fast to play them, levels of their snapshots, and how many tickers the exchange conflated."""

    files: tuple[str, ...]
    speed: float
    levels: int = 5000
    conflated: int = 0
    stream: str = "100ms"
    bytes_a_row: float | None = None
    tickers: bool = True  # whether the collector records them too: seven thousand a second are too many for a test


RECORDINGS = {
    "btcusdt": Recording(
        tuple(map(str, sample.paths())),
        60.0,
        conflated=2,
        bytes_a_row=5.0,
        tickers=False,
    ),
    "nexousdt": Recording(("ws_raw_nexo/nexousdt_20240723.dat.gz",), 240.0),
    "ethbtc": Recording(("deep_orderbook_20201101_09h/ETHBTC",), 600.0, 1000, stream="1000ms", bytes_a_row=5.0),
    "three pairs": Recording(("cryptofeed/BINANCE-ee25be.0",), 12.0, 1000),
    "ten thin pairs": Recording(("cryptofeed/BINANCE-b38f7c.0",), 12.0, 1000),
    "whole books": Recording(
        ("cryptofeed/BINANCE.ws.1.0_2021-08-14", "cryptofeed/BINANCE.http.0.0_5000levels_2021-08-14"), 4.0
    ),
}


@define
class Diff:
    first: int
    last: int
    time: int
    levels: list[Level] = field(factory=list)


@define
class Truth:
    """What a recording has of one symbol: its diffs in order, and its tickers by u."""

    diffs: list[Diff] = field(factory=list)
    tickers: dict[int, Best] = field(factory=dict)


def messages(path: Path) -> Iterator[dict[str, Any]]:
    """Every JSON object of a file of whatever form: an array, or lines that begin with a time or an address."""
    if path.is_dir():
        yield from json.loads(next(path.glob("*_update.json")).read_text())
        return
    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    for line in text.splitlines():
        if (begin := line.find(b"{")) >= 0:
            body = json.loads(line[begin:])
            yield body.get("data", body)


def truth_of(files: list[Path]) -> dict[str, Truth]:
    found: dict[str, Truth] = {}
    for data in (each for file in files for each in messages(file)):
        if data.get("e") == "depthUpdate":
            levels = [(side, float(p), float(q)) for side, key in ((-1, "a"), (1, "b")) for p, q in data[key]]
            diff = Diff(data["U"], data["u"], data["E"] * 1000, sorted(levels) or [(0, 0.0, 0.0)])
            found.setdefault(data["s"], Truth()).diffs.append(diff)
        elif "A" in data and "u" in data:
            best = float(data["b"]), float(data["B"]), float(data["a"]), float(data["A"])
            found.setdefault(data["s"], Truth()).tickers[data["u"]] = best
    return {symbol: truth for symbol, truth in found.items() if truth.diffs}


@define
class Watched(DepthSource):
    """Lets its keepers be looked at."""

    keepers: dict[str, Keeper] = field(factory=dict, init=False)

    def _keeper(self, symbol: str, number: int) -> Keeper:
        self.keepers[symbol] = super()._keeper(symbol, number)
        return self.keepers[symbol]


@frozen
class Recorded:
    """An archive of a recording, and the books that its collector had when it was stopped."""

    store: Any
    client: Client
    keepers: dict[str, Keeper]
    truth: dict[str, Truth]

    def rows(self, dataset: Dataset, symbol: str) -> list[dict[str, Any]]:
        table = self.store.read(Query(dataset, symbol))
        times = table.column(dataset.time).cast("int64")
        rows: list[dict[str, Any]] = table.set_column(
            table.column_names.index(dataset.time), dataset.time, times
        ).to_pylist()
        return rows

    def diffs(self, symbol: str) -> list[Diff]:
        made: dict[int, Diff] = {}
        for row in self.rows(DEPTH, symbol):
            u = row["last_update_id"]
            diff = made.setdefault(u, Diff(row["first_update_id"], u, row["timestamp"]))
            diff.levels.append((row["side"], row["price"], row["quantity"]))
        return list(made.values())

    def seed(self, symbol: str) -> tuple[int, dict[int, dict[float, float]]]:
        """The first snapshot: its id, and price -> quantity by side."""
        rows = self.rows(DEPTH_SNAPSHOTS, symbol)
        sides: dict[int, dict[float, float]] = {1: {}, -1: {}}
        for row in rows:
            if row["last_update_id"] == rows[0]["last_update_id"]:
                sides[row["side"]][row["price"]] = row["quantity"]
        return rows[0]["last_update_id"], sides


@pytest.fixture(params=RECORDINGS, ids=lambda name: str(name).replace(" ", "-"))
def recording(request: pytest.FixtureRequest) -> Recording:
    return RECORDINGS[request.param]


@pytest.fixture
def recorded(recording: Recording, tmp_path: Path) -> Iterator[Recorded]:
    files = [FOLDER / name for name in recording.files]
    for file in files:
        if not file.exists():
            pytest.skip(f"the recording {file.name} is not here")
    truth, clock = truth_of(files), SystemClock()
    store = parquet.ParquetStore(tmp_path / "archive")
    with replay.ReplayServer(*files, speed=recording.speed, wait=True) as server:
        exchange = Binance(BinanceConfig(rest_url=server.url, stream_url=server.ws_url, timeout=5.0), clock)
        levels, stream = recording.levels, recording.stream
        config = DepthConfig(
            flush=0.2, checkpoint=30.0, snapshot_levels=levels, speed=stream, tickers=recording.tickers
        )
        source = Watched(config, exchange, tuple(truth), clock)
        follow(source, store, {symbol: each.diffs[-1].last for symbol, each in truth.items()}, clock)
        exchange.close()
    reader = StoreReader((store,), (), tuple(Registry.load().of("derivations").values()))
    with Client(reader) as client:
        yield Recorded(store, client, source.keepers, truth)


def follow(source: Watched, store: Any, until: dict[str, int], clock: SystemClock) -> None:
    """Until the last event of every symbol is durable."""

    def run() -> None:
        with suppress(Stopped):
            Job("depth", source, store, clock=clock).run_live(lambda event: None)

    thread = Thread(target=run, daemon=True)
    thread.start()
    deadline, waiting = time.monotonic() + DEADLINE, dict(until)
    while waiting:
        assert thread.is_alive(), "the source has failed"
        assert time.monotonic() < deadline, f"not stored in time: {waiting}"
        time.sleep(0.1)
        keys = {symbol: store.last(Series(DEPTH, symbol)) for symbol in waiting}
        waiting = {symbol: u for symbol, u in waiting.items() if (keys[symbol] or (0,))[0] < u}
    clock.stopping.set()
    thread.join(DEADLINE)


def test_every_book_of_a_recording_is_the_exchange_s(recorded: Recorded, recording: Recording) -> None:
    every_event_is_stored_to_the_last_level(recorded)
    the_best_prices_are_the_exchange_s_and_no_book_is_crossed(recorded, recording)
    the_rebuilt_book_at_the_end_is_the_maintained_one(recorded)
    the_archive_agrees_with_itself(recorded)
    if recording.tickers:
        every_ticker_is_stored_with_what_the_exchange_said(recorded)
    a_change_takes_five_bytes(recorded, recording)


def every_event_is_stored_to_the_last_level(recorded: Recorded) -> None:
    for symbol, truth in recorded.truth.items():
        diffs = recorded.diffs(symbol)
        assert [each for each in truth.diffs if each.last >= diffs[0].last] == diffs
        assert "complete" == audit_of(recorded.store, Series(DEPTH, symbol)).state
        assert ["verified", "unknown"] == [row["state"] for row in recorded.rows(DEPTH_STATES, symbol)]


def the_best_prices_are_the_exchange_s_and_no_book_is_crossed(recorded: Recorded, recording: Recording) -> None:
    followed = unequal = compared = 0
    for symbol, truth in recorded.truth.items():
        number, sides = recorded.seed(symbol)
        known = sorted(truth.tickers)
        for diff in truth.diffs:
            if diff.last <= number:
                continue
            for side, price, quantity in diff.levels:
                sides.get(side, {})[price] = quantity
                if not quantity:
                    sides.get(side, {}).pop(price)
            bid, ask = max(sides[1]), min(sides[-1])
            assert bid < ask
            followed += 1
            if at := bisect_right(known, diff.last):
                compared += 1
                unequal += truth.tickers[known[at - 1]] != (bid, sides[1][bid], ask, sides[-1][ask])
        assert followed > 0, f"{symbol} was followed only when all was over"
    print(f"{compared - unequal} of {compared} best prices are those of bookTicker, {followed} books not crossed")
    assert unequal <= recording.conflated, f"{unequal} of {compared} best prices differ"
    assert compared > 0 or not any(each.tickers for each in recorded.truth.values())


def the_rebuilt_book_at_the_end_is_the_maintained_one(recorded: Recorded) -> None:
    for symbol, keeper in recorded.keepers.items():
        maintained, rebuilt = keeper.book, recorded.client.get_book(symbol, as_="arrow")
        assert maintained is not None
        assert (maintained.id, "verified") == (rebuilt.update_id, rebuilt.state)
        shown = [list(zip(*side.to_pydict().values(), strict=True)) for side in (rebuilt.bids, rebuilt.asks)]
        assert list(maintained.levels()) == shown


def examined(recorded: Recorded, symbol: str) -> list[Compared]:
    told = examine(symbol, recorded.client.reader, 0, 2**52, True)
    return [each for each in told if isinstance(each, Compared)]


def the_archive_agrees_with_itself(recorded: Recorded) -> None:
    for symbol in recorded.truth:
        told = examined(recorded, symbol)
        assert [] == [each for piece in told for each in piece.disagreements]
        assert all(each.count for each in told if each.what.startswith(("events", "books")))


def every_ticker_is_stored_with_what_the_exchange_said(recorded: Recorded) -> None:
    for symbol, truth in recorded.truth.items():
        rows = recorded.rows(DEPTH_TICKERS, symbol)
        told = {row["update_id"]: tuple(row[name] for name in SIDES) for row in rows}
        if truth.tickers:  # those after the last event may not have been waited for
            assert {u: best for u, best in truth.tickers.items() if min(told) <= u <= max(told)} == told
            [best] = [each for each in examined(recorded, symbol) if each.what == "best prices"]
            assert best.count > 0


def a_change_takes_five_bytes(recorded: Recorded, recording: Recording) -> None:
    if recording.bytes_a_row is None:
        return  # too short to tell: half of it is what every file has
    for symbol in recorded.truth:
        series = Series(DEPTH, symbol)
        whole = parquet.ParquetStore(recorded.store.path / "whole")
        whole.append(Batch(DEPTH, symbol, recorded.store.read(Query(DEPTH, symbol))))
        stats = whole.stats(series)
        whole.close()
        assert stats.bytes / stats.rows <= recording.bytes_a_row
