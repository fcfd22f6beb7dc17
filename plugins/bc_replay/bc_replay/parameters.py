"""Query strings as typed parameters, refused as the exchange refuses them (protocol sections 2 and 3.4)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from attrs import frozen

from bc_replay import refusals
from bc_replay.candles import INTERVALS

MICROSECONDS_FROM = 10**14
EARLIEST = 1_483_228_800_000_000  # 2017-01-01, the exchange's lowest valid time
SLACK = 10_000_000  # a time may be this far in the future
STATUSES = ("TRADING", "HALT", "BREAK")
_SYMBOL = re.compile(r"(?:(?![a-z])[\w\-.]){1,50}")
_INTEGER = re.compile(r"[0-9]{1,20}")
_ZONE = re.compile(r"([+-]?)(\d{1,2})(?::(\d{2}))?")


@frozen(kw_only=True)
class Parameters:
    """Everything that an endpoint may be sent; what was not sent is None. Times are us, `limit` is as sent."""

    symbol: str | None = None
    symbols: tuple[str, ...] | None = None
    limit: int | None = None
    from_id: int | None = None
    start: int | None = None
    end: int | None = None
    interval: str | None = None
    zone: int | None = None
    type: str | None = None
    symbol_status: str | None = None
    show_permission_sets: bool | None = None
    permissions: tuple[str, ...] | None = None

    def page(self, default: int, largest: int) -> int:
        """The limit to serve: larger ones are cut silently."""
        return min(self.limit or default, largest)


def parse(query: str, accepted: tuple[str, ...], mandatory: tuple[str, ...]) -> Parameters:
    """Raises Refusal: -1101 for unknown or repeated names, -1102 for missing ones, then whatever a value deserves."""
    pairs = parse_qsl(query, keep_blank_values=True)
    sent = dict(pairs)
    if len(sent) < len(pairs):
        raise refusals.duplicate_parameter()
    if not sent.keys() <= set(accepted):
        raise refusals.too_many(len(accepted), len(sent))
    for name in mandatory:
        if not sent.get(name):
            raise refusals.missing(name)
    return Parameters(**_values(sent))


def _values(sent: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, text in sent.items():
        if not text:
            raise refusals.empty(name)
        field, read = READERS[name]
        values[field] = read(name, text)
    return values


def _symbol(name: str, text: str) -> str:
    if not _SYMBOL.fullmatch(text):
        raise refusals.illegal(name, refusals.SYMBOL_RANGE)
    return text


def _integer(name: str, text: str) -> int:
    if not _INTEGER.fullmatch(text):
        raise refusals.illegal(name, refusals.INTEGER_RANGE)
    if int(text) >= 2**63:
        raise refusals.overflow(name)
    return int(text)


def _limit(name: str, text: str) -> int:
    if (value := _integer(name, text)) == 0:
        raise refusals.invalid(name)
    return value


def _time(name: str, text: str) -> int:
    """Milliseconds or microseconds, told apart by magnitude, brought into the valid range."""
    value = _integer(name, text)
    if value >= MICROSECONDS_FROM:
        return max(value, EARLIEST)
    # A bound in ms means the whole millisecond: what is asked for is compared with floor(us / 1000).
    return max(value * 1000 + (999 if name == "endTime" else 0), EARLIEST)


def _interval(name: str, text: str) -> str:
    if text not in INTERVALS:
        raise refusals.bad_interval()
    return text


def _zone(name: str, text: str) -> int:
    """An offset from UTC such as `-1:00`, `05:45` or `8`, in us, from -12:00 to +14:00."""
    match = _ZONE.fullmatch(text)
    if match is None:
        raise refusals.invalid(name)
    minutes = int(match[2]) * 60 + int(match[3] or 0)
    minutes = -minutes if match[1] == "-" else minutes
    if int(match[3] or 0) > 59 or not -12 * 60 <= minutes <= 14 * 60:
        raise refusals.invalid(name)
    return minutes * 60_000_000


def _names(name: str, text: str) -> tuple[str, ...]:
    try:
        values = json.loads(text)
    except ValueError:
        raise refusals.bad_json(name) from None
    if not isinstance(values, list) or not values or not all(isinstance(value, str) for value in values):
        raise refusals.bad_json(name)
    return tuple(values)


def _symbols(name: str, text: str) -> tuple[str, ...]:
    values = _names(name, text)
    for value in values:
        _symbol(name, value)
    if len(set(values)) < len(values):
        raise refusals.duplicate_symbols()
    return values


def _permissions(name: str, text: str) -> tuple[str, ...]:
    return _names(name, text) if text.startswith("[") else (text,)


def _ticker_type(name: str, text: str) -> str:
    if text not in ("FULL", "MINI"):
        raise refusals.bad_ticker_type()
    return text


def _status(name: str, text: str) -> str:
    if text not in STATUSES:
        raise refusals.bad_symbol_status()
    return text


def _boolean(name: str, text: str) -> bool:
    if text not in ("true", "false"):
        raise refusals.invalid(name)
    return text == "true"


READERS: Mapping[str, tuple[str, Callable[[str, str], object]]] = {
    "symbol": ("symbol", _symbol),
    "symbols": ("symbols", _symbols),
    "limit": ("limit", _limit),
    "fromId": ("from_id", _integer),
    "startTime": ("start", _time),
    "endTime": ("end", _time),
    "interval": ("interval", _interval),
    "timeZone": ("zone", _zone),
    "type": ("type", _ticker_type),
    "symbolStatus": ("symbol_status", _status),
    "showPermissionSets": ("show_permission_sets", _boolean),
    "permissions": ("permissions", _permissions),
}


def time_unit(header: str | None) -> bool:
    """Whether `X-MBX-TIME-UNIT`, or a stream URL's `timeUnit`, asks for microseconds."""
    if header is None or header in ("MILLISECOND", "millisecond"):
        return False
    if header in ("MICROSECOND", "microsecond"):
        return True
    raise refusals.bad_time_unit()
