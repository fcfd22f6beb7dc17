"""The rows of a bulk CSV file (protocol sections 8.3 and 8.4), block by block. A bad row costs only itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.csv
from attrs import define, field

from bc_binance.messages import MICROSECONDS_FROM, micros
from bc_trades.datasets import TRADES
from bc_trades.parsing import LARGEST, Parsed
from bcore.errors import FaultyReplyError
from bcore.records import Rejected

BLOCK = 4 * 2**20  # bytes
MOST_BAD = 10_000  # rows of a file; with more it is no file of aggregate trades
NAMED = 5  # lines that a reason names
EARLIEST, LATEST = 10**12, 9 * 10**15
COLUMNS = ("agg_trade_id", "price", "quantity", "first_trade_id", "last_trade_id", "timestamp")
FLAGS = ("is_buyer_maker", "is_best_match")
SPOT, FUTURES = 8, 7  # columns; futures have no is_best_match
# What `rows_of` gives: the dataset's columns without the symbol, which is the same in every row.
SCHEMA = TRADES.schema.remove(TRADES.schema.get_field_index("symbol"))
TRUE, FALSE = ("True", "true", "1"), ("False", "false", "0")
_FLAGS = {**dict.fromkeys(TRUE, True), **dict.fromkeys(FALSE, False)}
_INTEGER = re.compile(r"-?[0-9]{1,19}")
_DECIMAL = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,20})?(?:[eE][+-]?[0-9]{1,2})?")
_KINDS = {
    **dict.fromkeys(COLUMNS, pa.int64()),
    **dict.fromkeys(("price", "quantity"), pa.float64()),
    **dict.fromkeys(FLAGS, pa.bool_()),
}
_PARSING = pa.csv.ParseOptions(quote_char=False, double_quote=False)
_CONVERTING = pa.csv.ConvertOptions(
    column_types=_KINDS, null_values=[], strings_can_be_null=False, true_values=list(TRUE), false_values=list(FALSE)
)


def rows_of(stream: BinaryIO, name: str, block: int = BLOCK) -> Iterator[Parsed]:
    """The rows in the order of the file, in tables of `SCHEMA`, and those that do not fit, with their line numbers.

    A header is told by its first byte, which is no digit; the unit of a time by its size, value by value. Prices and
    quantities are the float64 nearest to their text. `name` is what errors call the file. Raises `FaultyReplyError`
    for what holds no such rows, and whatever the stream raises.
    """
    lines, faults, width = 1, 0, 0
    for piece in _whole_lines(stream, name, block):
        rows = piece
        if not width:
            if not rows[:1].isdigit():
                rows, lines = rows[rows.find(b"\n") + 1 or len(rows) :], lines + 1
            if not rows:
                continue
            width = FUTURES if rows.partition(b"\n")[0].count(b",") == FUTURES - 1 else SPOT
        parsed = _parsed(rows, width, lines)
        faults += sum(len(each.rows) for each in parsed.rejected)
        if faults > MOST_BAD:
            raise FaultyReplyError(f"{name} is no file of aggregate trades: {parsed.rejected[-1].reason}")
        lines += rows.count(b"\n")
        yield parsed


def _whole_lines(stream: BinaryIO, name: str, block: int) -> Iterator[bytes]:
    rest = b""
    while piece := stream.read(block):
        cut = piece.rfind(b"\n") + 1
        if cut:
            yield rest + piece[:cut]
            rest = piece[cut:]
        else:
            rest += piece
        if len(rest) > BLOCK:
            raise FaultyReplyError(f"{name} is no file of aggregate trades: a line of more than {BLOCK} bytes")
    if rest:
        yield rest


def _parsed(rows: bytes, width: int, line: int) -> Parsed:
    """All rows at once where they are as they should be, else each by itself. `line` is the number of the first."""
    names = (*COLUMNS, *FLAGS)[:width]
    reading = pa.csv.ReadOptions(use_threads=False, column_names=names, block_size=len(rows) + 1)
    try:
        table = pa.csv.read_csv(pa.BufferReader(rows), reading, _PARSING, _CONVERTING)
    except pa.ArrowInvalid:
        return _each(rows, width, line)
    columns = [_array(table, name) for name in COLUMNS]
    if not _sound(columns):
        return _each(rows, width, line)
    makers = table.column("is_buyer_maker")
    return Parsed(_table(columns, makers, table.column("is_best_match") if width == SPOT else None))


def _array(table: pa.Table, name: str) -> Any:
    return table.column(name).combine_chunks().to_numpy() if table.num_rows else np.empty(0, np.int64)


def _sound(columns: Sequence[Any]) -> bool:
    ids, prices, quantities, firsts, lasts, times = columns
    voided = firsts < 0
    return bool(
        (ids >= 0).all()
        and (np.isfinite(prices) & (prices >= 0) & np.isfinite(quantities) & (quantities >= 0)).all()
        and (firsts >= -1).all()
        and (lasts >= firsts).all()
        and (voided == (lasts < 0)).all()
        and (times >= EARLIEST).all()
        and (times < LATEST).all()
    )


def _table(columns: Sequence[Any], makers: Any, matches: Any) -> pa.Table:
    """Of columns as they are in the file; without matches every row is one."""
    *others, times = columns
    if len(times) and times.min() < MICROSECONDS_FROM:
        times = np.where(times < MICROSECONDS_FROM, times * 1000, times)
    ids, prices, quantities, firsts, lasts = (pa.array(each) for each in others)
    stamps = pa.array(times).view(pa.timestamp("us", tz="UTC"))
    if matches is None:
        matches = pa.repeat(True, len(times))
    return pa.Table.from_arrays([ids, stamps, prices, quantities, firsts, lasts, makers, matches], schema=SCHEMA)


@define
class _Columns:
    """Good rows, value by value, and what is wrong with the others: reason -> (line, text)."""

    width: int
    values: list[list[Any]] = field(factory=lambda: [[] for _ in range(SPOT)])
    bad: dict[str, list[tuple[int, str]]] = field(factory=dict)

    def take(self, line: int, text: str) -> None:
        try:
            row = _row(text, self.width)
        except ValueError as error:
            self.bad.setdefault(str(error), []).append((line, text))
            return
        for column, value in zip(self.values, row, strict=True):
            column.append(value)

    def table(self) -> pa.Table:
        *columns, makers, matches = self.values
        ids, prices, quantities, firsts, lasts, times = columns
        whole = [np.array(each, np.int64) for each in (ids, firsts, lasts, times)]
        parts = [np.array(each, np.float64) for each in (prices, quantities)]
        ordered = [whole[0], *parts, *whole[1:]]
        return _table(ordered, pa.array(makers, pa.bool_()), pa.array(matches, pa.bool_()))


def _each(rows: bytes, width: int, line: int) -> Parsed:
    columns = _Columns(width)
    for number, text in enumerate(rows.decode("utf-8", "replace").split("\n"), line):
        if text.strip():
            columns.take(number, text.rstrip("\r"))
    return Parsed(columns.table(), tuple(_rejected(columns.bad)))


def _rejected(bad: dict[str, list[tuple[int, str]]]) -> Iterable[Rejected]:
    for reason, rows in bad.items():
        lines = ", ".join(str(line) for line, _ in islice(rows, NAMED))
        more = f" and {len(rows) - NAMED} more" if len(rows) > NAMED else ""
        yield Rejected(f"{reason} (line {lines}{more})", [text for _, text in rows])


def _row(text: str, width: int) -> list[Any]:
    """A row's values. Raises `ValueError` that says what is wrong with it."""
    cells = [cell.strip() for cell in text.split(",")]
    if len(cells) != width:
        raise ValueError(f"{width} columns are due")
    number, price, quantity, first, last, time = cells[:6]
    ids = [_integer(cell, what) for cell, what in ((number, "id"), (first, "first trade"), (last, "last trade"))]
    at = _integer(time, "time")
    if ids[0] < 0 or ids[1] < -1 or ids[2] < ids[1] or (ids[1] < 0) != (ids[2] < 0):
        raise ValueError("the ids are no ids, or no range")
    if not EARLIEST <= at < LATEST:
        raise ValueError("the time is neither in ms nor in us")
    flags = [_flag(cell) for cell in (*cells[6:], "true")[:2]]
    return [ids[0], _number(price, "price"), _number(quantity, "quantity"), *ids[1:], micros(at), *flags]


def _integer(cell: str, what: str) -> int:
    if not _INTEGER.fullmatch(cell) or int(cell) > LARGEST:
        raise ValueError(f"the {what} is no whole number")
    return int(cell)


def _number(cell: str, what: str) -> float:
    if not _DECIMAL.fullmatch(cell):
        raise ValueError(f"the {what} is no decimal number")
    return float(cell)


def _flag(cell: str) -> bool:
    if cell not in _FLAGS:
        raise ValueError("a flag is neither true nor false")
    return _FLAGS[cell]
