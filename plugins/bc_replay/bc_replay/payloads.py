"""Records as JSON-ready values, exactly as the exchange sends them (protocol sections 4 and 6).

`micros` chooses the unit of times: us, or ms = floor(us / 1000). Symbols are upper-case here, as in the payloads.
`E` of a stream event is the recorded one, or the instant it happens at where the recording has none.
"""

from __future__ import annotations

from typing import Any

from bc_replay.decimals import SCALE, scaled, text
from bc_replay.records import AggTrade, Book, Candle, DepthUpdate, Levels, Stats24h, Ticker, Trade

Payload = dict[str, Any]

NONE = text(0)


def instant(time: int, micros: bool) -> int:
    return time if micros else time // 1000


def rest_agg_trade(trade: AggTrade, micros: bool) -> Payload:
    return {
        "a": trade.id,
        "p": trade.price,
        "q": trade.quantity,
        "f": trade.first,
        "l": trade.last,
        "T": instant(trade.time, micros),
        "m": trade.buyer_maker,
        "M": trade.best_match,
    }


def rest_trade(trade: Trade, micros: bool) -> Payload:
    """As in `trades` and `historicalTrades`; the quote quantity is cut at 8 decimals."""
    return {
        "id": trade.id,
        "price": trade.price,
        "qty": trade.quantity,
        "quoteQty": text(scaled(trade.price) * scaled(trade.quantity) // SCALE),
        "time": instant(trade.time, micros),
        "isBuyerMaker": trade.buyer_maker,
        "isBestMatch": trade.best_match,
    }


def rest_depth(book: Book) -> Payload:
    """Also the payload of the partial depth streams."""
    return {"lastUpdateId": book.last_update_id, "bids": _levels(book.bids), "asks": _levels(book.asks)}


def partial_depth(book: Book, levels: int) -> Payload:
    """The payload of `<s>@depth5`, `10` and `20`."""
    return rest_depth(Book(book.last_update_id, book.bids[:levels], book.asks[:levels]))


def rest_kline(candle: Candle, micros: bool) -> list[Any]:
    return [
        instant(candle.open_time, micros),
        candle.open,
        candle.high,
        candle.low,
        candle.close,
        candle.volume,
        instant(candle.close_time, micros),
        candle.quote_volume,
        candle.count,
        candle.taker_volume,
        candle.taker_quote_volume,
        "0",
    ]


def rest_average_price(price: str, close_time: int, micros: bool) -> Payload:
    return {"mins": 5, "price": price, "closeTime": instant(close_time, micros)}


def rest_price(symbol: str, price: str) -> Payload:
    return {"symbol": symbol, "price": price}


def rest_book_ticker(symbol: str, ticker: Ticker | None) -> Payload:
    """Without an id and a time, unlike the stream's; all "0.00000000" where none is known."""
    bid, bid_quantity, ask, ask_quantity = _best(ticker)
    return {"symbol": symbol, "bidPrice": bid, "bidQty": bid_quantity, "askPrice": ask, "askQty": ask_quantity}


def rest_24h(symbol: str, stats: Stats24h, ticker: Ticker | None, micros: bool) -> Payload:
    """`ticker/24hr` of type FULL."""
    bid, bid_quantity, ask, ask_quantity = _best(ticker)
    return {
        "symbol": symbol,
        "priceChange": stats.change,
        "priceChangePercent": stats.change_percent,
        "weightedAvgPrice": stats.weighted_average,
        "prevClosePrice": stats.previous_close,
        "lastPrice": stats.last_price,
        "lastQty": stats.last_quantity,
        "bidPrice": bid,
        "bidQty": bid_quantity,
        "askPrice": ask,
        "askQty": ask_quantity,
        "openPrice": stats.open,
        "highPrice": stats.high,
        "lowPrice": stats.low,
        "volume": stats.volume,
        "quoteVolume": stats.quote_volume,
        **_window(stats, micros),
    }


def rest_24h_mini(symbol: str, stats: Stats24h, micros: bool) -> Payload:
    """`ticker/24hr` of type MINI."""
    return {
        "symbol": symbol,
        "openPrice": stats.open,
        "highPrice": stats.high,
        "lowPrice": stats.low,
        "lastPrice": stats.last_price,
        "volume": stats.volume,
        "quoteVolume": stats.quote_volume,
        **_window(stats, micros),
    }


def stream_agg_trade(symbol: str, trade: AggTrade, micros: bool) -> Payload:
    return {
        "e": "aggTrade",
        "E": instant(trade.event_time or trade.at, micros),
        "s": symbol,
        **rest_agg_trade(trade, micros),
    }


def stream_trade(symbol: str, trade: Trade, micros: bool) -> Payload:
    return {
        "e": "trade",
        "E": instant(trade.event_time or trade.at, micros),
        "s": symbol,
        "t": trade.id,
        "p": trade.price,
        "q": trade.quantity,
        "T": instant(trade.time, micros),
        "m": trade.buyer_maker,
        "M": trade.best_match,
    }


def stream_depth_update(symbol: str, update: DepthUpdate, micros: bool) -> Payload:
    return {
        "e": "depthUpdate",
        "E": instant(update.event_time, micros),
        "s": symbol,
        "U": update.first,
        "u": update.last,
        "b": _levels(update.bids),
        "a": _levels(update.asks),
    }


def stream_book_ticker(symbol: str, ticker: Ticker) -> Payload:
    """No `e` and no `E`: the exchange sends none on spot."""
    return {
        "u": ticker.update_id,
        "s": symbol,
        "b": ticker.bid,
        "B": ticker.bid_quantity,
        "a": ticker.ask,
        "A": ticker.ask_quantity,
    }


def stream_kline(symbol: str, candle: Candle, micros: bool, closed: bool, *, interval: str, at: int) -> Payload:
    """`at` is the instant of emission (us), `closed` whether the candle is final."""
    bar = {
        "t": instant(candle.open_time, micros),
        "T": instant(candle.close_time, micros),
        "s": symbol,
        "i": interval,
        "f": candle.first,
        "L": candle.last,
        "o": candle.open,
        "c": candle.close,
        "h": candle.high,
        "l": candle.low,
        "v": candle.volume,
        "n": candle.count,
        "x": closed,
        "q": candle.quote_volume,
        "V": candle.taker_volume,
        "Q": candle.taker_quote_volume,
        "B": "0",
    }
    return {"e": "kline", "E": instant(at, micros), "s": symbol, "k": bar}


def _window(stats: Stats24h, micros: bool) -> Payload:
    return {
        "openTime": instant(stats.open_time, micros),
        "closeTime": instant(stats.close_time, micros),
        "firstId": stats.first,
        "lastId": stats.last,
        "count": stats.count,
    }


def _best(ticker: Ticker | None) -> tuple[str, str, str, str]:
    return (ticker.bid, ticker.bid_quantity, ticker.ask, ticker.ask_quantity) if ticker else (NONE,) * 4


def _levels(levels: Levels) -> list[list[str]]:
    return [list(level) for level in levels]
