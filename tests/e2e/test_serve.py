"""`bcore serve` on a real archive: what the original's page promises, row by row, and its client."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("bc_http", reason="needs the HTTP server")
pytest.importorskip("bc_trades", reason="needs trades and candles")
pytest.importorskip("bc_orderbook", reason="needs order books")

import pyarrow as pa
from attrs import define
from processes import command, environment

import bcore
from bc_http.client import BinanceCollectorAPIClient
from bc_orderbook.datasets import ORDERBOOK
from bc_trades.datasets import TRADES
from bcore.app import App
from bcore.errors import ConfigError, NotFoundError
from bcore.records import Batch, Dataset

SECOND = 1_000_000
BEGIN = 1_771_113_600 * SECOND  # 2026-02-15
HOURS = 30
README = Path(__file__).parents[2] / "plugins" / "bc_http" / "README.md"
KEY = {"X-API-Key": "your-key"}


def trades(symbol: str) -> pa.Table:
    """A trade a minute for 30 hours, the Nth at N minutes and of price 100 + N."""
    count = HOURS * 60
    ids = range(count)
    columns = {
        "agg_trade_id": ids,
        "timestamp": [BEGIN + 60 * SECOND * each for each in ids],
        "symbol": [symbol] * count,
        "price": [100.0 + each for each in ids],
        "quantity": [0.5] * count,
        "first_trade_id": ids,
        "last_trade_id": ids,
        "is_buyer_maker": [False] * count,
        "is_best_match": [True] * count,
    }
    arrays = [pa.array(columns[each.name], each.type) for each in TRADES.schema]
    return pa.Table.from_arrays(arrays, schema=TRADES.schema)


def books(symbol: str) -> pa.Table:
    """200 snapshots at two tick sizes, a second apart; the second level is empty."""
    rows = []
    for number in range(200):
        for tick in (10.0, 50.0):
            row: dict[str, Any] = dict.fromkeys(ORDERBOOK.schema.names, 1.0)
            at = BEGIN + number * SECOND
            rows.append(row | {"timestamp": at, "symbol": symbol, "tick_size": tick, "bid_price_2": float("nan")})
    return pa.Table.from_pylist(rows, schema=ORDERBOOK.schema)


@define
class Served:
    process: subprocess.Popen[str]
    url: str

    def get(self, path: str, headers: dict[str, str] | None = None) -> Any:
        request = urllib.request.Request(self.url + path, headers={**KEY, **(headers or {})})
        with urllib.request.urlopen(request, timeout=60) as reply:
            return json.loads(reply.read())


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("served") / "data"
    app = App.of({"stores": {"main": {"kind": "parquet", "path": str(path)}}})
    made: list[tuple[Dataset, str, pa.Table]] = [
        (TRADES, "BTCUSDT", trades("BTCUSDT")),
        (TRADES, "ETHUSDT", trades("ETHUSDT")),
        (ORDERBOOK, "BTCUSDT", books("BTCUSDT")),
    ]
    for dataset, symbol, table in made:
        app.stores()["main"].append(Batch(dataset, symbol, table))
    app.close()
    return path


@pytest.fixture(scope="module")
def served(archive: Path) -> Iterator[Served]:
    (archive.parent / "bcore.toml").write_text('[servers.api]\nkind = "http"\napi_key = { env = "KEY_OF_TEST" }\n')
    process = subprocess.Popen(
        command("serve", "--data", archive, "--port", 0),
        cwd=archive.parent,
        env=environment() | {"KEY_OF_TEST": "your-key"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    yield Served(process, process.stdout.readline().strip().removeprefix("listening on "))
    process.terminate()
    assert 0 == process.wait(60)
    process.stdout.close()


def test_recent_trades(served: Served) -> None:
    told = served.get("/trades/BTCUSDT")
    assert ("BTCUSDT", 1000, HOURS * 60 - 1) == (told["symbol"], told["count"], told["data"][-1]["agg_trade_id"])


def test_trades_from_a_time_with_a_limit(served: Served) -> None:
    told = served.get("/trades/BTCUSDT?limit=1000&start_time=2026-02-15T00:00:00")
    assert [1000, "2026-02-15T00:00:00.000000Z", 100.0] == [
        told["count"],
        told["data"][0]["timestamp"],
        told["data"][0]["price"],
    ]


def test_order_books_of_a_tick_size(served: Served) -> None:
    told = served.get("/orderbook/BTCUSDT?tick_size=10&limit=100")
    assert (100, 10, {10.0}) == (told["count"], told["tick_size"], {row["tick_size"] for row in told["data"]})
    assert (129, None) == (len(told["data"][0]), told["data"][0]["bid_price_2"])


def test_candles_of_a_timeframe(served: Served) -> None:
    told = served.get("/ohlcv/BTCUSDT?timeframe=1h&limit=24")
    assert ("1h", 24, "2026-02-15T06:00:00.000000Z") == (told["timeframe"], told["count"], told["data"][0]["timestamp"])
    first = told["data"][0]
    assert (460, 519, 460, 519, 30) == tuple(first[name] for name in ("open", "high", "low", "close", "volume"))


def test_stats_have_row_counts_sizes_and_times(served: Served) -> None:
    told = served.get("/stats")
    assert (1800, "2026-02-15T00:00:00.000000Z") == (
        told["trades"]["BTCUSDT"]["rows"],
        told["trades"]["BTCUSDT"]["start"],
    )
    assert told["orderbook"]["BTCUSDT"]["size_mb"] > 0


def test_available_symbols(served: Served) -> None:
    assert {"orderbook": ["BTCUSDT"], "trades": ["BTCUSDT", "ETHUSDT"]} == served.get("/symbols")


def test_health_without_a_key(served: Served) -> None:
    with urllib.request.urlopen(served.url + "/health", timeout=60) as reply:
        assert "healthy" == json.loads(reply.read())["status"]


def test_a_key_is_wanted_where_one_is_set(served: Served) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(served.url + "/trades/BTCUSDT", timeout=60)
    assert 401 == caught.value.code
    caught.value.close()


def test_every_view_is_described_and_valid(served: Served) -> None:
    validator = pytest.importorskip("openapi_spec_validator")
    document = served.get("/openapi.json")
    validator.validate(document)
    assert {"/trades/{symbol}", "/ohlcv/{symbol}", "/vwap/{symbol}", "/hot/orderbook/{symbol}"} <= set(
        document["paths"]
    )


def test_the_originals_client_reads_what_its_page_shows(served: Served) -> None:
    client = BinanceCollectorAPIClient(base_url=served.url, api_key="your-key")
    assert [1797, 1798, 1799] == client.get_trades("BTCUSDT", limit=3)["agg_trade_id"].to_list()
    assert [0, 1] == client.get_trades("BTCUSDT", limit=2, tail=False)["agg_trade_id"].to_list()
    assert [58, 59] == client.get_trades("BTCUSDT", limit=2, end_time="2026-02-15T01:00:00")["agg_trade_id"].to_list()
    assert {10.0} == set(client.get_orderbook("BTCUSDT", tick_size=10)["tick_size"])
    assert 30 == len(client.get_ohlcv("BTCUSDT", timeframe="1h"))
    assert 1800 == client.get_stats()["trades"]["ETHUSDT"]["rows"]
    client.close()


def test_an_address_opens_as_a_folder_does(served: Served, archive: Path) -> None:
    with bcore.open(served.url, api_key="your-key") as far, bcore.open(archive) as here:
        assert here.read("trades", "BTCUSDT").equals(far.read("trades", "BTCUSDT"))
        one, other = (each.get_ohlcv("ETHUSDT", timeframe="4h", limit=5) for each in (here, far))
        assert one.equals(other)
        assert here.get_available_symbols() == far.get_available_symbols()
        assert here.get_stats().equals(far.get_stats())
        assert here.reader.stats() == far.reader.stats()
        with pytest.raises(NotFoundError, match="did you mean BTCUSDT"):
            far.get_trades("BTCUSD")


def test_an_address_without_its_key_says_what_to_do(served: Served) -> None:
    with bcore.open(served.url) as far, pytest.raises(ConfigError, match="api_key="):
        far.get_trades("BTCUSDT")


def test_a_folder_takes_no_key(archive: Path) -> None:
    with pytest.raises(ConfigError, match="api_key: only addresses take options"):
        bcore.open(archive, api_key="k")


CURLS = [line for line in README.read_text().splitlines() if line.startswith("curl ")]
ENDLESS = [line for line in CURLS if "/live/" in line]


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
@pytest.mark.parametrize("line", [line for line in CURLS if line not in ENDLESS])
def test_the_curl_lines_of_the_readme_work(served: Served, tmp_path: Path, line: str) -> None:
    words = shlex.split(line.replace("http://127.0.0.1:8000", served.url))
    done = subprocess.run(
        [*words, "-H", "X-API-Key: your-key", "-w", "%{http_code}"], cwd=tmp_path, capture_output=True
    )
    assert 0 == done.returncode
    assert done.stdout.endswith(b"503" if "/ready" in line else b"200"), done.stdout[-200:]


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
@pytest.mark.parametrize("line", ENDLESS)
def test_the_curl_lines_that_never_end_begin(served: Served, line: str) -> None:
    words = shlex.split(line.replace("http://127.0.0.1:8000", served.url))
    with subprocess.Popen([*words, "-H", "X-API-Key: your-key"], stdout=subprocess.PIPE) as following:
        assert following.stdout is not None
        assert b"event: rows\n" == following.stdout.readline()
        following.terminate()


def test_strangers_are_let_in_only_on_purpose(archive: Path) -> None:
    refused = subprocess.run(
        command("serve", "http", "--data", archive, "--host", "0.0.0.0"),
        cwd=archive,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert 2 == refused.returncode
    assert "servers.http.host: 0.0.0.0 can be reached from other machines" in refused.stderr


def test_a_folder_that_is_not_there_is_served_and_said(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    words = command("serve", "--data", "date", "--port", 0)
    pipe = subprocess.PIPE
    with subprocess.Popen(words, cwd=tmp_path, env=environment(), stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        said, listening = process.stderr.readline(), process.stdout.readline()
        process.terminate()
    assert "there is no archive 'date' (did you mean data?) yet; it is served from when a collector makes it\n" == said
    assert listening.startswith("listening on http://127.0.0.1:")
