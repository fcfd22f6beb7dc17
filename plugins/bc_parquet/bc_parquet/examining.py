"""What a part's name and footer claim, held against its bytes and its rows: what is found is told, never raised."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from attrs import define, evolve, field

from bc_parquet.checking import checked, failed
from bc_parquet.footers import Footer
from bc_parquet.held import changed, differing
from bc_parquet.metadata import dataset_of, origins_of, proofs_of
from bc_parquet.names import Part, leading
from bcore.errors import StoreError
from bcore.proof import combined, day_proofs
from bcore.records import Dataset, DayProof, FileProof, Series

FOREIGN = "it does not belong to the archive"
# What Arrow, JSON and the records raise over bytes that make no sense. A mistake of ours is none of it: a sound file
# would be set aside for it.
DAMAGE = (pa.ArrowException, StoreError, OSError, ValueError, TypeError, LookupError, OverflowError)


def claimed(path: Path, part: Part, footer: Footer, dataset: Dataset) -> FileProof:
    """A part as its name and its footer tell it. The rows are read only where a file of an earlier version proves none.

    Raises one of `DAMAGE`, `OSError` too where the machine refuses.
    """
    dataset_of(footer.schema, part.name)
    told = proofs_of(footer.schema, dataset)
    days = day_proofs(checked(path), dataset) if told is None else told
    problems = [*_counted(part, footer.rows), *_consistent(part, days, dataset)]
    return FileProof(part.name, part.rows, footer.bytes, days, origins_of(footer.schema), tuple(problems))


def _counted(part: Part, rows: int) -> Iterator[str]:
    if rows != part.rows:
        yield f"it holds {rows} rows, and its name says {part.rows}"


def _consistent(part: Part, days: tuple[DayProof, ...], dataset: Dataset) -> Iterator[str]:
    proven = sum(proof.rows for proof in days)
    if proven != part.rows:
        yield f"its footer proves {proven} rows, and its name says {part.rows}"
    firsts = [proof.spans.first for proof in days if proof.spans.first is not None]
    lasts = [proof.spans.last for proof in days if proof.spans.last is not None]
    if dataset.sequence == dataset.key[0] and firsts and (min(firsts), max(lasts)) != (part.first, part.last):
        yield f"its footer proves ids {min(firsts)}..{max(lasts)}, and its name says {part.first}..{part.last}"


def examined(path: Path, part: Part, series: Series) -> FileProof:
    """A part of which every byte was read. Raises `OSError` where the machine refuses to give them.

    The bytes come first: what is not what was written is not even decoded. `days` are then what the rows really are.
    """
    content = path.read_bytes()
    proof = FileProof(part.name, part.rows, len(content))
    if problem := changed(content, part):
        return evolve(proof, problems=(problem,))
    try:
        return _decoded(content, part, series, proof)
    except DAMAGE as error:
        if failed(error) or isinstance(error, MemoryError):
            raise
        return evolve(proof, problems=(f"it cannot be read: {error}",))


def _decoded(content: bytes, part: Part, series: Series, proof: FileProof) -> FileProof:
    source, found = pa.BufferReader(content), _Found(series)
    schema = pq.read_schema(source)
    dataset_of(schema, part.name)
    texts = [each.name for each in schema if pa.types.is_string(each.type)]
    with pq.ParquetFile(source, read_dictionary=texts, page_checksum_verification=part.crc is None) as file:
        for group in range(file.num_row_groups):
            found.take(file.read_row_group(group))
    days = combined(found.days)
    told = proofs_of(schema, series.dataset)
    wrong = differing(days, told) if told is not None else None
    problems = [*found.problems, *_counted(part, found.rows), *found.against(part)]
    problems += [f"its rows are not those that its footer proves: {wrong}"] if wrong else []
    return evolve(proof, days=days, origins=origins_of(schema), problems=tuple(problems))


@define
class _Found:
    """What the row groups of a file hold, one after the other."""

    series: Series
    rows: int = 0
    days: list[DayProof] = field(factory=list)
    problems: list[str] = field(factory=list)
    _keys: pa.Table | None = None
    _first: int | None = None
    _times: list[int] = field(factory=list)

    def take(self, table: pa.Table) -> None:
        if table.num_rows == 0:
            return
        dataset = self.series.dataset
        self.rows += table.num_rows
        self.days.extend(day_proofs(table, dataset))
        times = pc.min_max(table.column(dataset.time).cast(pa.int64())).as_py()
        self._times += [times["min"], times["max"]]
        self._in_order(table.select(list(dataset.key)))
        self._own(table)

    def against(self, part: Part) -> Iterator[str]:
        """What the name tells otherwise."""
        if self._keys is None or self._first is None:
            return
        keys = (self._first, leading(self._keys.column(0)[-1].as_py()))
        if keys != (part.first, part.last):
            yield f"its keys go from {keys[0]} to {keys[1]}, and its name says {part.first} to {part.last}"
        if (min(self._times), max(self._times)) != (part.first_time, part.last_time):
            yield "its times are not those that its name says"

    def _in_order(self, keys: pa.Table) -> None:
        if self._first is None:
            self._first = leading(keys.column(0)[0].as_py())
        joined = keys if self._keys is None else pa.concat_tables([self._keys, keys])
        self._keys = keys.slice(keys.num_rows - 1)
        index = disorder(joined)
        if index is not None and not any(each.startswith("its keys are") for each in self.problems):
            key = ", ".join(str(value) for value in joined.slice(index, 1).to_pylist()[0].values())
            self.problems.append(f"its keys are not in order, or one is there twice: {key}")

    def _own(self, table: pa.Table) -> None:
        if "symbol" in table.column_names:
            others = set(pc.unique(table.column("symbol")).to_pylist()) - {self.series.symbol}
            if others:
                self.problems.append(f"it holds rows of {', '.join(sorted(map(str, others)))}")


def disorder(keys: pa.Table) -> int | None:
    """The first row whose key, compared column by column, is not above the one before it; None if there is none."""
    above = None
    for column in reversed([each.combine_chunks() for each in keys.columns]):
        before, here = column[:-1], column[1:]
        higher = pc.greater(here, before)
        above = higher if above is None else pc.or_(higher, pc.and_(pc.equal(here, before), above))
    index: int = pc.index(pc.fill_null(above, False), False).as_py()
    return None if index < 0 else index + 1
