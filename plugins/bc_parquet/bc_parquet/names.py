"""File names that say what a file holds, so that most questions are answered without opening one.

`p00000000003800397495-p00000000003800398494-1000-p01767225600039409-p01767225604001212-5f3a09c1.parquet`: the lowest
and highest leading key, the row count, the earliest and latest time (us UTC), and the CRC32 of all its bytes. Names
sort as their rows do. Files of earlier versions have no CRC32 in their names, and are read as before.
"""

from __future__ import annotations

import re
import struct
import zlib
from datetime import date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from attrs import field, frozen

from bcore.errors import StoreError
from bcore.instants import from_datetime

KEY_DIGITS, TIME_DIGITS = 20, 17
OFFSET = 2**63
NAME = re.compile(r"([np]\d{20})-([np]\d{20})-(\d+)-([np]\d{17,20})-([np]\d{17,20})(?:-([0-9a-f]{8}))?\.parquet")
READ_BYTES = 1024 * 1024


@frozen(order=True)
class Part:
    """One immutable file of a series: `first`..`last` bound its leading key (both inclusive), times in us UTC.

    `crc` is the CRC32 of the file's bytes, None where its name does not tell. It has no say in the order.
    """

    first: int
    last: int
    rows: int
    first_time: int
    last_time: int
    crc: int | None = field(default=None, order=False)

    @property
    def name(self) -> str:
        keys = f"{_written(self.first, KEY_DIGITS)}-{_written(self.last, KEY_DIGITS)}"
        times = f"{_written(self.first_time, TIME_DIGITS)}-{_written(self.last_time, TIME_DIGITS)}"
        crc = "" if self.crc is None else f"-{self.crc:08x}"
        return f"{keys}-{self.rows}-{times}{crc}.parquet"

    @classmethod
    def parsed(cls, name: str) -> Part | None:
        """The part of that file name; None for a name that no part has."""
        match = NAME.fullmatch(name)
        if match is None:
            return None
        first, last, rows, first_time, last_time, crc = match.groups()
        times = (_read(first_time), _read(last_time))
        return cls(_read(first), _read(last), int(rows), *times, None if crc is None else int(crc, 16))

    def meets(self, first: int | None, last: int | None) -> bool:
        """Whether any leading key of the part can lie in [first, last]."""
        return (first is None or self.last >= first) and (last is None or self.first <= last)

    def happens(self, start: int | None, end: int | None) -> bool:
        """Whether any time of the part can lie in [start, end)."""
        return (start is None or self.last_time >= start) and (end is None or self.first_time < end)


def _written(value: int, digits: int) -> str:
    """Sorts as the number does: negative numbers count up from the lowest."""
    return f"p{value:0{digits}d}" if value >= 0 else f"n{value + OFFSET:0{digits}d}"


def _read(text: str) -> int:
    return int(text[1:]) if text[0] == "p" else int(text[1:]) - OFFSET


def crc_of(path: Path) -> int:
    """The CRC32 of a file's bytes."""
    crc = 0
    with path.open("rb", buffering=0) as file:
        while content := file.read(READ_BYTES):
            crc = zlib.crc32(content, crc)
    return crc


def leading(value: Any) -> int:
    """A leading key value as an integer that never falls where the value rises.

    Text and fractions lose detail, so that different values may share a number; equal numbers are then taken for
    overlapping ranges, which costs a merge and never order.
    """
    if isinstance(value, (bool, int)):
        return int(value)
    if isinstance(value, datetime):
        return from_datetime(value)
    if isinstance(value, date):
        return value.toordinal()
    if isinstance(value, float):
        (bits,) = struct.unpack(">q", struct.pack(">d", value))
        return int(bits if bits >= 0 else -(bits & 0x7FFF_FFFF_FFFF_FFFF))
    if isinstance(value, str):
        return int.from_bytes(value.encode()[:8].ljust(8, b"\0"), "big") - OFFSET
    raise StoreError(f"the parquet store cannot order keys of type {type(value).__name__}")


def folder_name(symbol: str) -> str:
    """The symbol as a file name: everything but letters, digits, _ and - is percent-encoded. Raises `StoreError`."""
    if not symbol:
        raise StoreError("a symbol must not be empty")
    name = "".join(
        char if char.isascii() and (char.isalnum() or char in "_-") else quote(char, safe="") for char in symbol
    )
    name = name.replace(".", "%2E").replace("~", "%7E")
    if name.endswith("_hot"):  # BTCUSDT_hot.parquet is the hot file of BTCUSDT
        name = name.removesuffix("_hot") + "%5Fhot"
    if len(name) > 200:
        raise StoreError(f"the symbol {symbol[:30]!r}... is too long for a file name")
    return name


def symbol_of(name: str) -> str:
    return unquote(name)
