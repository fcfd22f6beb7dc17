"""All rows of a file, together before the first of them is stored: what is not believed is not begun."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from attrs import define, field, frozen

from bc_trades.csvrows import SCHEMA
from bcore.records import Finding
from bcore.spans import Spans

HELD = 3_000_000  # rows in memory, 50 bytes each; more of them wait on disk
ID = "agg_trade_id"


@frozen
class Bound:
    """Rows of a file: in order of id and each once, if they fit into memory; else as the file has them.

    `count` is how many ids they are; `findings` tell of ids that the file has twice, with different rows.
    """

    table: pa.Table
    count: int
    first: int
    last: int
    findings: tuple[Finding, ...] = ()

    def slices(self, least: int) -> Iterator[pa.Table]:
        """Of about the same length, each of at least so many rows, if there are."""
        rows = self.table.num_rows
        ends = [rows * number // max(rows // least, 1) for number in range(max(rows // least, 1) + 1)]
        for begin, end in pairwise(ends):
            yield self.table.slice(begin, end - begin)


@define
class Sheaf:
    """Takes tables of rows; beyond `most` rows they go to a file in `folder`, and come from there."""

    folder: Path
    most: int
    rows: int = field(default=0, init=False)
    _tables: list[pa.Table] = field(factory=list, init=False)
    _writer: Any = field(default=None, init=False)

    def add(self, table: pa.Table) -> None:
        self.rows += table.num_rows
        self._tables.append(table)
        if self._writer is not None or self.rows > self.most:
            self._spill()

    def bound(self) -> Bound | None:
        """What was taken; None if that is nothing."""
        if not self.rows:
            return None
        if self._writer is None:
            return _arranged(pa.concat_tables(self._tables))
        self._writer.close()
        return _counted(pa.ipc.open_file(pa.memory_map(str(self._path))).read_all())

    @property
    def _path(self) -> Path:
        return self.folder / "rows.arrow"

    def _spill(self) -> None:
        if self._writer is None:
            self._writer = pa.ipc.new_file(str(self._path), SCHEMA)
        for table in self._tables:
            self._writer.write_table(table)
        self._tables.clear()


def _arranged(table: pa.Table) -> Bound:
    ids = table.column(ID).to_numpy()
    findings: tuple[Finding, ...] = ()
    if not (ids[1:] > ids[:-1]).all():
        table = table.sort_by(ID).combine_chunks()
        ids = table.column(ID).to_numpy()
        new = np.append(True, ids[1:] != ids[:-1])
        findings = tuple(_doubled(table, np.flatnonzero(~new)))
        table, ids = table.filter(pa.array(new)), ids[new]
    return Bound(table, len(ids), int(ids[0]), int(ids[-1]), findings)


def _doubled(table: pa.Table, again: Any) -> Iterator[Finding]:
    """Of the rows that have the id of the row before them, those that say something else (protocol section 9.2)."""
    pairs = [(row, table.slice(row, 1).to_pylist(), table.slice(row - 1, 1).to_pylist()) for row in again.tolist()]
    ids = Spans.of((one[0][ID], one[0][ID]) for _, one, other in pairs if one != other)
    for first, last in ids:
        yield Finding(first, last, "broken", "the bulk file has different rows of this id; the first is kept")


def _counted(table: pa.Table) -> Bound:
    """Of rows on disk, which stay in the order of the file: the store takes them in any."""
    ids = table.column(ID).to_numpy()
    rising = bool((ids[1:] > ids[:-1]).all())
    return Bound(table, len(ids) if rising else len(np.unique(ids)), int(ids.min()), int(ids.max()))
