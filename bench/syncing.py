"""What a sync over ssh moves and takes, and what the first answer of the command line costs.

    python bench/syncing.py [--rows 10000000]

Needs Debian's openssh-server: an sshd on loopback with keys of its own, as in tests/e2e/test_ssh.py. Baselines of the
same run: `ssh far true` (a connection), `python -c pass` (an interpreter), the bytes of the whole archive.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "e2e" / "helpers"))

import numpy as np
import pyarrow as pa
from archives import BEGIN, books, store_at
from far_machine import FarMachine, far_machine

import bcore
from bc_trades.datasets import TRADES
from bcore.records import Batch, Series

BLOCK = 500_000


def block(first: int, rows: int) -> Batch:
    """Trades with the ids from `first` on, three in each millisecond."""
    ids = np.arange(first, first + rows)
    draw = np.random.default_rng(first)
    price = np.round(60_000 + np.cumsum(draw.integers(-3, 4, rows)) * 0.01, 2)
    columns = {
        "agg_trade_id": ids,
        "timestamp": BEGIN + ids // 3 * 1000,
        "symbol": pa.array(["BTCUSDT"] * rows),
        "price": price,
        "quantity": draw.integers(1, 200_000, rows) / 1e5,
        "first_trade_id": ids,
        "last_trade_id": ids,
        "is_buyer_maker": draw.integers(0, 2, rows).astype(bool),
        "is_best_match": np.ones(rows, bool),
    }
    arrays = [pa.array(columns[each.name]).cast(each.type) for each in TRADES.schema]
    return Batch(TRADES, "BTCUSDT", pa.Table.from_arrays(arrays, schema=TRADES.schema))


def fill(path: Path, rows: int) -> int:
    store = store_at(path)
    for first in range(0, rows, BLOCK):
        store.append(block(first, min(BLOCK, rows - first)))
    store.append(books(0, 199))
    store.close()
    return sum(file.stat().st_size for file in path.rglob("*.parquet") if file.is_file() and not file.is_symlink())


def timed(*words: str) -> float:
    """Seconds of wall time, the median of five."""
    found = []
    for _ in range(5):
        begun = time.perf_counter()
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        found.append(time.perf_counter() - begun)
    return statistics.median(found)


def processor(code: str) -> float:
    """Seconds of processor time of a Python program, the median of seven."""
    program = f"import resource\n{code}\nu = resource.getrusage(0)\nprint(u.ru_utime + u.ru_stime)"
    told = (
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True) for _ in range(7)
    )
    return statistics.median(float(each.stdout) for each in told)


def sync(far: FarMachine, there: Path, here: Path, rows: int, size: int) -> None:
    base = timed("ssh", "-F", far.config, "far", "true")
    begun = time.perf_counter()
    client = bcore.open(f"ssh://far{there}", **far.options())
    client.views()
    print(
        f"connect, with the bcore over there     {time.perf_counter() - begun:8.2f} s    (ssh far true: {base:.2f} s)"
    )
    reader = client.reader
    begun = time.perf_counter()
    client.sync_incremental("trades", "BTCUSDT", here)
    seconds, whole = time.perf_counter() - begun, reader.received  # type: ignore[attr-defined]
    print(f"all {rows:,} rows                     {seconds:8.2f} s    {whole:,} bytes (archive: {size:,})")
    store = store_at(there)
    store.append(block(rows, 1000))
    store.close()
    for what in ("1,000 new trades", "nothing new"):
        before, begun = reader.received, time.perf_counter()  # type: ignore[attr-defined]
        new = client.sync_incremental("trades", "BTCUSDT", here)
        seconds, moved = time.perf_counter() - begun, reader.received - before  # type: ignore[attr-defined]
        print(f"{what:38} {seconds:8.2f} s    {moved:,} bytes, {new:,} rows, {moved / size:.4%} of the archive")
    before, begun = reader.received, time.perf_counter()  # type: ignore[attr-defined]
    new = client.sync_hot_snapshot("orderbook", "BTCUSDT", here)
    seconds, moved = time.perf_counter() - begun, reader.received - before  # type: ignore[attr-defined]
    print(f"hot order books ({new} x 129)            {seconds:8.2f} s    {moved:,} bytes")
    client.close()


def recorded(far: FarMachine, folder: Path) -> None:
    """The whole hot window of a recorded book at the default tick sizes, beside an Arrow stream with zstd."""
    program = str(Path(sys.executable).with_name("bcore"))
    words = (program, "demo", "--for", "6", "--speed", "60", "--data", str(folder / "demo"))
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder)
    with bcore.open(folder / "demo", hot=True) as here:
        table, plain = here.read("orderbook", "BTCUSDT"), pa.BufferOutputStream()
    with pa.ipc.new_stream(plain, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as stream:
        stream.write_table(table.combine_chunks())
    with bcore.open(f"ssh://far{folder / 'demo'}", **far.options()) as client:
        client.views()
        reader = client.reader
        before, begun = reader.received, time.perf_counter()  # type: ignore[attr-defined]
        new = client.sync_hot_snapshot("orderbook", "BTCUSDT", folder / "hot")
        seconds, moved = time.perf_counter() - begun, reader.received - before  # type: ignore[attr-defined]
    beside = f"an Arrow stream with zstd: {plain.getvalue().size:,}"
    print(f"hot order books, recorded ({new} x 129)  {seconds:8.2f} s    {moved:,} bytes ({beside})")


def by_sftp(far: FarMachine, there: Path, here: Path, rows: int, size: int) -> None:
    """Where there is no bcore, and `here` has all but the newest."""
    mirror = here.parent / "mirror"
    store = store_at(there)
    store.append(block(rows + 1000, 1000))
    store.close()
    for what in ("1,000 new trades by sftp", "nothing new by sftp, all merged"):
        begun = time.perf_counter()
        with bcore.open(f"ssh://far{there}", mode="sftp", mirror=str(mirror), **far.options()) as client:
            new = client.sync_incremental("trades", "BTCUSDT", here)
            seconds, moved = time.perf_counter() - begun, client.reader.received  # type: ignore[attr-defined]
        print(f"{what:38} {seconds:8.2f} s    {moved:,} bytes, {new:,} rows, {moved / size:.2%} of the archive")
        store = store_at(there)
        store.compact(Series(TRADES, "BTCUSDT"))  # type: ignore[attr-defined]
        store.close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=10_000_000)
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as folder:
        there, here = Path(folder) / "there", Path(folder) / "here"
        size = fill(there, rows)
        with far_machine(Path(folder) / "far") as far:
            sync(far, there, here, rows, size)
            by_sftp(far, there, here, rows, size)
            recorded(far, Path(folder))
        floor = processor("pass")
        print(
            f"import bcore                           {1000 * (processor('import bcore') - floor):8.1f} ms of processor"
        )
        words = (str(Path(sys.executable).with_name("bcore")), "read", "trades", "BTCUSDT", "--limit", "10")
        wall, bare = timed(*words, "--data", str(there)), timed(sys.executable, "-c", "pass")
        print(f"bcore read trades BTCUSDT --limit 10   {wall:8.2f} s    (python -c pass: {bare:.2f} s)")


if __name__ == "__main__":
    main()
