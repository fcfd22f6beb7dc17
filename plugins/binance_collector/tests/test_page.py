"""One test for each snippet and each row of a table of the original's page, in its order and named after it.

Snippets are run as they stand there. Those that name another machine meet one on this machine under that name.
"""

from __future__ import annotations

import re
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import requests

from bc_replay.testing import ReplayServer

PAGE = Path(__file__).parents[4] / "shared" / "original" / "README.md"
Run = Callable[..., dict[str, Any]]
NAIVE = "datetime64[ns]"

TRADES_INCREMENTAL = """\
from binance_collector import TradesCollector

collector = TradesCollector(symbols=['BTCUSDT', 'ETHUSDT'])
stats = collector.update()  # fetches only new trades since last run
"""
ORDER_BOOK_SNAPSHOTS = """\
from binance_collector import OrderBookCollector

collector = OrderBookCollector(
    symbols=['BTCUSDT'],
    tick_sizes={'BTCUSDT': [10, 50, 100]},  # price bucket sizes
    num_levels=15
)
stats = collector.update()
"""
LOCAL = """\
from binance_collector import get_local_client

client = get_local_client(data_path='data')

trades  = client.get_trades('BTCUSDT', limit=1000)
orderbook = client.get_orderbook('BTCUSDT', tick_size=10, limit=100)
ohlcv   = client.get_ohlcv('BTCUSDT', timeframe='1h')
"""
HOT = """\
from binance_collector import get_hot_client

client = get_hot_client(data_path='data')

recent = client.get_trades('BTCUSDT')      # last 1024 rows
recent = client.get_orderbook('BTCUSDT', tick_size=10)  # last ~200 snapshots
"""
API_CLIENT = """\
from binance_collector import BinanceCollectorAPIClient

client = BinanceCollectorAPIClient(
    base_url='http://your-host:8000',
    api_key='your-key'  # optional
)

trades    = client.get_trades('BTCUSDT', limit=100)
orderbook = client.get_orderbook('ETHUSDT', tick_size=10)
ohlcv     = client.get_ohlcv('BTCUSDT', timeframe='1h')
stats     = client.get_stats()
"""
OHLCV_DERIVED = """\
from binance_collector import trades_to_ohlcv

ohlcv = trades_to_ohlcv(trades_df, timeframe='15min')
# columns: timestamp, open, high, low, close, volume
"""
STORAGE_LAYOUT = """\
storage.maintain_hot_snapshot('trades', 'BTCUSDT', window_size=1024)
df = storage.read_hot('trades', 'BTCUSDT')  # ~1ms
"""
QUERIES = (
    "/trades/BTCUSDT?limit=1000&start_time=2026-02-15T00:00:00",
    "/orderbook/BTCUSDT?tick_size=10&limit=100",
    "/ohlcv/BTCUSDT?timeframe=1h&limit=24",
)
AUTHENTICATION = 'curl -H "X-API-Key: your-key" http://your-host:8000/trades/BTCUSDT'
QUOTED = (
    TRADES_INCREMENTAL,
    ORDER_BOOK_SNAPSHOTS,
    LOCAL,
    HOT,
    API_CLIENT,
    OHLCV_DERIVED,
    STORAGE_LAYOUT,
    *QUERIES,
    AUTHENTICATION,
)


def test_the_snippets_are_those_of_the_page() -> None:
    if not PAGE.exists():
        pytest.skip("the original's page is not beside this checkout")
    page = PAGE.read_text()
    assert [] == [snippet for snippet in QUOTED if snippet not in page]


# 1. Collect Data


def test_trades_incremental(run: Run, replay: ReplayServer) -> None:
    """First the newest page of 1000, then only what has happened since."""
    stats = run(TRADES_INCREMENTAL)["stats"]
    assert ["BTCUSDT", "ETHUSDT"] == list(stats)
    assert [1000, 1000] == [each["rows"] for each in stats.values()]
    assert stats["BTCUSDT"]["start_time"].tzinfo is None
    now = replay.status()["now"]
    replay.clock(seek=1_771_115_400_000_000)  # 2026-02-15 00:30:00
    try:
        again = run(TRADES_INCREMENTAL)["stats"]["BTCUSDT"]
    finally:
        replay.clock(seek=now)  # other tests share the exchange
    assert 10 == again["rows"]
    held = pd.read_parquet("data/trades/BTCUSDT.parquet")
    assert 1010 == len(held)
    assert (held["agg_trade_id"].diff().iloc[1:] == 1).all()


def test_order_book_snapshots(run: Run) -> None:
    stats = run(ORDER_BOOK_SNAPSHOTS)["stats"]
    assert {"rows": 3, "tick_sizes": 3} == {name: stats["BTCUSDT"][name] for name in ("rows", "tick_sizes")}
    assert stats["BTCUSDT"]["timestamp"].tzinfo is None
    held = pd.read_parquet("data/orderbook/BTCUSDT.parquet")
    assert ([10, 50, 100], 129) == (held["tick_size"].tolist(), len(held.columns))


# 2. Deploy API Server: test_page_server.py has the commands


@pytest.mark.parametrize(
    ("path", "has"),
    [
        ("/trades/{symbol}", "data"),
        ("/orderbook/{symbol}", "data"),
        ("/ohlcv/{symbol}", "data"),
        ("/stats", "trades"),
        ("/symbols", "orderbook"),
        ("/health", "status"),
    ],
)
def test_endpoints(api: str, path: str, has: str) -> None:
    """Each row of the table of endpoints."""
    answer = requests.get(api + path.format(symbol="BTCUSDT"), headers={"X-API-Key": "your-key"}, timeout=30)
    assert (200, True) == (answer.status_code, has in answer.json())


@pytest.mark.parametrize(("query", "rows"), [*zip(QUERIES, (1000, 3, 1), strict=True)])
def test_query_params(api: str, query: str, rows: int) -> None:
    answer = requests.get(api + query, headers={"X-API-Key": "your-key"}, timeout=30).json()
    assert (rows, "BTCUSDT") == (answer["count"], answer["symbol"])
    assert rows == len(answer["data"])


def test_authentication(api: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".curlrc").write_text(f'connect-to = "your-host:8000:{api.removeprefix("http://")}"\nsilent\n')
    monkeypatch.setenv("CURL_HOME", str(tmp_path))
    with_key = subprocess.run(AUTHENTICATION, shell=True, capture_output=True, text=True, timeout=60)
    assert '"symbol": "BTCUSDT"' in with_key.stdout or '"symbol":"BTCUSDT"' in with_key.stdout
    without = subprocess.run(
        AUTHENTICATION.replace("your-key", "no-key"), shell=True, capture_output=True, text=True, timeout=60
    )
    assert "401" in without.stdout


# 3. Consume Data (SDK)


def test_local(run: Run, data: Path) -> None:
    found = run(LOCAL)
    assert (1000, 3, 1) == tuple(len(found[name]) for name in ("trades", "orderbook", "ohlcv"))
    assert {NAIVE} == {str(found[name]["timestamp"].dtype) for name in ("trades", "orderbook", "ohlcv")}
    assert [10.0] * 3 == found["orderbook"]["tick_size"].tolist()


def test_hot(run: Run, data: Path) -> None:
    found = run(HOT)
    assert 3 == len(found["recent"])
    assert 1000 == len(found["client"].get_trades("BTCUSDT"))
    assert NAIVE == str(found["recent"]["timestamp"].dtype)


def test_api_client(run: Run, api: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _as_your_host(api, monkeypatch)
    found = run(API_CLIENT)
    assert (100, 3, 1) == tuple(len(found[name]) for name in ("trades", "orderbook", "ohlcv"))
    assert {NAIVE} == {str(found[name]["timestamp"].dtype) for name in ("trades", "orderbook", "ohlcv")}
    assert 1000 == found["stats"]["trades"]["BTCUSDT"]["rows"]
    found["client"].close()


# Data Schema


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        ("agg_trade_id", "int64"),
        ("timestamp", "datetime64"),
        ("symbol", "str"),
        ("price", "float64"),
        ("quantity", "float64"),
        ("is_buyer_maker", "bool"),
    ],
)
def test_trades_columns(data: Path, column: str, kind: str) -> None:
    """Each row of the table of the columns of trades."""
    from binance_collector import get_local_client

    trades = get_local_client("data").get_trades("BTCUSDT")
    found = str(trades[column].dtype)
    assert found.startswith(kind) or (kind, found) == ("str", "object")
    assert not trades[column].isna().any()


def test_order_book_columns(data: Path) -> None:
    """9 core columns, and 120 of levels."""
    from binance_collector import get_local_client

    columns = list(get_local_client("data").get_orderbook("BTCUSDT").columns)
    core = [
        "timestamp",
        "symbol",
        "tick_size",
        "best_bid",
        "best_ask",
        "spread",
        "spread_pct",
        "imbalance",
        "depth_ratio",
    ]
    assert core == columns[:9]
    sides, measures = ("bid", "ask"), ("price", "qty", "cum_qty", "cum_usd")
    levels = {f"{side}_{measure}_{n}" for side in sides for measure in measures for n in range(1, 16)}
    assert levels == set(columns[9:])
    assert 120 == len(columns[9:])


def test_five_tick_sizes(exchange: str) -> None:
    """10, 50, 100, 500 and 1000 at the price of a bitcoin, where none are named."""
    from binance_collector import OrderBookCollector

    snapshot = OrderBookCollector(["BTCUSDT"]).collect_snapshot("BTCUSDT")
    assert [10, 50, 100, 500, 1000] == snapshot["tick_size"].tolist()


def test_ohlcv_derived_from_trades(run: Run, data: Path) -> None:
    from binance_collector import get_local_client

    trades = get_local_client("data").get_trades("BTCUSDT")
    ohlcv = run(OHLCV_DERIVED, trades_df=trades)["ohlcv"]
    assert ["timestamp", "open", "high", "low", "close", "volume"] == list(ohlcv.columns)[:6]
    expected = trades.set_index("timestamp").resample("15min")["quantity"].sum()
    assert expected.index.tolist() == ohlcv["timestamp"].tolist()
    assert expected.tolist() == pytest.approx(ohlcv["volume"].tolist())


# Storage Layout


def test_storage_layout(data: Path) -> None:
    """Any Parquet reader opens data/{trades,orderbook}/SYMBOL.parquet; hot rows have their own way."""
    for path in ("trades/BTCUSDT.parquet", "trades/ETHUSDT.parquet", "orderbook/BTCUSDT.parquet"):
        assert not pd.read_parquet(data / path).empty


def test_hot_snapshots(run: Run, exchange: str) -> None:
    from binance_collector import StorageEngine, TradesCollector

    storage = StorageEngine(base_path="data")
    TradesCollector(["BTCUSDT"], storage).update()
    hot = run(STORAGE_LAYOUT, storage=storage)["df"]
    assert storage.read("trades", "BTCUSDT").tail(1024)["agg_trade_id"].tolist() == hot["agg_trade_id"].tolist()
    assert NAIVE == str(hot["timestamp"].dtype)
    storage.maintain_hot_snapshot("trades", "BTCUSDT", window_size=10)
    assert 10 == len(storage.read_hot("trades", "BTCUSDT"))


# Performance


@pytest.mark.parametrize(
    ("form", "compression", "megabytes"),
    [("parquet", "snappy", 5.7), ("parquet", "gzip", 5.2), ("feather", "lz4", 5.0)],
    ids=["Parquet (snappy)", "Parquet (gzip)", "Feather"],
)
def test_performance(tmp_path: Path, form: str, compression: str, megabytes: float) -> None:
    """Whatever form is configured is taken; 100k rows come back as they were, and take less room than the page says.

    How fast is measured in bench/storage.py.
    """
    from binance_collector import StorageEngine
    from binance_collector.config import Config

    (tmp_path / "own.yaml").write_text(f"storage: {{base_path: own, format: {form}, compression: {compression}}}\n")
    storage = Config.from_file(tmp_path / "own.yaml").storage
    assert (form, compression) == (storage.format, storage.compression)
    rows, chance = np.arange(100_000), np.random.default_rng(1)
    trades = pd.DataFrame(
        {
            "agg_trade_id": rows,
            "timestamp": pd.to_datetime(1_700_000_000_000 + rows * 25, unit="ms"),
            "symbol": "BTCUSDT",
            "price": np.round(60_000 + chance.normal(0, 1, len(rows)).cumsum(), 2),
            "quantity": np.round(chance.exponential(0.05, len(rows)), 5),
            "first_trade_id": rows,
            "last_trade_id": rows,
            "is_buyer_maker": chance.random(len(rows)) < 0.5,
            "is_best_match": True,
        }
    )
    engine = StorageEngine(tmp_path / storage.base_path, compression=storage.compression)
    engine.write(trades, "trades", "BTCUSDT")
    read = engine.read("trades", "BTCUSDT")
    assert all(read[name].tolist() == trades[name].tolist() for name in trades.columns if name != "timestamp")
    assert (read["timestamp"] == trades["timestamp"]).all()
    parts = (tmp_path / "own" / "trades" / "BTCUSDT.parquet").glob("*.parquet")
    assert sum(part.stat().st_size for part in parts) < megabytes * 1_000_000


# Project Layout


@pytest.mark.parametrize(
    ("module", "names"),
    [
        ("collectors.trades", "TradesCollector"),
        ("collectors.orderbook", "OrderBookCollector"),
        ("schema.models", "TradeRecord OrderBookLevel OrderBookSnapshot TRADE_SCHEMA trades_to_ohlcv"),
        ("storage.engine", "StorageEngine"),
        ("client", "BinanceCollectorClient get_local_client get_hot_client get_remote_client"),
        ("api_client", "BinanceCollectorAPIClient get_api_client"),
        ("api_server", "app"),
        ("config", "Config create_example_config"),
    ],
)
def test_project_layout(module: str, names: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib import import_module

    monkeypatch.setenv("DATA_PATH", str(tmp_path))
    found = import_module(f"binance_collector.{module}")
    assert [] == [name for name in names.split() if not hasattr(found, name)]


def _as_your_host(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes `your-host:8000` the name of the server at `url`."""
    host, port = re.fullmatch(r"http://(.*):(\d+)", url).groups()  # type: ignore[union-attr]
    asked = socket.getaddrinfo

    def found(name: Any, at: Any, *rest: Any, **named: Any) -> Any:
        return asked(host, int(port), *rest, **named) if (name, at) == ("your-host", 8000) else asked(name, at, *rest)

    monkeypatch.setattr(socket, "getaddrinfo", found)
