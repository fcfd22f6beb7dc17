"""The original's client, in its three modes, over `bcore.open`."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

from attrs import define, field

import bcore
from bcore.errors import NotFoundError
from bcore.instants import Instant, parse_instant
from binance_collector.frames import frame_of, naive_time
from binance_collector.storage.engine import StorageEngine

if TYPE_CHECKING:
    import pandas as pd

    from bcore.records import SeriesStats

log = logging.getLogger(__name__)
Mode = Literal["local", "remote", "hot"]
MODES = ("local", "remote", "hot")
FAR = ("remote_host", "remote_user", "ssh_key_path", "remote_data_path")
ALWAYS = ("trades", "orderbook")


@define
class BinanceCollectorClient:
    """Reads trades, order books and candles of an archive: of this machine, its newest rows, or over ssh.

    For everything beyond the original's methods there is `bcore.open`. A symbol of which nothing is stored gives an
    empty frame. Raises `ValueError` for a mode that there is not, or a remote that is not fully named.
    """

    mode: Mode = "local"
    data_path: str | Path = "data"
    remote_host: str | None = None
    remote_user: str | None = None
    ssh_key_path: str | Path | None = None
    remote_data_path: str | None = None
    storage: StorageEngine = field(init=False, repr=False)
    _client: bcore.Client = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        if self.mode not in MODES:
            raise ValueError(f"mode must be {', '.join(MODES[:-1])} or {MODES[-1]}, not {self.mode!r}")
        missing = [name for name in FAR if not getattr(self, name)]
        if self.mode == "remote" and missing:
            raise ValueError(f"the mode remote needs {', '.join(missing)}")
        self.storage = StorageEngine(self.data_path)
        self._client = self._opened()

    def get_trades(
        self,
        symbol: str,
        limit: int | None = None,
        start_time: Instant | None = None,
        end_time: Instant | None = None,
    ) -> pd.DataFrame:
        """Trades with `start_time` <= timestamp <= `end_time`, the newest `limit` of them."""
        return self._frame("trades", symbol, limit, start_time, end_time)

    def get_orderbook(
        self,
        symbol: str,
        tick_size: float | None = None,
        limit: int | None = None,
        start_time: Instant | None = None,
        end_time: Instant | None = None,
    ) -> pd.DataFrame:
        """Order book snapshots, of one tick size or of all; else as `get_trades`."""
        return self._frame("orderbook", symbol, limit, start_time, end_time, tick_size=tick_size)

    def get_ohlcv(
        self,
        symbol: str,
        timeframe: str = "1h",
        limit: int | None = None,
        start_time: Instant | None = None,
        end_time: Instant | None = None,
    ) -> pd.DataFrame:
        """Candles, computed from the trades; else as `get_trades`."""
        return self._frame("ohlcv", symbol, limit, start_time, end_time, timeframe=timeframe)

    def get_available_symbols(self) -> dict[str, list[str]]:
        """Dataset -> the symbols that are stored."""
        found: dict[str, list[str]] = {name: [] for name in ALWAYS}
        for stats in self._client.reader.stats():
            found.setdefault(stats.series.dataset.name, []).append(stats.series.symbol)
        return {name: sorted(symbols) for name, symbols in found.items()}

    def get_stats(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Dataset -> symbol -> rows, size_mb, start, end, columns."""
        found: dict[str, dict[str, dict[str, Any]]] = {name: {} for name in ALWAYS}
        for stats in self._client.reader.stats():
            found.setdefault(stats.series.dataset.name, {})[stats.series.symbol] = _told(stats)
        return found

    def sync_hot_snapshot(self, data_type: str, symbol: str, target_storage: StorageEngine) -> int:
        """Brings the newest rows, those that are kept hot over there; how many of them were new.

        They become rows of the target like any other, so that `read_hot` and `read` there give them.
        """
        self._far("sync_hot_snapshot")
        with target_storage.store() as store:
            return self._client.sync_hot_snapshot(data_type, symbol, store)

    def sync_incremental(self, data_type: str, symbol: str, target_storage: StorageEngine) -> int:
        """Brings every row that the target lacks, holes in the middle included; how many came."""
        self._far("sync_incremental")
        with target_storage.store() as store:
            return self._client.sync_incremental(data_type, symbol, store)

    def close(self) -> None:
        """Ends the connection of the mode remote."""
        self._client.close()

    def _far(self, name: str) -> None:
        if self.mode != "remote":
            raise ValueError(f"{name} brings rows from another machine: it needs the mode remote, not {self.mode}")

    def _opened(self) -> bcore.Client:
        if self.mode != "remote":
            return bcore.open(self.data_path, hot=self.mode == "hot")
        path = quote(str(self.remote_data_path))
        place = path if path.startswith("/") else f"/~/{path.removeprefix('~/')}"
        return bcore.open(f"ssh://{self.remote_user}@{self.remote_host}{place}", key=str(self.ssh_key_path))

    def _frame(
        self,
        view: str,
        symbol: str,
        limit: int | None,
        start: Instant | None,
        end: Instant | None,
        **params: Any,
    ) -> pd.DataFrame:
        import pandas as pd

        last = None if end is None else parse_instant(end) + 1
        try:
            table = self._client.read(view, symbol, tail=limit or None, start_time=start, end_time=last, **params)
        except NotFoundError as error:
            log.warning("%s", error)
            return pd.DataFrame()
        return frame_of(table)


def get_local_client(data_path: str | Path = "data") -> BinanceCollectorClient:
    """A client of a folder of this machine."""
    return BinanceCollectorClient("local", data_path)


def get_hot_client(data_path: str | Path = "data") -> BinanceCollectorClient:
    """A client of the newest rows only."""
    return BinanceCollectorClient("hot", data_path)


def get_remote_client(
    remote_host: str, remote_user: str, ssh_key_path: str | Path, remote_data_path: str, data_path: str | Path = "data"
) -> BinanceCollectorClient:
    """A client of a folder of another machine, over ssh."""
    return BinanceCollectorClient("remote", data_path, remote_host, remote_user, ssh_key_path, remote_data_path)


def _told(stats: SeriesStats) -> dict[str, Any]:
    return {
        "rows": stats.rows,
        "size_mb": round(stats.bytes / 2**20, 2),
        "start": _text(stats.first_time),
        "end": _text(stats.last_time),
        "columns": len(stats.series.dataset.schema),
    }


def _text(time: int | None) -> str:
    import pandas as pd

    return str(naive_time(None if time is None else pd.Timestamp(time, unit="us", tz="UTC")))
