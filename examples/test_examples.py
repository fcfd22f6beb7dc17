"""Every example as a process of its own, against a replay exchange whose ten minutes of BTCUSDT have happened."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bc_replay.testing import ReplayServer

HERE = Path(__file__).parent
END = 1_723_161_905_809_124  # the last that was recorded, 2024-08-09 00:05:05.809: nothing new comes between two runs
Run = Callable[..., str]


@pytest.fixture(scope="module")
def exchange() -> Iterator[ReplayServer]:
    with ReplayServer(options=["--start-at", str(END)], loop=False) as server:
        yield server


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where all of them work, one after the other, as somebody would who tries them."""
    return tmp_path_factory.mktemp("examples")


@pytest.fixture
def run(folder: Path, exchange: ReplayServer) -> Run:
    def ran(name: str, *words: str) -> str:
        kept = {key: value for key, value in os.environ.items() if not key.startswith("BCORE_")}
        env = {**kept, "BINANCE_BASE_URL": exchange.url, "SYMBOLS": "BTCUSDT"}
        ended = subprocess.run(
            [sys.executable, str(HERE / name), *words], cwd=folder, env=env, capture_output=True, text=True, timeout=120
        )
        assert 0 == ended.returncode, ended.stderr
        return ended.stdout

    return ran


def test_01_basic_trades(run: Run) -> None:
    assert "BTCUSDT: 1,000 new trades" in run("01_basic_trades.py")
    assert "BTCUSDT: 0 new trades" in run("01_basic_trades.py")


def test_02_orderbook_snapshot(run: Run) -> None:
    said = run("02_orderbook_snapshot.py")
    assert "'rows': 3, 'tick_sizes': 3" in said
    assert 9 == said.count(" | ")


@pytest.fixture
def derived(run: Run, folder: Path) -> str:
    """What the third says where nothing is stored yet."""
    shutil.rmtree(folder / "data" / "trades", ignore_errors=True)
    return run("03_derive_ohlcv.py")


def test_03_derive_ohlcv(derived: str) -> None:
    assert "10 of 12 candles are proven to lack no trade" in derived


def test_04_continuous_collection(folder: Path, run: Run) -> None:
    with ReplayServer(speed=5, wait=True) as live:
        env = {**os.environ, "BINANCE_BASE_URL": live.url, "SYMBOLS": "BTCUSDT"}
        path, place = HERE / "04_continuous_collection.py", folder / "live"
        place.mkdir()
        ended = subprocess.run(
            [sys.executable, str(path), "8"], cwd=place, env=env, capture_output=True, text=True, timeout=120
        )
    assert 0 == ended.returncode, ended.stderr
    assert {"trades/BTCUSDT", "orderbook/BTCUSDT", "depth/BTCUSDT"} <= set(re.findall(r"(\w+/\w+): ", ended.stdout))


def test_train_on_a_month(run: Run, derived: str) -> None:
    said = run("train_on_a_month.py", "data", "BTCUSDT", "1s")
    told = re.findall(r"([\d,]+) (?:proven|at once|MB)", said)
    seen, largest, peak = (int(number.replace(",", "")) for number in told)
    assert 300 < seen < 651
    assert 0 < largest
    assert peak < 400


def test_the_notebook(folder: Path, exchange: ReplayServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of its cells but the first, which installs what this session has installed from the checkout."""
    import nbformat
    from nbclient import NotebookClient

    monkeypatch.setenv("BINANCE_BASE_URL", exchange.url)
    place = folder / "notebook"
    place.mkdir()
    notebook: Any = nbformat.read(HERE / "quickstart.ipynb", as_version=4)
    first, *cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert first.source.startswith("%pip install")
    notebook.cells = cells
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(place)}}).execute()
    shown = [output for cell in notebook.cells for output in cell.outputs if "data" in output]
    assert 2 <= sum("image/png" in output["data"] for output in shown)
    assert any("text/html" in output["data"] for output in shown)
