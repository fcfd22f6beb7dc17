"""What the archive costs, each figure beside a baseline of the same run. `nox -s bench`, or

    python bench/storage.py [--rows 10000000] [--huge] [--write]

`--huge` appends to, and streams, 100 M rows too (some minutes, 1 GB); `--write` puts the table into docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from bound import bound
from candles import from_files, in_memory
from measuring import MONTH, ROOT, START, SYMBOL, Figure, against, machine, market, median, recordings, seconds

from bc_orderbook.datasets import orderbook_dataset
from bc_parquet import StorageEngine
from bc_parquet.config import ParquetConfig
from bc_parquet.store import ParquetStore
from bc_trades import TRADES
from bcore.query import Query
from bcore.records import Batch, Dataset, Series

FLUSH = 1000
BATCH = 1_000_000
HUGE = 100_000_000
HOUR = 3_600_000_000
PAGE = ROOT / "docs" / "benchmarks.md"


def store_at(folder: Path) -> ParquetStore:
    return ParquetStore(folder, ParquetConfig())


def filled(folder: Path, table: pa.Table) -> ParquetStore:
    """A store that holds the rows, brought in batches."""
    store = store_at(folder)
    for begin in range(0, table.num_rows, BATCH):
        store.append(Batch(TRADES, SYMBOL, table.slice(begin, BATCH)))
    return store


def appends(stores: dict[int, ParquetStore], rounds: int = 30) -> dict[int, float]:
    """The medians of durable appends of 1000 rows, by rows held; taken in turns, so that all meet the same disk."""
    taken: dict[int, list[float]] = {held: [] for held in stores}
    more = {held: market(FLUSH * rounds, first=held, span=HOUR, seed=2) for held in stores}
    for number in range(rounds):
        for held, store in stores.items():
            batch = Batch(TRADES, SYMBOL, more[held].slice(number * FLUSH, FLUSH))
            began = time.perf_counter()
            store.append(batch)
            taken[held].append(time.perf_counter() - began)
    return {held: statistics.median(each) for held, each in taken.items()}


def rewritten(folder: Path, table: pa.Table) -> float:
    """The original's method: read the whole file, put the new rows behind, write the whole file."""
    path, more = folder / "one.parquet", market(FLUSH, first=table.num_rows, seed=2).to_pandas()
    table.to_pandas().to_parquet(path)
    return median(lambda: pd.concat([pd.read_parquet(path), more]).to_parquet(path), 1)


def append_figures(folder: Path, table: pa.Table, huge: bool) -> Iterator[Figure]:
    sizes = [size for size in (100_000, 1_000_000, 10_000_000) if size <= table.num_rows]
    stores = {size: filled(folder / f"append{size}", table.slice(0, size)) for size in sizes}
    if huge:
        stores[HUGE] = _huge(folder)
    costs = appends(stores)
    for store in stores.values():
        store.close()
    for size in sizes:
        what, old = f"append of {FLUSH} rows at {size / 1e6:g} M rows, durable", rewritten(folder, table.slice(0, size))
        yield against(what, costs[size], "read, concat, rewrite", old, most=0.010)
    for size in list(costs)[1:]:
        what, ratio = f"cost of an append at {size / 1e6:g} M rows over that at 0.1 M", costs[size] / costs[sizes[0]]
        ours, base = seconds(costs[size]), f"at 0.1 M: {seconds(costs[sizes[0]])}"
        yield Figure(what, ours, base, ratio, "<= 1.3", ratio <= 1.3)
    if huge:
        yield from from_files(folder / "huge", HUGE)
        shutil.rmtree(folder / "huge")


def _huge(folder: Path) -> ParquetStore:
    """100 M rows: about 0.8 GB, brought in batches that are made one at a time and follow each other in time."""
    store = store_at(folder / "huge")
    for number in range(HUGE // BATCH):
        rows = market(BATCH, first=number * BATCH, span=MONTH // 10)
        later = pc.add(rows.column("timestamp").cast(pa.int64()), number * (MONTH // 10))
        rows = rows.set_column(1, TRADES.schema.field("timestamp"), later.cast(TRADES.schema.field("timestamp").type))
        store.append(Batch(TRADES, SYMBOL, rows))
    return store


def read_figures(store: ParquetStore, path: Path, rows: int) -> Iterator[Figure]:
    """Small questions of a month, against engines that open the same files through the link."""
    tail = Query(TRADES, SYMBOL, tail=1000)
    ours = median(lambda: store.read(tail).to_pandas())
    theirs = median(lambda: pd.read_parquet(path).tail(1000), 1)
    yield against(f"last 1000 of {rows / 1e6:g} M rows", ours, "pd.read_parquet(..).tail", theirs, most=0.002)
    last = median(lambda: store.last(Series(TRADES, SYMBOL)), 20)
    query = f"select max(agg_trade_id) from '{path}/*.parquet'"
    theirs = median(lambda: duckdb.execute(query).fetchall())
    yield against("highest id", last, "DuckDB", theirs, most=0.0002)
    start = START + 15 * 24 * HOUR
    hour = Query(TRADES, SYMBOL, start=start, end=start + HOUR)
    ours = median(lambda: store.read(hour), 15)
    held = store.read(hour).num_rows
    for name, work in _hour_readers(path, start).items():
        assert held == len(work()), f"{name} sees other rows"
        yield against("1 hour out of 30 days", ours, name, median(work, 9), ratio=1)


def _hour_readers(path: Path, start: int) -> dict[str, Any]:
    begin, end = (pd.Timestamp(each, unit="us", tz="UTC") for each in (start, start + HOUR))
    within = pl.col("timestamp").is_between(begin, end, closed="left")
    query = f"select * from '{path}/*.parquet' where timestamp >= '{begin}' and timestamp < '{end}'"
    bounds = [("timestamp", ">=", begin), ("timestamp", "<", end)]
    return {
        "DuckDB": lambda: _rows(duckdb.sql(query)),
        "polars": lambda: pl.scan_parquet(f"{path}/*.parquet").filter(within).collect(),
        "pandas": lambda: pd.read_parquet(path, filters=bounds),
    }


def _rows(relation: duckdb.DuckDBPyRelation | None) -> pa.Table:
    assert relation is not None
    return relation.to_arrow_table()


def hot_figures(folder: Path) -> Iterator[Figure]:
    """Newest rows to a DataFrame, from a file just written and from one that is known, against snappy Parquet."""
    yield from _hot(folder, TRADES, market(1024), most=0.001, ratio=2.5)
    yield from _hot(folder, orderbook_dataset(), _books(5, 200), most=0.0025, ratio=5)


def _hot(folder: Path, dataset: Dataset, table: pa.Table, most: float, ratio: float) -> Iterator[Figure]:
    path, plain = folder / f"hot-{dataset.name}", folder / f"{dataset.name}.parquet"
    with StorageEngine(path) as engine:
        engine.store.append(Batch(dataset, SYMBOL, table))
        pq.write_table(table, plain, compression="snappy")
        (hot,) = path.glob("*/.*/hot.arrow")
        what = f"read_hot, {dataset.name}, {table.num_rows} x {table.num_columns}, to a DataFrame"
        assert table.num_rows == len(engine.read_hot(dataset.name, SYMBOL))
        theirs = median(lambda: pd.read_parquet(plain), 20)

        def fresh() -> pd.DataFrame:
            os.utime(hot)  # as if it had just been replaced
            return engine.read_hot(dataset.name, SYMBOL)

        new, known = median(fresh, 40), median(lambda: engine.read_hot(dataset.name, SYMBOL), 50)
    yield against(f"{what}, fresh", new, "pd.read_parquet, snappy", theirs, most=most, ratio=ratio)
    wanted = {"most": 0.0001, "ratio": 25} if dataset is TRADES else {}
    yield against(f"{what}, unchanged", known, "pd.read_parquet, snappy", theirs, **wanted)


def _books(ticks: int, snapshots: int) -> pa.Table:
    dataset, random, rows = orderbook_dataset(), np.random.default_rng(3), ticks * snapshots
    columns: dict[str, Any] = {name: np.round(random.random(rows) * 1e4, 2) for name in dataset.schema.names}
    columns["timestamp"] = START + np.repeat(np.arange(snapshots), ticks) * 30_000_000
    columns["symbol"], columns["tick_size"] = [SYMBOL] * rows, np.tile(np.arange(1.0, ticks + 1), snapshots)
    return pa.table([pa.array(columns[each.name], each.type) for each in dataset.schema], schema=dataset.schema)


def size_figures(folder: Path) -> Iterator[Figure]:
    """Bytes per trade on real recordings at default settings."""
    for number, (name, table) in enumerate(recordings().items()):
        store = filled(folder / f"size{number}", table)
        ours = store.stats(Series(TRADES, SYMBOL)).bytes / table.num_rows
        store.close()
        plain = folder / f"size{number}.parquet"
        pq.write_table(table, plain, compression="snappy")
        snappy, least = plain.stat().st_size / table.num_rows, bound(table)
        what, mine = f"bytes per trade, {name}, {table.num_rows} rows", f"{ours:.2f}"
        yield Figure(what, mine, f"snappy defaults: {snappy:.2f}", snappy / ours, "3.8 x", snappy >= 3.8 * ours)
        yield Figure(what, mine, f"zstd-19 column deltas: {least:.2f}", ours / least, "<= 2.0", ours <= 2 * least)


def figures(folder: Path, rows: int, huge: bool) -> Iterator[Figure]:
    table = market(rows)
    yield from size_figures(folder)
    yield from hot_figures(folder)
    yield from append_figures(folder, table, huge)
    store = filled(folder / "month", table)
    yield from read_figures(store, folder / "month" / "trades" / f"{SYMBOL}.parquet", rows)
    store.close()
    yield from from_files(folder / "month", rows)
    yield from in_memory(table)


def page(lines: list[str]) -> str:
    return "\n".join(
        [
            "# Benchmarks",
            "",
            "Medians, each beside a baseline of the same run: how often ours fits into the baseline, or ours over the",
            "baseline where the bound is an upper one. Written by `nox -s bench -- --write`",
            "(`python bench/storage.py --write`), on",
            "",
            machine() + ".",
            "",
            "| what | ours | baseline | ratio | wanted | |",
            "|---|---|---|---|---|---|",
            *lines,
            "",
            "Candles in memory are made on one core; polars and DuckDB use all. 50 times pandas would take less",
            "time than looking at each used number once (the lines below it), and ours checks the order of times",
            "and adds exactly besides. Streams count the processor time of all threads, the best of three; most",
            "of it is decoding, which for all columns takes about the whole of the 25 ns a row that are wanted.",
            "Growth of memory includes mapped files. A hot file is fresh when it has been replaced since it was",
            "last read. On a machine with other work, short times and ratios of them swing by half.",
            "",
        ]
    )


def _line(figure: Figure) -> str:
    verdict = {None: "", True: "met", False: "not met"}[figure.met]
    cells = (figure.what, figure.ours, figure.baseline, f"{figure.ratio:.2f}", figure.bound, verdict)
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--huge", action="store_true", help="measure appends and candles at 100 M rows too")
    parser.add_argument("--write", action="store_true", help=f"write the table to {PAGE.relative_to(ROOT)}")
    options = parser.parse_args()
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        for figure in figures(Path(folder), options.rows, options.huge):
            lines.append(_line(figure))
            print(lines[-1], flush=True)
    if options.write:
        PAGE.write_text(page(lines))


if __name__ == "__main__":
    main()
