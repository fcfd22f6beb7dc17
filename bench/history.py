"""Back-filling a month of daily files, by a real `bcore backfill` against the replay exchange on the same machine.

Beside it, in the same run: the plain way, one process that unzips, reads with pyarrow and writes Parquet, and proves
nothing. `python bench/history.py [--rows 30000000] [--jobs 2]`; `nox -s bench` does not run it: it takes minutes.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pcsv
import pyarrow.parquet as pq
from attrs import define, frozen
from measuring import SYMBOL

from bc_replay.testing import ReplayServer

DAYS = 30
DAY = 86_400_000_000
START = 1_767_225_600_000_000  # 2026-01-01
AFTER = 2500  # trades that follow the month, over REST alone
FOLDER = f"data/spot/daily/aggTrades/{SYMBOL}"
RECORDING = f"{SYMBOL}-aggTrades-2026-01-31.csv"
CONFIG = """
symbols = ["{symbol}"]
[exchanges.binance]
rest_url = "{url}"
stream_url = "{ws}"
bulk_url = "{url}"
[stores.main]
kind = "parquet"
path = "{path}"
[sources.trades]
"""
NAMES = ("id", "price", "quantity", "first", "last", "time", "maker", "match")


@define
class Tape:
    """Trades of a random walk that go on from day to day, as the columns of a bulk file."""

    id: int = 0
    trade: int = 0
    price: int = 8_500_000

    def table(self, day: int, rows: int, span: int = DAY) -> pa.Table:
        random = np.random.default_rng(day)
        lasts = self.trade + np.cumsum(random.integers(1, 3, rows))
        prices = self.price + np.cumsum(random.integers(-3, 4, rows))
        quantities = np.maximum(np.rint(random.lognormal(-4, 1.6, rows) * 1e5), 1) / 1e5
        columns = [
            pa.array(np.arange(self.id, self.id + rows)),
            _text(prices / 100),
            _text(quantities),
            pa.array(np.append(self.trade + 1, lasts[:-1] + 1)),
            pa.array(lasts),
            pa.array(START + day * DAY + np.sort(random.integers(0, span, rows))),
            pc.if_else(pa.array(random.random(rows) < 0.5), "True", "False"),
            pa.repeat("True", rows),
        ]
        self.id, self.trade, self.price = self.id + rows, int(lasts[-1]), int(prices[-1])
        return pa.table(columns, NAMES)


def _text(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> pa.Array:
    return pa.array(values).cast(pa.decimal128(20, 8), safe=False).cast(pa.string())


def write_month(bulk: Path, recording: Path, rows: int) -> None:
    """Daily zips with their CHECKSUMs, and what REST serves: the trades of the first minutes after them."""
    tape, folder = Tape(), bulk / FOLDER
    folder.mkdir(parents=True)
    for day in range(DAYS):
        stem = f"{SYMBOL}-aggTrades-{datetime.fromtimestamp((START + day * DAY) / 1e6, UTC):%Y-%m-%d}"
        path = folder / f"{stem}.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(f"{stem}.csv", _csv(tape.table(day, rows // DAYS)))
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        (folder / f"{path.name}.CHECKSUM").write_text(f"{digest}  {path.name}")
    recording.write_bytes(_csv(tape.table(DAYS, AFTER, 300_000_000)))


def _csv(table: pa.Table) -> bytes:
    out = pa.BufferOutputStream()
    pcsv.write_csv(table, out, pcsv.WriteOptions(include_header=False, quoting_style="none"))
    return bytes(out.getvalue())


def plain(bulk: Path, target: Path) -> None:
    """The few lines that one would write for a single time: nothing checked, nothing joined, nothing resumable."""
    target.mkdir()
    for path in sorted((bulk / FOLDER).glob("*.zip")):
        with zipfile.ZipFile(path) as archive, archive.open(archive.namelist()[0]) as stream:
            table = pcsv.read_csv(stream, pcsv.ReadOptions(column_names=NAMES))
        pq.write_table(table, target / f"{path.stem}.parquet", compression="zstd")


@frozen
class Taken:
    """Of a process that has ended. `peak` is its largest resident size in bytes."""

    seconds: float
    cpu: float
    peak: int


def run(*command: str) -> Taken:
    """Runs it to its end, and fails with it."""
    began = time.perf_counter()
    process = subprocess.Popen(command)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command[:4])} ended with {process.returncode}")
    return Taken(time.perf_counter() - began, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024)


def measured(folder: Path, rows: int, jobs: int) -> Iterator[tuple[str, int, Taken]]:
    bulk, recording, config = folder / "bulk", folder / RECORDING, folder / "bcore.toml"
    # In a process of its own: what this one has taken would be counted as its children's.
    run(sys.executable, __file__, "--make", str(folder), "--rows", str(rows))
    with ReplayServer(recording, speed=0, bulk=bulk) as server:
        server.clock(seek=START + DAYS * DAY + 300_000_000)
        config.write_text(CONFIG.format(symbol=SYMBOL, url=server.url, ws=server.ws_url, path=folder / "archive"))
        bcore = (sys.executable, "-m", "bcore", "--config", str(config))
        whole = (SYMBOL, "--from", "2026-01-01", "--to", "2026-01-31T00:05", "--jobs", str(jobs))
        yield f"bcore backfill --jobs {jobs}", rows + AFTER, run(*bcore, "backfill", *whole)
        yield "the same again: nothing is left to fetch", 0, run(*bcore, "backfill", *whole)
        yield "bcore verify", rows + AFTER, run(*bcore, "verify", SYMBOL)
    yield "plain: unzip, read_csv, write_table", rows, run(sys.executable, __file__, "--plain", str(folder))


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, default=30_000_000)
    options.add_argument("--jobs", type=int, default=2)
    options.add_argument("--make", type=Path, help=argparse.SUPPRESS)
    options.add_argument("--plain", type=Path, help=argparse.SUPPRESS)
    asked = options.parse_args()
    if asked.make:
        write_month(asked.make / "bulk", asked.make / RECORDING, asked.rows)
        return
    if asked.plain:
        plain(asked.plain / "bulk", asked.plain / "plain")
        return
    with TemporaryDirectory(prefix="bench-history-") as folder:
        took = {}
        for what, rows, taken in measured(Path(folder), asked.rows, asked.jobs):
            took[what] = rows / taken.seconds
            cost = f"{taken.cpu:.1f} s of CPU" + (f" ({taken.cpu / rows * 1e6:.2f} us a row)" if rows else "")
            speed = f"{rows / taken.seconds:,.0f} rows/s, " if rows else ""
            print(f"{what}: {taken.seconds:.1f} s, {speed}{cost}, {taken.peak / 2**20:.0f} MiB", flush=True)
        ours, *_, theirs = took.values()
        print(f"back-filling goes at {ours / theirs:.2f} of the speed of the plain way")


if __name__ == "__main__":
    main()
