"""`bcore run --serve`: collector and API under one command; and live push across processes."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

pytest.importorskip("bc_http", reason="needs the HTTP server")

import pyarrow as pa
from processes import Collector, command, environment
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from bc_replay.testing import ReplayServer
from bc_trades.datasets import TRADES
from bcore.app import App
from bcore.records import Batch

Wait = Callable[..., None]
PATIENCE = 60.0
SAID = "the server to be as it should"


@pytest.fixture
def exchange(two_symbols: Path) -> Iterator[ReplayServer]:
    with ReplayServer(two_symbols, wait=True) as server:
        server.clock(seek=server.status()["end"])
        yield server


@pytest.fixture
def port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        free: int = listener.getsockname()[1]
    return free


@pytest.fixture
def collector(tmp_path: Path, exchange: ReplayServer, port: int) -> Iterator[Collector]:
    (tmp_path / "bcore.toml").write_text(
        f"""
symbols = ["ETHUSDT"]
[exchanges.binance]
rest_url = "{exchange.url}"
stream_url = "{exchange.url.replace("http", "ws", 1)}"
[stores.main]
kind = "parquet"
path = "archive"
[sources.trades]
mode = "poll"
start = "2024-08-08T23:54:00"
interval = 0.2
[servers.api]
kind = "http"
port = {port}
api_key = "your-key"
"""
    )
    made = Collector(tmp_path)
    yield made
    if made.running:
        made.stop(signal.SIGKILL)


def asked(port: int, path: str) -> Any:
    """The answer; None while nobody is there."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"X-API-Key": "your-key"})
    try:
        with urllib.request.urlopen(request, timeout=20) as reply:
            return json.loads(reply.read())
    except urllib.error.HTTPError as error:
        return None if error.code == 404 else error.code
    except OSError:
        return None


def test_one_command_collects_and_serves(collector: Collector, port: int, wait_until: Wait) -> None:
    collector.start("run", "--serve")
    wait_until(lambda: (asked(port, "/stats") or {}).get("trades", {}).get("ETHUSDT", {}).get("rows") == 600, SAID)
    assert 3 == asked(port, "/trades/ETHUSDT?limit=3")["count"]
    assert f"api: listening on http://127.0.0.1:{port}" in collector.said()
    assert 0 == collector.stop()
    assert asked(port, "/health") is None


def test_the_server_does_not_outlive_a_collector_that_is_killed(
    collector: Collector, port: int, wait_until: Wait
) -> None:
    collector.start("run", "--serve=api", "--log-format", "json")
    wait_until(lambda: asked(port, "/health"), SAID)
    collector.stop(signal.SIGKILL)
    wait_until(lambda: asked(port, "/health") is None, SAID)


def test_a_server_that_dies_is_started_again(collector: Collector, port: int, wait_until: Wait) -> None:
    collector.start("run", "--serve")
    wait_until(lambda: asked(port, "/health"), SAID)
    assert collector.process is not None
    children = Path(f"/proc/{collector.process.pid}/task/{collector.process.pid}/children").read_text().split()
    for child in children:
        os.kill(int(child), signal.SIGKILL)
    wait_until(lambda: "api ended with exit code -9; it is started again" in collector.said(), SAID)
    wait_until(lambda: asked(port, "/health"), SAID)
    collector.process.send_signal(signal.SIGHUP)  # a reload, which is the server's
    assert 0 == collector.stop()


def test_a_server_that_cannot_start_is_a_sentence_before_anything_is_collected(collector: Collector, port: int) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        collector.start("run", "--serve")
        assert collector.process is not None
        assert 2 == collector.process.wait(PATIENCE)
    assert f"cannot listen on 127.0.0.1:{port}" in collector.said()


def test_once_and_serve_exclude_each_other(collector: Collector) -> None:
    collector.start("run", "--serve", "--once")
    assert collector.process is not None
    assert 2 == collector.process.wait(PATIENCE)
    assert "use one of them" in collector.said()


ROWS, STEP = 2000, 50


def trades(first: int, count: int) -> Batch:
    ids = range(first, first + count)
    columns = {
        "agg_trade_id": ids,
        "timestamp": [1_771_113_600_000_000 + each * 1000 for each in ids],
        "symbol": ["BTCUSDT"] * count,
        "price": [100.0 + each for each in ids],
        "quantity": [0.5] * count,
        "first_trade_id": ids,
        "last_trade_id": ids,
        "is_buyer_maker": [False] * count,
        "is_best_match": [True] * count,
    }
    arrays = [pa.array(columns[each.name], each.type) for each in TRADES.schema]
    return Batch(TRADES, "BTCUSDT", pa.Table.from_arrays(arrays, schema=TRADES.schema))


def followed(url: str, found: list[int], patient: int) -> None:
    """Follows until all rows are there; every `patient` messages it breaks off and comes back with its cursor."""
    cursor = "0"
    while len(found) < ROWS:
        with connect(f"{url}/live/trades/BTCUSDT?columns=agg_trade_id&after_id={cursor}", close_timeout=0.1) as socket:
            for _ in range(patient):
                try:
                    message = json.loads(socket.recv(timeout=PATIENCE))
                except ConnectionClosed:  # its worker was replaced
                    break
                found += [row["agg_trade_id"] for row in message["data"]]
                cursor = message["last"]
                if len(found) >= ROWS:
                    break


def test_every_id_comes_once_from_several_workers_that_watch_what_another_process_stores(tmp_path: Path) -> None:
    """Written with holes that are filled late, while clients break off and workers are replaced."""
    store = App.of({"stores": {"main": {"kind": "parquet", "path": str(tmp_path / "data")}}}).stores()["main"]
    store.append(trades(0, 1))
    (tmp_path / "bcore.toml").write_text('[servers.api]\nkind = "http"\nworkers = 2\n')
    server = subprocess.Popen(
        command("serve", "--data", tmp_path / "data", "--port", 0),
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    url = server.stdout.readline().strip().removeprefix("listening on ").replace("http", "ws", 1)
    found: list[list[int]] = [[] for _ in range(4)]
    clients = [Thread(target=followed, args=(url, each, 3 + 5 * index)) for index, each in enumerate(found)]
    for client in clients:
        client.start()
    for first in range(1, ROWS, 2 * STEP):
        store.append(trades(first + STEP, STEP))  # every other piece comes late
        store.append(trades(first, STEP))
        if first == 1 + 10 * STEP:
            server.send_signal(signal.SIGHUP)
    for client in clients:
        client.join(PATIENCE)
    server.terminate()
    assert 0 == server.wait(10)
    server.stdout.close()
    store.close()
    assert [list(range(1, ROWS + 1))] * 4 == [sorted(each) for each in found]
