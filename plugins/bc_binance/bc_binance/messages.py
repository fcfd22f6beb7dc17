"""What the exchange's replies say, typed. Unknown fields are ignored: the exchange adds some several times a year."""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from msgspec.structs import replace

MICROSECONDS_FROM = 10**14
_SECONDS = {"SECOND": 1, "MINUTE": 60, "HOUR": 3600, "DAY": 86_400}


def micros(time: int) -> int:
    """A time of the exchange as int us UTC, whether it was sent in ms or us.

    Microseconds are asked for, but not every venue knows how (protocol sections 1.3 and 2.1).
    """
    return time if time >= MICROSECONDS_FROM else time * 1000


class DepthBody(Struct, frozen=True, rename="camel"):
    """The body of `depth` (protocol section 4.3)."""

    last_update_id: int
    bids: list[tuple[str, str]]
    asks: list[tuple[str, str]]


class Depth(Struct, frozen=True):
    """An order book as the exchange showed it: (price, quantity) as decimal text, best levels first.

    `received` is the exchange's clock at receipt, int us UTC (the reply itself carries no time); `body` the reply as it
    came.
    """

    symbol: str
    last_update_id: int
    bids: list[tuple[str, str]]
    asks: list[tuple[str, str]]
    received: int
    body: bytes


class Kline(Struct, frozen=True, array_like=True):
    """One candle of the exchange: decimal text as sent, times in int us UTC, both inclusive (protocol section 4.7).

    The newest may still be open.
    """

    open_time: int
    open: str
    high: str
    low: str
    close: str
    volume: str
    close_time: int
    quote_volume: str
    trade_count: int
    taker_buy_volume: str
    taker_buy_quote_volume: str

    def in_micros(self) -> Kline:
        """With both times in us, whichever unit they came in; a candle ends in the last us before the next."""
        if self.close_time >= MICROSECONDS_FROM:
            return self
        return replace(self, open_time=micros(self.open_time), close_time=micros(self.close_time) + 999)


class ServerTime(Struct, frozen=True, rename="camel"):
    server_time: int


class ErrorBody(Struct, frozen=True):
    """The body of a refusal (protocol section 3.4)."""

    code: int
    msg: str = ""


class RateLimit(Struct, frozen=True, rename="camel"):
    """One limit of this IP address (protocol section 3.1)."""

    rate_limit_type: str
    interval: str
    interval_num: int
    limit: int

    @property
    def seconds(self) -> int:
        """The window's length, 0 where the interval is of an unknown kind."""
        return self.interval_num * _SECONDS.get(self.interval, 0)

    @property
    def used_header(self) -> str:
        """The reply header that tells how much of it is used."""
        return f"X-MBX-USED-WEIGHT-{self.interval_num}{self.interval[:1]}"


class SymbolInfo(Struct, frozen=True, rename="camel"):
    """One symbol's entry; `filters` as sent (protocol section 4.2)."""

    symbol: str
    status: str = ""
    base_asset: str = ""
    quote_asset: str = ""
    filters: list[dict[str, Any]] = []

    @property
    def tick_size(self) -> str | None:
        """The price step as decimal text; None where the exchange sets none."""
        steps = [each.get("tickSize") for each in self.filters if each.get("filterType") == "PRICE_FILTER"]
        return next((str(step) for step in steps if step and float(step) > 0), None)


class ExchangeInfo(Struct, frozen=True, rename="camel"):
    """The body of `exchangeInfo` (protocol section 4.2)."""

    server_time: int = 0
    rate_limits: list[RateLimit] = []
    symbols: list[SymbolInfo] = []

    @property
    def weight_limit(self) -> RateLimit | None:
        """The request weight that one window allows."""
        return next((each for each in self.rate_limits if each.rate_limit_type == "REQUEST_WEIGHT"), None)
