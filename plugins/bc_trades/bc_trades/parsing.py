"""From the exchange's records to trades. A record that does not fit is put aside, and costs the others nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from operator import le
from typing import TYPE_CHECKING, Annotated

import msgspec
from attrs import frozen
from msgspec import Meta, Struct

from bc_trades.rows import Rows
from bc_trades.trade import Trade
from bcore.records import Rejected

if TYPE_CHECKING:
    import pyarrow as pa

LARGEST = 2**63 - 1
# At most 20 digits on either side, so that no text becomes an infinite float; no sign, no exponent, no "nan".
NUMBER = r"[0-9]{1,20}(?:\.[0-9]{1,20})?"
Decimal = Annotated[str, Meta(pattern=rf"\A{NUMBER}\Z")]
Id = Annotated[int, Meta(ge=0, le=LARGEST)]
TradeId = Annotated[int, Meta(ge=-1, le=LARGEST)]
Time = Annotated[int, Meta(ge=10**12, lt=9 * 10**15)]


class Record(Struct, frozen=True, gc=False):
    """One aggregate trade as sent, checked wholly.

    `M` is the one field that may be missing: the exchange calls it to be ignored, and trades are not lost for it.
    """

    a: Id
    p: Decimal
    q: Decimal
    f: TradeId
    l: TradeId  # noqa: E741 - the exchange's name
    T: Time
    m: bool
    M: bool = True

    def __post_init__(self) -> None:
        if self.l < self.f or (self.f < 0) != (self.l < 0):
            raise ValueError(f"trade ids {self.f} to {self.l} are no range")


class Event(Struct, frozen=True, gc=False):
    """An aggregate trade of a stream (protocol section 6), whose texts and range are checked for many at once."""

    a: Id
    s: str
    p: str
    q: str
    f: Annotated[int, Meta(ge=0, le=LARGEST)]  # a voided one takes the careful way
    l: Id  # noqa: E741 - the exchange's name
    T: Time
    m: bool
    M: bool = True


class _Named(Struct, frozen=True):
    a: Id


class _Addressed(Struct, frozen=True):
    s: str | None = None


_RECORD = msgspec.json.Decoder(Record)
_EVENTS = msgspec.json.Decoder(list[Event])
_NAMED = msgspec.json.Decoder(_Named)
_ADDRESSED = msgspec.json.Decoder(_Addressed)
_NUMBERS = re.compile(rf"(?:{NUMBER},)*+")
_FAULTS = (msgspec.MsgspecError, UnicodeDecodeError)


@frozen
class Parsed:
    """The rows of a page as a table of TRADES, and the records that do not fit it, with the reason."""

    table: pa.Table
    rejected: tuple[Rejected, ...] = ()


@frozen
class Read:
    """Trades in the order received, and the records that are none, with the reason."""

    trades: Sequence[Trade]
    rejected: tuple[Rejected, ...] = ()


def to_table(rows: Iterable[bytes], symbol: str) -> Parsed:
    """Aggregate trades as the exchange sends them, one JSON text each, as rows in the same order."""
    read, columns = read_records(rows), Rows()
    columns.extend(read.trades)
    return Parsed(columns.table(symbol), read.rejected)


def read_records(rows: Iterable[bytes | msgspec.Raw]) -> Read:
    """Each record by itself, checked wholly."""
    return _each(rows, _RECORD.decode)


def read_events(rows: Sequence[bytes | msgspec.Raw], symbol: str) -> Read:
    """Events of one symbol's stream: all at once where they are as they should be, else each by itself."""
    try:
        events = _EVENTS.decode(b"[" + b",".join(rows) + b"]")
    except _FAULTS:
        return _each(rows, lambda row: _of_symbol(row, symbol))
    if len(events) == len(rows) and _sound(events, symbol):
        return Read(events)
    return _each(rows, lambda row: _of_symbol(row, symbol))


def id_of(row: bytes) -> int | None:
    """The aggregate trade id of a record, readable or not as a whole; None where there is none."""
    try:
        return _NAMED.decode(row).a
    except _FAULTS:
        return None


def _each(rows: Iterable[bytes | msgspec.Raw], decode: Callable[[bytes | msgspec.Raw], Record]) -> Read:
    records: list[Record] = []
    faulty: dict[str, list[str]] = {}
    for row in rows:
        try:
            records.append(decode(row))
        except _FAULTS as error:
            faulty.setdefault(str(error), []).append(bytes(row).decode("utf-8", "replace"))
    return Read(records, tuple(Rejected(reason, texts) for reason, texts in faulty.items()))


def _of_symbol(row: bytes | msgspec.Raw, symbol: str) -> Record:
    record, named = _RECORD.decode(row), _ADDRESSED.decode(row).s
    if named != symbol:
        raise msgspec.ValidationError(f"the event is of {named!r} and came as one of {symbol!r}")
    return record


def _sound(events: Sequence[Event], symbol: str) -> bool:
    numbers = ",".join([event.p for event in events]) + "," + ",".join([event.q for event in events]) + ","
    return (
        _NUMBERS.fullmatch(numbers) is not None
        and all(map(le, [event.f for event in events], [event.l for event in events]))
        and {event.s for event in events} <= {symbol}
    )
