"""Market data of USD-M futures over REST (`/fapi/v1`), where it is not as on spot."""

from __future__ import annotations

from typing import Any

from bc_replay import payloads, refusals, rest, um_payloads
from bc_replay.clock import SECOND
from bc_replay.listing import entry_of, rate_limits
from bc_replay.marks import mark_of
from bc_replay.moment import Moment
from bc_replay.parameters import Parameters

BOOK_SIZES = (5, 10, 20, 50, 100, 500, 1000)
BOOK = 500
LARGEST_KLINES = 1500


def depth(moment: Moment, parameters: Parameters) -> dict[str, Any]:
    """Only some numbers of levels are served."""
    limit = parameters.limit or BOOK
    seen = moment.seen(parameters.symbol)
    if limit not in BOOK_SIZES:
        raise refusals.invalid("limit")
    book = seen.book(limit)
    if book is None:
        raise refusals.no_depth()
    return um_payloads.rest_depth(book, moment.market)


def agg_trades(moment: Moment, parameters: Parameters) -> list[Any]:
    return [_without("M", row) for row in rest.agg_trades(moment, parameters)]


def trades(moment: Moment, parameters: Parameters) -> list[Any]:
    return [_without("isBestMatch", row) for row in rest.trades(moment, parameters)]


def klines(moment: Moment, parameters: Parameters) -> list[Any]:
    start, end = rest.bounds(moment, parameters)
    limit = parameters.page(rest.PAGE, LARGEST_KLINES)
    bars = moment.seen(parameters.symbol).candles(parameters.interval or "", start, end, limit)
    return [payloads.rest_kline(bar, moment.micros) for bar in bars]


def premium_index(moment: Moment, parameters: Parameters) -> Any:
    """One symbol gives an object, none named give an array."""
    at = moment.market // SECOND * SECOND  # as the stream has it
    marks = {symbol: mark_of(moment.tapes[symbol].happened(at)) for symbol in moment.chosen(parameters)}
    rows = [um_payloads.rest_premium_index(symbol, mark, at) for symbol, mark in marks.items() if mark]
    if parameters.symbol is None:
        return rows
    if not rows:
        raise refusals.no_depth()
    return rows[0]


def exchange_info(moment: Moment, parameters: Parameters) -> dict[str, Any]:
    """Always of all symbols: there is no parameter."""
    return {
        "timezone": "UTC",
        "serverTime": moment.stamp(moment.server),
        "futuresType": "U_MARGINED",
        "rateLimits": rate_limits(moment.weight_limit)[:1],
        "exchangeFilters": [],
        "symbols": [_listed(moment, symbol) for symbol in moment.tapes],
    }


def _listed(moment: Moment, symbol: str) -> dict[str, Any]:
    spot = entry_of(moment.tapes[symbol])
    shared = ("symbol", "status", "baseAsset", "quoteAsset", "quotePrecision", "filters")
    contract = {"pair": symbol, "contractType": "PERPETUAL", "marginAsset": spot["quoteAsset"]}
    return {**{name: spot[name] for name in shared}, **contract, "pricePrecision": 8, "quantityPrecision": 8}


def _without(name: str, row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != name}
