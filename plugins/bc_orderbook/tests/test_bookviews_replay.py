"""A recorded stream, recorded again over real sockets into a real archive, and the books that are rebuilt from it."""

from __future__ import annotations

import gzip
import json
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Any

import pandas as pd
import pytest

from bc_binance import Binance, BinanceConfig
from bc_orderbook.bookchecks import examine
from bc_orderbook.config import OrderBookConfig
from bc_orderbook.datasets import ORDERBOOK
from bc_orderbook.depth_config import DepthConfig
from bc_orderbook.depth_source import DepthSource
from bc_orderbook.diffs import DEPTH
from bc_orderbook.source import OrderBookSource
from bcore.client import Client
from bcore.clock import SystemClock
from bcore.collect import Job
from bcore.errors import Stopped
from bcore.examining import Interval
from bcore.local import StoreReader
from bcore.protocols import Store
from bcore.records import Compared, Series
from bcore.registry import Registry
from bcore.verify import audit_of

replay = pytest.importorskip("bc_replay.testing", reason="the replay exchange is not installed")
parquet = pytest.importorskip("bc_parquet.store", reason="the archive (bc-parquet) is not installed")

sample = pytest.importorskip("bc_replay.sample", reason="the replay exchange is not installed")
RECORDING = sample.paths()[0]
SYMBOL, TICKS, DEADLINE = "BTCUSDT", (0.1, 10.0), 60.0
Best = tuple[float, float]


def tickers() -> dict[int, Best]:
    """u -> best bid and ask, as the exchange said itself."""
    found = {}
    with gzip.open(RECORDING, "rt") as lines:
        for line in lines:
            body = json.loads(line.partition(" ")[2])
            data = body.get("data", body)
            if "A" in data and "u" in data:
                found[data["u"]] = (float(data["b"]), float(data["a"]))
    return found


def follow(source: Any, store: Store, clock: SystemClock) -> None:
    with suppress(Stopped):
        Job(type(source).__name__, source, store, clock=clock).run_live(lambda event: None)


def record(store: Store, enough: Callable[[], bool]) -> None:
    """Both sources on one replay, until there is enough."""
    clock = SystemClock()
    with replay.ReplayServer(RECORDING, speed=20.0, wait=True) as server:
        exchange = Binance(BinanceConfig(rest_url=server.url, stream_url=server.ws_url, timeout=5.0), clock)
        depth = DepthSource(DepthConfig(flush=0.2, checkpoint=30.0), exchange, (SYMBOL,), clock)
        shown = OrderBookConfig(interval=0.5, tick_sizes=TICKS, flush=0.2)
        sources = (depth, OrderBookSource(shown, exchange, (SYMBOL,), clock))
        threads = [Thread(target=follow, args=(source, store, clock), daemon=True) for source in sources]
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + DEADLINE
        while not enough():
            assert time.monotonic() < deadline, "too little was recorded"
            time.sleep(0.1)
        clock.stopping.set()
        for thread in threads:
            thread.join(DEADLINE)
        exchange.close()


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    """Of an archive that holds about two minutes."""
    store = parquet.ParquetStore(tmp_path / "archive")
    reader = StoreReader((store,), (ORDERBOOK,), tuple(Registry.load().of("derivations").values()))
    held = lambda: {str(each.series): each.rows for each in reader.stats()}  # noqa: E731
    record(store, lambda: held().get(f"orderbook/{SYMBOL}", 0) > 480)
    with Client(reader) as client:
        yield client


def test_books_of_a_recording_that_was_recorded_again(client: Client) -> None:
    """One test: recording takes longer than all that is looked at, and tests may be shared out among processes."""
    the_archive_agrees_with_itself(client)
    rebuilt_books_have_the_best_prices_that_the_exchange_told(client)
    snapshots_made_afterwards_are_those_that_were_made_live(client)
    the_newest_book_is_the_last_checkpoint_and_what_came_after(client)


def the_archive_agrees_with_itself(client: Client) -> None:
    (store,) = client.reader.stores  # type: ignore[attr-defined]
    assert "complete" == audit_of(store, Series(DEPTH, SYMBOL)).state
    told = list(examine(SYMBOL, client.reader, 0, 2**52, True))
    pieces = [each for each in told if isinstance(each, Compared)]
    assert [] == [each for piece in pieces for each in piece.disagreements]
    events, snapshots, books = pieces
    assert events.count > 1_000
    assert snapshots.count >= 3
    assert books.count >= 10
    assert sum(each.seconds for each in told if isinstance(each, Interval) and each.proven) > 100


def rebuilt_books_have_the_best_prices_that_the_exchange_told(client: Client) -> None:
    truth = tickers()
    ids = sorted(truth)
    found = list(client.book_states(SYMBOL, every="100ms", levels=1, as_="arrow"))
    told = [truth[ids[bisect_right(ids, book.update_id) - 1]] for book in found]
    shown = [(book.best_bid, book.best_ask) for book in found]
    unequal = [pair for pair in zip(told, shown, strict=True) if pair[0] != pair[1]]
    assert len(found) > 1_000
    assert len(unequal) <= 2  # a ticker now and then sums up two changes
    assert {"verified"} == {book.state for book in found[1:]}


def snapshots_made_afterwards_are_those_that_were_made_live(client: Client) -> None:
    live = client.get_orderbook(SYMBOL)
    known = client.get_book_intervals(SYMBOL)
    # Each source began with a snapshot of its own, and that one may be ahead of the events at its time.
    start = max(live["timestamp"].iloc[0], known["timestamp"].iloc[0]) + pd.Timedelta(seconds=1)
    end = min(live["timestamp"].iloc[-1], known["end"].iloc[-1])
    made = client.read(
        "orderbook_rebuilt", SYMBOL, every="500ms", tick_size=TICKS, start_time=start, end_time=end
    ).to_pandas()
    assert len(made) > 400
    assert live[live["timestamp"].between(start, end, inclusive="left")].reset_index(drop=True).equals(made)


def the_newest_book_is_the_last_checkpoint_and_what_came_after(client: Client) -> None:
    last = client.read("depth_snapshots", SYMBOL, tail=1).to_pylist()[0]
    book = client.get_book(SYMBOL, at=last["timestamp"])
    rows = client.read("depth_snapshots", SYMBOL, start_time=last["timestamp"]).to_pylist()
    stored = {(row["side"], row["price"]): row["quantity"] for row in rows if row["last_update_id"] == book.update_id}
    shown = {(1, *level[:1]): level[1] for level in book.bids.itertuples(index=False, name=None)}
    shown |= {(-1, *level[:1]): level[1] for level in book.asks.itertuples(index=False, name=None)}
    assert stored == shown
    assert client.get_book(SYMBOL).update_id > book.update_id
