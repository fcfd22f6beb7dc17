"""Candles of a DataFrame, for those who hold trades in one already."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bc_trades.candles import candles
from bc_trades.pieces import Trades
from bc_trades.timeframes import timeframe_of

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

NEEDED = ("timestamp", "price", "quantity")
FIRST = ("timestamp", "open", "high", "low", "close", "volume")
REST = ("quote_volume", "trade_count", "taker_buy_volume", "taker_buy_quote_volume", "complete")


def trades_to_ohlcv(df: pd.DataFrame, timeframe: str = "15min") -> pd.DataFrame:
    """Candles of trades, one row per bar in which something traded, oldest first.

    `df` has `timestamp` (naive times are UTC), `price` and `quantity`, and of our further trade columns whichever are
    there. `timeframe` is `1s` to `1M` as the exchange writes it, or `15min`, `1H`, `1D` as pandas does.

    The columns are timestamp (the bar's open time, aware if that of `df` is), open, high, low, close, volume and
    quote_volume, then those whose inputs are there: trade_count, taker_buy_volume, taker_buy_quote_volume, and
    complete, which is True where no trade of the bar can be missing. Raises `ValueError` for a missing column, a value
    that is no number, or an unknown timeframe.
    """
    import pandas as pd

    frame = timeframe_of(timeframe)
    missing = [name for name in NEEDED if name not in df.columns]
    if missing:
        raise ValueError(f"the trades have no column {', '.join(missing)}; needed: {', '.join(NEEDED)}")
    times = df["timestamp"]
    if not pd.api.types.is_datetime64_any_dtype(times):
        raise ValueError("timestamp must hold datetimes: make them with pd.to_datetime, which knows units and formats")
    if times.isna().any():
        raise ValueError("a timestamp is missing")
    columns = candles(_trades(df, times), frame)
    bars = pd.DataFrame({name: columns.get(name, ()) for name in (*FIRST, *REST) if name in (*FIRST, *columns)})
    bars["timestamp"] = pd.to_datetime(bars["timestamp"].astype("int64"), unit="us", utc=True).dt.as_unit("us")
    return bars if times.dt.tz is not None else bars.assign(timestamp=bars["timestamp"].dt.tz_localize(None))


def _trades(df: pd.DataFrame, times: pd.Series[Any]) -> Trades:
    """The frame's columns as arrays, in order of id, or of time where there are no ids."""
    zoned = times.dt.tz_localize("UTC") if times.dt.tz is None else times.dt.tz_convert("UTC")
    stamps = zoned.dt.as_unit("us").astype("int64").to_numpy()
    ids = _column(df, "agg_trade_id", np.int64)
    order = np.argsort(stamps if ids is None else ids, kind="stable")

    def sorted_column(name: str, kind: type) -> NDArray[Any] | None:
        values = _column(df, name, kind)
        return None if values is None else values[order]

    return Trades(
        time=stamps[order],
        price=df["price"].to_numpy(np.float64)[order],
        quantity=df["quantity"].to_numpy(np.float64)[order],
        id=None if ids is None else ids[order],
        first=sorted_column("first_trade_id", np.int64),
        last=sorted_column("last_trade_id", np.int64),
        buyer_is_maker=sorted_column("is_buyer_maker", np.bool_),
    )


def _column(df: pd.DataFrame, name: str, kind: type) -> NDArray[Any] | None:
    return df[name].to_numpy(kind) if name in df.columns else None
