"""Reading one series: only the files, row groups and columns that can matter, and safely beside a writer that merges.

A reader lists one version and opens its files. If the version goes away under a slow reader, it goes on in the next
one after the last key it has seen: rows are sorted by key, so nothing is seen twice and nothing is missed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from attrs import evolve, field, frozen

from bc_parquet.checking import Between, corrupt
from bc_parquet.folder import SeriesFolder
from bc_parquet.names import Part
from bc_parquet.opening import Openings, OpenPart
from bcore.errors import CorruptFileError
from bcore.instants import to_datetime
from bcore.query import Query

ATTEMPTS = 100
GROUPS_BYTES = 2**23
SYMBOL = "symbol"


@frozen
class SeriesReading:
    """Answers one query from the files of one series. `openings` that are kept save opening what is known."""

    folder: SeriesFolder
    query: Query
    openings: Openings = field(factory=Openings)
    needed: list[str] = field(init=False)
    schema: pa.Schema = field(init=False)

    def __attrs_post_init__(self) -> None:
        names = self.query.columns or self.query.dataset.schema.names
        object.__setattr__(self, "schema", pa.schema([self.query.dataset.schema.field(name) for name in names]))
        object.__setattr__(self, "needed", self._needed())

    def table(self) -> pa.Table:
        """All at once. Begins anew if a version goes away, which costs time and never rows."""
        for _ in range(ATTEMPTS):
            try:
                return self._table()
            except FileNotFoundError:
                continue
        raise CorruptFileError(f"{self.folder.link} names files that are not there")

    def _table(self) -> pa.Table:
        version = self.folder.version()
        if version is None:
            return self.schema.empty_table()
        parts = self._candidates(self.folder.parts(version))
        if self.query.tail is not None:
            return self._finished(self._from_end(version, parts, self.query.tail + self.query.offset))
        wanted = None if self.query.limit is None else self.query.limit + self.query.offset
        return self._finished(self._from_start(version, parts, wanted))

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Row group by row group, in bounded memory; for queries that count from the oldest row or not at all."""
        left = self.query.limit
        skip, seen = self.query.offset, None
        while left is None or left > 0:
            try:
                for key, table in self._groups(after=seen):
                    skipped = min(skip, table.num_rows)
                    table = table.slice(skipped, left)
                    skip, seen = skip - skipped, key
                    left = None if left is None else left - table.num_rows
                    yield from self._shown(table).to_batches()
                    if left == 0:
                        return
            except FileNotFoundError:
                continue
            return

    def _groups(self, after: dict[str, Any] | None) -> Iterator[tuple[dict[str, Any], pa.Table]]:
        """(last key, matching rows) of some row groups at a time, of rows with a key above `after`."""
        version = self.folder.version()
        if version is None:
            return
        key = list(self.query.dataset.key)
        for part in self._candidates(self.folder.parts(version)):
            opened = self._open(version, part)
            groups, many = opened.footer.groups(self._bounds()), self._at_once(opened)
            for begin in range(0, len(groups), many):
                # One thread: others are slow to give back the memory that this one took, and the next ones need it.
                table = self._read(opened, groups[begin : begin + many], threads=False)
                if table.num_rows == 0:
                    continue
                last = {name: table.column(name)[-1].as_py() for name in key}
                if after is not None:
                    table = table.filter(_above(after))
                yield last, self.query.matching(table)

    def _at_once(self, opened: OpenPart) -> int:
        """How many row groups are worth one call: few enough to stay near the processor, and one for a few rows."""
        if self.query.limit is not None or not opened.footer.metadata.num_row_groups:
            return 1
        rows: int = opened.footer.metadata.row_group(0).num_rows
        return max(GROUPS_BYTES // (8 * rows * len(self.needed)), 1)

    def _from_start(self, version: Path, parts: Sequence[Part], wanted: int | None) -> list[pa.Table]:
        tables: list[pa.Table] = []
        rows = 0
        for part in parts:
            if wanted is not None and rows >= wanted:
                break
            tables.append(self._matching(version, part))
            rows += tables[-1].num_rows
        return tables

    def _from_end(self, version: Path, parts: Sequence[Part], wanted: int) -> list[pa.Table]:
        """The newest rows, reading row groups from the last one back until there are enough."""
        tables: list[pa.Table] = []
        rows = 0
        for part in reversed(parts):
            opened = self._open(version, part)
            for group in reversed(opened.footer.groups(self._bounds())):
                if rows >= wanted:
                    return tables[::-1]
                tables.append(self.query.matching(self._read(opened, [group])))
                rows += tables[-1].num_rows
        return tables[::-1]

    def _matching(self, version: Path, part: Part) -> pa.Table:
        opened = self._open(version, part)
        return self.query.matching(self._read(opened, opened.footer.groups(self._bounds())))

    def _finished(self, tables: list[pa.Table]) -> pa.Table:
        if not tables:
            return self.schema.empty_table()
        return self._shown(evolve(self.query, columns=None).counted(pa.concat_tables(tables)))

    def _shown(self, table: pa.Table) -> pa.Table:
        """The wanted columns. The symbol is the series' own in every row, and was not read for that."""
        if SYMBOL in self.schema.names and SYMBOL not in table.column_names:
            symbols = pa.repeat(pa.scalar(self.query.symbol, self.schema.field(SYMBOL).type), table.num_rows)
            table = table.append_column(SYMBOL, symbols)
        table = table.select(self.schema.names)
        return table if table.schema.equals(self.schema) else table.cast(self.schema)

    def _candidates(self, parts: Sequence[Part]) -> list[Part]:
        query = self.query
        bounded = query.dataset.sequence == query.dataset.key[0]
        ids = (query.first, query.last) if bounded else (None, None)
        return [part for part in parts if part.meets(*ids) and part.happens(query.start, query.end)]

    def _open(self, version: Path, part: Part) -> OpenPart:
        opened = self.openings.open(version / part.name)
        _check_names(opened.path, set(opened.footer.names), self.query.dataset.schema.names)
        return opened

    def _bounds(self) -> list[Between]:
        """What statistics may be held against."""
        query = self.query
        bounds: list[Between] = []
        if query.start is not None or query.end is not None:
            low = None if query.start is None else _in_a_calendar(query.start)
            high = None if query.end is None else _in_a_calendar(query.end - 1)
            bounds.append((query.dataset.time, low, high))
        if query.first is not None or query.last is not None:
            bounds.append((str(query.dataset.sequence), query.first, query.last))
        return bounds

    def _read(self, opened: OpenPart, groups: Sequence[int], threads: bool = True) -> pa.Table:
        present = [name for name in self.needed if name in opened.footer.names]
        table = opened.read(groups, present, threads)
        if table.column_names == self.needed:
            return table
        for name in self.needed:
            if name not in present:
                kind = self.query.dataset.schema.field(name).type
                table = table.append_column(name, pa.nulls(table.num_rows, kind))
        return table.select(self.needed)

    def _needed(self) -> list[str]:
        """The columns to read: those asked for, and those that decide which rows match."""
        query, dataset = self.query, self.query.dataset
        deciding = {*query.where, *dataset.key}
        if query.start is not None or query.end is not None:
            deciding.add(dataset.time)
        if query.first is not None or query.last is not None:
            deciding.add(str(dataset.sequence))
        shown = set(self.schema.names) - {SYMBOL}
        return [name for name in dataset.schema.names if name in shown | deciding]


def _check_names(path: Path, held: set[str], known: Sequence[str]) -> None:
    """A file of an older or a newer dataset lacks columns or has more of them. One that does both had a name damaged:
    checksums cover pages and not the footer, and the rows would pass for rows without that column."""
    more, less = sorted(held.difference(known)), [name for name in known if name not in held]
    if more and less:
        raise corrupt(path, f"it has a column {more[0]!r} that nobody knows, and lacks {less[0]!r}")


def _above(key: dict[str, Any]) -> Any:
    """The condition of rows whose key, compared column by column, lies above this one."""
    condition = None
    for name, value in reversed(key.items()):
        here = pc.field(name) > pa.scalar(value)
        condition = here if condition is None else here | ((pc.field(name) == pa.scalar(value)) & condition)
    return condition


def _in_a_calendar(time: int) -> datetime | None:
    """As statistics tell times; None where no calendar reaches: the rows themselves are held against it anyway."""
    try:
        return to_datetime(time)
    except OverflowError:
        return None
