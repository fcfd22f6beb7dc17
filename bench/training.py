"""What "train on a month" takes: a month of trades made up, and the example run over a day, a week and all of it.

    python bench/training.py [--days 30 --rows 1000000] [--at DIR]

`--rows` are trades a day, of which a busy symbol has about a million. `--at` keeps the archive there, and goes on with
what is there. Baseline of the same run: the same columns of the month, read by pandas in one piece.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from bc_parquet import ParquetStore
from bc_trades.datasets import TRADES
from bcore.query import Query
from bcore.records import Batch, Series

EXAMPLE = Path(__file__).parents[1] / "examples" / "train_on_a_month.py"
BEGIN, DAY, BLOCK = 1_767_225_600_000_000, 86_400_000_000, 500_000  # 2026-01-01
WHOLE = """
import resource, sys, pandas as pd
frame = pd.read_parquet(sys.argv[1], columns=["timestamp", "price", "quantity", "is_buyer_maker"])
print(len(frame), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def day(number: int, rows: int, after: int) -> list[Batch]:
    """Trades of one day behind the trade id `after`: times in bursts, a price that walks, mostly small sizes."""
    draw = np.random.default_rng(number)
    ids = np.arange(number * rows, (number + 1) * rows)
    at = np.cumsum(draw.pareto(1.5, rows))
    fills = 1 + draw.geometric(0.6, rows)
    last = after + np.cumsum(fills)
    columns = {
        "agg_trade_id": ids,
        "timestamp": BEGIN + number * DAY + (at / at[-1] * (DAY - 1_000_000)).astype(np.int64) // 1000 * 1000,
        "symbol": pa.array(["BTCUSDT"] * rows),
        "price": np.round(60_000 + np.cumsum(draw.integers(-3, 4, rows)) * 0.01, 2),
        "quantity": np.round(draw.lognormal(-5, 2, rows) + 0.00001, 5),
        "first_trade_id": last - fills + 1,
        "last_trade_id": last,
        "is_buyer_maker": draw.integers(0, 2, rows).astype(bool),
        "is_best_match": np.ones(rows, bool),
    }
    arrays = [pa.array(columns[each.name]).cast(each.type) for each in TRADES.schema]
    whole = pa.Table.from_arrays(arrays, schema=TRADES.schema)
    return [Batch(TRADES, "BTCUSDT", whole.slice(first, BLOCK)) for first in range(0, rows, BLOCK)]


def filled(path: Path, days: int, rows: int) -> None:
    store = ParquetStore(path)
    newest = store.read(Query(TRADES, "BTCUSDT", tail=1)).to_pylist()
    after = newest[0]["last_trade_id"] if newest else 0
    for number in range(store.stats(Series(TRADES, "BTCUSDT")).rows // rows, days):
        for batch in day(number, rows, after):
            store.append(batch)
            after = batch.table.column("last_trade_id")[-1].as_py()
    store.close()


def trained(path: Path) -> None:
    begun, words = time.perf_counter(), [sys.executable, str(EXAMPLE), str(path), "BTCUSDT", "1m"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        peak, own = 0, 0
        while process.poll() is None:
            peak, own = max(peak, memory(process.pid, "VmHWM")), max(own, memory(process.pid, "RssAnon"))
            time.sleep(0.01)
        assert process.stdout is not None
        assert process.returncode == 0
        said = process.stdout.read()
    seconds = time.perf_counter() - begun
    found = re.search(r"([\d,]+) proven bars", said)
    store = ParquetStore(path)
    held = store.stats(Series(TRADES, "BTCUSDT"))
    store.close()
    told = f"{held.rows:,} trades, {found[1] if found else 'no'} bars"
    files = f"{held.bytes / 1e6:,.0f} MB of files"
    print(f"{told:36} {seconds:7.1f} s    {peak:6,} MB at most, {own:,} without mapped files    ({files})", flush=True)


def memory(pid: int, which: str) -> int:
    """MB, as the system counts them for a process; 0 where it has ended. What a process says of itself at its end may
    be the memory of the one that started it."""
    try:
        found = re.search(rf"{which}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0
    return int(found[1]) // 1024 if found else 0


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--at", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        place = asked.at or Path(temporary)
        for name, days in (lengths := {"day": 1, "week": 7, "month": asked.days}).items():
            filled(place / name, days, asked.rows)
        for name in lengths:
            trained(place / name)
        file = place / "month" / "trades" / "BTCUSDT.parquet"
        done = subprocess.run([sys.executable, "-c", WHOLE, str(file)], capture_output=True, text=True, check=True)
        rows, peak = map(int, done.stdout.split())
        print(f"{rows:,} trades as one DataFrame{'':14} {peak:6,} MB at most")


if __name__ == "__main__":
    main()
