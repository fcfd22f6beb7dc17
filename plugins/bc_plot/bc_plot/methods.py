"""The pictures by what they are of: `client.plot_candles(..)` and its like, and what `bcore plot` calls."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from bcore.errors import NotFoundError
from bcore.instants import Instant

if TYPE_CHECKING:
    import pyarrow as pa

    from bc_plot.candles import Candles
    from bc_plot.coverage import Coverage
    from bc_plot.depth import Depth
    from bc_plot.spread import Spread
    from bcore.client import Client

BEST = ["timestamp", "tick_size", "best_bid", "best_ask"]


def plot_candles(
    client: Client,
    symbol: str,
    *,
    timeframe: str = "1m",
    limit: int | None = None,
    start_time: Instant | None = None,
    end_time: Instant | None = None,
) -> Candles:
    """Candles and volume: the newest 120, `limit` of them, or those of a range. Pale where not proven complete."""
    from bc_plot.candles import Candles

    counted = 120 if limit is None and start_time is None else limit
    table = client.read("ohlcv", symbol, timeframe=timeframe, limit=counted, start_time=start_time, end_time=end_time)
    return Candles.of(_filled(table, f"candles of {symbol}"), symbol, timeframe)


def plot_depth(
    client: Client,
    symbol: str,
    *,
    at: Instant | None = None,
    levels: int | None = None,
    tick_size: float | None = None,
) -> Depth:
    """The book at an instant, the newest without one: rebuilt from every change, or else the last stored snapshot.

    Of a rebuilt book what is near the mid, or the best `levels` of each side.
    """
    from bc_plot.depth import Depth

    if symbol in _symbols(client, "depth"):
        from time import time_ns

        from bcore.instants import parse_instant

        when = None if at is None else parse_instant(at, now=time_ns() // 1000)
        table = client.read("book", symbol, at=when, levels=levels, tick_size=tick_size)
        book = Depth.of_book(_filled(table, f"levels of {symbol}"), symbol)
        return book if levels is not None else book.near()
    end = None if at is None else _after(at)
    chosen = _finest(client, symbol) if tick_size is None else tick_size
    table = client.read("orderbook", symbol, tick_size=chosen, tail=1, end_time=end, levels=levels)
    return Depth.of_snapshot(_filled(table, f"snapshots of {symbol}"), symbol)


def plot_spread(
    client: Client,
    symbol: str,
    *,
    limit: int | None = None,
    start_time: Instant | None = None,
    end_time: Instant | None = None,
) -> Spread:
    """Best bid, best ask and spread: of the newest 2000 snapshots, `limit` of them, or those of a range."""
    from bc_plot.spread import Spread

    counted = 2000 if limit is None and start_time is None else limit
    table = client.read(
        "orderbook",
        symbol,
        tick_size=_finest(client, symbol),
        columns=BEST,
        limit=counted,
        start_time=start_time,
        end_time=end_time,
    )
    return Spread.of(_filled(table, f"snapshots of {symbol}"), symbol)


def plot_coverage(
    client: Client,
    symbols: str | Iterable[str] = (),
    *,
    dataset: str = "trades",
    start_time: Instant | None = None,
    end_time: Instant | None = None,
) -> Coverage:
    """A calendar of day and symbol, all without names: complete, gaps, nothing held. Told from metadata alone."""
    from bc_plot.coverage import Coverage
    from bcore.instants import parse_instant
    from bcore.naming import near_symbol
    from bcore.reflected import stored
    from bcore.verify import audit_of

    wanted = (symbols,) if isinstance(symbols, str) else tuple(symbols)
    found = {series.symbol: (store, series) for store, series in reversed(stored(client.reader, dataset))}
    if unknown := [name for name in wanted if name not in found]:
        raise NotFoundError(
            *(f"nothing is stored of {dataset}/{name}{near_symbol(name, sorted(found))}" for name in unknown)
        )
    start, end = (None if time is None else parse_instant(time) for time in (start_time, end_time))
    audits = [audit_of(*found[name], start=start, end=end) for name in wanted or sorted(found)]
    if not any(audit.days for audit in audits):
        raise NotFoundError(f"nothing is stored of {dataset} in this range")
    return Coverage.of(dataset, audits)


def _symbols(client: Client, view: str) -> list[str]:
    return client.get_available_symbols(view) if view in client.views() else []


def _finest(client: Client, symbol: str) -> float:
    """The finest tick size of the newest snapshot."""
    newest = client.read("orderbook", symbol, columns=["timestamp", "tick_size"], tail=64)
    _filled(newest, f"snapshots of {symbol}")
    last = newest.column("timestamp")[-1]
    rows = newest.to_pylist()
    return float(min(row["tick_size"] for row in rows if row["timestamp"] == last.as_py()))


def _after(at: Instant) -> int:
    from time import time_ns

    from bcore.instants import parse_instant

    return parse_instant(at, now=time_ns() // 1000) + 1


def _filled(table: pa.Table, what: str) -> pa.Table:
    if not table.num_rows:
        raise NotFoundError(f"there are no {what} in this range")
    return table
