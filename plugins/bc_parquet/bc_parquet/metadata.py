"""What every file says of itself, in its footer: its dataset, a proof of each day's rows, and where they came from.

Files of earlier versions tell the ids that they hold where those have holes, and their rows per day, instead.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import accumulate, chain, pairwise
from typing import Any

import pyarrow as pa

from bcore.errors import CorruptFileError
from bcore.instants import DAY
from bcore.records import Dataset, DayProof, Origin
from bcore.spans import Spans

DATASET, PROOFS, ORIGINS = b"bcore.dataset", b"bcore.proofs", b"bcore.origins"
SPANS, DAYS = b"bcore.spans", b"bcore.days"  # of earlier versions
Origins = tuple[tuple[Origin, int], ...]


def described(table: pa.Table, dataset: Dataset, proofs: Sequence[DayProof], origins: Origins = ()) -> pa.Table:
    """The table with its dataset, the proofs of its days and the origins of its rows in the schema's metadata."""
    metadata = {DATASET: _json(_plain(dataset)), PROOFS: _json([_packed(proof) for proof in proofs])}
    if origins:
        metadata[ORIGINS] = _json([[each.kind, each.name, each.sha256, each.rows, rows] for each, rows in origins])
    return table.replace_schema_metadata(metadata)


def dataset_of(schema: pa.Schema, where: str) -> Dataset:
    """The dataset that a file's schema describes. Raises `CorruptFileError` naming the file if it does not."""
    try:
        plain = json.loads((schema.metadata or {})[DATASET])
        return Dataset(schema=schema.remove_metadata(), **plain)
    except (KeyError, ValueError, TypeError) as error:
        raise CorruptFileError(f"{where} is a Parquet file, but not one that bcore wrote") from error


def proofs_of(schema: pa.Schema, dataset: Dataset) -> tuple[DayProof, ...] | None:
    """The proofs that a file's schema tells, oldest day first; None if it has none, or of other columns than these.

    Raises `ValueError` for proofs that make no sense.
    """
    packed = _told(schema, PROOFS)
    if packed is None or _proven(_told(schema, DATASET) or {}) != _proven(_plain(dataset)):
        return None
    proofs = tuple(_unpacked(each) for each in packed)
    # Of a chain without a sequence earlier versions proved nothing.
    untold = dataset.chain and not dataset.sequence and not any(proof.spans for proof in proofs)
    return None if untold else proofs


def origins_of(schema: pa.Schema) -> Origins:
    """Where a file's rows came from, with how many of each; rows of an unknown origin are in none.

    Raises `ValueError` for origins that make no sense.
    """
    try:
        return tuple((Origin(*each[:4]), int(each[4])) for each in _told(schema, ORIGINS) or ())
    except (TypeError, IndexError) as error:
        raise ValueError(f"its origins make no sense: {error}") from error


def spans_of(schema: pa.Schema) -> Spans | None:
    """The spans that a file's schema tells; None if its ids have no hole."""
    if (packed := _told(schema, PROOFS)) is not None:
        return Spans.of(run for each in packed for run in _unpacked(each).spans)
    found = _told(schema, SPANS)
    return None if found is None else Spans(tuple((first, last) for first, last in found))


def days_of(schema: pa.Schema) -> dict[int, int] | None:
    """Day (since 1970-01-01, UTC) -> rows, as a file's schema tells; None if all its rows are of one day."""
    if (packed := _told(schema, PROOFS)) is not None:
        return {each[0]: each[1] for each in packed}
    found = _told(schema, DAYS)
    return None if found is None else dict(found)


def summed(several: Iterable[Origins]) -> Origins:
    """The origins of all those rows together, each once, in the order in which they first come."""
    rows: dict[Origin, int] = {}
    for origin, count in chain.from_iterable(several):
        rows[origin] = rows.get(origin, 0) + count
    return tuple(rows.items())


def _told(schema: pa.Schema, key: bytes) -> Any:
    found = (schema.metadata or {}).get(key)
    return None if found is None else json.loads(found)


def _packed(proof: DayProof) -> list[Any]:
    """Day, rows, fingerprint, spans, chain, and how long the chain's ranges are in all if some of them overlap."""
    overlapping = [proof.chained] if proof.chained != len(proof.chain) else []
    packed = [proof.day // DAY, proof.rows, f"{proof.fingerprint:032x}", _steps(proof.spans), _steps(proof.chain)]
    return packed + overlapping


def _unpacked(packed: list[Any]) -> DayProof:
    try:
        day, rows, fingerprint, spans, finer, *chained = packed
        tiled = _runs(finer)
        length = chained[0] if chained else len(tiled)
        return DayProof(day * DAY, rows, _runs(spans), tiled, int(fingerprint, 16), length)
    except TypeError as error:
        raise ValueError(f"its proofs make no sense: {error}") from error


def _steps(spans: Spans) -> list[int]:
    """Firsts and lasts in a row, each as its distance from the one before: few digits where runs are short."""
    bounds = [0, *chain.from_iterable(spans.runs)]
    return [after - before for before, after in pairwise(bounds)]


def _runs(steps: list[int]) -> Spans:
    bounds = list(accumulate(steps))
    return Spans(tuple(zip(bounds[::2], bounds[1::2], strict=True)))


def _proven(plain: dict[str, Any]) -> list[Any]:
    """What decides, besides the rows, what a proof of them says."""
    return [plain.get("time"), plain.get("sequence"), list(plain.get("chain") or ())]


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _plain(dataset: Dataset) -> dict[str, Any]:
    names = ("name", "key", "time", "sequence", "chain", "facets", "highlight", "summary")
    return {name: getattr(dataset, name) for name in names}
