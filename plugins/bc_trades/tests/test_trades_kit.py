"""The views, through the tests that every derivation has to pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from bc_binance import Binance, BinanceConfig
from bc_trades import to_table
from bc_trades.bar_views import DOLLAR_BARS, IMBALANCE_BARS, TICK_BARS, VOLUME_BARS
from bc_trades.config import TradesConfig
from bc_trades.datasets import TRADES
from bc_trades.ohlcv import OHLCV
from bc_trades.plugin import bcore_sources
from bc_trades.source import TradesSource
from bc_trades.taker_flow import TAKER_FLOW
from bc_trades.vwap import VWAP
from bcore.clock import SystemClock
from bcore.protocols import Source
from bcore.records import Factory
from bcore.testing import DerivationTests, SourceTests, made
from bcore.testing.samples import TRADES as SAMPLE

POLLING = TradesConfig(mode="poll", start="2023-11-14T00:00:00Z", page=10)


class TradeViewTests(DerivationTests):
    dataset = TRADES
    asked: tuple[Mapping[str, Any], ...] = ({"timeframe": "1m"}, {"timeframe": "1s"})

    @pytest.fixture
    def parameters(self) -> tuple[Mapping[str, Any], ...]:
        return self.asked

    @pytest.fixture
    def ignores_voided(self) -> bool:
        return True


class TestOhlcv(TradeViewTests):
    derivation = OHLCV


class TestVwap(TradeViewTests):
    derivation = VWAP


class TestTakerFlow(TradeViewTests):
    derivation = TAKER_FLOW


class TestTickBars(TradeViewTests):
    derivation, asked = TICK_BARS, ({"size": 10},)


class TestVolumeBars(TradeViewTests):
    derivation, asked = VOLUME_BARS, ({"size": 3},)


class TestDollarBars(TradeViewTests):
    derivation, asked = DOLLAR_BARS, ({"size": 100_000},)


class TestImbalanceBars(TradeViewTests):
    derivation, asked = IMBALANCE_BARS, ({"size": 2},)


class TestTradesSource(SourceTests):
    """Over REST: two and a half pages of one symbol, one page of another, and one that the exchange does not know."""

    kind, ways = "trades", ("pass",)

    @pytest.fixture(autouse=True)
    def _grown(self, market: Any) -> None:
        market.grow("BTCUSDT", 25)
        market.grow("ETHUSDT", 7)

    @pytest.fixture
    def open_source(self, exchange: Any) -> Callable[[], Source]:
        return lambda: TradesSource(POLLING, exchange, ("BTCUSDT", "ETHUSDT"))

    @pytest.fixture
    def partly_failing(self, exchange: Any) -> tuple[Source, tuple[str, ...]]:
        return TradesSource(POLLING, exchange, ("NOBODY", "BTCUSDT", "ETHUSDT")), ("BTCUSDT", "ETHUSDT")

    @pytest.fixture
    def requests(self, venue: Any) -> Callable[[], int]:
        return lambda: len(venue.asked)

    @pytest.fixture
    def expected(self, market: Any, texts: Any) -> Mapping[str, pa.Table]:
        return {f"trades/{symbol}": to_table(texts(rows), symbol).table for symbol, rows in market.records.items()}

    @pytest.fixture
    def factory(self) -> Factory[Any]:
        return next(iter(bcore_sources()))


class TestTradesLive(SourceTests):
    """Over the replay exchange: the recording that is bundled with it."""

    kind, ways = "trades", ("live",)

    @pytest.fixture(scope="class")
    @classmethod
    def live(cls) -> Iterator[Binance]:
        testing = pytest.importorskip("bc_replay.testing", reason="the replay exchange (bc-replay) is not installed")
        with testing.ReplayServer(speed=20) as server:
            exchange = Binance(BinanceConfig(rest_url=server.url, stream_url=server.ws_url), SystemClock())
            yield exchange
            exchange.close()

    @pytest.fixture
    def standing(self) -> bool:
        return False

    @pytest.fixture
    def open_source(self, live: Binance) -> Callable[[], Source]:
        return lambda: TradesSource(TradesConfig(start="2024-08-08T23:54:15Z", flush=0.05), live, ("BTCUSDT",))


DAY, FIRST_DAY, A_DAY = 86_400_000_000, 1_735_689_600_000_000, 60  # int us UTC, from 2025-01-01
DAYS = 3


class TestTradesHistory(SourceTests):
    """Three days in daily files and the beginning of a fourth, from the replay exchange."""

    kind, ways = "trades", ("history",)

    @pytest.fixture(scope="class")
    @classmethod
    def archive(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Binance]:
        testing = pytest.importorskip("bc_replay.testing", reason="the replay exchange (bc-replay) is not installed")
        recording = tmp_path_factory.mktemp("history") / "BTCUSDT-aggTrades-2025-01.csv"
        numbers = range(DAYS * A_DAY + 10)
        times = {number: FIRST_DAY + number // A_DAY * DAY + number % A_DAY * (DAY // A_DAY) for number in numbers}
        lines = (f"{n},{100 + n % 9}.5,0.25,{n},{n},{times[n]},True,True\n" for n in numbers)
        recording.write_text("".join(lines))
        with testing.ReplayServer(recording, speed=0) as server:
            server.clock(seek=FIRST_DAY + (DAYS + 1) * DAY - 1)
            exchange = Binance(BinanceConfig(rest_url=server.url, bulk_url=server.url), SystemClock())
            yield exchange
            exchange.close()

    @pytest.fixture
    def open_source(self, archive: Binance, tmp_path: Path) -> Callable[[], Source]:
        section = {"mode": "poll", "start": "2025-01-01T00:00:00Z", "page": 50, "tmp": str(tmp_path)}
        (factory,) = bcore_sources()
        return lambda: made(factory, section, symbols=("BTCUSDT",), exchange=archive)

    @pytest.fixture
    def history(self) -> tuple[str, int, int]:
        return "BTCUSDT", FIRST_DAY, FIRST_DAY + DAYS * DAY


def test_the_sample_of_the_kit_is_this_dataset() -> None:
    """Views of strangers are tested with it."""
    assert TRADES == SAMPLE
