"""What `bcore verify` is told of recorded books: when they were in doubt, and whether they agree with themselves.

There is no second account of a spot book to compare with (protocol section 8.1): the witnesses are the ids of the
events, the exchange's own snapshots, and that no book of an exchange is crossed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from attrs import define, field

from bc_orderbook.diffs import DEPTH_TICKERS, VERIFIED
from bcore.errors import NotFoundError
from bcore.examining import Interval
from bcore.instants import SECOND
from bcore.protocols import Reader
from bcore.query import Request
from bcore.records import Compared, Disagreement

AROUND = 60 * SECOND  # us by which a ticker may be received after its update
TOLD = 1000  # disagreements that are kept: where all is wrong, no more need to be told
SIDES = ("bid_price", "bid_quantity", "ask_price", "ask_quantity")
Row = dict[str, Any]


def examine(symbol: str, reader: Reader, start: int, end: int, deep: bool) -> Iterator[Interval | Compared]:
    """As `bcore.examining.Examine`: the states of [start, end) as the collector noted them.

    With `deep` these are put to the test: events joined by their ids, snapshots against the book before, books not
    crossed, and the best prices of each event those that the exchange told of the same update, where they are recorded.
    Breaks that the collector itself noted are not held against it, and counted as `skipped`.
    """

    def rows(view: str, **params: str) -> list[Row]:
        return _rows(reader, Request(view, symbol, start=start, end=end, params=params))

    intervals = list(_intervals(_rows(reader, Request("book_intervals", symbol)), start, end))
    yield from intervals
    if deep:
        yield _joints(rows("depth_breaks"), intervals, _events(reader, symbol, start, end), start, end)
        yield _snapshots(rows("book_proofs"), start, end)
        yield from _quotes(symbol, reader, intervals, start, end)


def _intervals(rows: list[Row], start: int, end: int) -> Iterator[Interval]:
    """Those that meet [start, end), cut to it, and that lasted.

    Two changes of the state at one time are noted a microsecond apart: a doubt that turned out to have been none.
    """
    for row in rows:
        begin, until = max(row["timestamp"], start), min(row["end"], end)
        if begin < until and row["end"] - row["timestamp"] > 1:
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


def _quotes(symbol: str, reader: Reader, intervals: list[Interval], start: int, end: int) -> Iterator[Compared]:
    """Every verified book's best prices: not crossed, and those of the bookTicker of the same update.

    Tickers of updates within an event have no book to be compared with: the exchange sums up changes.
    """
    books, tickers = Tally("books, one after each event"), Tally("best prices")
    told = _tickers(symbol, reader, start, end)
    ids, best = told.column("update_id").to_numpy(), [told.column(name).to_numpy() for name in SIDES]
    for batch in reader.scan(Request("book_quotes", symbol, start=start, end=end)):
        times, updates = batch.column("timestamp").view(pa.int64()).to_numpy(), batch.column("update_id").to_numpy()
        sure = pc.equal(batch.column("state"), VERIFIED).to_numpy(zero_copy_only=False)
        ours = [batch.column(name).to_numpy() for name in SIDES]
        wrong = sure & (ours[0] >= ours[2])
        books.take(int(sure.sum()), int((~sure).sum()))
        books.disagree(times[wrong], "the book is crossed", ours[0][wrong], ours[2][wrong])
        places = np.searchsorted(ids, updates).clip(max=max(len(ids) - 1, 0))
        met = sure & (ids[places] == updates) if len(ids) else np.zeros(len(updates), bool)
        theirs = [column[places[met]] for column in best]
        mine = [column[met] for column in ours]
        differ = np.logical_or.reduce([one != other for one, other in zip(mine, theirs, strict=True)])
        tickers.take(int(met.sum()), 0)
        tickers.disagree(times[met][differ], "the best prices", *(np.stack(each, 1)[differ] for each in (mine, theirs)))
    yield books.compared(start, end)
    if len(ids):
        yield tickers.compared(start, end)


def _tickers(symbol: str, reader: Reader, start: int, end: int) -> pa.Table:
    """Those of the time, and a little around it: they are dated by their receipt. Empty where none are recorded."""
    try:
        return reader.read(Request("depth_tickers", symbol, start=start - AROUND, end=end + AROUND))
    except NotFoundError:
        return DEPTH_TICKERS.schema.empty_table()


@define
class Tally:
    """What was compared so far."""

    what: str
    count: int = 0
    skipped: int = 0
    found: list[Disagreement] = field(factory=list)

    def take(self, count: int, skipped: int) -> None:
        self.count, self.skipped = self.count + count, self.skipped + skipped

    def disagree(self, times: Any, what: str, ours: Any, theirs: Any) -> None:
        rows = zip(times.tolist(), ours.tolist(), theirs.tolist(), strict=True)
        self.found += [Disagreement(time, what, str(one), str(other)) for time, one, other in rows][
            : TOLD - len(self.found)
        ]

    def compared(self, start: int, end: int) -> Compared:
        return Compared(self.what, start, end, self.count, self.skipped, tuple(self.found))
