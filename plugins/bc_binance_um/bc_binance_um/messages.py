"""What the exchange says of mark prices, typed. Unknown fields are ignored."""

from __future__ import annotations

import re
from math import isfinite
from typing import Protocol

from msgspec import Struct

_NUMBER = re.compile(r"-?[0-9]{1,20}(?:\.[0-9]{1,20})?")
EARLIEST, LATEST = 10**12, 9 * 10**15


class Mark(Protocol):
    """A mark price, however it came. Times in ms; `settle`, `rate` and `funding_time` may be empty or 0."""

    @property
    def time(self) -> int: ...
    @property
    def symbol(self) -> str: ...
    @property
    def price(self) -> str: ...
    @property
    def index(self) -> str: ...
    @property
    def settle(self) -> str: ...
    @property
    def rate(self) -> str: ...
    @property
    def funding_time(self) -> int: ...


class MarkEvent(
    Struct,
    frozen=True,
    gc=False,
    rename={
        "time": "E",
        "symbol": "s",
        "price": "p",
        "index": "i",
        "settle": "P",
        "rate": "r",
        "funding_time": "T",
    },
):
    """An event of `<symbol>@markPrice`."""

    time: int
    symbol: str
    price: str
    index: str
    settle: str = ""
    rate: str = ""
    funding_time: int = 0


class PremiumIndex(
    Struct,
    frozen=True,
    gc=False,
    rename={
        "price": "markPrice",
        "index": "indexPrice",
        "settle": "estimatedSettlePrice",
        "rate": "lastFundingRate",
        "funding_time": "nextFundingTime",
    },
):
    """What `premiumIndex` answers."""

    time: int
    symbol: str
    price: str
    index: str
    settle: str = ""
    rate: str = ""
    funding_time: int = 0


def fault(mark: Mark, symbol: str) -> str | None:
    """Why it is no mark price of the symbol; None if it is."""
    if mark.symbol != symbol:
        return f"it is of {mark.symbol!r} and came as one of {symbol!r}"
    if not EARLIEST <= mark.time < LATEST or not 0 <= mark.funding_time < LATEST:
        return "a time is neither in ms nor in us"
    numbers = (mark.price, mark.index, *(text for text in (mark.settle, mark.rate) if text))
    if not all(_NUMBER.fullmatch(text) and isfinite(float(text)) for text in numbers):
        return "a price or rate is no decimal number"
    return None if float(mark.price) >= 0 and float(mark.index) >= 0 else "a price is negative"
