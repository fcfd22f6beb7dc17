"""What `bcore verify` is told of recorded books: when they were in doubt, and whether they agree with themselves.

There is no second account of a spot book to compare with (protocol section 8.1): the witnesses are the ids of the
events, the exchange's own snapshots, and that no book of an exchange is crossed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from bc_orderbook.trust import VERIFIED
from bcore.examining import Interval
from bcore.protocols import Reader
from bcore.query import Request
from bcore.records import Compared, Disagreement

EVERY = "10s"  # between two looks at whether the book is crossed
Row = dict[str, Any]


def examine(symbol: str, reader: Reader, start: int, end: int, deep: bool) -> Iterator[Interval | Compared]:
    """As `bcore.examining.Examine`: the states of [start, end) as the collector noted them.

    With `deep` these are put to the test: events joined by their ids, snapshots against the book before, books not
    crossed. Breaks that the collector itself noted are not held against it, and counted as `skipped`.
    """

    def rows(view: str, **params: str) -> list[Row]:
        return _rows(reader, Request(view, symbol, start=start, end=end, params=params))

    intervals = list(_intervals(_rows(reader, Request("book_intervals", symbol)), start, end))
    yield from intervals
    if deep:
        yield _joints(rows("depth_breaks"), intervals, _events(reader, symbol, start, end), start, end)
        yield _snapshots(rows("book_proofs"), start, end)
        yield _uncrossed(rows("book_measures", every=EVERY, levels="1"), start, end)


def _intervals(rows: list[Row], start: int, end: int) -> Iterator[Interval]:
    """Those that meet [start, end), cut to it."""
    for row in rows:
        begin, until = max(row["timestamp"], start), min(row["end"], end)
        if begin < until:
            yield Interval(begin, until, row["state"], row["state"] == VERIFIED, row["reason"])


def _rows(reader: Reader, request: Request) -> list[Row]:
    """With times as int us UTC."""
    table = reader.read(request)
    for place, column in enumerate(table.schema):
        if pa.types.is_timestamp(column.type):
            table = table.set_column(place, column.name, table.column(place).cast(pa.int64()))
    found: list[Row] = table.to_pylist()
    return found


def _events(reader: Reader, symbol: str, start: int, end: int) -> int:
    """How many events there are: rows of one have one id."""
    count, last = 0, None
    for batch in reader.scan(Request("depth", symbol, start=start, end=end, columns=("last_update_id",))):
        ids = batch.column(0).to_numpy()
        if len(ids):
            count += int((np.diff(ids) != 0).sum()) + (ids[0] != last)
            last = ids[-1]
    return int(count)


def _joints(breaks: list[Row], intervals: list[Interval], events: int, start: int, end: int) -> Compared:
    doubtful = [each for each in intervals if not each.proven]
    untold = [each for each in breaks if not any(_between(doubt, each) for doubt in doubtful)]
    found = tuple(
        Disagreement(
            each["timestamp"],
            "an event is missing in a book that is noted as verified",
            f"ends with update {each['last_update_id']}",
            f"goes on with {each['next_update_id']}",
        )
        for each in untold
    )
    noted = len(breaks) - len(untold)
    return Compared("events of the depth stream", start, end, events - noted, noted, found)


def _between(doubt: Interval, each: Row) -> bool:
    """Whether it was in doubt at some time between the last event before the break and the first after it."""
    return bool(doubt.start < each["timestamp"] and each["since"] < doubt.end)


def _snapshots(proofs: list[Row], start: int, end: int) -> Compared:
    joined = [each for each in proofs if each["joined"]]
    found = tuple(
        Disagreement(
            each["timestamp"],
            f"snapshot {each['update_id']} ({each['kind']}) and the book rebuilt from the one before it",
            f"{each['differing']} levels differ",
            f"of {each['compared']}",
        )
        for each in joined
        if each["differing"]
    )
    return Compared("snapshots", start, end, len(joined), len(proofs) - len(joined), found)


def _uncrossed(measures: list[Row], start: int, end: int) -> Compared:
    verified = [each for each in measures if each["state"] == VERIFIED]
    found = tuple(
        Disagreement(each["timestamp"], "the book is crossed", f"bid {each['best_bid']}", f"ask {each['best_ask']}")
        for each in verified
        if each["best_bid"] >= each["best_ask"]
    )
    return Compared(f"books, one each {EVERY}", start, end, len(verified), len(measures) - len(verified), found)
