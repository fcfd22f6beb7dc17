"""The REST surface as data: path, parameters, weight and source of each endpoint (protocol sections 3.1 and 4)."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from attrs import frozen

from bc_replay import rest, tickers
from bc_replay.listing import exchange_info
from bc_replay.parameters import Parameters

Weight = Callable[[Parameters], int]


class Kind(Enum):
    """What a request does to a clock of speed 0, and which faults may meet it."""

    SERVICE = "service"  # ping, time, exchangeInfo: never
    PAGE = "page"  # moves on by a page of records
    STATE = "state"  # moves on by one second


@frozen
class Endpoint:
    path: str
    answer: rest.Handler
    weight: Weight
    accepted: tuple[str, ...] = ()
    mandatory: tuple[str, ...] = ()
    kind: Kind = Kind.STATE
    database: bool = False  # served from the store that may lag behind the engine (protocol section 2)

    @property
    def market_data(self) -> bool:
        return self.kind is not Kind.SERVICE

    @property
    def name(self) -> str:
        return self.path.split("/", 3)[3]  # below /api/v3, /fapi/v1


def flat(weight: int) -> Weight:
    return lambda parameters: weight


def depth_weight(parameters: Parameters) -> int:
    limit = parameters.page(rest.BOOK, rest.LARGEST_BOOK)
    return next(weight for top, weight in ((100, 5), (500, 25), (1000, 50), (5000, 250)) if limit <= top)


def day_weight(parameters: Parameters) -> int:
    if parameters.symbol is not None:
        return 2
    asked = len(parameters.symbols or ())
    return 80 if asked == 0 or asked > 100 else 40 if asked > 20 else 2


def quote_weight(parameters: Parameters) -> int:
    return 2 if parameters.symbol is not None else 4


_SYMBOL = ("symbol",)
_KLINES = ("symbol", "interval", "startTime", "endTime", "timeZone", "limit")
_TICKER = ("symbol", "symbols", "symbolStatus")
_INFO = ("symbol", "symbols", "permissions", "showPermissionSets", "symbolStatus")
_AGG_TRADES = ("symbol", "fromId", "startTime", "endTime", "limit")
_CANDLE = ("symbol", "interval")

ENDPOINTS = (
    Endpoint("/api/v3/ping", rest.ping, flat(1), kind=Kind.SERVICE),
    Endpoint("/api/v3/time", rest.server_time, flat(1), kind=Kind.SERVICE),
    Endpoint("/api/v3/exchangeInfo", exchange_info, flat(20), _INFO, kind=Kind.SERVICE),
    Endpoint("/api/v3/depth", rest.depth, depth_weight, ("symbol", "limit", "symbolStatus"), _SYMBOL),
    Endpoint("/api/v3/trades", rest.trades, flat(25), ("symbol", "limit"), _SYMBOL, Kind.PAGE),
    Endpoint(
        "/api/v3/historicalTrades",
        rest.historical_trades,
        flat(25),
        ("symbol", "limit", "fromId"),
        _SYMBOL,
        Kind.PAGE,
        database=True,
    ),
    Endpoint("/api/v3/aggTrades", rest.agg_trades, flat(4), _AGG_TRADES, _SYMBOL, Kind.PAGE, database=True),
    Endpoint("/api/v3/klines", rest.klines, flat(2), _KLINES, _CANDLE, database=True),
    Endpoint("/api/v3/uiKlines", rest.klines, flat(2), _KLINES, _CANDLE, database=True),
    Endpoint("/api/v3/avgPrice", rest.average_price, flat(2), _SYMBOL, _SYMBOL),
    Endpoint("/api/v3/ticker/24hr", tickers.day, day_weight, (*_TICKER, "type")),
    Endpoint("/api/v3/ticker/price", tickers.price, quote_weight, _TICKER),
    Endpoint("/api/v3/ticker/bookTicker", tickers.best, quote_weight, _TICKER),
)
