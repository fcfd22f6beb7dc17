"""What is asked, and what comes back."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from bc_binance import Binance, BinanceConfig, ExchangeInfo, micros
from bc_binance.market import SPOT
from bc_binance.messages import SymbolInfo
from bc_binance.testing import Answer, LocalVenue, ManualClock, answer
from bcore.errors import FaultyReplyError
from bcore.records import Context

Open = Callable[..., Binance]
DATA = Path(__file__).parents[4] / "shared" / "data"


def test_every_request_asks_for_microseconds_and_introduces_itself(exchange: Binance, venue: LocalVenue) -> None:
    exchange.server_time()
    assert "MICROSECOND" == venue.asked[0].headers["X-MBX-TIME-UNIT"]
    assert "bcore/0.1" == venue.asked[0].headers["User-Agent"]


def test_a_page_is_asked_for_by_id(exchange: Binance, venue: LocalVenue) -> None:
    venue.once("aggTrades", Answer(b"[]"))
    assert [] == exchange.agg_trades("BTCUSDT", from_id=0, limit=7)
    assert {"symbol": "BTCUSDT", "fromId": "0", "limit": "7"} == venue.asked_of("aggTrades")[0].params


def test_times_go_out_in_ms_unless_that_loses_something(exchange: Binance, venue: LocalVenue) -> None:
    venue.once("aggTrades", Answer(b"[]"))
    exchange.agg_trades("BTCUSDT", start=1_700_000_000_123_000, end=1_700_000_000_123_456)
    asked = venue.asked_of("aggTrades")[0].params
    assert "1700000000123" == asked["startTime"]
    assert "1700000000123456" == asked["endTime"]


def test_a_symbol_that_is_not_ascii_reaches_the_exchange(open_exchange: Open, venue: LocalVenue) -> None:
    venue.symbols = ("这是测试币456", "BTCUSDT")
    venue.once("aggTrades", Answer(b"[]"))
    exchange = open_exchange()
    exchange.agg_trades("这是测试币456")
    exchange.exchange_info(venue.symbols)
    assert "这是测试币456" == venue.asked_of("aggTrades")[0].params["symbol"]
    assert '["这是测试币456","BTCUSDT"]' == venue.asked_of("exchangeInfo")[-1].params["symbols"]


def test_records_come_as_their_own_text(exchange: Binance, venue: LocalVenue) -> None:
    venue.once("aggTrades", Answer(b'[ {"a":1, "p":"0.10"} ,{"a":2,"new":[1,{}]}, "odd" ]'))
    assert [b'{"a":1, "p":"0.10"}', b'{"a":2,"new":[1,{}]}', b'"odd"'] == exchange.agg_trades("BTCUSDT")


def test_a_book_is_stamped_with_the_exchanges_clock_at_receipt(open_exchange: Open, venue: LocalVenue) -> None:
    clock = ManualClock(1_700_000_000_000_000)
    venue.on("time", lambda _: answer({"serverTime": clock.now() + 5_000_000}))
    body = b'{"lastUpdateId":7,"bids":[["2.0","1.5"]],"asks":[["2.1","3"],["2.2","4"]],"extra":1}'

    def reply(_: object) -> Answer:
        clock.at += 30_000
        return Answer(body)

    venue.on("depth", reply)
    book = open_exchange(clock).depth("BTCUSDT", 100)
    assert 1_700_000_005_030_000 == book.received
    assert (7, "BTCUSDT", body) == (book.last_update_id, book.symbol, book.body)
    assert [("2.0", "1.5")] == book.bids
    assert [("2.1", "3"), ("2.2", "4")] == book.asks


@pytest.mark.parametrize("body", [b'{"bids":[],"asks":[]}', b'{"lastUpdateId":1,"bids":[[1,2]],"asks":[]}', b"[]"])
def test_a_book_of_another_form_is_a_faulty_reply(exchange: Binance, venue: LocalVenue, body: bytes) -> None:
    venue.once("depth", Answer(body))
    with pytest.raises(FaultyReplyError, match="another form"):
        exchange.depth("BTCUSDT")


KLINE = ["0.10", "0.3", "0.1", "0.20000000", "5"], ["1.25", 7, "3", "0.75", "0"]


def test_candles_come_as_text_with_times_in_us(exchange: Binance, venue: LocalVenue) -> None:
    head, tail = KLINE
    in_ms, in_us = 1_700_000_040_000, 1_700_000_040_000_000
    rows = [[in_ms, *head, in_ms + 59_999, *tail], [in_us, *head, in_us + 59_999_999, *tail, "new"]]
    venue.once("klines", answer(rows))
    first, second = exchange.klines("BTCUSDT", "1m", start=in_us, end=in_us + 1, limit=7)
    asked = {"symbol": "BTCUSDT", "interval": "1m", "startTime": str(in_ms), "endTime": str(in_us + 1), "limit": "7"}
    assert asked == venue.asked_of("klines")[0].params
    assert first == second
    assert (in_us, "0.10", "0.3", "0.1", "0.20000000", "5", in_us + 59_999_999) == (
        first.open_time,
        first.open,
        first.high,
        first.low,
        first.close,
        first.volume,
        first.close_time,
    )
    assert ("1.25", 7, "3", "0.75") == (
        first.quote_volume,
        first.trade_count,
        first.taker_buy_volume,
        first.taker_buy_quote_volume,
    )


@pytest.mark.parametrize("body", [b"{}", b"[[1]]", b'[[1,2,"3","4","5","6",7,"8",9,"10","11","0"]]'])
def test_candles_of_another_form_are_a_faulty_reply(exchange: Binance, venue: LocalVenue, body: bytes) -> None:
    venue.once("klines", Answer(body))
    with pytest.raises(FaultyReplyError, match="another form"):
        exchange.klines("BTCUSDT", "1m")


def test_the_weight_of_a_book_depends_on_its_levels() -> None:
    assert [5, 5, 25, 25, 50, 50, 250, 250] == [SPOT.depth_weight(n) for n in (1, 100, 101, 500, 501, 1000, 1001, 5000)]


def test_the_clock_is_measured_at_first_use_and_when_it_is_old(open_exchange: Open, venue: LocalVenue) -> None:
    clock = ManualClock()
    venue.on("time", lambda _: answer({"serverTime": clock.now() - 2_000_000}))
    exchange = open_exchange(clock)
    assert clock.now() - 2_000_000 == exchange.now()
    exchange.now()
    assert 1 == len(venue.asked_of("time"))
    clock.at += 61_000_000
    exchange.now()
    assert 2 == len(venue.asked_of("time"))
    assert -2_000_000 == exchange.measure_clock()
    assert 3 == len(venue.asked_of("time"))


def test_half_of_the_round_trip_is_taken_out_of_the_offset(open_exchange: Open, venue: LocalVenue) -> None:
    clock = ManualClock()

    def slow(_: object) -> Answer:
        clock.at += 40_000
        theirs = clock.at
        clock.at += 40_000
        return answer({"serverTime": theirs})

    venue.on("time", slow)
    assert 0 == open_exchange(clock).measure_clock()


def test_an_old_offset_serves_while_the_exchange_fails(open_exchange: Open, venue: LocalVenue) -> None:
    clock = ManualClock()
    venue.once("time", answer({"serverTime": clock.now() + 9}))
    exchange = open_exchange(clock)
    exchange.now()
    clock.at += 61_000_000
    venue.once("time", Answer(b"", 500))
    assert clock.now() + 9 == exchange.now()


def test_times_are_microseconds_whichever_unit_they_came_in() -> None:
    assert 1_700_000_000_123_000 == micros(1_700_000_000_123)
    assert 1_700_000_000_123_456 == micros(1_700_000_000_123_456)


def test_exchange_info_gives_rules_and_ignores_the_rest(exchange: Binance, venue: LocalVenue) -> None:
    filters = [{"filterType": "PRICE_FILTER", "tickSize": "0.01000000"}, {"filterType": "LOT_SIZE"}]
    symbol = {"symbol": "BTCUSDT", "status": "BREAK", "baseAsset": "BTC", "filters": filters, "brandNew": {}}
    venue.once("exchangeInfo", answer({"serverTime": 1, "symbols": [symbol], "sors": []}))
    info = exchange.exchange_info(["BTCUSDT"])
    assert {"showPermissionSets": "false", "symbol": "BTCUSDT"} == venue.asked[0].params
    assert ("BTCUSDT", "BREAK", "BTC", "0.01000000") == (
        info.symbols[0].symbol,
        info.symbols[0].status,
        info.symbols[0].base_asset,
        info.symbols[0].tick_size,
    )


def test_a_price_step_of_zero_is_no_price_step() -> None:
    assert None is SymbolInfo("X", filters=[{"filterType": "PRICE_FILTER", "tickSize": "0.00000000"}]).tick_size


def test_a_real_listing_is_understood(exchange: Binance, venue: LocalVenue) -> None:
    recorded = DATA / "exchangeInfo" / "exchangeInfo.json"
    if not recorded.exists():
        pytest.skip("the recorded exchangeInfo is not here")
    venue.once("exchangeInfo", Answer(recorded.read_bytes()))
    info: ExchangeInfo = exchange.exchange_info()
    entries = json.loads(recorded.read_bytes())["symbols"]
    assert [entry["symbol"] for entry in entries] == [symbol.symbol for symbol in info.symbols]
    assert "0.01000000" == next(each for each in info.symbols if each.symbol == "BTCUSDT").tick_size
    assert 6000 == exchange.budget.limit


def test_it_is_built_from_its_section() -> None:
    clock = ManualClock()
    context = Context("exchanges.us", clock, exchange=lambda: pytest.fail("none"), emit=lambda event: None)
    built = Binance.build(BinanceConfig(rest_url="https://api.binance.us"), context)
    assert ("us", clock) == (built.name, built.clock)
