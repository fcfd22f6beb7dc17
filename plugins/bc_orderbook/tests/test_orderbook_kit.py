"""The source of snapshots, through the tests that every source has to pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bc_orderbook.config import OrderBookConfig
from bc_orderbook.plugin import bcore_sources
from bc_orderbook.source import OrderBookSource
from bcore.errors import RefusedError
from bcore.protocols import Source
from bcore.records import Factory
from bcore.testing import SourceTests

BOOK = ([("100.30", "1.0"), ("99.90", "3.0")], [("100.40", "5.0"), ("101.20", "8.0")])
TICKS = OrderBookConfig(from_="rest", tick_sizes=(1.0, 10.0))


class TestSnapshots(SourceTests):
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
