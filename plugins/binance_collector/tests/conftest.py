"""An exchange of two symbols, what the original's names collect from it, and that served over HTTP."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bc_replay.testing import ReplayServer

HERE = Path(__file__).parent
START = 1_771_113_000_000  # 2026-02-14 23:50:00 UTC in ms
TRADES = 2400  # of each symbol, one every 500 ms until 00:10; ten more at 00:30, and silence
PRICES = {"BTCUSDT": 68_000, "ETHUSDT": 2_000}
KEPT = ("BINANCE_", "STORAGE_", "BCORE_", "API_KEY", "DATA_PATH")


def _lines(symbol: str, price: int) -> Iterator[str]:
    levels = [[(f"{price - 7 * n}.00", f"{n + 1}.5"), (f"{price + 1 + 7 * n}.00", f"{n + 2}.25")] for n in range(200)]
    bids, asks = zip(*levels, strict=True)
    yield f"{START * 1000} {json.dumps({'lastUpdateId': 100, 'bids': bids, 'asks': asks})}"
    for n in range(TRADES + 10):
        at = START + (500 * (n // 2 * 2) if n < TRADES else 2_400_000)  # two trades share each millisecond, and ten one
        fills = {"f": 2 * n, "l": 2 * n + 1}
        traded = {"p": f"{price + n % 50}.50", "q": f"0.0{n % 9 + 1}", **fills, "T": at, "m": n % 3 == 0, "M": True}
        yield _told(symbol, "aggTrade", at, {"e": "aggTrade", "E": at, "s": symbol, "a": 1000 + n, **traded})
    for number, minute in enumerate((5, 15, 240)):
        at, ids = START + 60_000 * minute, {"U": 101 + number, "u": 101 + number}
        sides = {"b": [[f"{price}.00", f"{number + 1}.0"]], "a": []}
        yield _told(symbol, "depth@100ms", at, {"e": "depthUpdate", "E": at, "s": symbol, **ids, **sides})


def _told(symbol: str, stream: str, at: int, data: dict[str, Any]) -> str:
    return f"{at * 1000} {json.dumps({'stream': f'{symbol.lower()}@{stream}', 'data': data})}"


@pytest.fixture(scope="session")
def replay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReplayServer]:
    """At 00:10 of its recording, when 2400 trades of each symbol have happened; more happen if it is put to 00:30."""
    folder = tmp_path_factory.mktemp("recording")
    for symbol, price in PRICES.items():
        lines = sorted(_lines(symbol, price), key=lambda line: int(line[:16]))
        (folder / f"{symbol.lower()}.dat").write_text("\n".join(lines) + "\n")
    at = (START + 1_200_000) * 1000 - 1
    with ReplayServer(folder, options=["--start-at", str(at), "--weight-limit", "1000000"]) as server:
        yield server


@pytest.fixture(scope="session")
def exchange(replay: ReplayServer) -> str:
    return replay.url


@pytest.fixture(autouse=True)
def _a_folder_of_its_own(tmp_path: Path, exchange: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The original's programs work in the folder they are in, and ask the environment where the exchange is."""
    for name in [name for name in os.environ if name.startswith(KEPT)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("BINANCE_BASE_URL", exchange)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory, exchange: str) -> Path:
    """What the original's names have collected: a page of trades and three snapshots of each symbol."""
    from binance_collector import OrderBookCollector, StorageEngine, TradesCollector

    folder = tmp_path_factory.mktemp("archive") / "data"
    storage = StorageEngine(folder)
    trades = TradesCollector(list(PRICES), storage, exchange).update()
    assert [1000, 1000] == [each["rows"] for each in trades.values()], trades
    books = OrderBookCollector(list(PRICES), {"BTCUSDT": [10, 50, 100], "ETHUSDT": [10]}, 15, storage, exchange)
    for _ in range(3):
        told = books.update()
        assert [3, 1] == [each["rows"] for each in told.values()], told
    return folder


@pytest.fixture
def data(archive: Path, tmp_path: Path) -> Path:
    """The archive as ./data, to read."""
    (tmp_path / "data").symlink_to(archive)
    return tmp_path / "data"


@pytest.fixture(scope="session")
def serving() -> Callable[..., Any]:
    """`with serving(folder, *options) as url:` is python app.py with a configuration of the original's kind."""

    @contextmanager
    def served(folder: Path, *options: str) -> Iterator[str]:
        command = [sys.executable, str(HERE.parent / "app.py"), *options]
        process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            line = process.stdout.readline()
            assert line.startswith("listening on "), process.stderr.read()
            yield line.removeprefix("listening on ").strip()
        finally:
            process.terminate()
            assert process.wait(20) == 0
            process.stdout.close()
            process.stderr.close()

    return served


@pytest.fixture(scope="session")
def api(archive: Path, serving: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the archive's server; its key is your-key."""
    folder = tmp_path_factory.mktemp("server")
    (folder / "config").mkdir()
    settings = {"storage": {"base_path": str(archive), "compression": "snappy"}}
    settings["api"] = {"host": "127.0.0.1", "port": 0, "api_key": "your-key"}  # type: ignore[dict-item]
    (folder / "config" / "remote.yaml").write_text(json.dumps(settings))  # JSON is YAML
    with serving(folder, "--config", "config/remote.yaml") as url:
        yield url


@pytest.fixture
def run() -> Callable[..., dict[str, Any]]:
    """Runs a snippet as it stands, and gives the names it has left."""

    def executed(snippet: str, **names: Any) -> dict[str, Any]:
        found = dict(names)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # the original's programs close nothing
            exec(compile(snippet, "snippet", "exec"), found)
        return found

    return executed
