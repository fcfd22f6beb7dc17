"""Against the replay exchange: a real process that serves a real recording, with faults."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bc_binance import Binance, BinanceConfig
from bc_trades import TRADES, to_table
from bc_trades.config import TradesConfig
from bc_trades.ohlcv import OHLCV
from bc_trades.source import TradesSource
from bcore.clock import SystemClock
from bcore.collect import Job
from bcore.errors import ExchangeError
from bcore.local import StoreReader
from bcore.memory import MemoryStore
from bcore.query import Query, Request

replay = pytest.importorskip("bc_replay.testing", reason="the replay exchange (bc-replay) is not installed")

HOUR_DATA = Path(__file__).parents[4] / "shared" / "data" / "deep_orderbook_20201101_09h"
START = 1_700_000_000_000
COUNT = 2500
Collect = Callable[..., MemoryStore]


def made_up() -> list[dict[str, Any]]:
    """Raw stream events: two and a half pages of aggregates, in part several at one time, over about 50 s."""
    return [
        {
            "e": "aggTrade",
            "E": START + number // 3 * 60,
            "s": "BTCUSDT",
            "a": 5000 + number,
            "p": f"{20_000 + number % 97}.{number % 100:02d}000000",
            "q": f"0.{number % 1000 + 1:05d}000",
            "f": 9000 + 2 * number,
            "l": 9001 + 2 * number,
            "T": START + number // 3 * 60,
            "m": number % 2 == 0,
            "M": True,
        }
        for number in range(COUNT)
    ]


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "BTCUSDT" / "2023-11-14T22-13-20_trades.json"
    path.parent.mkdir()
    path.write_text(json.dumps(made_up()))
    return path.parent


def ended(server: Any) -> None:
    deadline = time.monotonic() + 30
    while not server.status()["ended"]:
        assert time.monotonic() < deadline, "the recording did not end in time"
        time.sleep(0.02)


@pytest.fixture
def collect() -> Iterator[Collect]:
    exchanges: list[Binance] = []

    def passes(server: Any, symbol: str, start: int, *, meanwhile: Callable[[], None] | None = None) -> MemoryStore:
        """Passes until the recording has ended and nothing is missing, through whatever the exchange does."""
        exchanges.append(Binance(BinanceConfig(rest_url=server.url, timeout=1.0), SystemClock()))
        store = MemoryStore()
        job = Job("trades", TradesSource(TradesConfig(start=start), exchanges[-1], (symbol,)), store)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            over = server.status()["ended"]
            try:
                job.run_once(lambda event: None)
            except ExchangeError as error:
                time.sleep(error.retry_after or 0.05)
            else:
                if over:
                    return store
        raise AssertionError("the recording was not collected in time")

    yield passes
    for exchange in exchanges:
        exchange.close()


def test_a_recording_is_collected_exactly_while_it_goes_on(recording: Path, collect: Collect) -> None:
    with replay.ReplayServer(recording, speed=30) as server:
        store = collect(server, "BTCUSDT", START * 1000)
    events = [json.dumps(event).encode() for event in made_up()]
    assert to_table(events, "BTCUSDT").table.equals(store.read(Query(TRADES, "BTCUSDT")))


@pytest.mark.parametrize("fault", ["429:3", "500:3", "502html:2", "403html:2", "truncate:2", "hang:1.5", "451:2"])
def test_a_fault_costs_no_trade_and_doubles_none(recording: Path, collect: Collect, fault: str) -> None:
    kind, argument = fault.split(":")
    with replay.ReplayServer(recording, speed=1000) as server:
        ended(server)
        server.fault(kind, argument)
        store = collect(server, "BTCUSDT", START * 1000)
        assert 0 < server.faults()[0]["hits"]
    events = [json.dumps(event).encode() for event in made_up()]
    assert to_table(events, "BTCUSDT").table.equals(store.read(Query(TRADES, "BTCUSDT")))


def test_candles_of_what_was_collected_equal_the_recorded_kline(collect: Collect) -> None:
    if not (HOUR_DATA / "BTCUSDT").exists():
        pytest.skip("the recording of 2020-11-01 is not here")
    with replay.ReplayServer(HOUR_DATA / "BTCUSDT", speed=0) as server:
        store = collect_all(server, 1_604_221_200_000_000)
    reader = StoreReader((store,), (TRADES,), (OHLCV,))
    (hour,) = reader.read(Request("ohlcv", "BTCUSDT", params={"timeframe": "1h"})).to_pylist()
    assert (13748.62, 13762.07, 13672.0, 13687.52) == tuple(hour[name] for name in ("open", "high", "low", "close"))
    assert (1376.786953, 18889159.56148974, 22661) == (hour["volume"], hour["quote_volume"], hour["trade_count"])


def collect_all(server: Any, start: int) -> MemoryStore:
    """At speed 0 the requests themselves move the recording on, to its end."""
    exchange, store = Binance(BinanceConfig(rest_url=server.url), SystemClock()), MemoryStore()
    job = Job("trades", TradesSource(TradesConfig(start=start), exchange, ("BTCUSDT",)), store)
    deadline = time.monotonic() + 60
    while not (job.run_once(lambda event: None) == 0 and server.status()["ended"]):
        assert time.monotonic() < deadline, "the recording did not end in time"
    exchange.close()
    return store
