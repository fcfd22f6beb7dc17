"""From the exchange's records to rows. A record that does not fit is put aside, and costs the page nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import msgspec
import pyarrow as pa
from attrs import frozen
from msgspec import Meta, Struct

from bc_binance.messages import micros
from bc_trades.datasets import TRADES
from bcore.records import Rejected

if TYPE_CHECKING:
    from collections.abc import Iterable

LARGEST = 2**63 - 1
# At most 20 digits on either side, so that no text becomes an infinite float; no sign, no exponent, no "nan".
Decimal = Annotated[str, Meta(pattern=r"\A[0-9]{1,20}(\.[0-9]{1,20})?\Z")]
Id = Annotated[int, Meta(ge=0, le=LARGEST)]
TradeId = Annotated[int, Meta(ge=-1, le=LARGEST)]
Time = Annotated[int, Meta(ge=10**12, lt=9 * 10**15)]


class Record(Struct, frozen=True):
    """One aggregate trade as sent (protocol section 4.6).

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


class _Named(Struct, frozen=True):
    a: Id


_RECORD = msgspec.json.Decoder(Record)
_NAMED = msgspec.json.Decoder(_Named)


@frozen
class Parsed:
    """The rows of a page as a table of TRADES, and the records that do not fit it, with the reason."""

    table: pa.Table
    rejected: tuple[Rejected, ...] = ()


def to_table(rows: Iterable[bytes], symbol: str) -> Parsed:
    """Aggregate trades as the exchange sends them, one JSON text each, as rows in the same order."""
    records: list[Record] = []
    faulty: dict[str, list[str]] = {}
    for row in rows:
        try:
            records.append(_RECORD.decode(row))
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            faulty.setdefault(str(error), []).append(row.decode("utf-8", "replace"))
    rejected = tuple(Rejected(reason, texts) for reason, texts in faulty.items())
    return Parsed(_table(records, symbol), rejected)


def id_of(row: bytes) -> int | None:
    """The aggregate trade id of a record, readable or not as a whole; None where there is none."""
    try:
        return _NAMED.decode(row).a
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _table(records: Sequence[Record], symbol: str) -> pa.Table:
    columns = [
        [record.a for record in records],
        [micros(record.T) for record in records],
        [symbol] * len(records),
        [float(record.p) for record in records],
        [float(record.q) for record in records],
        [record.f for record in records],
        [record.l for record in records],
        [record.m for record in records],
        [record.M for record in records],
    ]
    typed = [pa.array(column, each.type) for column, each in zip(columns, TRADES.schema, strict=True)]
    return pa.Table.from_arrays(typed, schema=TRADES.schema)
