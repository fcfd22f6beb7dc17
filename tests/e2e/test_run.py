"""`bcore run` and a replay exchange in two processes: faults, kills, restarts, and the same archive every time."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import recorded
from processes import Collector

from bc_replay.testing import ReplayServer

Run = Callable[..., "subprocess.CompletedProcess[str]"]
Wait = Callable[..., None]
START = "2024-08-08T23:54:00"


def configure(folder: Path, url: str, extra: str = "") -> None:
    (folder / "bcore.toml").write_text(
        f"""
symbols = ["BTCUSDT", "ETHUSDT"]
[exchanges.binance]
rest_url = "{url}"
stream_url = "{url.replace("http", "ws", 1)}"
timeout = 1.0
[stores.main]
kind = "parquet"
path = "archive"
[sources.trades]
start = "{START}"
interval = 0.2
[sources.orderbook]
interval = 0.5
tick_sizes = {{ BTCUSDT = [10, 50], ETHUSDT = [1] }}
{extra}
"""
    )


def is_complete(folder: Path, recording: Path) -> bool:
    try:
        btc, eth = (recorded.archived(folder / "archive", symbol) for symbol in ("BTCUSDT", "ETHUSDT"))
    except FileNotFoundError:
        return False
    expected = recorded.aggregates([recording / "btcusdt.gz"])
    return len(btc) >= len(expected) and len(eth) >= 600


def assert_exact(folder: Path, recording: Path) -> None:
    btc = recorded.archived(folder / "archive", "BTCUSDT")
    assert recorded.aggregates([recording / "btcusdt.gz"]) == [row[1:] for row in btc]
    assert list(range(btc[0][0], btc[0][0] + len(btc))) == [row[0] for row in btc]
    eth = recorded.archived(folder / "archive", "ETHUSDT")
    assert recorded.agg_trade_events(recording / "ETHUSDT" / "trades.json") == eth


@pytest.fixture
def exchange(two_symbols: Path) -> Iterator[ReplayServer]:
    with ReplayServer(two_symbols, speed=8, wait=True) as server:
        yield server


def test_faults_leave_no_trace_in_the_archive(
    exchange: ReplayServer, collector: Collector, two_symbols: Path, tmp_path: Path, wait_until: Wait
) -> None:
    configure(tmp_path, exchange.url)
    collector.start("run", "--config", "bcore.toml")
    for kind, arg in (("disconnect", None), ("500", None), ("truncate", None), ("429", 1), ("hang", 3)):
        exchange.fault(kind, arg)
        if kind != "disconnect":  # which cuts streams, and this collector polls
            wait_until(lambda kind=kind: fault_of(exchange, kind)["hits"], f"{kind} met")
    wait_until(lambda: is_complete(tmp_path, two_symbols), "everything collected")
    assert 0 == collector.stop(signal.SIGINT), collector.said()
    assert_exact(tmp_path, two_symbols)
    assert "Traceback" not in collector.said()


def fault_of(exchange: ReplayServer, kind: str) -> dict[str, object]:
    return next(fault for fault in exchange.faults() if fault["kind"] == kind)


def test_a_killed_collector_goes_on_where_it_was(
    exchange: ReplayServer, collector: Collector, two_symbols: Path, tmp_path: Path, wait_until: Wait
) -> None:
    configure(tmp_path, exchange.url)
    rows = 0
    for _ in range(3):
        collector.start("run", "--config", "bcore.toml")
        wait_until(lambda before=rows: held_rows(tmp_path) > before, "more trades collected")
        assert -signal.SIGKILL == collector.stop(signal.SIGKILL)
        rows = held_rows(tmp_path)
    collector.start("run", "--config", "bcore.toml")
    # Everything may have been collected before: it must be there to be told to stop.
    wait_until(lambda: collector.said().count("Ctrl-C stops") == 4, "a fourth start")
    wait_until(lambda: is_complete(tmp_path, two_symbols), "everything collected")
    assert 0 == collector.stop(signal.SIGTERM), collector.said()
    assert_exact(tmp_path, two_symbols)


def held_rows(folder: Path) -> int:
    try:
        return len(recorded.archived(folder / "archive", "BTCUSDT"))
    except FileNotFoundError:
        return 0


def test_order_books_are_collected_for_each_tick_size(
    exchange: ReplayServer, collector: Collector, tmp_path: Path, wait_until: Wait, bcore_run: Run
) -> None:
    import bcore

    configure(tmp_path, exchange.url)
    collector.start("run")
    client = bcore.open(tmp_path / "archive")
    wait_until(lambda: client.get_available_symbols("orderbook") == ["BTCUSDT", "ETHUSDT"], "both symbols")
    collector.stop()
    books = client.get_orderbook("BTCUSDT", as_="arrow")
    assert 129 == len(books.column_names)
    assert {10.0, 50.0} == set(books.column("tick_size").to_pylist())
    assert {10.0} == set(client.get_orderbook("BTCUSDT", tick_size=10)["tick_size"])
    assert all(
        bid < ask for bid, ask in zip(*(books.column(f"best_{s}").to_pylist() for s in ("bid", "ask")), strict=True)
    )


def test_once_makes_one_pass_and_exits_0(exchange: ReplayServer, bcore_run: Run, tmp_path: Path) -> None:
    configure(tmp_path, exchange.url)
    exchange.clock(seek=exchange.status()["end"])
    ended = bcore_run("run", "--once")
    assert (0, "") == (ended.returncode, "" if ended.returncode == 0 else ended.stderr)
    assert 600 == len(recorded.archived(tmp_path / "archive", "ETHUSDT"))


def test_an_unknown_symbol_is_named_and_the_others_are_collected(
    exchange: ReplayServer, bcore_run: Run, tmp_path: Path
) -> None:
    configure(tmp_path, exchange.url)
    text = (tmp_path / "bcore.toml").read_text().replace('["BTCUSDT", "ETHUSDT"]', '["BTCUSTD", "ETHUSDT"]', 1)
    (tmp_path / "bcore.toml").write_text(text)
    exchange.clock(seek=exchange.status()["end"])
    ended = bcore_run("run", "--once")
    assert 1 == ended.returncode
    assert "BTCUSTD" in ended.stderr
    assert "BTCUSDT" in ended.stderr  # the near match
    assert "Traceback" not in ended.stderr
    assert 600 == len(recorded.archived(tmp_path / "archive", "ETHUSDT"))


def test_without_an_exchange_run_says_so_in_one_sentence_and_stops_on_ctrl_c(
    collector: Collector, tmp_path: Path, wait_until: Wait, free_port: int
) -> None:
    configure(tmp_path, f"http://127.0.0.1:{free_port}")
    collector.start("run")
    wait_until(lambda: "bcore demo" in collector.said(), "the hint at the demo")
    sentence = f"bcore: trades: no connection to 127.0.0.1:{free_port}"
    wait_until(lambda: sentence in collector.said(), "the trouble of trades in one sentence")
    assert collector.running, "it keeps trying"
    assert 0 == collector.stop(signal.SIGINT)
    assert "Traceback" not in collector.said()


def test_without_an_exchange_once_exits_1(bcore_run: Run, tmp_path: Path, free_port: int) -> None:
    configure(tmp_path, f"http://127.0.0.1:{free_port}")
    ended = bcore_run("run", "--once")
    assert 1 == ended.returncode
    assert "bcore demo" in ended.stderr


@pytest.fixture
def free_port() -> int:
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port


def test_a_hanging_exchange_does_not_keep_the_collector_from_stopping(
    exchange: ReplayServer, collector: Collector, tmp_path: Path, wait_until: Wait
) -> None:
    configure(tmp_path, exchange.url)
    text = (tmp_path / "bcore.toml").read_text().replace("timeout = 1.0", "timeout = 60.0")
    (tmp_path / "bcore.toml").write_text(text)
    exchange.fault("hang", 60)
    exchange.fault("hang", 60)
    collector.start("run")
    wait_until(lambda: fault_of(exchange, "hang")["hits"], "a hanging request")
    assert collector.process is not None
    collector.process.send_signal(signal.SIGTERM)
    assert 0 == collector.process.wait(5)
