"""The exchange and the source of mark prices, through the tests that all of their kinds have to pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from bc_binance.testing import Answer, Asked, LocalVenue, answer, page
from bc_binance_um import BinanceUm, BinanceUmConfig, MarkPriceSource
from bc_binance_um.config import MarkPriceConfig
from bc_binance_um.plugin import bcore_exchanges, bcore_sources
from bcore.clock import SystemClock
from bcore.errors import ExchangeError, FaultyReplyError, RateLimitedError, RefusedError, UnreachableError
from bcore.protocols import Exchange, Source
from bcore.records import Factory
from bcore.testing import ExchangeTests, SourceTests, made

SYMBOLS = ("BTCUSDT", "ETHUSDT")
START = 1_723_161_256_000  # ms
NO = {"LIMITED": answer({"code": -1003, "msg": "Too much"}, 429, Retry_After="7"), "FAULTY": page(502)}


def premium_index(asked: Asked) -> Answer:
    symbol = asked.params["symbol"]
    if symbol in NO:
        return NO[symbol]
    if symbol not in SYMBOLS:
        return answer({"code": -1121, "msg": "Invalid symbol."}, 400)
    told = {"symbol": symbol, "markPrice": "100.5", "indexPrice": "100.25", "estimatedSettlePrice": "100.0"}
    return answer({**told, "lastFundingRate": "0.0001", "nextFundingTime": START + 3_600_000, "time": START})


@pytest.fixture
def venue() -> Iterator[LocalVenue]:
    with LocalVenue(api="/fapi/v1") as running:
        running.on("premiumIndex", premium_index)
        yield running


def asks(symbol: str) -> Callable[[Any], object]:
    return lambda exchange: exchange.premium_index(symbol)


class TestBinanceUm(ExchangeTests):
    kind = "binance_um"

    @pytest.fixture
    def factory(self) -> Factory[Any]:
        (factory,) = bcore_exchanges()
        return factory

    @pytest.fixture
    def open_exchange(self, venue: LocalVenue, factory: Factory[Any]) -> Callable[[], Exchange]:
        return lambda: made(factory, {"rest_url": venue.url, "timeout": 30.0})

    @pytest.fixture
    def asking(self) -> Callable[[Any], object]:
        return asks("BTCUSDT")

    @pytest.fixture
    def ahead(self) -> int:
        return 0

    @pytest.fixture
    def failing(self, factory: Factory[Any]) -> Mapping[type[ExchangeError], Callable[[Any], object]]:
        nowhere: Any = made(factory, {"rest_url": "http://127.0.0.1:1"})
        return {
            RateLimitedError: asks("LIMITED"),
            FaultyReplyError: asks("FAULTY"),
            RefusedError: asks("NOBODY"),
            UnreachableError: lambda exchange: nowhere.premium_index("BTCUSDT"),
        }


class TestMarkPricesOverRest(SourceTests):
    kind, ways = "mark_price", ("pass",)

    @pytest.fixture
    def exchange(self, venue: LocalVenue) -> Iterator[BinanceUm]:
        made = BinanceUm(SystemClock(), config=BinanceUmConfig(rest_url=venue.url, timeout=5.0))
        yield made
        made.close()

    @pytest.fixture
    def open_source(self, exchange: BinanceUm) -> Callable[[], Source]:
        return lambda: MarkPriceSource(MarkPriceConfig(mode="poll"), exchange, SYMBOLS)

    @pytest.fixture
    def partly_failing(self, exchange: BinanceUm) -> tuple[Source, tuple[str, ...]]:
        return MarkPriceSource(MarkPriceConfig(mode="poll"), exchange, ("NOBODY", *SYMBOLS)), SYMBOLS

    @pytest.fixture
    def requests(self, venue: LocalVenue) -> Callable[[], int]:
        return lambda: len(venue.asked)

    @pytest.fixture
    def factory(self) -> Factory[Any]:
        return next(iter(bcore_sources()))


class TestMarkPricesLive(SourceTests):
    """Over the replay exchange: the recording of this market that is bundled with it."""

    kind, ways = "mark_price", ("live",)

    @pytest.fixture(scope="class")
    @classmethod
    def live(cls) -> Iterator[BinanceUm]:
        testing = pytest.importorskip("bc_replay.testing", reason="the replay exchange (bc-replay) is not installed")
        with testing.ReplayServer(speed=2, loop=True, options=["--market", "um"]) as server:
            exchange = BinanceUm(SystemClock(), config=BinanceUmConfig(rest_url=server.url))
            yield exchange
            exchange.close()

    @pytest.fixture
    def standing(self) -> bool:
        return False

    @pytest.fixture
    def open_source(self, live: BinanceUm) -> Callable[[], Source]:
        return lambda: MarkPriceSource(MarkPriceConfig(flush=0.05), live, ("BTCUSDT",))
