"""Tickers over REST (protocol section 4.9)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bc_replay import payloads, refusals
from bc_replay.moment import Moment
from bc_replay.parameters import Parameters

Row = Callable[[Moment, str, Parameters], dict[str, Any]]


def day(moment: Moment, parameters: Parameters) -> Any:
    return _rows(moment, parameters, _day)


def price(moment: Moment, parameters: Parameters) -> Any:
    return _rows(moment, parameters, _price)


def best(moment: Moment, parameters: Parameters) -> Any:
    return _rows(moment, parameters, _best)


def _rows(moment: Moment, parameters: Parameters, row: Row) -> Any:
    """One symbol gives an object; several, or none named, give an array."""
    if parameters.symbol is not None and parameters.symbols is not None:
        raise refusals.bad_combination()
    rows = [row(moment, symbol, parameters) for symbol in moment.chosen(parameters)]
    return rows[0] if parameters.symbol is not None else rows


def _day(moment: Moment, symbol: str, parameters: Parameters) -> dict[str, Any]:
    seen = moment.seen(symbol)
    if parameters.type == "MINI":
        return payloads.rest_24h_mini(symbol, seen.stats_24h(), moment.micros)
    return payloads.rest_24h(symbol, seen.stats_24h(), seen.ticker(), moment.micros)


def _price(moment: Moment, symbol: str, parameters: Parameters) -> dict[str, Any]:
    return payloads.rest_price(symbol, moment.seen(symbol).stats_24h().last_price)


def _best(moment: Moment, symbol: str, parameters: Parameters) -> dict[str, Any]:
    return payloads.rest_book_ticker(symbol, moment.seen(symbol).ticker())
