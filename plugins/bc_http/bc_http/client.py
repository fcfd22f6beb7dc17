"""The original's client of a served archive, by its names: results are pandas DataFrames, oldest row first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import define, field

from bc_http.config import RemoteConfig
from bcore.instants import Instant, parse_instant
from bcore.query import Request
from bcore.secrets import Secret

if TYPE_CHECKING:
    import pandas as pd

    from bc_http.remote import HttpReader

EPOCH = 0


@define
class BinanceCollectorAPIClient:
    """Asks the server at `base_url`. For everything beyond the original's methods there is `bcore.open(base_url)`.

    Times are ISO 8601 text (UTC unless it says otherwise), datetimes or epoch numbers; a range is [start, end).
    """

    base_url: str = "http://localhost:8000"
    api_key: str | None = field(default=None, repr=False)
    timeout: float = 30
    _reader: HttpReader = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        from bc_http.remote import HttpReader

        key = None if self.api_key is None else Secret(self.api_key, "argument")
        self._reader = HttpReader(RemoteConfig(self.base_url, key, self.timeout))

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
        return self._frame("trades", symbol, limit, offset, start_time, end_time, tail)

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
        params = {} if tick_size is None else {"tick_size": tick_size}
        return self._frame("orderbook", symbol, limit, offset, start_time, end_time, tail, params)

    def get_ohlcv(
        self,
        symbol: str,
        timeframe: str = "1h",
        limit: int = 100,
        start_time: Instant | None = None,
        end_time: Instant | None = None,
    ) -> pd.DataFrame:
        """The newest `limit` candles of the range."""
        return self._frame("ohlcv", symbol, limit, 0, start_time, end_time, True, {"timeframe": timeframe})

    def get_stats(self) -> dict[str, Any]:
        """Rows, bytes and time range by dataset and symbol."""
        told: dict[str, Any] = self._reader.json("/stats")
        return told

    def get_available_symbols(self) -> dict[str, list[str]]:
        """The symbols of each dataset."""
        told: dict[str, list[str]] = self._reader.json("/symbols")
        return told

    def health_check(self) -> dict[str, Any]:
        """`{"status": "healthy", ...}`."""
        told: dict[str, Any] = self._reader.json("/health")
        return told

    def close(self) -> None:
        self._reader.close()

    def _frame(
        self,
        view: str,
        symbol: str,
        limit: int,
        offset: int,
        start_time: Instant | None,
        end_time: Instant | None,
        tail: bool,
        params: dict[str, Any] | None = None,
    ) -> pd.DataFrame:
        start = None if start_time is None else parse_instant(start_time)
        end = None if end_time is None else parse_instant(end_time)
        if not tail and start is None:
            start = EPOCH  # from a start on, the oldest rows are counted
        request = Request(
            view,
            symbol,
            start=start,
            end=end,
            limit=None if tail else limit,
            tail=limit if tail else None,
            offset=offset,
            params=params or {},
        )
        frame: pd.DataFrame = self._reader.read(request).to_pandas()
        return frame


def get_api_client(base_url: str = "http://localhost:8000", api_key: str | None = None) -> BinanceCollectorAPIClient:
    """A client of the server at `base_url`."""
    return BinanceCollectorAPIClient(base_url, api_key)
