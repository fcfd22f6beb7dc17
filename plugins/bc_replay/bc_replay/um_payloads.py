"""Records as USD-M futures send them, where that is not as spot does (protocol section 7.5). Times are always in ms."""

from __future__ import annotations

from bc_replay import payloads
from bc_replay.payloads import Payload, instant
from bc_replay.records import AggTrade, Book, DepthUpdate, Mark, Ticker, Trade


def stream_agg_trade(symbol: str, trade: AggTrade, micros: bool) -> Payload:
    return _without("M", payloads.stream_agg_trade(symbol, trade, micros))


def stream_trade(symbol: str, trade: Trade, micros: bool) -> Payload:
    return {**_without("M", payloads.stream_trade(symbol, trade, micros)), "X": "MARKET"}


def stream_depth_update(symbol: str, update: DepthUpdate, micros: bool) -> Payload:
    """`T` and `pu` stand beside what spot sends."""
    sent = payloads.stream_depth_update(symbol, update, micros)
    engine = {"T": instant(update.time or update.event_time, micros)}
    head = {name: sent[name] for name in ("e", "E")}
    tail = {name: sent[name] for name in ("s", "U", "u")}
    return {**head, **engine, **tail, "pu": update.after, "b": sent["b"], "a": sent["a"]}


def stream_book_ticker(symbol: str, ticker: Ticker, micros: bool) -> Payload:
    times = dict.fromkeys(("T", "E"), instant(ticker.at, micros))
    return {"e": "bookTicker", **payloads.stream_book_ticker(symbol, ticker), **times}


def stream_mark_price(symbol: str, mark: Mark, micros: bool, *, at: int) -> Payload:
    return {
        "e": "markPriceUpdate",
        "E": instant(at, micros),
        "s": symbol,
        "p": mark.price,
        "i": mark.index,
        "P": mark.settle,
        "r": mark.rate,
        "T": instant(mark.funding_time, micros),
    }


def rest_depth(book: Book, at: int) -> Payload:
    """`at` is when it is answered: the recording does not say when each level last changed."""
    sent, times = payloads.rest_depth(book), dict.fromkeys(("E", "T"), instant(at, False))
    return {"lastUpdateId": sent["lastUpdateId"], **times, "bids": sent["bids"], "asks": sent["asks"]}


def rest_premium_index(symbol: str, mark: Mark, at: int) -> Payload:
    return {
        "symbol": symbol,
        "markPrice": mark.price,
        "indexPrice": mark.index,
        "estimatedSettlePrice": mark.settle,
        "lastFundingRate": mark.rate,
        "interestRate": "0.00010000",
        "nextFundingTime": instant(mark.funding_time, False),
        "time": instant(at, False),
    }


def _without(name: str, payload: Payload) -> Payload:
    return {key: value for key, value in payload.items() if key != name}
