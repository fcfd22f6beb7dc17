"""The exchange object: what it asks and how, over real sockets to a local server; and its section."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bc_binance.market import weight_of
from bc_binance.testing import Asked, LocalVenue, ManualClock, answer
from bc_binance_um import BinanceUm, BinanceUmConfig
from bc_binance_um.market import UM, route_of
from bcore.clock import SystemClock
from bcore.errors import RefusedError

MILLISECOND = 1000


@pytest.fixture
def venue() -> Iterator[LocalVenue]:
    with LocalVenue(weight_limit=2400, api="/fapi/v1") as running:
        yield running


@pytest.fixture
def exchange(venue: LocalVenue) -> Iterator[BinanceUm]:
    made = BinanceUm(SystemClock(), config=BinanceUmConfig(rest_url=venue.url, timeout=5.0))
    yield made
    made.close()


def book(asked: Asked) -> object:
    levels = [[f"{100 + number}.0", "1.0"] for number in range(int(asked.params["limit"]))]
    return {"lastUpdateId": 7, "E": 1, "T": 1, "bids": levels, "asks": levels}


def test_paths_weights_and_the_limit_are_the_market_s(venue: LocalVenue, exchange: BinanceUm) -> None:
    venue.on("aggTrades", lambda asked: answer([]))
    exchange.agg_trades("BTCUSDT", from_id=5)
    assert [{"symbol": "BTCUSDT", "fromId": "5", "limit": "1000"}] == [
        each.params for each in venue.asked_of("aggTrades")
    ]
    assert (2400, 20) == (exchange.budget.limit, exchange.trades_weight)
    assert "X-MBX-TIME-UNIT" not in venue.asked_of("aggTrades")[0].headers


def test_the_rules_are_asked_for_without_a_symbol_and_an_unknown_one_is_named(
    venue: LocalVenue, exchange: BinanceUm
) -> None:
    assert ["ETHUSDT"] == [each.symbol for each in exchange.exchange_info(["ETHUSDT"]).symbols]
    venue.on("aggTrades", lambda asked: answer({"code": -1121, "msg": "Invalid symbol."}, 400))
    with pytest.raises(RefusedError, match=r"lists no symbol 'BTCUSD' \(did you mean BTCUSDT"):
        exchange.agg_trades("BTCUSD")
    assert [{}] == [each.params for each in venue.asked_of("exchangeInfo")]
    with pytest.raises(RefusedError, match="lists no symbol 'ETHUSD'"):
        exchange.exchange_info(["ETHUSD"])


@pytest.mark.parametrize(
    ("wanted", "asked", "weight"),
    [(1, 5, 2), (50, 50, 2), (60, 100, 5), (500, 500, 10), (700, 1000, 20), (5000, 1000, 20)],
)
def test_a_book_is_asked_for_in_a_size_there_is_and_cut_to_what_was_wanted(
    venue: LocalVenue, exchange: BinanceUm, wanted: int, asked: int, weight: int
) -> None:
    venue.on("depth", lambda request: answer(book(request)))
    depth = exchange.depth("BTCUSDT", wanted)
    assert [str(asked)] == [each.params["limit"] for each in venue.asked_of("depth")]
    assert min(wanted, 1000) == len(depth.bids) == len(depth.asks)
    assert weight == exchange.depth_weight(wanted)


def test_bounds_are_whole_milliseconds_within_what_was_asked_for(venue: LocalVenue, exchange: BinanceUm) -> None:
    venue.on("aggTrades", lambda asked: answer([]))
    start = 1_700_000_000_000 * MILLISECOND
    exchange.agg_trades("BTCUSDT", start=start + 1, end=start + 2 * MILLISECOND + 999)
    (asked,) = venue.asked_of("aggTrades")
    assert ("1700000000001", "1700000000002") == (asked.params["startTime"], asked.params["endTime"])


def test_candles_cost_by_how_many_are_asked_for() -> None:
    assert [1, 2, 5, 10] == [weight_of(UM.kline_weights, rows) for rows in (50, 499, 1000, 1500)]


@pytest.mark.parametrize(
    ("stream", "route"),
    [
        ("btcusdt@depth", "/public"),
        ("btcusdt@depth@100ms", "/public"),
        ("btcusdt@bookTicker", "/public"),
        ("!bookTicker", "/public"),
        ("btcusdt@aggTrade", "/market"),
        ("btcusdt@markPrice@1s", "/market"),
        ("btcusdt@kline_1m", "/market"),
        ("!markPrice@arr", "/market"),
    ],
)
def test_every_stream_has_its_route(stream: str, route: str) -> None:
    assert route == route_of(stream)


def test_without_routes_streams_come_from_the_host_itself_and_silence_says_what_to_do() -> None:
    there = BinanceUm(ManualClock(), config=BinanceUmConfig(rest_url="http://127.0.0.1:1", routed=False))
    assert ("", "/market") == (
        there.route("a@aggTrade"),
        BinanceUm(ManualClock(), config=BinanceUmConfig()).route("a@aggTrade"),
    )
    assert "set routed = true" in there.silence_advice


@pytest.mark.parametrize(
    ("given", "rest", "stream", "bulk"),
    [
        ({}, "https://fapi.binance.com", "wss://fstream.binance.com", "https://data.binance.vision"),
        (
            {"rest_url": "https://testnet.binancefuture.com/fapi/v1/"},
            "https://testnet.binancefuture.com",
            "wss://fstream.binancefuture.com",
            "https://testnet.binancefuture.com",
        ),
        (
            {"rest_url": "http://127.0.0.1:9000", "stream_url": "ws://127.0.0.1:9000/market/stream"},
            "http://127.0.0.1:9000",
            "ws://127.0.0.1:9000",
            "http://127.0.0.1:9000",
        ),
    ],
)
def test_addresses_follow_the_rest_host_and_pasted_paths_are_cut(
    given: dict[str, str], rest: str, stream: str, bulk: str
) -> None:
    config = BinanceUmConfig(**given)
    assert (rest, stream, bulk) == (config.rest_url, config.stream_url, config.bulk_url)


def test_the_host_that_needs_routes_is_not_taken_without_them() -> None:
    with pytest.raises(ValueError, match=r"routed must be true for fstream\.binance\.com"):
        BinanceUmConfig(routed=False)
    with pytest.raises(ValueError, match="1 to 200"):
        BinanceUmConfig(stream_limit=1024)
