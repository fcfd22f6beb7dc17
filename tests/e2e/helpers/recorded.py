"""What a recording holds, read by the tests' own few lines, so that they do not trust the replay exchange's reader."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

Row = tuple[Any, ...]
COLUMNS = ["agg_trade_id", "timestamp", "price", "quantity", "first_trade_id", "last_trade_id", "is_buyer_maker"]


def fills(paths: Iterable[Path]) -> Iterator[dict[str, Any]]:
    """The `trade` events of raw stream recordings, by id, each once."""
    found: dict[int, dict[str, Any]] = {}
    for path in paths:
        with gzip.open(path, "rt") as lines:
            for line in lines:
                if '@trade"' in line[:80]:
                    event = json.loads(line.partition(" ")[2])["data"]
                    found[event["t"]] = event
    return (found[key] for key in sorted(found))


def aggregates(paths: Iterable[Path]) -> list[Row]:
    """Rows as the archive holds them, but for the id: consecutive fills of one price, one side, one time."""
    rows: list[Row] = []
    for (price, time, maker), group in groupby(fills(paths), key=lambda fill: (fill["p"], fill["T"], fill["m"])):
        members = list(group)
        units = sum(round(float(fill["q"]) * 10**8) for fill in members)
        rows.append((time * 1000, float(price), units / 10**8, members[0]["t"], members[-1]["t"], maker))
    return rows


def agg_trade_events(path: Path) -> list[Row]:
    """Rows as the archive holds them from a JSON array of aggTrade events."""
    events = sorted(json.loads(path.read_text()), key=lambda event: event["a"])
    return [
        (e["a"], e["T"] * 1000, float(e["p"]), float(e["q"]), e["f"], e["l"], e["m"])
        for e in events
        if e["e"] == "aggTrade"
    ]


def archived(data: Path, symbol: str) -> list[Row]:
    """The rows of an archive, read as a stranger reads it: plain Parquet, in the order in which they stand."""
    table = pq.read_table(data / "trades" / f"{symbol}.parquet", columns=COLUMNS)
    table = table.set_column(1, "timestamp", table.column("timestamp").cast("int64"))
    return list(zip(*(table.column(name).to_pylist() for name in COLUMNS), strict=True))
