"""Stream names (protocol sections 5 and 6)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum

from attrs import frozen

from bc_replay.candles import INTERVALS
from bc_replay.markets import MARKET, MS, PUBLIC, SPOT, Market

HOUR = 3_600_000_000
_WELL_FORMED = re.compile(r"(?:![A-Za-z]\w*|[^@!/\s]+@[A-Za-z]\w*)(?:@[\w+:\-]+)*")
_PARTIAL = re.compile(r"depth(5|10|20)")


class Carries(Enum):
    AGG_TRADE = "aggTrade"
    TRADE = "trade"
    TICKER = "bookTicker"
    DEPTH = "depth"
    PARTIAL = "partial depth"
    KLINE = "kline"
    MARK = "markPrice"


PUBLICLY = (Carries.TICKER, Carries.DEPTH, Carries.PARTIAL)  # where a market has routes, the others are "market"


@frozen
class Stream:
    """A stream that can be served. `cadence` is in us, 0 for real time; `zone` the kline boundaries' offset in us."""

    name: str
    symbol: str
    carries: Carries
    cadence: int = 0
    levels: int = 0
    interval: str = ""
    zone: int = 0

    @property
    def sequenced(self) -> bool:
        """Whether its events carry ids in which a client can see a hole."""
        return self.carries in (Carries.AGG_TRADE, Carries.TRADE, Carries.DEPTH)


def well_formed(name: str) -> bool:
    """What the exchange acknowledges, whether or not anything will ever come of it."""
    return _WELL_FORMED.fullmatch(name) is not None


def stream(name: str, market: Market = SPOT) -> Stream | None:
    """None for a name that nothing is served under, such as one with an upper-case symbol."""
    symbol, _, kind = name.partition("@")
    if not kind or symbol != symbol.lower():
        return None
    upper = symbol.upper()
    found = _plain(name, upper, kind) or _depth(name, upper, kind, market.depth_speeds) or _kline(name, upper, kind)
    if market is not SPOT:
        found = _mark(name, upper, kind) or (None if found and found.carries is Carries.PARTIAL else found)
    return found


def delivered(stream: Stream, market: Market, route: str) -> bool:
    """Whether a connection under this route brings the stream; elsewhere it is acknowledged and stays silent."""
    if not market.routes:
        return True
    return (PUBLIC if stream.carries in PUBLICLY else MARKET) == (route or market.unrouted)


def _plain(name: str, symbol: str, kind: str) -> Stream | None:
    plain = (Carries.AGG_TRADE, Carries.TRADE, Carries.TICKER)
    carries = next((carries for carries in plain if carries.value == kind), None)
    return None if carries is None else Stream(name, symbol, carries)


def _mark(name: str, symbol: str, kind: str) -> Stream | None:
    cadences = {"markPrice": 3000 * MS, "markPrice@1s": 1000 * MS}
    return Stream(name, symbol, Carries.MARK, cadences[kind]) if kind in cadences else None


def _depth(name: str, symbol: str, kind: str, speeds: Mapping[str, int]) -> Stream | None:
    kind, _, speed = kind.partition("@")
    if speed not in speeds:
        return None
    cadence = speeds[speed]
    if kind == "depth":
        return Stream(name, symbol, Carries.DEPTH, cadence)
    match = _PARTIAL.fullmatch(kind)
    return None if match is None else Stream(name, symbol, Carries.PARTIAL, cadence, levels=int(match[1]))


def _kline(name: str, symbol: str, kind: str) -> Stream | None:
    kind, _, zone = kind.partition("@")
    interval = kind.removeprefix("kline_")
    if interval == kind or interval not in INTERVALS or zone not in ("", "+08:00"):
        return None
    cadence = 1000 * MS if interval == "1s" else 2000 * MS
    return Stream(name, symbol, Carries.KLINE, cadence, interval=interval, zone=8 * HOUR if zone else 0)
