"""CSV: bulk-format aggTrades and trades (protocol section 8.3), and such tables with a header of their own.

Without a header: 8 columns are spot aggTrades, 7 that end in two booleans spot trades, 7 and 6 that end in one those
of USD-M futures. With one: by column names.
A table of depth snapshots has the columns LastUpdateId, IsAsk, Price, Quantity and a receive time.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import IO

from attrs import frozen

from bc_replay.decimals import normal, scaled
from bc_replay.errors import RecordingError
from bc_replay.readers.layout import BOOLEANS, Layout, layout_of
from bc_replay.readers.opening import UnknownKindError
from bc_replay.readers.reel import Footage
from bc_replay.readers.timing import HappeningClock, micros, offset, received, sensible
from bc_replay.records import Level, Snapshot

Open = Callable[[], AbstractContextManager[IO[str]]]
Row = list[str]


@frozen
class Table:
    """A CSV file that can be read more than once; rows come with their line numbers, comments are left out."""

    opened: Open
    layout: Layout

    def rows(self) -> Iterator[tuple[int, Row]]:
        rows = _rows(self.opened)
        if self.layout.header:
            next(rows)
        return rows


def read_table(opened: Open, name: str, forced: str | None, named: str | None) -> Footage:
    """The symbol is the forced one, else a Symbol column's, else the file name's; RecordingError names the line."""
    first = next(_rows(opened), (0, []))[1]
    table = Table(opened, layout_of(first, name))
    if forced is None and named is None and "symbol" not in table.layout.places:
        raise RecordingError(
            f"{name}: neither a Symbol column nor the file name tells the symbol; give it as SYMBOL={name}"
        )
    read = _read_snapshots if table.layout.kind == "snapshots" else _read_trades
    return read(table, name, forced, named or "")


def _read_trades(table: Table, name: str, forced: str | None, named: str) -> Footage:
    footage, layout = Footage(), table.layout
    footage.markets |= {layout.market} if layout.market else set()
    clock = HappeningClock(_offset(table))
    for number, row in table.rows():
        try:
            symbol = forced or layout.cell(row, "symbol", named).upper()
            _add_trade(footage, layout, row, symbol, clock)
        except (IndexError, ValueError, OverflowError) as problem:
            raise RecordingError(f"{name}, line {number}: {_said(problem)} in {','.join(row)[:120]!r}") from None
    return footage


def _add_trade(footage: Footage, layout: Layout, row: Row, symbol: str, clock: HappeningClock) -> None:
    reel = footage.reel(symbol)
    price, quantity = scaled(layout.cell(row, "price")), scaled(layout.cell(row, "quantity"))
    time = sensible(micros(int(layout.cell(row, "time"))))
    event = micros(int(layout.cell(row, "event_time", "0")))
    receive = received(layout.cell(row, "receive")) if "receive" in layout.places else None
    maker, best = _flag(layout.cell(row, "maker")), _flag(layout.cell(row, "best", "true"))
    id, at = int(layout.cell(row, "id")), clock.at(receive, max(time, event))
    if layout.kind == "aggTrades":
        first, last = int(layout.cell(row, "first")), int(layout.cell(row, "last"))
        reel.agg_trades.add_agg(id, price, quantity, first, last, time, maker, best, at, event)
    else:
        reel.trades.add_trade(id, price, quantity, time, maker, best, at, event)


def _read_snapshots(table: Table, name: str, forced: str | None, named: str) -> Footage:
    footage, layout = Footage(), table.layout
    sides: dict[tuple[str, int, int], tuple[list[Level], list[Level]]] = {}
    for number, row in table.rows():
        try:
            symbol = forced or layout.cell(row, "symbol", named).upper()
            key = symbol, sensible(received(layout.cell(row, "receive"))), int(layout.cell(row, "update_id"))
            level = normal(layout.cell(row, "price")), normal(layout.cell(row, "quantity"))
            sides.setdefault(key, ([], []))[_flag(layout.cell(row, "is_ask"))].append(level)
        except (IndexError, ValueError, OverflowError) as problem:
            raise RecordingError(f"{name}, line {number}: {_said(problem)} in {','.join(row)[:120]!r}") from None
    for (symbol, at, id), (bids, asks) in sides.items():
        footage.reel(symbol).snapshots.append(Snapshot(id, tuple(bids), tuple(asks), at))
    return footage


def _offset(table: Table) -> int:
    layout = table.layout
    if not {"receive", "event_time"} <= layout.places.keys():
        return 0
    differences = []
    for _, row in table.rows():
        try:
            differences.append(micros(int(layout.cell(row, "event_time"))) - received(layout.cell(row, "receive")))
        except (IndexError, ValueError):
            continue  # the reading pass says what is wrong with this row
    return offset(differences)


def _rows(opened: Open) -> Iterator[tuple[int, Row]]:
    with opened() as file:
        reader = csv.reader(file)
        try:
            yield from ((reader.line_num, row) for row in reader if row and not row[0].startswith("#"))
        except csv.Error as problem:
            raise UnknownKindError(f"not CSV: {problem}") from None


def _flag(text: str) -> bool:
    try:
        return BOOLEANS[text.strip().lower()]
    except KeyError:
        raise ValueError(f"{text!r} is neither true nor false") from None


def _said(problem: Exception) -> str:
    return "too few columns" if isinstance(problem, IndexError) else str(problem)
