"""Fixtures: an exchange object over real sockets to a local server that answers as it is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bc_binance import Binance, BinanceConfig
from bc_binance.feed import Feed
from bc_binance.streamtesting import LocalStreams, Recorder
from bc_binance.testing import LocalVenue
from bcore.clock import SystemClock
from bcore.events import Event, WeightUsed
from bcore.protocols import Clock

Open = Callable[..., Binance]
Follow = Callable[..., Feed]


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


@pytest.fixture
def streams() -> Iterator[LocalStreams]:
    with LocalStreams() as running:
        yield running


@pytest.fixture
def sink() -> Recorder:
    return Recorder()


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def follow(venue: LocalVenue, streams: LocalStreams, sink: Recorder, events: list[Event]) -> Iterator[Follow]:
    """`follow("btcusdt@aggTrade", stream_silence=1.0)` is a feed into `sink`, closed at the end of the test."""
    opened: list[Binance] = []

    def note(event: Event) -> None:
        if not isinstance(event, WeightUsed):
            events.append(event)

    def follow_some(*names: str, **settings: Any) -> Feed:
        known = {"rest_url": venue.url, "stream_url": streams.url, "stream_overlap": 0.2, "timeout": 5.0}
        opened.append(Binance(BinanceConfig(**{**known, **settings}), SystemClock(), emit=note))
        return opened[-1].feed(names, sink)

    yield follow_some
    for exchange in opened:
        exchange.close()
