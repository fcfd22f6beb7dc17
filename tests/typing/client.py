"""What type checkers and editors know of the client: `mypy tests/typing`, in `nox -s types`.

`assert_type` fails where another type is inferred, and a `type: ignore` where there is no mistake to be ignored.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import assert_type

import pandas as pd
import polars as pl
import pyarrow as pa

import bcore
from bcore.books import Book
from bcore.client import Client
from bcore.followed import Followed


def results(client: Client) -> None:
    """The form that was asked for, and pandas without being asked."""
    assert_type(client.get_trades("BTCUSDT", limit=5), pd.DataFrame)
    assert_type(client.get_trades("BTCUSDT", as_="pandas"), pd.DataFrame)
    assert_type(client.get_trades("BTCUSDT", after_id=5, as_="polars"), pl.DataFrame)
    assert_type(client.get_trades("BTCUSDT", as_="arrow"), pa.Table)
    assert_type(client.get_orderbook("BTCUSDT", tick_size=[10, 50], levels=5), pd.DataFrame)
    assert_type(client.get_orderbook("BTCUSDT", as_="polars"), pl.DataFrame)
    assert_type(client.get_ohlcv("BTCUSDT", timeframe="1h", start_time="2024-08-08"), pd.DataFrame)
    assert_type(client.get_ohlcv("BTCUSDT", end_time=datetime.now(UTC), as_="polars"), pl.DataFrame)
    assert_type(client.get("vwap", "BTCUSDT", timeframe="1h"), pd.DataFrame)
    assert_type(client.get("vwap", "BTCUSDT", as_="polars"), pl.DataFrame)
    assert_type(client.get_book("BTCUSDT", levels=5), Book[pd.DataFrame])
    assert_type(client.get_book("BTCUSDT", at="1m ago", as_="polars").bids, pl.DataFrame)
    assert_type(client.get_stats(), pd.DataFrame)
    assert_type(client.get_stats(as_="polars"), pl.DataFrame)
    assert_type(client.gaps("trades", "BTCUSDT"), pd.DataFrame)
    assert_type(client.sql("select 1", as_="polars"), pl.DataFrame)
    assert_type(client.sql("select 1", timeframe="1h"), pd.DataFrame)
    assert_type(client.get_available_symbols("trades"), list[str])


def followed(client: Client) -> None:
    assert_type(client.follow("trades", "BTCUSDT"), Followed[pd.DataFrame])
    assert_type(client.follow("ohlcv", "BTCUSDT", timeframe="1h", as_="polars"), Followed[pl.DataFrame])
    with client.follow("trades", "BTCUSDT", after=5, timeout=1.5) as new:
        for rows in new:
            assert_type(rows, pd.DataFrame)


def ways() -> None:
    for client in (
        bcore.open("data"),
        bcore.get_local_client("data"),
        bcore.get_hot_client(),
        bcore.get_remote_client("host", "user", "data"),
        bcore.get_api_client("http://host:8000", api_key="key"),
    ):
        assert_type(client, Client)


def mistakes(client: Client) -> None:
    """Each is told before it runs."""
    client.get_trades("BTCUSDT", as_="list")  # type: ignore[call-overload]
    client.get_trades("BTCUSDT", limit="five")  # type: ignore[call-overload]
    client.get_trades("BTCUSDT", lim=5)  # type: ignore[call-overload]
    client.get_trades("BTCUSDT", 5)  # type: ignore[call-overload]
    client.get_ohlcv("BTCUSDT", timeframe=60)  # type: ignore[call-overload]
    client.get_orderbook("BTCUSDT", after_id=5)  # type: ignore[call-overload]
    client.get_book("BTCUSDT", limit=5)  # type: ignore[call-overload]
    client.gaps("trades", "BTCUSDT", as_="csv")  # type: ignore[call-overload]
    client.follow("trades", "BTCUSDT", as_="csv")  # type: ignore[call-overload]
    client.sql("select 1", as_="csv")  # type: ignore[call-overload]
