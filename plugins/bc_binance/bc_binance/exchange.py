"""The exchange object: one per config section and process, shared by all its sources."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any

import msgspec
from attrs import define, field

from bc_binance.attempts import Attempts
from bc_binance.budget import WeightBudget
from bc_binance.bulk import BulkFiles
from bc_binance.config import BinanceConfig
from bc_binance.gate import Gate
from bc_binance.messages import Depth, DepthBody, ExchangeInfo, Kline, ServerTime, micros
from bc_binance.rest import Rest, open_session
from bc_binance.telling import WeightTeller
from bc_binance.timekeeping import ExchangeClock
from bcore.errors import ExchangeError, RefusedError, Stopped
from bcore.events import Event
from bcore.naming import near
from bcore.protocols import Clock
from bcore.records import Context

if TYPE_CHECKING:
    from bc_binance.delivery import Sink
    from bc_binance.feed import Feed

log = logging.getLogger(__name__)
TIME_PAUSE = 600.0  # seconds between two measurements of the clock for a feed's stamps
API = "/api/v3"
TIME_WEIGHT, KLINES_WEIGHT, TRADES_WEIGHT, INFO_WEIGHT = 1, 2, 4, 20
ILLEGAL_CHARACTERS, BAD_SYMBOL = -1100, -1121


def depth_weight(limit: int) -> int:
    """What an order book of `limit` levels costs (protocol section 3.1)."""
    return next((weight for levels, weight in ((100, 5), (500, 25), (1000, 50)) if limit <= levels), 250)


@define
class Binance:
    """Binance spot, public market data. Safe to use from several threads.

    Every method that asks may raise an `ExchangeError` that says what to do, and `Stopped` while it waits for the
    weight budget. While the exchange has told this address to wait (429, 418), every user of this object gets that
    error at once and nothing is sent.
    """

    config: BinanceConfig
    clock: Clock
    name: str = "binance"
    emit: Callable[[Event], None] = field(default=lambda event: None)
    _rest: Rest = field(init=False)
    _time: ExchangeClock = field(init=False)
    _learning: Lock = field(factory=Lock, init=False)
    _limits_known: bool = field(default=False, init=False)
    _listed: tuple[str, ...] = field(default=(), init=False)
    _attempts: Attempts = field(init=False)
    _bulk: BulkFiles = field(init=False)
    _feeds: list[Feed] = field(factory=list, init=False)

    def __attrs_post_init__(self) -> None:
        self._time = ExchangeClock(self.clock, self.server_time)
        share, background = self.config.budget, self.config.background_share
        budget = WeightBudget(self.clock, self._time.reading, share, background_share=background)
        teller = WeightTeller(self.name, budget, self.emit)
        self._rest = Rest(self.config, budget, Gate(self.clock), open_session(self.config), teller.tell)
        self._attempts = Attempts(self.clock, self.config.stream_attempts)
        self._bulk = BulkFiles(self.config, self.clock)

    @classmethod
    def build(cls, config: BinanceConfig, context: Context) -> Binance:
        return cls(config, context.clock, context.section.rpartition(".")[2], context.emit)

    @property
    def budget(self) -> WeightBudget:
        """The request weight of this address: how much is allowed and used."""
        return self._rest.budget

    @property
    def bulk(self) -> BulkFiles:
        """The daily and monthly files; they cost no request weight."""
        return self._bulk

    def now(self) -> int:
        """The exchange's clock in int us UTC; asks for it at first, and again when the last answer is a minute old."""
        self._time.refresh()
        return self._time.reading()

    def measure_clock(self) -> int:
        """Asks for the exchange's clock now (weight 1); returns its offset from this machine's in us."""
        return self._time.measure()

    def server_time(self) -> int:
        """What `time` answers, int us UTC (protocol section 4.1)."""
        path = f"{API}/time"
        return micros(self._rest.decode(self._rest.get(path, {}, TIME_WEIGHT), ServerTime, path).server_time)

    def agg_trades(
        self,
        symbol: str,
        *,
        from_id: int | None = None,
        start: int | None = None,
        end: int | None = None,
        limit: int = 1000,
        background: bool = False,
    ) -> list[bytes]:
        """One page of aggregate trades (protocol section 4.6): each record as its JSON text, in the order received.

        `from_id`, `start` and `end` (int us UTC) are inclusive; without any, the newest `limit`. `from_id` goes with
        neither of the others. Ids that the exchange no longer serves are silently left out at the page's beginning.
        `background` lets live work go first.
        """
        bounds = {"fromId": from_id, "startTime": _parameter(start), "endTime": _parameter(end)}
        path, params = f"{API}/aggTrades", {"symbol": symbol, **_given(bounds), "limit": limit}
        body = self._of_symbol(path, params, TRADES_WEIGHT, background)
        return [bytes(row) for row in self._rest.decode(body, list[msgspec.Raw], path)]

    def klines(
        self,
        symbol: str,
        interval: str,
        *,
        start: int | None = None,
        end: int | None = None,
        limit: int = 1000,
        background: bool = False,
    ) -> list[Kline]:
        """The exchange's own candles in order (protocol section 4.7), `interval` in its spelling (`1m`, `1M`).

        `start` and `end` (int us UTC) are inclusive and speak of opening times; without `start`, the newest `limit` up
        to `end`. `background` lets live work go first.
        """
        bounds = {"startTime": _parameter(start), "endTime": _parameter(end)}
        path, params = f"{API}/klines", {"symbol": symbol, "interval": interval, **_given(bounds), "limit": limit}
        body = self._of_symbol(path, params, KLINES_WEIGHT, background)
        return [each.in_micros() for each in self._rest.decode(body, list[Kline], path)]

    def depth(self, symbol: str, limit: int = 100, *, background: bool = False) -> Depth:
        """The order book's best `limit` levels on each side, 1 to 5000 (protocol section 4.3)."""
        self._time.refresh()
        path, params = f"{API}/depth", {"symbol": symbol, "limit": limit}
        body = self._of_symbol(path, params, depth_weight(limit), background)
        received = self._time.reading()
        book = self._rest.decode(body, DepthBody, path)
        return Depth(symbol, book.last_update_id, book.bids, book.asks, received, body)

    def exchange_info(self, symbols: tuple[str, ...] | list[str] = ()) -> ExchangeInfo:
        """The rules of the given symbols, of all if none is given, and the limits (protocol section 4.2).

        One unknown symbol fails the whole request.
        """
        path, params = f"{API}/exchangeInfo", {"showPermissionSets": "false", **_symbols(symbols)}
        info = self._rest.decode(self._rest.get(path, params, INFO_WEIGHT), ExchangeInfo, path)
        self._adopt(info)
        return info

    def feed(self, streams: Sequence[str], sink: Sink) -> Feed:
        """Follows the streams (`btcusdt@aggTrade`) in a thread of its own, from now until the feed is closed.

        Raises `RequestError` for what is no stream name; whatever goes wrong later is told to `sink` and mended.
        """
        from bc_binance.feed import Feed

        feed = Feed(self.name, self.config, streams, sink, self._attempts, self._time.reading, self.emit)
        self._feeds = [each for each in self._feeds if not each.wait_closed(0)] + [feed]
        Thread(target=self._keep_time, args=(feed,), name=f"time-{self.name}", daemon=True).start()
        return feed

    def close(self) -> None:
        """Frees the connections and closes the feeds; requests under way may fail."""
        for feed in self._feeds:
            feed.close()
        self._bulk.close()
        self._rest.session.close()

    def _keep_time(self, feed: Feed) -> None:
        """The feed must not wait for a clock: it is measured beside it."""
        while True:
            try:
                self.now()
            except ExchangeError as error:
                log.debug("%s: the exchange's clock could not be measured: %s", self.name, error)
            except Stopped:
                return
            if feed.wait_closed(TIME_PAUSE):
                return

    def _of_symbol(self, path: str, params: dict[str, Any], weight: int, background: bool) -> bytes:
        symbol = params["symbol"]
        try:
            self._learn_limits(symbol)
            return self._rest.get(path, params, weight, background)
        except RefusedError as error:
            if error.code not in (BAD_SYMBOL, ILLEGAL_CHARACTERS):
                raise
            hint = near(symbol, self._listing())
            raise RefusedError(f"{self._rest.host} lists no symbol {symbol!r}{hint}", code=error.code) from error

    def _learn_limits(self, symbol: str) -> None:
        """Once, before the first request that costs: one symbol's entry carries the limits and is small."""
        with self._learning:
            if self._limits_known:
                return
            try:
                self.exchange_info([symbol])
            except RefusedError as error:
                if error.code in (BAD_SYMBOL, ILLEGAL_CHARACTERS):
                    raise
                log.warning("%s; going by a limit of %d per minute", error, self.budget.limit)
                self._limits_known = True

    def _adopt(self, info: ExchangeInfo) -> None:
        limit = info.weight_limit
        if limit and limit.limit > 0 and limit.seconds:
            self.budget.resize(limit.limit, limit.seconds, limit.used_header)
        self._limits_known = True

    def _listing(self) -> tuple[str, ...]:
        """Every listed symbol, asked for once and only to help someone who mistyped one."""
        if not self._listed:
            try:
                self._listed = tuple(each.symbol for each in self.exchange_info().symbols)
            except ExchangeError as error:
                log.debug("no listing to suggest from: %s", error)
        return self._listed


def _given(params: dict[str, int | None]) -> dict[str, int]:
    return {name: value for name, value in params.items() if value is not None}


def _parameter(time: int | None) -> int | None:
    """Times go out in ms where that loses nothing: every venue understands those (protocol sections 1.3 and 2.1)."""
    return time if time is None or time % 1000 else time // 1000


def _symbols(symbols: tuple[str, ...] | list[str]) -> dict[str, str]:
    if len(symbols) == 1:
        return {"symbol": symbols[0]}
    return {"symbols": json.dumps(list(symbols), separators=(",", ":"), ensure_ascii=False)} if symbols else {}
