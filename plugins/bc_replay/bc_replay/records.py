"""The records of a tape. Prices and quantities are the exchange's decimal text with 8 decimals; times are int us UTC.

`at` is the instant on the exchange's clock at which a record happens, that is, from which a client could see it.
The short names of the wire (protocol sections 4 and 6) stand behind each field.
"""

from __future__ import annotations

from attrs import frozen

Level = tuple[str, str]
Levels = tuple[Level, ...]


@frozen
class AggTrade:
    id: int  # a
    price: str  # p
    quantity: str  # q
    first: int  # f, -1 where voided
    last: int  # l, -1 where voided
    time: int  # T
    buyer_maker: bool  # m
    best_match: bool  # M
    at: int
    event_time: int = 0  # E as recorded, else `at`

    @property
    def voided(self) -> bool:
        """Kept for its id only: protocol section 9.2."""
        return self.first < 0


@frozen
class Trade:
    id: int  # t
    price: str  # p
    quantity: str  # q
    time: int  # T
    buyer_maker: bool  # m
    best_match: bool  # M
    at: int
    event_time: int = 0  # E as recorded, else `at`


@frozen
class DepthUpdate:
    first: int  # U
    last: int  # u
    event_time: int  # E
    bids: Levels  # b
    asks: Levels  # a
    at: int
    previous: int | None = None  # pu: the `last` of the update before it, where the market says so
    time: int = 0  # T, else 0

    @property
    def after(self) -> int:
        """The update id that it follows on."""
        return self.first - 1 if self.previous is None else self.previous


@frozen
class Snapshot:
    last_update_id: int
    bids: Levels
    asks: Levels
    at: int


@frozen
class Ticker:
    """Best bid and ask after one book update (bookTicker)."""

    update_id: int  # u
    bid: str  # b
    bid_quantity: str  # B
    ask: str  # a
    ask_quantity: str  # A
    at: int


@frozen
class Mark:
    """What a future is valued at (markPrice); `rate` is the funding rate, due at `funding_time`."""

    price: str  # p
    index: str  # i
    settle: str  # P
    rate: str  # r
    funding_time: int  # T


@frozen
class Book:
    """Levels best first."""

    last_update_id: int
    bids: Levels
    asks: Levels


@frozen
class Candle:
    """One kline; `first` and `last` are trade ids, -1 where nothing traded. `close_time` is the interval's last us."""

    open_time: int
    close_time: int
    open: str
    high: str
    low: str
    close: str
    volume: str
    quote_volume: str
    count: int
    taker_volume: str
    taker_quote_volume: str
    first: int
    last: int


@frozen
class Stats24h:
    """The rolling 24 h ticker's figures (protocol section 4.9) without the best bid and ask.

    `first` and `last` are trade ids (-1 where nothing traded); `change_percent` has 3 decimals, the rest 8.
    """

    change: str
    change_percent: str
    weighted_average: str
    previous_close: str
    last_price: str
    last_quantity: str
    open: str
    high: str
    low: str
    volume: str
    quote_volume: str
    open_time: int
    close_time: int
    first: int
    last: int
    count: int


Event = AggTrade | Trade | DepthUpdate | Ticker
