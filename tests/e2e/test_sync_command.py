"""`bcore sync` as people type it: from a server that wants a key, and two collectors' archives into one."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("bc_http", reason="needs the HTTP server")
pytest.importorskip("bc_trades", reason="needs trades")
pytest.importorskip("bc_orderbook", reason="needs order books")

from archives import BOOKS, DEALS, books, filled, rows, trades
from processes import Collector, command, environment

from bcore.records import Series

KEY = "correct horse"


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return filled(tmp_path_factory.mktemp("there") / "data", trades(0, 4999), books(0, 29))


@pytest.fixture(scope="module")
def served(there: Path) -> Iterator[str]:
    """Its address; it wants a key."""
    env = {**environment(), "BCORE_SERVERS__HTTP__API_KEY": KEY}
    words = command("serve", "http", "--data", there, "--port", 0)
    process = subprocess.Popen(words, cwd=there.parent, env=env, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    yield process.stdout.readline().strip().removeprefix("listening on ")
    process.terminate()
    process.wait(20)
    process.stdout.close()


def bcore(folder: Path, *words: object, key: str | None = None) -> subprocess.CompletedProcess[str]:
    env = environment() | ({} if key is None else {"BCORE_REMOTE_API_KEY": key})
    return subprocess.run(command(*words), cwd=folder, env=env, capture_output=True, text=True, timeout=120)


def same(there: Path, here: Path, *of: Series) -> bool:
    return all(rows(there, series).equals(rows(here, series)) for series in of)


def test_from_a_server_that_wants_a_key(there: Path, served: str, tmp_path: Path) -> None:
    refused = bcore(tmp_path, "sync", served, "--data", "mine", key="wrong horse")
    assert (2, True) == (refused.returncode, "BCORE_REMOTE_API_KEY" in refused.stderr), refused.stderr
    assert "horse" not in refused.stdout + refused.stderr
    dry = bcore(tmp_path, "sync", served, "--data", "mine", "--dry-run", key=KEY)
    assert "trades/BTCUSDT: would bring 5,000 rows in 1 run" in dry.stdout, dry.stderr
    assert not (tmp_path / "mine").exists()
    hot = bcore(tmp_path, "sync", served, "--data", "mine", "--hot", "--dataset", "trades", key=KEY)
    assert "trades/BTCUSDT: 1,024 new hot rows" in hot.stdout, hot.stderr
    done = bcore(tmp_path, "sync", served, "--data", "mine", key=KEY)
    assert (0, True) == (done.returncode, "3,976 rows came; 5,000 there, 5,000 here, 1 day" in done.stdout), done.stderr
    assert "trades/BTCUSDT: syncing: 3,976 rows" in done.stderr
    assert same(there, tmp_path / "mine", DEALS, BOOKS)


def test_two_collectors_archives_each_with_holes_become_one_that_is_proven(tmp_path: Path) -> None:
    filled(tmp_path / "one", trades(0, 1499), trades(1600, 2999), books(0, 19), books(40, 59))
    filled(tmp_path / "two", trades(500, 1999), trades(2500, 3999), books(15, 49))
    first = bcore(tmp_path, "sync", "one", "--data", "both")
    assert "2,900 rows came" in first.stdout, first.stderr
    assert 1 == bcore(tmp_path, "verify", "trades", "--data", "both").returncode  # 1500 to 1599 are missing
    second = bcore(tmp_path, "sync", "two", "--data", "both")
    assert "1,100 rows came; 3,000 there, 4,000 here" in second.stdout, second.stderr
    assert "orderbook/BTCUSDT: 40 rows came" in second.stdout
    proven = bcore(tmp_path, "verify", "trades", "--data", "both")
    assert (0, True) == (proven.returncode, "proven complete" in proven.stdout), proven.stdout
    assert list(range(4000)) == rows(tmp_path / "both", DEALS)["agg_trade_id"].to_pylist()
    assert 120 == rows(tmp_path / "both", BOOKS).num_rows
    back = bcore(tmp_path, "sync", "both", "--data", "one")  # and each takes from the whole what it lacks
    assert "trades/BTCUSDT: 1,100 rows came" in back.stdout, back.stderr
    assert same(tmp_path / "both", tmp_path / "one", DEALS, BOOKS)


def test_watching_brings_what_is_new_until_it_is_stopped(
    there: Path, served: str, tmp_path: Path, wait_until: Callable[..., None]
) -> None:
    watching = Collector(tmp_path)
    filled(tmp_path / "live", trades(0, 99))
    watching.start("sync", tmp_path / "live", "--data", "mine", "--watch", "0.2s")
    try:
        wait_until(lambda: "100 rows came" in watching.said(), "the first round")
        for first in (100, 200):
            filled(tmp_path / "live", trades(first, first + 99))
            wait_until(lambda last=first + 100: f"{last:,} here" in watching.said(), f"those from {first} on")
        assert 0 == watching.stop(signal.SIGINT)
    finally:
        if watching.running:
            watching.stop(signal.SIGKILL)
    assert same(tmp_path / "live", tmp_path / "mine", DEALS)
