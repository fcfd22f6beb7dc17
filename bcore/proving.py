"""What an archive provably holds of a series: asked of any reader, and told over the wire."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from bcore.audits import Gap
from bcore.errors import CorruptFileError
from bcore.instants import DAY
from bcore.powers import Proves
from bcore.protocols import Audits
from bcore.query import Query, Request
from bcore.records import DayProof, Series
from bcore.scanning import scanned
from bcore.spans import Spans

if TYPE_CHECKING:
    import pyarrow as pa

    from bcore.protocols import Reader, Store

BYTES = 16  # of a fingerprint


def stored_proofs(store: Store, series: Series, end: int | None = None) -> tuple[DayProof, ...]:
    """The proofs of a series, from metadata where the store keeps proofs. With `end`, the rows of its day are read.

    Raises `CorruptFileError` for a file that is not what it claims to be.
    """
    from bcore.proof import combined, day_proofs

    files = list(store.audit(series) if isinstance(store, Audits) else scanned(store, series))
    for file in files:
        if file.problems:
            raise CorruptFileError(f"{series}: {file.name}: {file.problems[0]}; bcore repair sets it aside")
    days = sorted(combined(day for file in files for day in file.days), key=lambda day: day.day)
    if end is None:
        return tuple(days)
    midnight = end // DAY * DAY
    last = store.read(Query(series.dataset, series.symbol, start=midnight, end=end))
    return (*(day for day in days if day.day < midnight), *day_proofs(last, series.dataset))


def proofs_of(reader: Reader, series: Series, end: int | None = None) -> tuple[DayProof, ...]:
    """As `stored_proofs`, of any reader: one that tells none is read through once."""
    from bcore.proof import combined, day_proofs

    if isinstance(reader, Proves):
        return tuple(reader.proofs(series.dataset.name, series.symbol, end=end))
    import pyarrow as pa

    batches = reader.scan(Request(series.dataset.name, series.symbol, end=end))
    parts = (day_proofs(pa.Table.from_batches([batch]), series.dataset) for batch in batches)
    return tuple(sorted(combined(day for part in parts for day in part), key=lambda day: day.day))


def ids_in(proofs: Iterable[DayProof]) -> Spans:
    """All ids that the proofs speak of."""
    return Spans.of(run for day in proofs for run in day.spans)


def proofs_table(proofs: Iterable[DayProof]) -> pa.Table:
    """One row a day."""
    import pyarrow as pa

    number, runs = pa.int64(), pa.list_(pa.int64())
    schema = pa.schema(
        {"day": number, "rows": number, "chained": number, "fingerprint": pa.binary(BYTES)}
        | {"spans": runs, "chain": runs}
    )
    return pa.Table.from_pylist([_told(day) for day in proofs], schema=schema)


def proofs_in(table: pa.Table) -> tuple[DayProof, ...]:
    """What `proofs_table` told."""
    return tuple(
        DayProof(
            row["day"],
            row["rows"],
            _spans(row["spans"]),
            _spans(row["chain"]),
            int.from_bytes(row["fingerprint"]),
            row["chained"],
        )
        for row in table.to_pylist()
    )


def gaps_table(gaps: Iterable[Gap]) -> pa.Table:
    """One row a gap, as the SDK shows it too."""
    import pyarrow as pa

    number, instant = pa.int64(), pa.timestamp("us", tz="UTC")
    schema = pa.schema(
        {"first_id": number, "last_id": number, "ids": number, "state": pa.string(), "reason": pa.string()}
        | {"since": instant}
    )
    rows = [
        {"first_id": gap.first, "last_id": gap.last, "ids": gap.ids, "state": gap.state}
        | {"reason": gap.reason, "since": gap.since}
        for gap in gaps
    ]
    return pa.Table.from_pylist(rows, schema=schema)


def gaps_in(table: pa.Table) -> tuple[Gap, ...]:
    """What `gaps_table` told."""
    rows = table.set_column(5, "since", table.column("since").cast("int64")).to_pylist()
    return tuple(Gap(row["first_id"], row["last_id"], row["state"], row["reason"], row["since"]) for row in rows)


def _told(day: DayProof) -> dict[str, Any]:
    return {
        "day": day.day,
        "rows": day.rows,
        "chained": day.chained,
        "fingerprint": day.fingerprint.to_bytes(BYTES),
        "spans": _flat(day.spans),
        "chain": _flat(day.chain),
    }


def _flat(spans: Spans) -> list[int]:
    return [bound for run in spans for bound in run]


def _spans(bounds: Sequence[int]) -> Spans:
    return Spans(tuple(zip(bounds[::2], bounds[1::2], strict=True)))
