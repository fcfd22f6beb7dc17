"""A busy live stream: aborts that the exchange is slow to forgive, and connections that are replaced meanwhile."""

from __future__ import annotations

import json
import signal
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import recorded
from processes import Collector

from bc_replay.testing import ReplayServer

Wait = Callable[..., None]
SYMBOL = "SYN0000USDT"
PAGE = 1000


def configure(folder: Path, exchange: ReplayServer, **binance: float) -> None:
    lines = "\n".join(f"{name} = {value}" for name, value in binance.items())
    (folder / "bcore.toml").write_text(
        f"""
symbols = ["{SYMBOL}"]
[exchanges.binance]
rest_url = "{exchange.url}"
stream_url = "{exchange.ws_url}"
{lines}
[stores.main]
kind = "parquet"
path = "archive"
[sources.trades]
start = "2026-01-01"
flush = 0.2
"""
    )


def served(exchange: ReplayServer, count: int) -> list[recorded.Row]:
    """What the exchange itself tells of its trades over REST, in the archive's words."""
    rows: list[recorded.Row] = []
    while len(rows) < count:
        address = f"{exchange.url}/api/v3/aggTrades?symbol={SYMBOL}&fromId={len(rows) + 1}&limit={PAGE}"
        request = urllib.request.Request(address, headers={"X-MBX-TIME-UNIT": "MICROSECOND"})
        with urllib.request.urlopen(request) as reply:
            page: list[dict[str, Any]] = json.loads(reply.read())
        rows += [(t["a"], t["T"], float(t["p"]), float(t["q"]), t["f"], t["l"], t["m"]) for t in page]
    return rows[:count]


def held(folder: Path) -> int:
    try:
        return len(pq.read_table(folder / "archive" / "trades" / f"{SYMBOL}.parquet", columns=["agg_trade_id"]))
    except FileNotFoundError:
        return 0


def ledger(folder: Path) -> list[dict[str, Any]]:
    path = folder / "archive" / "trades_gaps" / f"{SYMBOL}.parquet"
    found: list[dict[str, Any]] = pq.read_table(path).to_pylist() if path.exists() else []
    return found


def requests(exchange: ReplayServer) -> int:
    counts = exchange.status()["requests"]
    return sum(count for path, count in counts.items() if "aggTrades" in path)


@pytest.fixture
def exchange() -> Iterator[ReplayServer]:
    with ReplayServer("synthetic:1x1000x9", wait=True) as server:
        yield server


def test_three_aborts_at_a_thousand_trades_a_second_lose_nothing(
    exchange: ReplayServer, collector: Collector, tmp_path: Path, wait_until: Wait
) -> None:
    configure(tmp_path, exchange)
    collector.start("run")
    for abort in range(3):
        wait_until(lambda least=500 + abort * 2000: held(tmp_path) >= least, "a live stream")
        exchange.fault("refuse", 0.5)
        exchange.fault("reset")
    wait_until(lambda: held(tmp_path) >= 9000, "every trade")
    assert 0 == collector.stop(signal.SIGTERM), collector.said()
    assert served(exchange, 9000) == recorded.archived(tmp_path / "archive", SYMBOL)
    assert 3 == sum(fault["kind"] == "reset" and fault["hits"] > 0 for fault in exchange.faults())


def test_five_rotations_under_load_cost_no_gap_and_no_request(
    exchange: ReplayServer, collector: Collector, tmp_path: Path, wait_until: Wait
) -> None:
    configure(tmp_path, exchange, stream_lifetime=1.0, stream_overlap=0.3)
    collector.start("run")
    wait_until(lambda: exchange.status()["sent"], "a live stream")
    wait_until(lambda: held(tmp_path) >= 1000, "a stream that has been joined")
    asked, accepted = requests(exchange), exchange.status()["accepted"]
    wait_until(lambda: exchange.status()["accepted"] >= accepted + 5, "five successors")
    wait_until(lambda: held(tmp_path) >= 9000, "every trade")
    assert asked == requests(exchange)
    assert [] == ledger(tmp_path)
    assert 0 == collector.stop(signal.SIGTERM), collector.said()
    assert served(exchange, 9000) == recorded.archived(tmp_path / "archive", SYMBOL)
