"""An exchange made up as it goes: `synthetic:500x40` is 500 symbols with 40 trades a second each.

Nothing is stored: each column is a function of the row, so ten years of it cost no more than a second. Every aggregate
is one trade; ids and trade ids are unbroken and of different height, times are evenly spaced and differ between
symbols, prices walk up and down. There is no depth.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import overload

from attrs import frozen

from bc_replay.columns import BEST, MAKER, AggTrades, Trades
from bc_replay.decimals import SCALE
from bc_replay.errors import RecordingError
from bc_replay.tape import Tape

PREFIX = "synthetic:"
GRAMMAR = f"{PREFIX}SYMBOLSxRATE[xSECONDS], such as {PREFIX}500x40: 500 symbols with 40 trades a second each"
BEGIN = 1_767_225_600_000_000  # 2026-01-01 UTC
SECOND, YEAR = 1_000_000, 31_536_000 * 1_000_000
LASTS = 10 * YEAR // SECOND
FIRST_ID, FIRST_TRADE = 1, 1_000_000_001
TICK: int = SCALE // 100
LOT: int = SCALE // 100_000
MOST_SYMBOLS, FASTEST = 10_000, 100_000
MIXER = 2_654_435_761  # Knuth's multiplicative hash: neighbouring rows look unrelated
_NAME = re.compile(r"(\d+)x(\d+(?:\.\d+)?)(?:x(\d+))?")


@frozen
class Computed(Sequence[int]):
    """A column of `length` values, each worked out when looked at."""

    length: int
    value: Callable[[int], int]

    def __len__(self) -> int:
        return self.length

    @overload
    def __getitem__(self, index: int) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> list[int]: ...
    def __getitem__(self, index: int | slice) -> int | list[int]:
        rows = range(self.length)[index]
        return self.value(rows) if isinstance(rows, int) else [self.value(row) for row in rows]


@frozen
class SyntheticRows:
    """The columns of one symbol; see columns.Columns."""

    id: Sequence[int]
    first: Sequence[int]
    time: Sequence[int]
    price: Sequence[int]
    quantity: Sequence[int]
    flags: Sequence[int]
    chronological: bool = True

    @property
    def last(self) -> Sequence[int]:
        return self.first

    @property
    def at(self) -> Sequence[int]:
        return self.time

    @property
    def event(self) -> Sequence[int]:
        return self.time

    def __len__(self) -> int:
        return len(self.id)


def is_synthetic(name: str) -> bool:
    return name.startswith(PREFIX)


def synthetic_tapes(name: str) -> dict[str, Tape]:
    """The tapes of what the name asks for. RecordingError says how to write it."""
    match = _NAME.fullmatch(name.removeprefix(PREFIX))
    symbols, rate = (int(match[1]), float(match[2])) if match else (0, 0.0)
    if match is None or not (0 < symbols <= MOST_SYMBOLS and 0 < rate <= FASTEST):
        raise RecordingError(f"{name}: write {GRAMMAR}")
    step = round(SECOND / rate)
    count = int(match[3] or LASTS) * SECOND // step
    if not count:
        raise RecordingError(f"{name}: nothing trades in so short a time; write {GRAMMAR}")
    return {symbol: _tape(symbol, n, n * step // symbols, step, count) for n, symbol in enumerate(_symbols(symbols))}


def _symbols(count: int) -> list[str]:
    return [f"SYN{n:04}USDT" for n in range(count)]


def _tape(symbol: str, number: int, phase: int, step: int, count: int) -> Tape:
    begin = BEGIN + phase
    times = range(begin, begin + count * step, step)
    columns = (
        Computed(count, partial(_price, SCALE * (100 + number))),
        Computed(count, _quantity),
        Computed(count, _flags),
    )
    ids, trades = range(FIRST_ID, FIRST_ID + count), range(FIRST_TRADE, FIRST_TRADE + count)
    return Tape(
        symbol,
        AggTrades(SyntheticRows(ids, trades, times, *columns)),
        Trades(SyntheticRows(trades, trades, times, *columns)),
    )


def _price(base: int, row: int) -> int:
    """Up and down by 20 within 4000 trades, with a little noise."""
    return base + TICK * (abs(row % 4000 - 2000) + (row * MIXER >> 13) % 8)


def _quantity(row: int) -> int:
    return LOT * (1 + (row * MIXER >> 7) % 9973)


def _flags(row: int) -> int:
    return BEST | (MAKER if row * MIXER & 0x20000 else 0)
