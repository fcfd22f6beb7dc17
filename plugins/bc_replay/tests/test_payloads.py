"""Payloads have the exchange's fields, in the exchange's order and units."""

from __future__ import annotations

import json

from bc_replay import payloads
from bc_replay.records import AggTrade, Book, Candle, DepthUpdate, Ticker, Trade

US = 1_723_161_255_342_999
MS = 1_723_161_255_342
AGG = AggTrade(26129, "0.01633102", "4.70443515", 27781, 27782, US, True, True, US + 1000, US + 1)
TRADE = Trade(28457, "4.00000100", "12.00000000", US, True, False, US + 1000)
BOOK = Book(9, (("2.00000000", "1.00000000"), ("1.00000000", "1.00000000")), (("3.00000000", "5.00000000"),))
BAR = Candle(US - 342_999, US, "1.0", "3.0", "0.5", "2.0", "9.0", "18.0", 4, "5.0", "10.0", 100, 103)


def wire(payload: object) -> str:
    return json.dumps(payload, separators=(",", ":"))


def test_rest_aggregate() -> None:
    expected = f'{{"a":26129,"p":"0.01633102","q":"4.70443515","f":27781,"l":27782,"T":{MS},"m":true,"M":true}}'
    assert expected == wire(payloads.rest_agg_trade(AGG, False))


def test_microseconds_on_demand() -> None:
    assert US == payloads.rest_agg_trade(AGG, True)["T"]


def test_stream_aggregate_carries_its_recorded_event_time() -> None:
    expected = (
        f'{{"e":"aggTrade","E":{US + 1},"s":"BNBBTC","a":26129,"p":"0.01633102","q":"4.70443515",'
        f'"f":27781,"l":27782,"T":{US},"m":true,"M":true}}'
    )
    assert expected == wire(payloads.stream_agg_trade("BNBBTC", AGG, True))


def test_rest_trade_has_its_quote_quantity() -> None:
    expected = (
        f'{{"id":28457,"price":"4.00000100","qty":"12.00000000","quoteQty":"48.00001200","time":{MS},'
        '"isBuyerMaker":true,"isBestMatch":false}'
    )
    assert expected == wire(payloads.rest_trade(TRADE, False))


def test_stream_trade_without_a_recorded_event_time_is_emitted_as_it_happens() -> None:
    expected = (
        f'{{"e":"trade","E":{MS + 1},"s":"BNBBTC","t":28457,"p":"4.00000100","q":"12.00000000",'
        f'"T":{MS},"m":true,"M":false}}'
    )
    assert expected == wire(payloads.stream_trade("BNBBTC", TRADE, False))


def test_stream_depth_update() -> None:
    update = DepthUpdate(157, 160, US, (("0.00240000", "10.00000000"),), (), US)
    expected = f'{{"e":"depthUpdate","E":{MS},"s":"BNBBTC","U":157,"u":160,"b":[["0.00240000","10.00000000"]],"a":[]}}'
    assert expected == wire(payloads.stream_depth_update("BNBBTC", update, False))


def test_partial_depth_is_cut_and_names_no_symbol() -> None:
    expected = '{"lastUpdateId":9,"bids":[["2.00000000","1.00000000"]],"asks":[["3.00000000","5.00000000"]]}'
    assert expected == wire(payloads.partial_depth(BOOK, 1))


def test_stream_book_ticker_has_neither_kind_nor_time() -> None:
    ticker = Ticker(400900217, "25.35190000", "31.21000000", "25.36520000", "40.66000000", US)
    expected = '{"u":400900217,"s":"BNBUSDT","b":"25.35190000","B":"31.21000000","a":"25.36520000","A":"40.66000000"}'
    assert expected == wire(payloads.stream_book_ticker("BNBUSDT", ticker))


def test_an_unknown_best_bid_and_ask_are_zero() -> None:
    zero = "0.00000000"
    expected = {"symbol": "X", "bidPrice": zero, "bidQty": zero, "askPrice": zero, "askQty": zero}
    assert expected == payloads.rest_book_ticker("X", None)


def test_rest_kline() -> None:
    expected = f'[{MS - 342},"1.0","3.0","0.5","2.0","9.0",{MS},"18.0",4,"5.0","10.0","0"]'
    assert expected == wire(payloads.rest_kline(BAR, False))


def test_stream_kline() -> None:
    expected = (
        f'{{"e":"kline","E":{MS},"s":"BNBBTC","k":{{"t":{MS - 342},"T":{MS},"s":"BNBBTC","i":"1m","f":100,"L":103,'
        '"o":"1.0","c":"2.0","h":"3.0","l":"0.5","v":"9.0","n":4,"x":false,"q":"18.0","V":"5.0","Q":"10.0","B":"0"}}'
    )
    assert expected == wire(payloads.stream_kline("BNBBTC", BAR, False, False, interval="1m", at=US))
