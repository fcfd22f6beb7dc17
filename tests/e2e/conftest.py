"""A collector and a replay exchange, each in a process of its own, talking over loopback."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("bc_replay", reason="end-to-end tests need the replay exchange")
pytest.importorskip("bc_parquet", reason="end-to-end tests need the parquet store")

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "helpers"))

from processes import Collector, command, environment  # noqa: E402 - found by the line above

SHARED = HERE.parents[1].parent / "shared" / "data"


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Collector]:
    made = Collector(tmp_path)
    yield made
    if made.process and made.process.poll() is None:
        made.process.kill()
        made.process.wait()


@pytest.fixture
def bcore_run(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    def run(*args: object, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command(*args), cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=timeout
        )

    return run


@pytest.fixture
def wait_until() -> Callable[..., None]:
    def wait(holds: Callable[[], object], what: str, seconds: float = 60.0) -> None:
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
            time.sleep(0.05)

    return wait


@pytest.fixture(scope="session")
def two_symbols(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A minute of two symbols: the bundled BTCUSDT sample's, and ETHUSDT aggregates made to go with it."""
    from bc_replay import sample

    folder = tmp_path_factory.mktemp("recording")
    _first_minute(Path(str(next(iter(sample.paths())))), folder / "btcusdt.gz")
    eth = folder / "ETHUSDT"
    eth.mkdir()
    (eth / "trades.json").write_text(json.dumps(_eth_trades()))
    (eth / "book_snapshot.json").write_text(json.dumps(_eth_book()))
    (eth / "book_update.json").write_text(json.dumps(_eth_updates()))
    return folder


BEGIN = 1723161255300  # ms: where the bundled sample begins


def _first_minute(source: Path, to: Path) -> None:
    first: int | None = None
    with gzip.open(source, "rt") as lines, gzip.open(to, "wt") as out:
        for line in lines:
            at = int(line[:19])
            first = at if first is None else first
            if at - first > 60 * 10**9:
                return
            if '@bookTicker"' not in line[:60]:
                out.write(line)


def _eth_trades() -> list[dict[str, Any]]:
    """Ten aggregates a second, some of several fills, one voided, several in one millisecond."""
    events, fill = [], 900
    for number in range(600):
        time_ = BEGIN + number // 3 * 300
        voided = number == 100
        last = fill + number % 3
        first_last = {"f": -1, "l": -1} if voided else {"f": fill, "l": last}
        price = "0" if voided else f"{2600 + number % 17 / 100:.8f}"
        quantity = "0" if voided else f"{(number % 7 + 1) / 1000:.8f}"
        events.append(
            {
                "e": "aggTrade",
                "E": time_ + 1,
                "s": "ETHUSDT",
                "a": 5000 + number,
                "p": price,
                "q": quantity,
                **first_last,
            }
            | {"T": time_, "m": number % 2 == 0, "M": True}
        )
        fill = fill if voided else last + 1
    return events


def _eth_book() -> dict[str, Any]:
    bids = [[f"{2600 - level / 100:.8f}", f"{level + 1:.8f}"] for level in range(50)]
    asks = [[f"{2600.01 + level / 100:.8f}", f"{level + 1:.8f}"] for level in range(50)]
    return {"lastUpdateId": 100, "bids": bids, "asks": asks}


def _eth_updates() -> list[dict[str, Any]]:
    def update(number: int) -> dict[str, Any]:
        ids = {"U": 101 + number, "u": 101 + number}
        bids = [[f"{2600 - number % 50 / 100:.8f}", f"{number % 5 + 1:.8f}"]]
        return {"e": "depthUpdate", "E": BEGIN + number * 1000, "s": "ETHUSDT", **ids, "b": bids, "a": []}

    return [update(number) for number in range(60)]


@pytest.fixture(scope="session")
def shared() -> Path:
    """The developers' further recordings; users do not have them."""
    if not SHARED.is_dir():
        pytest.skip("the developers' recordings are not beside this checkout")
    return SHARED


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """The sum of what the cases of the fault matrix counted, in whatever process they ran."""
    reports = [report for name in ("passed", "failed") for report in terminalreporter.stats.get(name, [])]
    counts = [value for report in reports for name, value in report.user_properties if name == "fault_counts"]
    if counts:
        sent, lost, doubled, different = map(sum, zip(*counts, strict=True))
        line = f"fault matrix: {len(counts)} cases, {sent:,} trades sent, {lost} lost, {doubled} doubled"
        terminalreporter.write_line(f"{line}, {different} different")
