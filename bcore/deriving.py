"""Computes a view from a store: asks for no more rows and columns than it needs, and cuts to the window.

A long answer is computed window by window, which the law of derivations allows: a row does not depend on where the
window starts. Within a window, a derivation that can work in parts never sees all rows at once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from inspect import signature
from typing import TYPE_CHECKING, Any

from attrs import define, evolve, field, frozen

from bcore.errors import BcoreError, PluginError, RequestError
from bcore.protocols import Store
from bcore.query import Query, clip
from bcore.records import CHAIN, Derivation, SeriesStats
from bcore.schema import fitting

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)
WIDEN = 4
WIDENINGS = 16  # in a row that may change nothing
WINDOW_ROWS = 2**21
PART_ROWS = 2**16  # what a derivation's `part` is given at once: what it does once per call is then next to nothing


@define
class Repeated:
    """A column of one text, made once and cut to length."""

    text: str
    _made: pa.Array | None = field(default=None, init=False)

    def column(self, rows: int) -> pa.Array:
        import pyarrow as pa

        if self._made is None or len(self._made) < rows:
            self._made = pa.repeat(self.text, rows)
        return self._made.slice(0, rows)


@frozen
class Deriving:
    """One view of one store: some `columns` of what the derivation makes with `params`."""

    store: Store
    derivation: Derivation
    params: Any
    columns: Sequence[str]

    def table(self, query: Query) -> pa.Table:
        """The rows for the query, which speaks of the view's rows.

        For N rows the window is guessed by the derivation and widened until N are there or the series is exhausted:
        how far N candles reach depends on how often the symbol trades.
        """
        self._check(query)
        stats = self.store.stats(query.series)
        asked = query
        if query.tail is not None and query.end is None:
            asked = evolve(query, end=(stats.last_time or 0) + 1)
        need = self._needs(asked)
        while True:
            rows = clip(self._applied(need, stats), self.derivation.time, query.start, query.end)
            wanted = query.tail if query.tail is not None else query.limit
            if wanted is None or rows.num_rows >= wanted + query.offset or _exhausted(need, query, stats):
                return query.counted(rows).select(list(self.columns))
            asked, need = self._widened(asked, need)

    def _widened(self, asked: Query, need: Query) -> tuple[Query, Query]:
        """The next count for which more is needed: a derivation may need whole days, however few rows are counted."""
        for _ in range(WIDENINGS):
            asked = evolve(asked, tail=_wider(asked.tail), limit=_wider(asked.limit))
            if (wider := self._needs(asked)) != need:
                return asked, wider
        raise PluginError(
            f"the view {self.derivation.name!r} has a fault: its needs() asks for no more rows than before, "
            "however many are wanted"
        )

    def scan(self, query: Query) -> pa.RecordBatchReader:
        """As `table`, in batches: in bounded memory unless rows are counted off."""
        import pyarrow as pa

        self._check(query)
        if query.limit is not None or query.tail is not None or query.offset:
            return self.table(query).to_reader()
        fields = [self.derivation.schema.field(name) for name in self.columns]
        batches = (batch for table in self._windows(query) for batch in table.to_batches())
        return pa.RecordBatchReader.from_batches(pa.schema(fields), batches)

    def of_hot(self, query: Query) -> pa.Table:
        """What the rows that the store keeps hot come to: cheap, and no more than those tell."""
        with blamed(self.derivation.name):
            need = evolve(self.derivation.needs(query, self.params), columns=self._inputs(query))
            rows = self._whole(self.store.hot(need), Repeated(query.symbol), need)
            return self._fitting(self.derivation.apply(rows, self.params)).select(list(self.columns))

    def _needs(self, asked: Query) -> Query:
        with blamed(self.derivation.name):
            return self.derivation.needs(asked, self.params)

    def _check(self, query: Query) -> None:
        if query.first is not None:
            raise RequestError(f"{self.derivation.name} is computed and has no ids to page by: use start_time")

    def _windows(self, query: Query) -> Iterator[pa.Table]:
        """The rows of windows of about WINDOW_ROWS rows of the dataset, one after the other."""
        stats = self.store.stats(query.series)
        first, last = stats.first_time or 0, stats.last_time or 0
        width = max((last - first + 1) * WINDOW_ROWS // max(stats.rows, 1), 1)
        begin, stop, done = query.start, query.end, False
        while not done:
            end = max(first if begin is None else begin, first) + width
            done = end > last or (stop is not None and end >= stop)
            asked = evolve(query, start=begin, end=stop if done else end)
            need = self._needs(asked)
            if not done and need.end is not None and need.end > end:
                # What is read anyway may as well be answered: a month is not read anew for each of its days.
                asked = evolve(asked, end=need.end if stop is None else min(need.end, stop))
                need = self._needs(asked)
            rows = clip(self._applied(need, stats), self.derivation.time, asked.start, asked.end)
            yield rows.select(list(self.columns))
            begin, done = asked.end, done or asked.end == stop

    def _applied(self, need: Query, stats: SeriesStats) -> pa.Table:
        reading = self._reading(need, stats)
        # Rows that context brought in, and half-read rows at the window's edge, are the window's no more.
        return clip(self._made(reading), self.derivation.time, need.start, need.end)

    def _made(self, reading: Query) -> pa.Table:
        with blamed(self.derivation.name):
            return self._fitting(self._computed(reading))

    def _fitting(self, made: object) -> pa.Table:
        return fitting(made, self.derivation.schema, self._made_columns(), f"the view {self.derivation.name!r}")

    def _made_columns(self) -> tuple[str, ...]:
        """Those asked for, and the time, by which the rows are cut."""
        return tuple(dict.fromkeys((*self.columns, self.derivation.time)))

    def _computed(self, reading: Query) -> pa.Table:
        derivation = self.derivation
        if derivation.part is None or derivation.merge is None:
            rows = self._whole(self.store.read(reading), Repeated(reading.symbol), reading)
            return derivation.apply(rows, self.params)
        choice = {"columns": self._made_columns()} if _chooses(derivation.part) else {}
        parts = [derivation.part(table, self.params, **choice) for table in self._tables(reading)]
        return derivation.merge(parts, self.params) if parts else derivation.schema.empty_table()

    def _tables(self, reading: Query) -> Iterator[pa.Table]:
        """The rows in tables of PART_ROWS or somewhat more."""
        import pyarrow as pa

        held: list[pa.RecordBatch] = []
        symbols = Repeated(reading.symbol)
        for batch in self.store.scan(reading):
            held.append(batch)
            if sum(each.num_rows for each in held) >= PART_ROWS:
                yield self._whole(pa.Table.from_batches(held), symbols, reading)
                held = []
        if any(each.num_rows for each in held):
            yield self._whole(pa.Table.from_batches(held), symbols, reading)

    def _whole(self, table: pa.Table, symbols: Repeated, query: Query) -> pa.Table:
        """With the symbol: a series is of one, so where columns are chosen it is not read but known. And with the
        chain of the dataset, which may be another's than the derivation names."""
        whole = table.append_column("symbol", symbols.column(table.num_rows)) if self.derivation.inputs else table
        return whole.replace_schema_metadata({CHAIN: ",".join(query.dataset.chain)})

    def _reading(self, need: Query, stats: SeriesStats) -> Query:
        """The rows and columns to read for what is needed: with their neighbours by sequence, and with the rows in
        between that the time window left out."""
        reading = evolve(need, columns=self._inputs(need))
        if not self.derivation.context or need.dataset.sequence is None:
            return reading
        if need.end is not None and stats.last_time is not None and need.end > stats.last_time:
            need = evolve(need, end=None)
        if all(bound is None for bound in (need.start, need.end, need.limit, need.tail)):
            return reading
        bounds = self._bounds(need)
        if bounds is None:
            return evolve(reading, limit=0, tail=None, offset=0)
        low, high = bounds
        far = self.derivation.context
        first = None if need.start is None and need.tail is None else low - far
        last = None if need.end is None and need.limit is None else high + far
        return evolve(reading, start=None, end=None, limit=None, tail=None, offset=0, first=first, last=last)

    def _bounds(self, need: Query) -> tuple[int, int] | None:
        """The lowest and the highest value of the sequence among the rows needed; None if there are none."""
        import pyarrow as pa
        import pyarrow.compute as pc

        sequence = str(need.dataset.sequence)
        slim = evolve(need, columns=(sequence,))
        if sequence != need.dataset.key[0] or need.limit is not None or need.tail is not None:
            ends = self.store.read(slim)
        else:
            first = self.store.scan(evolve(slim, limit=1)).read_all()
            ends = pa.concat_tables([first, self.store.read(evolve(slim, tail=1))])
        found = pc.min_max(ends.column(sequence))
        return None if not ends.num_rows else (found["min"].as_py(), found["max"].as_py())

    def _inputs(self, need: Query) -> tuple[str, ...] | None:
        """The dataset's columns that the wanted columns are made of; None for all."""
        if not self.derivation.inputs:
            return need.columns
        wanted = {name for column in (*self.columns, self.derivation.time) for name in self.derivation.inputs[column]}
        wanted |= {need.dataset.time, str(need.dataset.sequence)}
        wanted.discard("symbol")
        return tuple(name for name in need.dataset.schema.names if name in wanted)


@contextmanager
def blamed(view: str) -> Iterator[None]:
    """What goes wrong in here is a fault of the plugin that offers the view, unless it was raised on purpose."""
    try:
        yield
    except (BcoreError, OSError):
        raise
    except Exception as error:
        log.debug("the view %s failed", view, exc_info=True)
        raise PluginError(
            f"the view {view!r} failed, which is a fault of the plugin that offers it: {type(error).__name__}: {error}"
        ) from error


def _chooses(part: Callable[..., Any]) -> bool:
    """Whether the derivation's `part` wants to be told which `columns` are asked for, to make no others."""
    return "columns" in signature(part).parameters


def _wider(count: int | None) -> int | None:
    """A count of 0 grows too: an offset may want rows beyond the none that were asked for."""
    return None if count is None else max(count, 1) * WIDEN


def _exhausted(need: Query, query: Query, stats: SeriesStats) -> bool:
    """Whether a wider window would bring nothing more, on the side that the query counts towards."""
    if query.tail is not None:
        return need.start is None or stats.first_time is None or need.start <= max(stats.first_time, query.start or 0)
    if need.end is None or stats.last_time is None:
        return True
    return need.end > stats.last_time or (query.end is not None and need.end >= query.end)
