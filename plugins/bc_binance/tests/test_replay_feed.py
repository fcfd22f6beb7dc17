"""The feed against a replayed exchange, with its pings, its limits, and its faults."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from bc_binance import Binance, BinanceConfig
from bc_binance.streamtesting import Recorder
from bcore.clock import SystemClock

replay = pytest.importorskip("bc_replay.testing", reason="bc_replay is not installed")
BTC = "btcusdt@aggTrade"


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    with replay.ReplayServer(speed=20, wait=True, loop=True) as running:
        yield running


@pytest.fixture
def exchange(server: Any) -> Iterator[Binance]:
    config = BinanceConfig(rest_url=server.url, stream_url=server.ws_url, stream_overlap=0.5)
    made = Binance(config, SystemClock())
    yield made
    made.close()


def ids(sink: Recorder) -> list[int]:
    return [each["a"] for each in sink.messages]


def test_what_is_traded_comes_without_a_hole(exchange: Binance) -> None:
    sink = Recorder()
    exchange.feed([BTC], sink)
    sink.until(lambda: 200 < len(sink.messages), 60)
    got = ids(sink)
    assert list(range(got[0], got[0] + len(got))) == got
    assert ("joined", (BTC,)) == sink.told[0]
    assert "BTCUSDT" == sink.messages[0]["s"]
    assert 10**15 < sink.messages[0]["T"]


def test_a_shutdown_of_the_exchange_leaves_no_hole(exchange: Binance, server: Any) -> None:
    sink = Recorder()
    feed = exchange.feed([BTC], sink)
    sink.until(lambda: 20 < len(sink.messages), 60)
    server.fault("shutdown", 2)
    sink.until(lambda: 1 == feed.connections().rotations, 60)
    seen = len(sink.messages)
    sink.until(lambda: seen + 50 < len(sink.messages), 60)
    got = set(ids(sink))
    assert set(range(min(got), max(got) + 1)) == got
    assert 0 == sink.count("lost")


def test_a_reset_is_told_and_the_stream_goes_on(exchange: Binance, server: Any) -> None:
    sink = Recorder()
    exchange.feed([BTC], sink)
    sink.until(lambda: 20 < len(sink.messages), 60)
    server.fault("reset")
    sink.until(lambda: 2 == sink.count("joined"), 60)
    seen = len(sink.messages)
    sink.until(lambda: seen + 20 < len(sink.messages), 60)
    assert 1 == sink.count("lost")
