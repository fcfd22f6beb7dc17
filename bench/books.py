"""What a book at an instant costs: a made-up day of 10 M changes with a checkpoint every 5 minutes, in the archive.

    python bench/books.py [--rows 10000000] [--at FOLDER]

`--at` keeps the archive there, and uses one that is there already. The baseline applies the same changes to a dict.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
from measuring import SYMBOL, machine, seconds

import bcore
from bc_orderbook.diffs import DEPTH, DEPTH_SNAPSHOTS, DEPTH_STATES
from bc_parquet.config import ParquetConfig
from bc_parquet.store import ParquetStore
from bcore.client import Client
from bcore.instants import DAY, MINUTE, SECOND
from bcore.records import Batch, Dataset, Series

START = 19_800 * DAY
STEP, TENTH = 5 * MINUTE, SECOND // 10
EVENTS, LEVELS, MID = STEP // TENTH, 5000, 6_000_000  # a step's events, a side's levels, and the mid in cents
INSTANT = pa.timestamp("us", tz="UTC")


def made(folder: Path, rows: int) -> None:
    """The day, step by step: a checkpoint, then an event each tenth of a second."""
    store, chance = ParquetStore(folder, ParquetConfig()), np.random.default_rng(1)
    book = {key: 1.5 for level in range(LEVELS) for key in (-MID + 1 + level, MID + level)}  # bids are negative
    last = 0
    keep(store, DEPTH_STATES, timestamp=times(np.array([START])), update_id=[0], state=["verified"], reason=["start"])
    for begin in range(START, START + DAY, STEP):
        snapshot(store, book, begin, last)
        counts = chance.poisson(rows / (DAY // TENTH), EVENTS).clip(1)
        lasts = last + np.cumsum(chance.integers(5, 60, EVENTS))
        firsts, at = np.append(last, lasts[:-1]) + 1, begin + TENTH * np.arange(1, EVENTS + 1)
        off = np.abs(chance.normal(0, 400, counts.sum())).astype(np.int64)
        keys = np.where(chance.random(len(off)) < 0.5, -MID + 1 + off, MID + off)
        quantities = np.where(chance.random(len(off)) < 0.3, 0, np.rint(chance.exponential(1e5, len(off)) + 1)) / 1e5
        ids = {"first_update_id": np.repeat(firsts, counts), "last_update_id": np.repeat(lasts, counts)}
        when = times(np.repeat(at, counts))
        keep(store, DEPTH, **ids, timestamp=when, received=when, **levels(keys), quantity=quantities)
        book.update(zip(keys.tolist(), quantities.tolist(), strict=True))
        book, last = {key: quantity for key, quantity in book.items() if quantity}, int(lasts[-1])
    for dataset in (DEPTH, DEPTH_SNAPSHOTS):
        store.compact(Series(dataset, SYMBOL))
    store.close()


def snapshot(store: ParquetStore, book: dict[int, float], at: int, last: int) -> None:
    keys, count = np.array(list(book)), len(book)
    keep(
        store,
        DEPTH_SNAPSHOTS,
        last_update_id=np.full(count, last),
        timestamp=times(np.full(count, at)),
        kind=["book"] * count,
        **levels(keys),
        quantity=np.array(list(book.values())),
        bid_horizon=np.full(count, (MID - LEVELS) / 100),
        ask_horizon=np.full(count, (MID + LEVELS) / 100),
        reason=["checkpoint"] * count,
    )


def keep(store: ParquetStore, dataset: Dataset, **columns: object) -> None:
    store.append(Batch(dataset, SYMBOL, pa.table(columns)))


def times(values: np.ndarray) -> pa.Array:
    return pa.array(values.astype(np.int64)).cast(INSTANT)


def levels(keys: np.ndarray) -> dict[str, np.ndarray]:
    return {"side": np.where(keys < 0, 1, -1).astype(np.int8), "price": np.abs(keys) / 100}


def by_dict(client: Client, at: int) -> int:
    """The same book by plain Python, given that the nearest checkpoint is known."""
    begin = START + (at - START) // STEP * STEP
    books = client.read("depth_snapshots", SYMBOL, start_time=begin, end_time=begin + 1)
    changes = client.read("depth", SYMBOL, start_time=begin + 1, end_time=at + 1)
    book: dict[tuple[int, float], float] = {}
    for table in (books, changes):
        columns = [table.column(name).to_pylist() for name in ("side", "price", "quantity")]
        book.update({(side, price): quantity for side, price, quantity in zip(*columns, strict=True)})
    return sum(quantity > 0 for quantity in book.values())


def spent(work: Callable[[int], object], runs: int) -> tuple[list[float], list[float]]:
    """Seconds by the clock, and of the processor, at instants drawn at random, after one that warms up."""
    draw, wall, cpu = random.Random(5), [], []
    for number in range(runs + 1):
        at, began, used = START + draw.randrange(DAY), time.perf_counter(), time.process_time()
        work(at)
        if number:
            wall.append(time.perf_counter() - began)
            cpu.append(time.process_time() - used)
    return sorted(wall), sorted(cpu)


def line(what: str, wall: list[float], cpu: list[float]) -> str:
    ninth = len(wall) * 9 // 10
    figures = [statistics.median(wall), wall[ninth], wall[-1], statistics.median(cpu), cpu[-1]]
    names = ("median", "9 in 10", "most", "cpu median", "cpu most")
    return f"{what}: " + ", ".join(f"{name} {seconds(value)}" for name, value in zip(names, figures, strict=True))


def measured(folder: Path, rows: int) -> None:
    if not folder.exists():
        made(folder, rows)
    with bcore.open(folder) as client:
        for each in client.reader.stats():
            print(f"{each.series}: {each.rows:,} rows, {each.bytes / each.rows:.2f} bytes a row")
        print(line("get_book, all levels", *spent(lambda at: client.get_book(SYMBOL, at=at), 50)))
        bucketed = partial(client.get_book, SYMBOL, levels=20, tick_size=10)
        print(line("get_book, 20 buckets of 10", *spent(lambda at: bucketed(at=at), 50)))
        print(line("the same by a dict", *spent(lambda at: by_dict(client, at), 20)))
        noon, began = START + DAY // 2, time.perf_counter()
        count = sum(1 for _ in client.book_states(SYMBOL, noon, noon + 10 * MINUTE, levels=10, as_="arrow"))
        print(f"book_states, 10 levels each second: {seconds((time.perf_counter() - began) / count)} a book")
    print(machine())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--at", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measured(options.at or Path(folder) / "day", options.rows)


if __name__ == "__main__":
    main()
