"""The SDK: one client over any reader, with results as people want them (pandas, Arrow or polars)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from inspect import signature
from pathlib import Path
from time import time_ns
from typing import TYPE_CHECKING, Any, overload

from attrs import define, field

from bcore import methods
from bcore.choices import Arrow, As, Candles, Levels, Pandas, Polars, Rows, Snapshots, spelled
from bcore.errors import RequestError
from bcore.instants import Instant, parse_instant
from bcore.naming import near
from bcore.query import Request
from bcore.shapes import asked, converter, described, listing, stats_table

if TYPE_CHECKING:
    from typing import Unpack

    import pandas as pd
    import polars as pl
    import pyarrow as pa

    from bcore.books import Book
    from bcore.followed import Followed
    from bcore.protocols import Reader, Store


@define(repr=False)
class Client:
    """Reads views of an archive, wherever it is.

    `client.get_<view>(symbol, ...)` exists for every view, `get_trades` and the view's own parameters included:
    `client.get_ohlcv("BTCUSDT", timeframe="1h", limit=24)`. Distributions may add methods: bc-plot adds `plot_candles`
    and more. Use as a context manager, or call `close()`. `where` is how it is called when it is printed.
    """

    reader: Reader
    hot: bool = field(default=False, kw_only=True)
    where: str | None = field(default=None, kw_only=True, eq=False)

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
        with listing():
            return self.reader.read(
                asked(view, symbol, start_time, end_time, limit, offset, tail, after_id, columns, params, self.hot)
            )

    def scan(
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
    ) -> pa.RecordBatchReader:
        """As `read`, in batches as they come: a history of any length in bounded memory."""
        with listing():
            return self.reader.scan(
                asked(view, symbol, start_time, end_time, limit, offset, tail, after_id, columns, params, self.hot)
            )

    @overload
    def get(self, view: str, symbol: str, *, as_: Pandas = "pandas", **options: Any) -> pd.DataFrame: ...
    @overload
    def get(self, view: str, symbol: str, *, as_: Arrow, **options: Any) -> pa.Table: ...
    @overload
    def get(self, view: str, symbol: str, *, as_: Polars, **options: Any) -> pl.DataFrame: ...
    def get(self, view: str, symbol: str, *, as_: As = "pandas", **options: Any) -> Any:
        """As `read`, as a pandas DataFrame (default), a polars DataFrame or an Arrow table."""
        convert = converter(as_)
        return convert(self.read(view, symbol, **options))

    @overload
    def get_trades(self, symbol: str, *, as_: Pandas = "pandas", **options: Unpack[Rows]) -> pd.DataFrame: ...
    @overload
    def get_trades(self, symbol: str, *, as_: Arrow, **options: Unpack[Rows]) -> pa.Table: ...
    @overload
    def get_trades(self, symbol: str, *, as_: Polars, **options: Unpack[Rows]) -> pl.DataFrame: ...
    @spelled(Rows)
    def get_trades(self, symbol: str, *, as_: As = "pandas", **options: Any) -> Any:
        """Aggregate trades by id, one row each; options as in `read`."""
        return self.get("trades", symbol, as_=as_, **options)

    @overload
    def get_orderbook(self, symbol: str, *, as_: Pandas = "pandas", **options: Unpack[Snapshots]) -> pd.DataFrame: ...
    @overload
    def get_orderbook(self, symbol: str, *, as_: Arrow, **options: Unpack[Snapshots]) -> pa.Table: ...
    @overload
    def get_orderbook(self, symbol: str, *, as_: Polars, **options: Unpack[Snapshots]) -> pl.DataFrame: ...
    @spelled(Snapshots)
    def get_orderbook(self, symbol: str, *, as_: As = "pandas", **options: Any) -> Any:
        """Order book snapshots, one row per instant and tick size; options as in `read`, and `levels` to show."""
        return self.get("orderbook", symbol, as_=as_, **options)

    @overload
    def get_ohlcv(self, symbol: str, *, as_: Pandas = "pandas", **options: Unpack[Candles]) -> pd.DataFrame: ...
    @overload
    def get_ohlcv(self, symbol: str, *, as_: Arrow, **options: Unpack[Candles]) -> pa.Table: ...
    @overload
    def get_ohlcv(self, symbol: str, *, as_: Polars, **options: Unpack[Candles]) -> pl.DataFrame: ...
    @spelled(Candles)
    def get_ohlcv(self, symbol: str, *, as_: As = "pandas", **options: Any) -> Any:
        """Candles computed from the trades; options as in `read`."""
        return self.get("ohlcv", symbol, as_=as_, **options)

    @overload
    def get_book(
        self, symbol: str, *, at: Instant | None = None, as_: Pandas = "pandas", **options: Unpack[Levels]
    ) -> Book[pd.DataFrame]: ...
    @overload
    def get_book(
        self, symbol: str, *, at: Instant | None = None, as_: Arrow, **options: Unpack[Levels]
    ) -> Book[pa.Table]: ...
    @overload
    def get_book(
        self, symbol: str, *, at: Instant | None = None, as_: Polars, **options: Unpack[Levels]
    ) -> Book[pl.DataFrame]: ...
    @spelled(Levels)
    def get_book(self, symbol: str, *, at: Instant | None = None, as_: As = "pandas", **options: Any) -> Book[Any]:
        """The order book at an instant, the newest known without one: all levels, or the best `levels` of each side.

        With `tick_size` in buckets of that width: bids rounded down to it and asks up. Raises `NotFoundError` where no
        book is known so early.
        """
        from bcore.books import Book

        when = None if at is None else parse_instant(at, now=time_ns() // 1000)
        rows = self.read("book", symbol, at=when, **options)
        return Book.of(rows, converter(as_))

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
    ) -> Iterator[Book[Any]]:
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
        return books(self.reader.scan(request), converter(as_))

    def get_available_symbols(self, view: str | None = None) -> list[str]:
        """The symbols that anything (or the given view) is stored of."""
        return self.reader.symbols(view)

    @overload
    def get_stats(self, *, as_: Pandas = "pandas") -> pd.DataFrame: ...
    @overload
    def get_stats(self, *, as_: Arrow) -> pa.Table: ...
    @overload
    def get_stats(self, *, as_: Polars) -> pl.DataFrame: ...
    def get_stats(self, *, as_: As = "pandas") -> Any:
        """Row count, bytes and time range of every series, one row each."""
        return converter(as_)(stats_table(self.reader.stats()))

    @overload
    def gaps(self, dataset: str, symbol: str, *, as_: Pandas = "pandas") -> pd.DataFrame: ...
    @overload
    def gaps(self, dataset: str, symbol: str, *, as_: Arrow) -> pa.Table: ...
    @overload
    def gaps(self, dataset: str, symbol: str, *, as_: Polars) -> pl.DataFrame: ...
    def gaps(self, dataset: str, symbol: str, *, as_: As = "pandas") -> Any:
        """The ids that are missing, one row a gap: `first_id`, `last_id`, `ids`, `state`, `reason`, `since`.

        `state` is "open", or "unfillable" where there is evidence that nobody has them. Rows without ids have no gaps.
        """
        from bcore.powers import Proves
        from bcore.proving import gaps_table

        if not isinstance(self.reader, Proves):
            raise RequestError("this archive cannot tell what it lacks")
        return converter(as_)(gaps_table(self.reader.gaps(dataset, symbol)))

    @overload
    def follow(self, view: str, symbol: str, *, as_: Pandas = "pandas", **options: Any) -> Followed[pd.DataFrame]: ...
    @overload
    def follow(self, view: str, symbol: str, *, as_: Arrow, **options: Any) -> Followed[pa.Table]: ...
    @overload
    def follow(self, view: str, symbol: str, *, as_: Polars, **options: Any) -> Followed[pl.DataFrame]: ...
    def follow(
        self,
        view: str,
        symbol: str,
        *,
        after: int | str | None = None,
        timeout: float | None = None,
        as_: As = "pandas",
        **params: Any,
    ) -> Followed[Any]:
        """New rows as they arrive, each once: `for rows in client.follow("trades", "BTCUSDT"): ...`.

        What is iterated are frames of at least one row. Without `after` they begin behind what is held now; with an id,
        or with the `cursor` of an earlier `follow`, behind that. `timeout` ends it after so many seconds without
        anything new. A link that breaks is taken up again by itself. `params` are the view's own parameters and facets.

        A row of a computed view comes when it is final: a candle when its time is over and no trade below it is
        missing any more, or will hardly come.
        """
        from bcore.followed import Followed
        from bcore.powers import Follows

        if not isinstance(self.reader, Follows):
            raise RequestError("this archive cannot be followed")
        given = {name: value for name, value in params.items() if value is not None}
        with listing():
            told = self.reader.follow(view, symbol, None if after is None else str(after), given)
        return Followed(told, converter(as_), timeout)

    @overload
    def sql(self, statement: str, *, as_: Pandas = "pandas", **options: Any) -> pd.DataFrame: ...
    @overload
    def sql(self, statement: str, *, as_: Arrow, **options: Any) -> pa.Table: ...
    @overload
    def sql(self, statement: str, *, as_: Polars, **options: Any) -> pl.DataFrame: ...
    def sql(
        self,
        statement: str,
        *,
        symbols: Iterable[str] | None = None,
        start_time: Instant | None = None,
        end_time: Instant | None = None,
        as_: As = "pandas",
        **params: Any,
    ) -> Any:
        """The answer of a SQL statement in DuckDB's dialect: `client.sql("select count(*) from trades")`.

        Every view is a table of its name, with all symbols and a column `symbol`. Views that are computed or come from
        another machine are brought over first: `symbols`, `start_time`, `end_time` and parameters of the views
        (`timeframe="1h"`) say how much of them. Needs DuckDB: pip install 'bcore[sql]'.
        """
        from bcore.sql import Question, answered

        start = None if start_time is None else parse_instant(start_time)
        end = None if end_time is None else parse_instant(end_time)
        wanted = (symbols,) if isinstance(symbols, str) else None if symbols is None else tuple(symbols)
        return converter(as_)(answered(self.reader, Question(statement, wanted, start, end, params)))

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

    def __repr__(self) -> str:
        told = type(self.reader).__name__ if self.where is None else repr(self.where)
        return f"{type(self).__name__}({told}{', hot=True' if self.hot else ''})"

    def __dir__(self) -> list[str]:
        return [*object.__dir__(self), *(f"get_{view}" for view in self.views()), *methods.names()]

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if not name.startswith("get_"):
            added = None if name.startswith("_") else methods.method(self, name)
            if added is None:
                known = [each for each in (*dir(type(self)), *methods.names()) if not each.startswith("_")]
                raise AttributeError(f"a client has no {name!r}{'' if name.startswith('_') else near(name, known)}")
            return added
        view, known = name.removeprefix("get_"), self.views()
        if view not in known:
            raise AttributeError(f"there is no view {view!r}{near(view, known)}; views: {', '.join(known)}")

        def get(symbol: str, **options: Any) -> Any:
            return self.get(view, symbol, **options)

        return described(get, name, self.reader.views()[view], signature(self.read))
