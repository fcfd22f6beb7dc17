"""Candles of 10 M trades in memory, and streamed from files: ours against pandas, polars and DuckDB.

Each engine is asked for the same columns. Only ours add exactly: the others' volumes differ in the last digits.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
from measuring import SYMBOL, Figure, against, least_cpu, median

from bc_trades.ohlcv import OhlcvParams, to_candles

PLAIN = ("timestamp", "open", "high", "low", "close", "volume")
MINUTE = OhlcvParams("1m")
RATE, MEMORY = 40, 256  # wanted of a stream: M rows a second, MB


def in_memory(table: pa.Table) -> list[Figure]:
    """Two questions: open to volume, and all columns but `complete`, which nobody else has."""
    rows = f"OHLCV 1m of {table.num_rows / 1e6:.0f} M trades"
    ours = {
        "open to volume": median(lambda: to_candles(table, MINUTE, PLAIN)),
        "all columns": median(lambda: to_candles(table, MINUTE)),
    }
    frame, polar = table.to_pandas(), pl.from_arrow(table)
    theirs = {
        ("open to volume", "pandas resample"): lambda: _pandas(frame, full=False),
        ("open to volume", "polars"): lambda: _polars(polar, full=False),
        ("open to volume", "DuckDB"): lambda: _duckdb(table, full=False),
        ("all columns", "pandas resample"): lambda: _pandas(frame, full=True),
        ("all columns", "polars"): lambda: _polars(polar, full=True),
        ("all columns", "DuckDB"): lambda: _duckdb(table, full=True),
    }
    measured = [
        against(f"{rows}, {which}", ours[which], name, median(work, 3), ratio=50 if "pandas" in name else 1)
        for (which, name), work in theirs.items()
    ]
    return [*measured, *_floors(table, ours)]


def _floors(table: pa.Table, ours: dict[str, float]) -> list[Figure]:
    """What no engine on one core can beat: looking once at the prices, and once at each column that is used."""
    used = {
        "open to volume": ("timestamp", "price", "quantity"),
        "all columns": tuple(name for name in table.column_names if name not in ("symbol", "is_best_match")),
    }
    arrays = {name: _numbers(table.column(name)) for name in used["all columns"]}
    prices = median(lambda: arrays["price"].min())
    lines = []
    for which, names in used.items():
        once = median(lambda names=names: [arrays[name].min() for name in names])  # type: ignore[misc]
        what = f"OHLCV 1m of {table.num_rows / 1e6:.0f} M trades, {which}, against numpy's least"
        lines.append(against(what, ours[which], "min of the prices alone", prices))
        lines.append(against(what, ours[which], "min of each column used", once))
    return lines


def _numbers(column: pa.ChunkedArray) -> Any:
    """The column as numpy sees it without a copy; flags as their packed bytes."""
    chunk = column.chunk(0)
    if pa.types.is_boolean(chunk.type):
        return np.frombuffer(chunk.buffers()[1], np.uint8)
    return (chunk.view(pa.int64()) if pa.types.is_timestamp(chunk.type) else chunk).to_numpy()


def _pandas(frame: pd.DataFrame, full: bool) -> pd.DataFrame:
    rows = frame.set_index("timestamp")
    if not full:
        bars = rows["price"].resample("1min").ohlc()
        bars["volume"] = rows["quantity"].resample("1min").sum()
        return bars.dropna()
    bought = ~rows["is_buyer_maker"]
    rows["quote"] = rows["price"] * rows["quantity"]
    rows["taker"], rows["taker_quote"] = rows["quantity"] * bought, rows["quote"] * bought
    rows["count"] = rows["last_trade_id"] - rows["first_trade_id"] + 1
    bars = rows["price"].resample("1min").ohlc()
    sums = rows[["quantity", "quote", "taker", "taker_quote", "count"]].resample("1min").sum()
    return bars.join(sums).dropna()


def _polars(frame: Any, full: bool) -> Any:
    price, quantity, quote = pl.col("price"), pl.col("quantity"), pl.col("price") * pl.col("quantity")
    made = [
        price.first().alias("open"),
        price.max().alias("high"),
        price.min().alias("low"),
        price.last().alias("close"),
        quantity.sum().alias("volume"),
    ]
    if full:
        bought = ~pl.col("is_buyer_maker")
        made += [
            quote.sum().alias("quote_volume"),
            (quantity * bought).sum().alias("taker"),
            (quote * bought).sum().alias("taker_quote"),
            (pl.col("last_trade_id") - pl.col("first_trade_id") + 1).sum().alias("count"),
        ]
    return frame.lazy().group_by_dynamic("timestamp", every="1m").agg(made).collect()


def _duckdb(trades: pa.Table, full: bool) -> Any:
    more = """, sum(price * quantity), sum(quantity) filter (not is_buyer_maker),
        sum(price * quantity) filter (not is_buyer_maker), sum(last_trade_id - first_trade_id + 1)"""
    return duckdb.execute(
        f"""select time_bucket(interval '1 minute', timestamp) as bar, arg_min(price, agg_trade_id), max(price),
        min(price), arg_max(price, agg_trade_id), sum(quantity){more if full else ""} from trades group by bar
        order by bar"""
    ).fetchnumpy()


def from_files(folder: Path, rows: int) -> list[Figure]:
    """Streaming through the reader, in a process of its own, so that memory is its own too; on one core."""
    lines = []
    for which, columns in (("open to volume", ",".join(PLAIN)), ("all columns", "")):
        command = [sys.executable, __file__, str(folder), columns]
        taken, grown = map(float, subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())
        rate = rows / taken / 1e6
        what = f"OHLCV 1m streamed from {rows / 1e6:.0f} M stored trades, {which}, per core-second"
        memory, met = f"growth of memory: {grown:.0f} MB", rate >= RATE and grown <= MEMORY
        bound = f">= {RATE} M rows/s, <= {MEMORY} MB"
        lines.append(Figure(what, f"{rate:.1f} M rows/s", memory, rate / RATE, bound, met))
    return lines


def main(folder: str, columns: str) -> None:
    """Prints seconds of processor time of all threads together, and MB by which the process grew."""
    import bcore
    from bcore.query import Request

    client = bcore.open(folder)
    pa.set_cpu_count(1)
    client.read("ohlcv", SYMBOL, limit=1)
    request = Request("ohlcv", SYMBOL, columns=tuple(columns.split(",")) if columns else None, params={})
    before = _resident()
    taken = least_cpu(lambda: client.reader.read(request), 3)
    print(taken, _resident(peak=True) - before)


def _resident(peak: bool = False) -> float:
    """MB of memory; files that are mapped count in the peak too, as they do for `ulimit` and `top`."""
    key = "VmHWM" if peak else "VmRSS"
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(key))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    main(*sys.argv[1:])
