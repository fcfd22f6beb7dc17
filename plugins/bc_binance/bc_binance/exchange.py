"""The exchange object: one per config section and process, shared by all its sources."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from attrs import define, field
from msgspec.structs import replace

from bc_binance.attempts import Attempts
from bc_binance.budget import WeightBudget
from bc_binance.bulk import BulkFiles
from bc_binance.config import BinanceConfig
from bc_binance.gate import Gate
from bc_binance.market import SPOT, Market, weight_of
from bc_binance.messages import Depth, DepthBody, ExchangeInfo, Kline, ServerTime, micros
from bc_binance.rest import Rest, open_session
from bc_binance.telling import WeightTeller
from bc_binance.timekeeping import ExchangeClock
from bcore.errors import ExchangeError, RefusedError, Stopped
from bcore.events import Event
from bcore.naming import near_symbol
from bcore.protocols import Clock
from bcore.records import Context

if TYPE_CHECKING:
    from bc_binance.delivery import Sink
    from bc_binance.feed import Feed

log = logging.getLogger(__name__)
T = TypeVar("T")
TIME_PAUSE = 600.0  # seconds between two measurements of the clock for a feed's stamps
ILLEGAL_CHARACTERS, BAD_SYMBOL = -1100, -1121


@define
class Binance:
    """A market of Binance, spot unless told otherwise: its public data. Safe to use from several threads.

    Every method that asks may raise an `ExchangeError` that says what to do, and `Stopped` while it waits for the
    weight budget. While the exchange has told this address to wait (429, 418), every user of this object gets that
    error at once and nothing is sent.
    """

    config: BinanceConfig
    clock: Clock
    name: str = "binance"
    emit: Callable[[Event], None] = field(default=lambda event: None)
    market: Market = SPOT
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
        session = open_session(self.config, microseconds=self.market.microseconds)
        self._rest = Rest(self.config, budget, Gate(self.clock), session, teller.tell, self.market.elsewhere)
        self._attempts = Attempts(self.clock, self.config.stream_attempts)
        self._bulk = BulkFiles(self.config, self.clock, self.market.bulk)

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

    @property
    def trades_tile(self) -> bool:
        """Whether the trades of consecutive aggregates tile."""
        return self.market.trades_tile

    @property
    def trades_weight(self) -> int:
        """The weight of a page of aggregate trades."""
        return self.market.trades_weight

    @property
    def most_levels(self) -> int:
        """The most levels of a side that `depth` gives."""
        return self.market.most_levels

    @property
    def depth_speeds(self) -> Mapping[str, str]:
        """How often changes of a book can come -> what follows `@depth` in the name of that stream."""
        return self.market.depth_speeds

    def depth_weight(self, limit: int) -> int:
        """The weight of a book of so many levels."""
        return self.market.depth_weight(limit)

    def now(self) -> int:
        """The exchange's clock in int us UTC; asks for it at first, and again when the last answer is a minute old."""
        self._time.refresh()
        return self._time.reading()

    def measure_clock(self) -> int:
        """Asks for the exchange's clock now (weight 1); returns its offset from this machine's in us."""
        return self._time.measure()

    def server_time(self) -> int:
        """What `time` answers, int us UTC (protocol section 4.1)."""
        return micros(self.ask("time", {}, self.market.time_weight, ServerTime).server_time)

    def ask(self, endpoint: str, params: Mapping[str, Any], weight: int, kind: type[T]) -> T:
        """One request for anything that the market offers, within the budget; the answer as `kind`."""
        path = f"{self.market.api}/{endpoint}"
        return self._rest.decode(self._rest.get(path, params, weight), kind, path)

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
        path = f"{self.market.api}/aggTrades"
        params = {"symbol": symbol, **_given({"fromId": from_id, **self._bounds(start, end)}), "limit": limit}
        body = self._of_symbol(path, params, self.market.trades_weight, background)
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
        path, bounds = f"{self.market.api}/klines", _given(self._bounds(start, end))
        params = {"symbol": symbol, "interval": interval, **bounds, "limit": limit}
        body = self._of_symbol(path, params, weight_of(self.market.kline_weights, limit), background)
        return [each.in_micros() for each in self._rest.decode(body, list[Kline], path)]

    def depth(self, symbol: str, limit: int = 100, *, background: bool = False) -> Depth:
        """The order book's best `limit` levels on each side, 1 to `most_levels` (protocol section 4.3)."""
        self._time.refresh()
        path, params = f"{self.market.api}/depth", {"symbol": symbol, "limit": self.market.served_levels(limit)}
        body = self._of_symbol(path, params, self.market.depth_weight(limit), background)
        received = self._time.reading()
        book = self._rest.decode(body, DepthBody, path)
        return Depth(symbol, book.last_update_id, book.bids[:limit], book.asks[:limit], received, body)

    def exchange_info(self, symbols: tuple[str, ...] | list[str] = ()) -> ExchangeInfo:
        """The rules of the given symbols, of all if none is given, and the limits (protocol section 4.2).

        One unknown symbol fails the whole request.
        """
        by_symbol = self.market.info_by_symbol
        params = {"showPermissionSets": "false", **_symbols(symbols)} if by_symbol else {}
        info = self.ask("exchangeInfo", params, self.market.info_weight, ExchangeInfo)
        self._adopt(info)
        return info if by_symbol or not symbols else self._only(info, symbols)

    def feed(self, streams: Sequence[str], sink: Sink) -> Feed:
        """Follows the streams (`btcusdt@aggTrade`) in a thread of its own, from now until the feed is closed.

        Raises `RequestError` for what is no stream name; whatever goes wrong later is told to `sink` and mended.
        """
        from bc_binance.feed import Feed

        feed = Feed(
            self.name,
            self.config,
            streams,
            sink,
            self._attempts,
            self._time.reading,
            self.emit,
            self.route,
            self.market.microseconds,
            self.silence_advice,
        )
        self._feeds = [each for each in self._feeds if not each.wait_closed(0)] + [feed]
        Thread(target=self._keep_time, args=(feed,), name=f"time-{self.name}", daemon=True).start()
        return feed

    def route(self, stream: str) -> str:
        """What stands between `stream_url` and the connection that brings a stream: on spot nothing."""
        return ""

    @property
    def silence_advice(self) -> str:
        """What to look at where streams are acknowledged and silent."""
        return ""

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
            hint = near_symbol(symbol, self._listing())
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

    def _only(self, info: ExchangeInfo, symbols: Sequence[str]) -> ExchangeInfo:
        """As if only these had been asked for: one that is not there is refused."""
        listed = {each.symbol: each for each in info.symbols}
        self._listed = tuple(listed)
        unknown = [symbol for symbol in symbols if symbol not in listed]
        if unknown:
            hint = near_symbol(unknown[0], listed)
            raise RefusedError(f"{self._rest.host} lists no symbol {unknown[0]!r}{hint}", code=BAD_SYMBOL)
        return replace(info, symbols=[listed[symbol] for symbol in symbols])

    def _bounds(self, start: int | None, end: int | None) -> dict[str, int | None]:
        """Times go out in ms where that loses nothing: every venue understands those (protocol sections 1.3 and 2.1).

        Where only those are understood, the bounds are those of whole ms within them.
        """
        exact = self.market.microseconds
        first = start if start is None or (start % 1000 and exact) else -(-start // 1000)
        last = end if end is None or (end % 1000 and exact) else end // 1000
        return {"startTime": first, "endTime": last}

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


def _symbols(symbols: tuple[str, ...] | list[str]) -> dict[str, str]:
    if len(symbols) == 1:
        return {"symbol": symbols[0]}
    return {"symbols": json.dumps(list(symbols), separators=(",", ":"), ensure_ascii=False)} if symbols else {}
