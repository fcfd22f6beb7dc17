"""The original's client of an archive that is served over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define

from bc_http.client import BinanceCollectorAPIClient as Client
from bcore.instants import Instant, parse_instant
from binance_collector.frames import naive

if TYPE_CHECKING:
    import pandas as pd


@define
class BinanceCollectorAPIClient(Client):
    """As `bc_http.client.BinanceCollectorAPIClient`, with naive UTC times, and `end_time` itself in the range."""

    def get_trades(
        self,
        symbol: str,
        limit: int = 1000,
        offset: int = 0,
        start_time: Instant | None = None,
        end_time: Instant | None = None,
        tail: bool = True,
    ) -> pd.DataFrame:
        """The newest `limit` trades of the range, or with `tail=False` the oldest, without the first `offset` there."""
        return naive(super().get_trades(symbol, limit, offset, start_time, _after(end_time), tail))

    def get_orderbook(
        self,
        symbol: str,
        tick_size: float | None = None,
        limit: int = 100,
        offset: int = 0,
        start_time: Instant | None = None,
        end_time: Instant | None = None,
        tail: bool = True,
    ) -> pd.DataFrame:
        """As `get_trades`: rows of the order book, of one tick size or of all."""
        return naive(super().get_orderbook(symbol, tick_size, limit, offset, start_time, _after(end_time), tail))

    def get_ohlcv(
        self,
        symbol: str,
        timeframe: str = "1h",
        limit: int = 100,
        start_time: Instant | None = None,
        end_time: Instant | None = None,
    ) -> pd.DataFrame:
        """The newest `limit` candles of the range."""
        return naive(super().get_ohlcv(symbol, timeframe, limit, start_time, _after(end_time)))


def get_api_client(base_url: str = "http://localhost:8000", api_key: str | None = None) -> BinanceCollectorAPIClient:
    """A client of the server at `base_url`."""
    return BinanceCollectorAPIClient(base_url, api_key)


def _after(end: Instant | None) -> Instant | None:
    """The first microsecond that is no longer meant."""
    return None if end is None else parse_instant(end) + 1
