"""The exchange, through the tests that every exchange has to pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from bc_binance.plugin import bcore_exchanges
from bc_binance.testing import Answer, Asked, LocalVenue, answer, page
from bcore.errors import (
    BannedError,
    BlockedError,
    ExchangeError,
    FaultyReplyError,
    RateLimitedError,
    RefusedError,
    RestrictedError,
    UnreachableError,
)
from bcore.protocols import Exchange
from bcore.records import Factory
from bcore.testing import ExchangeTests, made

TRADE = {"a": 5, "p": "100.5", "q": "1.0", "f": 5, "l": 5, "T": 1_700_000_000_000_000, "m": True, "M": True}
NO = {
    "LIMITED": answer({"code": -1003, "msg": "Too much"}, 429, Retry_After="7"),
    "BANNED": answer({"code": -1003, "msg": "IP banned"}, 418, Retry_After="120"),
    "BLOCKED": page(403),
    "RESTRICTED": answer({"code": 0, "msg": "Service unavailable from a restricted location"}, 451),
    "FAULTY": page(502),
}


def agg_trades(asked: Asked) -> Answer:
    symbol = asked.params["symbol"]
    refused = answer({"code": -1121, "msg": "Invalid symbol."}, 400)
    return answer([TRADE]) if symbol == "BTCUSDT" else NO.get(symbol, refused)


def asks(symbol: str) -> Callable[[Any], object]:
    return lambda exchange: exchange.agg_trades(symbol)


class TestBinance(ExchangeTests):
    kind = "binance"

    @pytest.fixture
    def factory(self) -> Factory[Any]:
        (factory,) = bcore_exchanges()
        return factory

    @pytest.fixture
    def open_exchange(self, factory: Factory[Any]) -> Iterator[Callable[[], Exchange]]:
        with LocalVenue(symbols=("BTCUSDT", *NO)) as venue:
            venue.on("aggTrades", agg_trades)
            yield lambda: made(factory, {"rest_url": venue.url, "timeout": 30.0})

    @pytest.fixture
    def asking(self) -> Callable[[Any], object]:
        return lambda exchange: exchange.agg_trades("BTCUSDT")

    @pytest.fixture
    def ahead(self) -> int:
        return 0

    @pytest.fixture
    def failing(self, factory: Factory[Any]) -> Mapping[type[ExchangeError], Callable[[Any], object]]:
        nowhere: Any = made(factory, {"rest_url": "http://127.0.0.1:1"})
        return {
            RateLimitedError: asks("LIMITED"),
            BannedError: asks("BANNED"),
            BlockedError: asks("BLOCKED"),
            RestrictedError: asks("RESTRICTED"),
            FaultyReplyError: asks("FAULTY"),
            RefusedError: asks("NOBODY"),
            UnreachableError: lambda exchange: nowhere.agg_trades("BTCUSDT"),
        }
