"""A disk that fills up under a running collector: it says so, goes on when there is room, and nothing is missing."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import recorded
from processes import Collector

from bc_replay.testing import ReplayServer

Run = Callable[..., "subprocess.CompletedProcess[str]"]
Wait = Callable[..., None]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a few MiB, where mounting one is allowed."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk needs root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def exchange(two_symbols: Path) -> Iterator[ReplayServer]:
    with ReplayServer(two_symbols, speed=0.5, wait=True) as server:  # trades still come when the disk is full
        yield server


def configure(folder: Path, url: str) -> None:
    (folder / "bcore.toml").write_text(
        f"""
symbols = ["BTCUSDT", "ETHUSDT"]
[exchanges.binance]
rest_url = "{url}"
stream_url = "{url.replace("http", "ws", 1)}"
[stores.main]
kind = "parquet"
path = "disk/archive"
[sources.trades]
mode = "poll"
start = "2024-08-08T23:54:00"
interval = 0.2
"""
    )


def fill(path: Path) -> None:
    """Takes every byte that the disk has, block by block and then one by one."""
    with path.open("wb", buffering=0) as file:
        for size in (65536, 4096, 1):
            try:
                while file.write(bytes(size)) == size:
                    pass
            except OSError:
                continue


def status(bcore_run: Run) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(bcore_run("status", "--format", "json").stdout)
    return report


def held(folder: Path, symbol: str) -> list[recorded.Row]:
    try:
        return recorded.archived(folder / "disk" / "archive", symbol)
    except FileNotFoundError:
        return []


def test_a_full_disk_is_said_waited_for_and_made_good(
    exchange: ReplayServer,
    collector: Collector,
    small_disk: Path,
    two_symbols: Path,
    tmp_path: Path,
    wait_until: Wait,
    bcore_run: Run,
) -> None:
    configure(tmp_path, exchange.url)
    collector.start("run")
    wait_until(lambda: held(tmp_path, "BTCUSDT"), "the first trades")
    fill(small_disk / "ballast")
    wait_until(lambda: "trades: the disk is full" in collector.said(), "a plain sentence")
    before = len(held(tmp_path, "BTCUSDT"))
    wait_until(lambda: "the disk is full" in str(status(bcore_run)["problems"]), "the same in the status")
    seen = status(bcore_run)
    assert ["running"] == [each["state"] for each in seen["collectors"]]
    assert seen["collectors"][0]["status"]["disks"][0]["low"]
    assert collector.process is not None
    assert collector.process.poll() is None, collector.said()
    assert before == len(held(tmp_path, "BTCUSDT")), "what was stored stays readable, and nothing half-stored shows"
    (small_disk / "ballast").unlink()
    exchange.clock(seek=exchange.status()["end"])
    expected = recorded.aggregates([two_symbols / "btcusdt.gz"])
    wait_until(lambda: len(held(tmp_path, "BTCUSDT")) >= len(expected), "everything after all")
    wait_until(lambda: len(held(tmp_path, "ETHUSDT")) >= 600, "everything of the other symbol")
    assert 0 == collector.stop(), collector.said()
    assert expected == [row[1:] for row in held(tmp_path, "BTCUSDT")]
    assert recorded.agg_trade_events(two_symbols / "ETHUSDT" / "trades.json") == held(tmp_path, "ETHUSDT")
    assert "trades: works again" in collector.said()
    assert "fills up" in collector.said()
    assert "Traceback" not in collector.said()
