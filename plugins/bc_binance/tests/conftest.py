"""Fixtures: an exchange object over real sockets to a local server that answers as it is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from bc_binance import Binance, BinanceConfig
from bc_binance.testing import LocalVenue
from bcore.clock import SystemClock
from bcore.protocols import Clock

Open = Callable[..., Binance]


@pytest.fixture
def venue() -> Iterator[LocalVenue]:
    with LocalVenue() as running:
        yield running


@pytest.fixture
def open_exchange(venue: LocalVenue) -> Iterator[Open]:
    opened: list[Binance] = []

    def open_one(clock: Clock | None = None, timeout: float = 5.0, budget: float = 0.8) -> Binance:
        config = BinanceConfig(rest_url=venue.url, timeout=timeout, budget=budget)
        opened.append(Binance(config, clock or SystemClock()))
        return opened[-1]

    yield open_one
    for exchange in opened:
        exchange.close()


@pytest.fixture
def exchange(open_exchange: Open) -> Binance:
    return open_exchange()
