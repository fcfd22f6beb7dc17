"""The original's snippet for a collector on another machine, as it stands there, against a real sshd."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

pytest.importorskip("bc_ssh", reason="needs the transport")
pytest.importorskip("binance_collector", reason="needs the original's names")

from binance_collector import StorageEngine, get_remote_client
from far_machine import BCORE, MISSING, FarMachine, far_machine

from bc_orderbook import ORDERBOOK

pytestmark = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))
PAGE = Path(__file__).parents[3] / "shared" / "original" / "README.md"
REMOTE = """\
from binance_collector import BinanceCollectorClient, StorageEngine

remote = BinanceCollectorClient(
    mode='remote',
    remote_host='your.host',
    remote_user='root',
    ssh_key_path='~/.ssh/id_rsa',
    remote_data_path='/root/crypto_data'
)
local = StorageEngine(base_path='artifacts/live')

# Dashboard: sync hot snapshot only (~200 KB, <1s)
remote.sync_hot_snapshot('orderbook', 'BTCUSDT', local)
df = local.read_hot('orderbook', 'BTCUSDT')  # instant

# Training: incremental sync (only new rows since last sync)
n_new = remote.sync_incremental('trades', 'BTCUSDT', local)
print(f"Synced {n_new:,} new trades")
"""
BEGIN = pd.Timestamp("2026-02-15")


def trades(first: int, last: int) -> pd.DataFrame:
    """Trades with the ids first..last, four in each millisecond."""
    ids = range(first, last + 1)
    rows = {
        "agg_trade_id": ids,
        "timestamp": [BEGIN + pd.Timedelta(milliseconds=number // 4) for number in ids],
        "symbol": "BTCUSDT",
        "price": [68_000 + number % 100 / 10 for number in ids],
        "quantity": 0.5,
        "first_trade_id": ids,
        "last_trade_id": ids,
        "is_buyer_maker": False,
        "is_best_match": True,
    }
    return pd.DataFrame(rows)


def books(count: int) -> pd.DataFrame:
    """Snapshots in buckets of 10, a second apart."""
    fixed = dict.fromkeys(ORDERBOOK.schema.names, 1.5) | {"symbol": "BTCUSDT", "tick_size": 10.0}
    return pd.DataFrame([fixed | {"timestamp": BEGIN + pd.Timedelta(seconds=number)} for number in range(count)])


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("crypto_data")
    engine = StorageEngine(folder)
    engine.write(trades(1, 5_000), "trades", "BTCUSDT")
    engine.write(books(300), "orderbook", "BTCUSDT")
    return folder


@pytest.fixture(scope="module")
def machine(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FarMachine]:
    """`your.host`, whose key may do one thing: answer from the archive."""
    with far_machine(tmp_path_factory.mktemp("far")) as far:
        keys = far.folder / "authorized_keys"
        keys.write_text(f'command="{BCORE} answer --data {archive}" {keys.read_text()}')
        known = (far.folder / "ssh_config").read_text()
        (far.folder / "ssh_config").write_text(known.replace("Host far", "Host your.host"))
        yield far


@pytest.fixture(autouse=True)
def _my_ssh(machine: FarMachine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's own ssh, whose configuration knows your.host."""
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "ssh").write_text(f'#!/bin/sh\nexec /usr/bin/ssh -F {machine.config} "$@"\n')
    (tools / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)


def test_the_snippet_is_that_of_the_page() -> None:
    if not PAGE.exists():
        pytest.skip("the original's page is not beside this checkout")
    assert REMOTE in PAGE.read_text()


def test_remote(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is lost that shares a millisecond, and what is held is not moved again."""
    snippet = REMOTE.replace("'root'", repr(getpass.getuser()), 1)
    found: dict[str, Any] = {}
    exec(snippet, found)
    assert "Synced 5,000 new trades\n" == capsys.readouterr().out
    assert 200 == len(found["df"])  # as many snapshots of a tick size are kept hot
    assert "datetime64[ns]" == str(found["df"]["timestamp"].dtype)
    held = found["local"].read("trades", "BTCUSDT")
    pd.testing.assert_frame_equal(held, found["remote"].get_trades("BTCUSDT"))
    assert range(1, 5_001) == range(held["agg_trade_id"].min(), held["agg_trade_id"].max() + 1)
    found["remote"].close()
    exec(snippet, found)
    assert "Synced 0 new trades\n" == capsys.readouterr().out
    found["remote"].close()


def test_only_new_trades_are_synced(archive: Path) -> None:
    local = StorageEngine("artifacts/historical")
    local.write(trades(1, 4_998), "trades", "BTCUSDT")  # ends in the middle of a millisecond
    remote = get_remote_client("your.host", getpass.getuser(), "~/.ssh/id_rsa", str(archive))
    assert 2 == remote.sync_incremental("trades", "BTCUSDT", local)
    assert remote.get_stats()["trades"]["BTCUSDT"]["rows"] == len(local.read("trades", "BTCUSDT"))
    assert {"trades": ["BTCUSDT"], "orderbook": ["BTCUSDT"]} == remote.get_available_symbols()
    remote.close()
