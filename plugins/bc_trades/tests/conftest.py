"""Fixtures: a market of made-up trades behind a real HTTP server, and sources and stores around it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from attrs import define, field

from bc_binance import Binance, BinanceConfig
from bc_binance.testing import Answer, Asked, LocalVenue, answer
from bc_trades.config import TradesConfig
from bc_trades.source import TradesSource
from bcore.clock import SystemClock

START = 1_700_000_000_000_000
Record = dict[str, Any]
Trade = Callable[..., Record]


def make_trade(number: int, price: str = "100.00", quantity: str = "1.000", **changes: Any) -> Record:
    """An aggregate of one trade, 1 s after the one before it."""
    whole = {"a": number, "p": price, "q": quantity, "f": number, "l": number, "T": START + number * 1_000_000}
    return {**whole, "m": False, "M": True, **changes}


@pytest.fixture
def trade() -> Trade:
    return make_trade


@define
class Market:
    """Aggregate trades by symbol, served as the exchange does (protocol section 4.6); records in order of id."""

    records: dict[str, list[Record]] = field(factory=dict)
    served_from: int = 0

    def grow(self, symbol: str, count: int) -> None:
        held = self.records.setdefault(symbol, [])
        begin = held[-1]["a"] + 1 if held else 0
        held.extend(make_trade(number) for number in range(begin, begin + count))

    def __call__(self, asked: Asked) -> Answer:
        params, limit = asked.params, int(asked.params["limit"])
        if params["symbol"] not in self.records:
            return answer({"code": -1121, "msg": "Invalid symbol."}, 400)
        rows = [row for row in self.records[params["symbol"]] if row["a"] >= self.served_from]
        if "fromId" in params:
            return answer([row for row in rows if row["a"] >= int(params["fromId"])][:limit])
        if "startTime" in params:
            start = int(params["startTime"]) * (1000 if len(params["startTime"]) == 13 else 1)
            return answer([row for row in rows if row["T"] >= start][:limit])
        return answer(rows[-limit:])


@pytest.fixture
def venue() -> Iterator[LocalVenue]:
    with LocalVenue() as running:
        yield running


@pytest.fixture
def market(venue: LocalVenue) -> Market:
    made = Market()
    venue.on("aggTrades", made)
    return made


@pytest.fixture
def exchange(venue: LocalVenue) -> Iterator[Binance]:
    made = Binance(BinanceConfig(rest_url=venue.url, timeout=5.0), SystemClock())
    yield made
    made.close()


@pytest.fixture
def open_source(exchange: Binance) -> Callable[..., TradesSource]:
    def open_one(*symbols: str, **config: Any) -> TradesSource:
        return TradesSource(TradesConfig(**config), exchange, symbols or ("BTCUSDT",))

    return open_one


@pytest.fixture
def texts() -> Callable[[list[Record]], list[bytes]]:
    def as_texts(records: list[Record]) -> list[bytes]:
        return [json.dumps(record, separators=(",", ":")).encode() for record in records]

    return as_texts
