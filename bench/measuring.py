"""What every measurement here shares: medians, a made-up market, real recordings, facts of the machine."""

from __future__ import annotations

import csv
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pyarrow as pa
from attrs import frozen

from bc_replay.testing import ReplayServer
from bc_trades import TRADES, to_table

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data"
START = 1_700_000_000_000_000
MONTH = 30 * 86_400 * 1_000_000
SYMBOL = "BTCUSDT"


@frozen
class Figure:
    """One line of the table: ours and a baseline, measured in the same run."""

    what: str
    ours: str
    baseline: str
    ratio: float
    bound: str = ""
    met: bool | None = None


def median(work: Callable[[], object], runs: int = 5) -> float:
    """Seconds that `work` takes: the median of some runs after one that warms up."""
    work()
    taken = []
    for _ in range(runs):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def seconds(value: float) -> str:
    return f"{value:.2f} s" if value >= 1 else f"{value * 1e3:.3g} ms"


def against(
    what: str, ours: float, name: str, theirs: float, *, most: float | None = None, ratio: float | None = None
) -> Figure:
    """A line of two durations, whose ratio says how many times faster ours is.

    Wanted: at most `most` seconds, and at least that `ratio` (1: faster).
    """
    wanted = [] if most is None else [f"<= {seconds(most)}"]
    wanted += [] if ratio is None else ["faster" if ratio == 1 else f"{ratio:g} x"]
    met = (most is None or ours <= most) and (ratio is None or theirs > ours * ratio)
    return Figure(
        what, seconds(ours), f"{name}: {seconds(theirs)}", theirs / ours, ", ".join(wanted), met if wanted else None
    )


def least_cpu(work: Callable[[], object], runs: int = 5) -> float:
    """Seconds of processor time that `work` takes at least, after one run that warms up."""
    work()
    taken = []
    for _ in range(runs):
        began = time.process_time()
        work()
        taken.append(time.process_time() - began)
    return min(taken)


def market(rows: int, first: int = 0, span: int = MONTH, seed: int = 1) -> pa.Table:
    """Trades of a random walk: ticks of 0.01, log-normal quantities of 5 decimals, exponential gaps over `span` us."""
    random = np.random.default_rng(seed)
    gaps = random.exponential(1.0, rows)
    time_of = START + np.cumsum(gaps * (span / gaps.sum())).astype(np.int64) // 1000 * 1000
    last = np.cumsum(random.integers(1, 4, rows)) + 4 * first
    arrays = [
        pa.array(np.arange(first, first + rows)),
        pa.array(time_of).cast(pa.timestamp("us", tz="UTC")),
        pa.repeat(SYMBOL, rows),
        pa.array((3_500_000 + np.cumsum(random.integers(-3, 4, rows))) / 100),
        pa.array(np.maximum(np.rint(random.lognormal(-4, 1.6, rows) * 1e5), 1) / 1e5),
        pa.array(np.append(4 * first + 1, last[:-1] + 1)),
        pa.array(last),
        pa.array(random.random(rows) < 0.5),
        pa.array(np.ones(rows, np.bool_)),
    ]
    return pa.Table.from_arrays(arrays, schema=TRADES.schema)


def recordings() -> dict[str, pa.Table]:
    """Real trades by the name of their recording: those beside the project, else the sample that bc_replay brings."""
    found = {}
    for path in sorted(DATA.glob("aggtrades_csv/*.csv")):
        found[path.name] = _parsed([_record(row) for row in csv.reader(path.open())])
    for path in sorted(DATA.glob("deep_orderbook_*/*/*_trades.json")):
        found[f"{path.parent.name} {path.name}"] = _parsed(json.loads(path.read_bytes()))
    return found or {"bc_replay's sample": _sample()}


def _record(row: list[str]) -> dict[str, object]:
    number, price, quantity, first, last, at, maker, best = row
    ids = {"a": int(number), "f": int(first), "l": int(last), "T": int(at)}
    return {**ids, "p": price, "q": quantity, "m": maker.lower() == "true", "M": best.lower() == "true"}


def _parsed(records: list[dict[str, object]]) -> pa.Table:
    table = to_table([json.dumps(record).encode() for record in records], SYMBOL).table
    return table.sort_by("agg_trade_id")


def _sample() -> pa.Table:
    import bc_replay
    from bc_replay import payloads
    from bc_replay.recording import read_recording

    (tape,) = read_recording([Path(bc_replay.__file__).parent / "sample"]).tapes.values()
    return _parsed([payloads.rest_agg_trade(trade, False) for trade in tape.agg_trades])


@contextmanager
def running(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """`bcore` with these arguments, until it is no longer needed."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bcore", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)


def ahead(exchange: ReplayServer) -> float:
    """What the exchange's clock is ahead of this machine's, in us: as of the quickest answer of some."""
    found = []
    for _ in range(30):
        before = time.time()
        now = exchange.status()["now"]
        after = time.time()
        found.append((after - before, now - (before + after) / 2 * 1e6))
    return min(found)[1]


def machine() -> str:
    """Facts to read the figures by."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    names = ("pyarrow", "numpy", "pandas", "polars", "duckdb")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    load = os.getloadavg()[0]
    model = next((line for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "")
    processor = model.partition(":")[2].strip() or platform.processor() or platform.machine()
    return (
        f"{processor}, {os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()}; load at the end {load:.1f}; "
        f"Python {platform.python_version()}, {versions}; {time.strftime('%Y-%m-%d')}"
    )


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []
