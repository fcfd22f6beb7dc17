"""Rows on their way into a file, with what was proven of them before: what they must still be when they are in it."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
from attrs import frozen

from bc_parquet.checking import corrupt, decoded
from bc_parquet.metadata import Origins, origins_of, proofs_of, summed
from bc_parquet.names import Part
from bcore.errors import CorruptFileError
from bcore.proof import combined, day_proofs
from bcore.records import Batch, Dataset, DayProof


@frozen
class Held:
    """Rows sorted by key. `proofs` are what was proven when they were stored, `origins` where they came from."""

    table: pa.Table
    proofs: tuple[DayProof, ...]
    origins: Origins

    @classmethod
    def fresh(cls, table: pa.Table, batch: Batch) -> Held:
        """Some rows of a batch."""
        origins = ((batch.origin, table.num_rows),) if batch.origin else ()
        return cls(table, day_proofs(table, batch.dataset), origins)

    @property
    def streamed(self) -> bool:
        """Whether they came live: more come soon, and are merged with them."""
        return bool(self.origins) and all(origin.kind == "stream" for origin, _ in self.origins)

    @classmethod
    def read(cls, path: Path, part: Part, dataset: Dataset) -> Held:
        """The rows of a part. Raises `CorruptFileError` if its bytes are not those that were written."""
        content = path.read_bytes()
        if problem := changed(content, part):
            raise corrupt(path, problem)
        table, schema = decoded(content, path, pages=part.crc is None)
        try:
            proofs, origins = proofs_of(schema, dataset), origins_of(schema)
        except ValueError as error:
            raise corrupt(path, error) from error
        return cls(table, day_proofs(table, dataset) if proofs is None else proofs, origins)

    @classmethod
    def together(cls, several: Sequence[Held], key: Sequence[str] = ()) -> Held:
        """All their rows: one after the other, or with `key` sorted by it."""
        table = pa.concat_tables([each.table for each in several], promote_options="default")
        if key:
            table = table.sort_by([(name, "ascending") for name in key])
        proofs = combined(proof for each in several for proof in each.proofs)
        return cls(table, proofs, summed(each.origins for each in several))

    def assert_proven(self, dataset: Dataset) -> None:
        """Raises `CorruptFileError` unless the rows are those of which the proofs were made."""
        if wrong := differing(day_proofs(self.table, dataset), self.proofs):
            raise CorruptFileError(f"rows are not those that were stored: {wrong}; the old files are kept")


def changed(content: bytes, part: Part) -> str | None:
    """What the CRC32 in a part's name says to be wrong with its bytes; None if they are right, or it says nothing."""
    if part.crc is None or (crc := zlib.crc32(content)) == part.crc:
        return None
    return f"its bytes are not those that were written: their CRC32 is {crc:08x}, and its name says {part.crc:08x}"


def differing(found: Sequence[DayProof], told: Sequence[DayProof]) -> str | None:
    """The days of which two accounts differ, in words; None if they agree."""
    one, other = ({proof.day: proof for proof in proofs} for proofs in (found, told))
    days = [day for day in sorted({*one, *other}) if one.get(day) != other.get(day)]
    return ", ".join(day_named(day) for day in days) or None


def day_named(day: int) -> str:
    from bcore.instants import iso

    return iso(day)[:10]
