"""The SDK: one client over any reader, with results as people want them (pandas, Arrow or polars)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from time import time_ns
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from attrs import define, field

from bcore import methods
from bcore.errors import ConfigError, RequestError
from bcore.instants import Instant, parse_instant
from bcore.naming import near
from bcore.query import Request

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from bcore.books import Book
    from bcore.protocols import Reader, Store
    from bcore.records import SeriesStats
    from bcore.registry import Registry

As = Literal["pandas", "arrow", "polars"]


def open(where: str | Path, *, hot: bool = False, registry: Registry | None = None, **options: Any) -> Client:
    """A client onto the archive at `where`: a folder, or a URL whose scheme an installed transport knows.

    `options` are the transport's own, as in a `[remotes.*]` section: `api_key="..."` for a server that wants one.
    Raises `ConfigError` if nothing installed can read it. A folder that does not exist yet reads as empty.
    """
    from bcore import app
    from bcore.registry import Registry

    registry = registry or Registry.load()
    scheme = urlsplit(str(where)).scheme
    if scheme:
        return Client(app.remote_reader(str(where), scheme, registry, options), hot=hot)
    if options:
        raise ConfigError([f"{', '.join(sorted(options))}: only addresses take options, and {where} is a folder"])
    return Client(app.folder_reader(Path(where), registry), hot=hot)


@define
class Client:
    """Reads views of an archive, wherever it is.

    `client.get_<view>(symbol, ...)` exists for every view, `get_trades` and the view's own parameters included:
    `client.get_ohlcv("BTCUSDT", timeframe="1h", limit=24)`. Distributions may add methods: bc-plot adds `plot_candles`
    and more. Use as a context manager, or call `close()`.
    """

    reader: Reader
    hot: bool = field(default=False, kw_only=True)

    def read(
        self,
        view: str,
        symbol: str,
        *,
        start_time: Instant | None = None,
        end_time: Instant | None = None,
        limit: int | None = None,
        offset: int = 0,
        tail: int | None = None,
        after_id: int | None = None,
        columns: str | Iterable[str] | None = None,
        **params: Any,
    ) -> pa.Table:
        """Rows of a view as an Arrow table, oldest first.

        - `start_time`, `end_time`: half-open [start, end); ISO 8601 text (UTC unless it says otherwise), datetime,
          pandas Timestamp, or epoch number.
        - `limit`: at most so many rows: the newest ones, or the oldest from `start_time` or `after_id` on if given.
        - `tail`: the newest so many of the range. `offset`: leaves out so many at the end that is counted from.
        - `after_id`: only rows with a higher id.
        - `params`: the view's own parameters and facets (`timeframe`, `tick_size`).

        Raises `RequestError` that names every mistake, `NotFoundError` for an unknown view or symbol.
        """
        return self.reader.read(
            Request(
                view,
                symbol,
                start=None if start_time is None else parse_instant(start_time),
                end=None if end_time is None else parse_instant(end_time),
                limit=limit,
                offset=offset,
                tail=tail,
                after=after_id,
                columns=(columns,) if isinstance(columns, str) else None if columns is None else tuple(columns),
                params={name: value for name, value in params.items() if value is not None},
                hot=self.hot,
            )
        )

    def get(self, view: str, symbol: str, *, as_: As = "pandas", **options: Any) -> Any:
        """As `read`, as a pandas DataFrame (default), a polars DataFrame or an Arrow table."""
        convert = _converter(as_)
        return convert(self.read(view, symbol, **options))

    def get_trades(self, symbol: str, *, as_: As = "pandas", **options: Any) -> Any:
        """Aggregate trades by id, one row each; options as in `read`."""
        return self.get("trades", symbol, as_=as_, **options)

    def get_orderbook(self, symbol: str, *, tick_size: float | None = None, as_: As = "pandas", **options: Any) -> Any:
        """Order book snapshots, one row per instant and tick size; options as in `read`, and `levels` to show."""
        return self.get("orderbook", symbol, as_=as_, tick_size=tick_size, **options)

    def get_book(
        self,
        symbol: str,
        *,
        at: Instant | None = None,
        levels: int | None = None,
        tick_size: float | None = None,
        as_: As = "pandas",
    ) -> Book:
        """The order book at an instant, the newest known without one: all levels, or the best `levels` of each side.

        With `tick_size` in buckets of that width: bids rounded down to it and asks up. Raises `NotFoundError` where no
        book is known so early.
        """
        from bcore.books import Book

        when = None if at is None else parse_instant(at, now=time_ns() // 1000)
        rows = self.read("book", symbol, at=when, levels=levels, tick_size=tick_size)
        return Book.of(rows, _converter(as_))

    def book_states(
        self,
        symbol: str,
        start: Instant | None = None,
        end: Instant | None = None,
        *,
        every: str = "1s",
        levels: int | None = None,
        tick_size: float | None = None,
        as_: As = "pandas",
    ) -> Iterator[Book]:
        """The order book at every multiple of `every` in [start, end), one after the other, in bounded memory.

        Without `start` from the first book that is known, and up to the last change that is without `end`.
        """
        from bcore.books import books

        params = {"every": every, "levels": levels, "tick_size": tick_size}
        request = Request(
            "book_states",
            symbol,
            start=None if start is None else parse_instant(start),
            end=None if end is None else parse_instant(end),
            params={name: value for name, value in params.items() if value is not None},
        )
        return books(self.reader.scan(request), _converter(as_))

    def get_ohlcv(self, symbol: str, *, timeframe: str = "1m", as_: As = "pandas", **options: Any) -> Any:
        """Candles computed from the trades; options as in `read`."""
        return self.get("ohlcv", symbol, as_=as_, timeframe=timeframe, **options)

    def get_available_symbols(self, view: str | None = None) -> list[str]:
        """The symbols that anything (or the given view) is stored of."""
        return self.reader.symbols(view)

    def get_stats(self) -> pd.DataFrame:
        """Row count, bytes and time range of every series, one row each."""
        import pandas as pd

        rows = [_stats_row(stats) for stats in self.reader.stats()]
        return pd.DataFrame(rows, columns=["dataset", "symbol", "rows", "bytes", "first_time", "last_time"])

    def sync_incremental(self, dataset: str, symbol: str, store: Store | str | Path) -> int:
        """Brings every row of a series that this archive has and `store` lacks; how many came.

        Holes in the middle are filled too, and afterwards both sides are proven alike. `store` is a folder or a store.
        Raises `StoreError` where a side fails or rows of one id differ; what has come by then is kept.
        """
        from bcore.syncing import synced

        return synced(self.reader, dataset, symbol, store).rows

    def sync_hot_snapshot(self, dataset: str, symbol: str, store: Store | str | Path) -> int:
        """Brings only the newest rows, those that are kept hot over there; how many of them were new."""
        from bcore.syncing import synced_hot

        return synced_hot(self.reader, dataset, symbol, store)

    def views(self) -> list[str]:
        """The names of everything readable."""
        return sorted(self.reader.views())

    def close(self) -> None:
        self.reader.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __dir__(self) -> list[str]:
        return [*object.__dir__(self), *(f"get_{view}" for view in self.views()), *methods.names()]

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if not name.startswith("get_"):
            added = None if name.startswith("_") else methods.method(self, name)
            if added is None:
                raise AttributeError(f"a client has no {name!r}")
            return added
        view, known = name.removeprefix("get_"), self.views()
        if view not in known:
            raise AttributeError(f"there is no view {view!r}{near(view, known)}; views: {', '.join(known)}")

        def get(symbol: str, **options: Any) -> Any:
            return self.get(view, symbol, **options)

        get.__name__ = name
        get.__doc__ = self.reader.views()[view].summary
        return get


def get_local_client(data_path: str | Path = "data") -> Client:
    """A client onto a folder of this machine."""
    return open(data_path)


def get_hot_client(data_path: str | Path = "data") -> Client:
    """As `get_local_client`, but reads the newest rows only, from what the store keeps hot (1024 trades)."""
    return open(data_path, hot=True)


def _converter(as_: As) -> Callable[[pa.Table], Any]:
    """What brings an Arrow table into the form that was asked for."""
    if as_ == "arrow":
        return lambda table: table
    if as_ == "pandas":
        return lambda table: table.to_pandas()
    if as_ == "polars":
        try:
            import polars
        except ImportError as error:
            raise ConfigError(['as_="polars" needs polars: pip install polars']) from error
        return polars.from_arrow
    raise RequestError(f"as_ must be pandas, arrow or polars, not {as_!r}")


def _stats_row(stats: SeriesStats) -> dict[str, Any]:
    from bcore.instants import to_datetime

    times = {"first_time": stats.first_time, "last_time": stats.last_time}
    return {
        "dataset": stats.series.dataset.name,
        "symbol": stats.series.symbol,
        "rows": stats.rows,
        "bytes": stats.bytes,
        **{name: None if time is None else to_datetime(time) for name, time in times.items()},
    }
