"""Metrics of a collector that runs, and an archive whose readers take no notice of the heartbeat in it."""

from __future__ import annotations

import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import recorded
from processes import Collector

import bcore
from bc_replay.testing import ReplayServer

pytest.importorskip("bc_prometheus", reason="metrics come with bc_prometheus")

Run = Callable[..., "subprocess.CompletedProcess[str]"]
Wait = Callable[..., None]
STORED = 'bcore_rows_stored_total{dataset="trades",source="trades",symbol="ETHUSDT"} 600.0'


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


def configure(folder: Path, url: str, port: int) -> None:
    (folder / "bcore.toml").write_text(
        f"""
symbols = ["ETHUSDT"]
[exchanges.binance]
rest_url = "{url}"
stream_url = "{url.replace("http", "ws", 1)}"
[stores.main]
kind = "parquet"
path = "archive"
[sources.trades]
mode = "poll"
start = "2024-08-08T23:54:00"
interval = 0.2
[servers.metrics]
kind = "prometheus"
port = {port}
"""
    )


def scraped(port: int) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as reply:
            return str(reply.read().decode())
    except urllib.error.URLError:
        return ""


def test_a_running_collector_is_scraped_and_its_archive_read(
    exchange: ReplayServer, collector: Collector, two_symbols: Path, tmp_path: Path, port: int, wait_until: Wait
) -> None:
    configure(tmp_path, exchange.url, port)
    collector.start("run")
    wait_until(lambda: STORED in scraped(port), "all rows counted")
    told = scraped(port)
    assert 'bcore_source_state{source="trades",state="ok"} 1.0' in told
    assert 'bcore_disk_free_bytes{store="main"}' in told
    wait_until(lambda: list((tmp_path / "archive" / ".status").glob("*.json")), "a heartbeat")
    assert ["ETHUSDT"] == bcore.open(tmp_path / "archive").get_available_symbols()
    assert recorded.agg_trade_events(two_symbols / "ETHUSDT" / "trades.json") == recorded.archived(
        tmp_path / "archive", "ETHUSDT"
    )
    assert 0 == collector.stop(), collector.said()
    assert "" == scraped(port)
    assert not (tmp_path / "archive" / ".status").exists()


def test_a_taken_port_is_said_before_anything_is_collected(
    exchange: ReplayServer, bcore_run: Run, tmp_path: Path
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        configure(tmp_path, exchange.url, taken.getsockname()[1])
        ended = bcore_run("run", "--once")
    assert 2 == ended.returncode
    assert "servers.metrics: cannot listen on 127.0.0.1:" in ended.stderr
    assert not (tmp_path / "archive").exists()
