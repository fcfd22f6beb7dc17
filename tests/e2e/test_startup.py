"""What a command imports: neither pandas nor what computes views that nobody asked for. How long it takes is measured
in bench/startup.py."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("bc_parquet", reason="needs an archive")
pytest.importorskip("bc_trades", reason="needs trades and candles")
pytest.importorskip("bc_orderbook", reason="needs order books")

import pyarrow as pa
from processes import environment

from bc_orderbook.datasets import ORDERBOOK
from bc_trades.datasets import TRADES
from bcore.app import App
from bcore.instants import SECOND
from bcore.records import Batch, Dataset, Deferred
from bcore.registry import Registry

HEAVY = {"polars", "duckdb", "matplotlib", "plotly", "falcon", "gunicorn", "requests", "websockets"}
if int(pa.__version__.split(".")[0]) >= 18:  # pyarrow 17 looks for pandas with each value without a type
    HEAVY.add("pandas")
VIEWS = {each.name: each.where.partition(":")[0] for each in Registry.load().of("derivations").values()}
COMMANDS = {
    "read trades BTCUSDT --limit 10": set[str](),
    "read trades BTCUSDT": set[str](),
    "read trades BTCUSDT --start 2020-01-01 --end 2099-01-01 --after-id 3 --format json": set[str](),
    "read trades BTCUSDT --hot --columns price,timestamp": set[str](),
    "read trades BTCUSDT --all --format csv": set[str](),
    "read orderbook BTCUSDT --tick-size 10 --levels 3": set[str](),
    "read ohlcv BTCUSDT --timeframe 1m --limit 3": {"bc_trades.ohlcv"},
    "read spread BTCUSDT --limit 3": {"bc_orderbook.measures"},
    "stats": set[str](),
    "status": set[str](),
    "verify": set[str](),
    "views": set(VIEWS.values()),
}


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("startup") / "data"
    app = App.of({"stores": {"main": {"kind": "parquet", "path": str(path)}}})
    for dataset in (TRADES, ORDERBOOK):
        app.stores()["main"].append(Batch(dataset, "BTCUSDT", rows(dataset)))
    app.close()
    return path


def rows(dataset: Dataset) -> pa.Table:
    """Something in every column."""
    flags = {"symbol": "BTCUSDT", "is_buyer_maker": True, "is_best_match": True, "tick_size": 10}
    return pa.Table.from_pylist(
        [
            dict.fromkeys(dataset.schema.names, each) | flags | {"timestamp": each * SECOND}
            for each in range(1_600_000_000, 1_600_000_020)
        ],
        schema=dataset.schema,
    )


def imported(folder: Path, command: str) -> set[str]:
    """The modules of a process that has run the command."""
    code = (
        "import sys\nfrom bcore.cli import main\n"
        f"try: main({command.split()!r}, prog_name='bcore')\n"
        "except SystemExit as ended: assert ended.code in (0, 1), ended.code\n"  # 1 says that no collector runs
        "finally: print(*sorted(sys.modules), file=sys.stderr)"
    )
    words, told = [sys.executable, "-c", code], {"cwd": folder, "env": environment()}
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, **told)  # type: ignore[call-overload]
    assert 0 == done.returncode, done.stdout + done.stderr
    return set(done.stderr.splitlines()[-1].split())


def test_the_views_of_all_plugins_are_deferred() -> None:
    assert all(isinstance(each, Deferred) for each in Registry.load().of("derivations").values())


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_imports_what_it_is_asked_for(archive: Path, command: str) -> None:
    modules = imported(archive.parent, command)
    assert set() == HEAVY & modules
    assert "pyarrow" in modules
    computing = set(VIEWS.values()) & modules
    assert computing == COMMANDS[command]
