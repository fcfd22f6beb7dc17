"""The REST surface of USD-M futures as data. Limits and weights are those that the exchange documents."""

from __future__ import annotations

from bc_replay import rest, tickers, um_rest
from bc_replay.endpoints import Endpoint, Kind, flat
from bc_replay.parameters import Parameters

API = "/fapi/v1"
_SYMBOL, _CANDLE = ("symbol",), ("symbol", "interval")
_AGG_TRADES = ("symbol", "fromId", "startTime", "endTime", "limit")
_KLINES = ("symbol", "interval", "startTime", "endTime", "limit")


def depth_weight(parameters: Parameters) -> int:
    limit = parameters.limit or um_rest.BOOK
    return next((weight for top, weight in ((50, 2), (100, 5), (500, 10)) if limit <= top), 20)


def kline_weight(parameters: Parameters) -> int:
    limit = parameters.limit or rest.PAGE
    return next((weight for top, weight in ((99, 1), (499, 2), (1000, 5)) if limit <= top), 10)


def premium_weight(parameters: Parameters) -> int:
    return 1 if parameters.symbol is not None else 10


def quote_weight(parameters: Parameters) -> int:
    return 2 if parameters.symbol is not None else 5


UM_ENDPOINTS = (
    Endpoint(f"{API}/ping", rest.ping, flat(1), kind=Kind.SERVICE),
    Endpoint(f"{API}/time", rest.server_time, flat(1), kind=Kind.SERVICE),
    Endpoint(f"{API}/exchangeInfo", um_rest.exchange_info, flat(1), kind=Kind.SERVICE),
    Endpoint(f"{API}/depth", um_rest.depth, depth_weight, ("symbol", "limit"), _SYMBOL),
    Endpoint(f"{API}/trades", um_rest.trades, flat(5), ("symbol", "limit"), _SYMBOL, Kind.PAGE),
    Endpoint(f"{API}/aggTrades", um_rest.agg_trades, flat(20), _AGG_TRADES, _SYMBOL, Kind.PAGE, database=True),
    Endpoint(f"{API}/klines", um_rest.klines, kline_weight, _KLINES, _CANDLE, database=True),
    Endpoint(f"{API}/premiumIndex", um_rest.premium_index, premium_weight, _SYMBOL),
    Endpoint(f"{API}/ticker/bookTicker", tickers.best, quote_weight, _SYMBOL),
)
