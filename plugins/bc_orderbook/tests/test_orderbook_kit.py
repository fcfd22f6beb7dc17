"""The sources, through the tests that every source has to pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bc_binance import Binance, BinanceConfig
from bc_orderbook.config import OrderBookConfig
from bc_orderbook.depth_config import DepthConfig
from bc_orderbook.depth_source import DepthSource
from bc_orderbook.plugin import bcore_sources
from bc_orderbook.source import OrderBookSource
from bcore.clock import SystemClock
from bcore.errors import RefusedError
from bcore.protocols import Source
from bcore.records import Factory
from bcore.testing import SourceTests

BOOK = ([("100.30", "1.0"), ("99.90", "3.0")], [("100.40", "5.0"), ("101.20", "8.0")])
TICKS = OrderBookConfig(from_="rest", tick_sizes=(1.0, 10.0))


class TestSnapshots(SourceTests):
    kind, ways = "orderbook", ("pass",)

    @pytest.fixture
    def venue(self, fake_venue: Callable[..., Any]) -> Any:
        return fake_venue({"AAA": BOOK, "BBB": BOOK, "CCC": RefusedError("no book today")})

    @pytest.fixture
    def open_source(self, venue: Any) -> Callable[[], Source]:
        return lambda: OrderBookSource(TICKS, venue, ("AAA", "BBB"))

    @pytest.fixture
    def requests(self, venue: Any) -> Callable[[], int]:
        return lambda: len(venue.asked)

    @pytest.fixture
    def partly_failing(self, venue: Any) -> tuple[Source, tuple[str, ...]]:
        return OrderBookSource(TICKS, venue, ("CCC", "AAA", "BBB")), ("AAA", "BBB")

    @pytest.fixture
    def factory(self) -> Factory[Any]:
        return next(each for each in bcore_sources() if each.name == "orderbook")


@pytest.fixture(scope="module")
def replayed() -> Iterator[Any]:
    """The recording that is bundled with the replay exchange, over and over."""
    testing = pytest.importorskip("bc_replay.testing", reason="the replay exchange (bc-replay) is not installed")
    with testing.ReplayServer(speed=20, loop=True) as server:
        yield server


@pytest.fixture
def live(replayed: Any) -> Iterator[Binance]:
    exchange = Binance(BinanceConfig(rest_url=replayed.url, stream_url=replayed.ws_url), SystemClock())
    yield exchange
    exchange.close()


class LiveSourceTests(SourceTests):
    """Over the replay exchange, whose books move on while the tests look."""

    @pytest.fixture
    def standing(self) -> bool:
        return False


class TestSnapshotsLive(LiveSourceTests):
    kind, ways = "orderbook", ("live",)

    @pytest.fixture
    def open_source(self, live: Binance) -> Callable[[], Source]:
        return lambda: OrderBookSource(OrderBookConfig(interval=1.0, flush=0.05), live, ("BTCUSDT",))

    @pytest.fixture
    def factory(self) -> Factory[Any]:
        return next(each for each in bcore_sources() if each.name == "orderbook")


class TestDepthLive(LiveSourceTests):
    kind, ways = "depth", ("pass", "live")

    @pytest.fixture
    def open_source(self, live: Binance) -> Callable[[], Source]:
        return lambda: DepthSource(DepthConfig(flush=0.05), live, ("BTCUSDT",))

    @pytest.fixture
    def factory(self) -> Factory[Any]:
        return next(each for each in bcore_sources() if each.name == "depth")

    @pytest.fixture
    def partly_failing(self, live: Binance) -> tuple[Source, tuple[str, ...]]:
        return DepthSource(DepthConfig(), live, ("NOBODY", "BTCUSDT")), ("BTCUSDT",)
