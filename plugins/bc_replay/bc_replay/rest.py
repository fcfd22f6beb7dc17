"""Market data over REST: what each endpoint answers (protocol sections 4.1 to 4.8)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from bc_replay import payloads, refusals
from bc_replay.columns import AggTrades, Trades
from bc_replay.moment import Moment
from bc_replay.parameters import SLACK, Parameters

Held = TypeVar("Held", AggTrades, Trades)
Handler = Callable[[Moment, Parameters], Any]
PAGE, LARGEST_PAGE = 500, 1000
BOOK, LARGEST_BOOK = 100, 5000


def ping(moment: Moment, parameters: Parameters) -> dict[str, object]:
    return {}


def server_time(moment: Moment, parameters: Parameters) -> dict[str, int]:
    return {"serverTime": moment.stamp(moment.server)}


def depth(moment: Moment, parameters: Parameters) -> dict[str, Any]:
    seen = moment.seen(parameters.symbol)
    moment.chosen(parameters)
    book = seen.book(parameters.page(BOOK, LARGEST_BOOK))
    if book is None:
        raise refusals.no_depth()
    return payloads.rest_depth(book)


def trades(moment: Moment, parameters: Parameters) -> list[Any]:
    seen = moment.seen(parameters.symbol)
    newest = seen.trades.newest(parameters.page(PAGE, LARGEST_PAGE))
    return [payloads.rest_trade(trade, moment.micros) for trade in newest]


def historical_trades(moment: Moment, parameters: Parameters) -> list[Any]:
    held = _retained(moment.seen(parameters.symbol).trades, moment)
    limit = parameters.page(PAGE, LARGEST_PAGE)
    page = held.newest(limit) if parameters.from_id is None else held.from_id(parameters.from_id, limit)
    return [payloads.rest_trade(trade, moment.micros) for trade in page]


def agg_trades(moment: Moment, parameters: Parameters) -> list[Any]:
    """The table of protocol section 4.6."""
    held = _retained(moment.seen(parameters.symbol).agg_trades, moment)
    limit = parameters.page(PAGE, LARGEST_PAGE)
    start, end = bounds(moment, parameters)
    if parameters.from_id is not None and (start is not None or end is not None):
        raise refusals.bad_combination()
    if parameters.from_id is not None:
        page = list(held.from_id(parameters.from_id, limit))
    elif start is None and end is None:
        page = list(held.newest(limit))
    else:
        page = held.between(start, end, limit)
    return [payloads.rest_agg_trade(trade, moment.micros) for trade in page]


def klines(moment: Moment, parameters: Parameters) -> list[Any]:
    seen = moment.seen(parameters.symbol)
    start, end = bounds(moment, parameters)
    limit = parameters.page(PAGE, LARGEST_PAGE)
    bars = seen.candles(parameters.interval or "", start, end, limit, parameters.zone or 0)
    return [payloads.rest_kline(bar, moment.micros) for bar in bars]


def average_price(moment: Moment, parameters: Parameters) -> dict[str, Any]:
    average = moment.seen(parameters.symbol).average_price()
    price, closed = average or ("0.00000000", moment.market)
    return payloads.rest_average_price(price, closed, moment.micros)


def bounds(moment: Moment, parameters: Parameters) -> tuple[int | None, int | None]:
    """Both time bounds, clamped into the exchange's valid range (protocol section 2)."""
    latest = moment.server + SLACK
    start = None if parameters.start is None else min(parameters.start, latest)
    end = None if parameters.end is None else min(parameters.end, latest)
    return start, end


def _retained(held: Held, moment: Moment) -> Held:
    """What REST still reaches of it: older ids are skipped silently (protocol section 4.6, retention)."""
    return held.from_id(moment.floor, len(held)) if moment.floor else held
