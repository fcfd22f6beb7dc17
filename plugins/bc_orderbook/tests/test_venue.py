"""The source on bc_binance's exchange object, over real sockets."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from bc_binance import Binance, BinanceConfig
from bc_binance.testing import Answer, LocalVenue, answer, page
from bc_orderbook import ORDERBOOK, plugin
from bc_orderbook.config import OrderBookConfig
from bc_orderbook.depth_config import DepthConfig
from bc_orderbook.depth_source import DepthSource
from bc_orderbook.diffs import DEPTH, DEPTH_SNAPSHOTS, DEPTH_STATES, DEPTH_TICKERS
from bc_orderbook.source import OrderBookSource
from bc_orderbook.venue import LiveVenue, Venue
from bcore.clock import SystemClock
from bcore.collect import Job
from bcore.errors import SymbolsError
from bcore.memory import MemoryStore
from bcore.query import Query
from bcore.records import Context

REPLY = {
    "lastUpdateId": 7,
    "bids": [["100.30000000", "1.00000000"], ["99.90000000", "3.00000000"]],
    "asks": [["100.40000000", "5.00000000"]],
}


@pytest.fixture
def local() -> Iterator[LocalVenue]:
    with LocalVenue(("BTCUSDT", "ETHUSDT")) as running:
        running.on("depth", lambda asked: answer(REPLY))
        yield running


@pytest.fixture
def exchange(local: LocalVenue) -> Iterator[Binance]:
    opened = Binance(BinanceConfig(rest_url=local.url, timeout=5.0), SystemClock())
    yield opened
    opened.close()


def job_of(exchange: Binance, *symbols: str, config: OrderBookConfig | None = None) -> Job:
    """As the core makes it from a configuration."""
    context = Context("sources.orderbook", SystemClock(), lambda: exchange, lambda event: None, symbols)
    factory = next(iter(plugin.bcore_sources()))
    return Job("orderbook", factory.build(config or OrderBookConfig(tick_sizes=(1.0,)), context), MemoryStore())


def stored(job: Job, symbol: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = job.store.read(Query(ORDERBOOK, symbol)).to_pylist()
    return rows


def test_binance_is_a_venue(exchange: Binance) -> None:
    venue: Venue = exchange

    assert isinstance(venue, Venue)


def test_a_book_fetched_over_http_is_stored(exchange: Binance) -> None:
    job = job_of(exchange, "BTCUSDT")
    before = exchange.now()
    job.run_once(lambda event: None)
    [row] = stored(job, "BTCUSDT")

    assert (100.3, 100.4, 100.0, 101.0) == tuple(
        row[name] for name in ("best_bid", "best_ask", "bid_price_1", "ask_price_1")
    )
    assert before <= row["timestamp"].timestamp() * 1_000_000 <= exchange.now()


def test_the_request_names_the_symbol_and_the_depth(local: LocalVenue, exchange: Binance) -> None:
    job_of(exchange, "ETHUSDT", config=OrderBookConfig(tick_sizes=(1.0,), depth=100)).run_once(lambda event: None)

    assert [{"symbol": "ETHUSDT", "limit": "100"}] == [dict(asked.params) for asked in local.asked_of("depth")]


def test_automatic_tick_sizes_come_from_exchange_info(exchange: Binance) -> None:
    job = job_of(exchange, "BTCUSDT", config=OrderBookConfig())
    job.run_once(lambda event: None)

    assert 5 == len({row["tick_size"] for row in stored(job, "BTCUSDT")})


def test_an_unknown_symbol_does_not_keep_the_other_from_being_stored(local: LocalVenue, exchange: Binance) -> None:
    def behave(asked: Any) -> Answer:
        known = asked.params["symbol"] == "ETHUSDT"
        return answer(REPLY) if known else answer({"code": -1121, "msg": "Invalid symbol."}, 400)

    local.on("depth", behave)
    job = job_of(exchange, "ETHUSDT", "BTCUSTD")

    with pytest.raises(SymbolsError, match="BTCUSTD"):
        job.run_once(lambda event: None)
    assert 1 == len(stored(job, "ETHUSDT"))


@pytest.mark.parametrize(
    "fault",
    [page(502), answer({"lastUpdateId": 7}), answer({**REPLY, "bids": [[100.3, 1.0]]}), answer(REPLY)],
    ids=["web page", "no sides", "numbers for text", "cut off"],
)
def test_a_faulty_reply_stores_nothing_and_the_next_pass_goes_on(
    local: LocalVenue, exchange: Binance, fault: Answer, request: pytest.FixtureRequest
) -> None:
    if "cut off" in request.node.name:
        fault = Answer(fault.body, cut=20)
    job = job_of(exchange, "BTCUSDT")
    job.run_once(lambda event: None)
    local.once("depth", fault)

    with pytest.raises(SymbolsError):
        job.run_once(lambda event: None)
    assert 1 == len(stored(job, "BTCUSDT"))
    deadline = time.monotonic() + 60
    while len(stored(job, "BTCUSDT")) < 2:  # the symbol waits a moment before it is asked for again
        assert time.monotonic() < deadline
        with suppress(SymbolsError):
            job.run_once(lambda event: None)


def test_the_replay_exchange_s_books_are_collected() -> None:
    replay = pytest.importorskip("bc_replay.testing", reason="bc_replay is not installed")
    config, deadline = OrderBookConfig(tick_sizes=(10.0, 50.0, 100.0)), time.monotonic() + 30
    with replay.ReplayServer(speed=5) as server:
        exchange = Binance(BinanceConfig(rest_url=server.url), SystemClock())
        job = job_of(exchange, "BTCUSDT", config=config)
        # A recording may begin before its first whole book.
        while not (rows := full_rows(job)) and time.monotonic() < deadline:
            job.run_once(lambda event: None)
            time.sleep(0.05)
        exchange.close()

    assert [10.0, 50.0, 100.0] == [row["tick_size"] for row in rows]
    assert all(row["bid_price_1"] <= row["best_bid"] < row["best_ask"] <= row["ask_price_1"] for row in rows)


def full_rows(job: Job) -> list[dict[str, Any]]:
    """The stored rows of BTCUSDT that have both sides."""
    return [row for row in stored(job, "BTCUSDT") if row["spread"] > 0]


def test_the_plugin_offers_both_sources_and_their_datasets(exchange: Binance) -> None:
    snapshots, changes = plugin.bcore_sources()

    assert ("orderbook", OrderBookConfig, (ORDERBOOK,)) == (snapshots.name, snapshots.config, snapshots.datasets)
    assert ("depth", DepthConfig, (DEPTH, DEPTH_SNAPSHOTS, DEPTH_STATES, DEPTH_TICKERS)) == (
        changes.name,
        changes.config,
        changes.datasets,
    )
    context = Context("sources.book", SystemClock(), lambda: exchange, lambda event: None, ("BTCUSDT",))
    assert isinstance(snapshots.build(OrderBookConfig(tick_sizes=(1.0,)), context), OrderBookSource)
    assert isinstance(changes.build(DepthConfig(), context), DepthSource)


def test_binance_s_streams_can_be_followed(exchange: Binance) -> None:
    assert isinstance(exchange, LiveVenue)


def test_loading_the_plugin_imports_nothing_heavy() -> None:
    code = "import sys, bc_orderbook.plugin; print({'numpy', 'pyarrow', 'pandas', 'requests'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "set()" == done.stdout.strip()
