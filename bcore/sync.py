"""Sync: what another archive has of a series and ours lacks, and the proof that it has come.

Both sides say what they provably hold of each day. Where a row is an id, what is missing follows from that alone,
holes in the middle included. Other rows are found by their keys, of those days only that differ: the newest rows are
tried first, because that is mostly all. What comes is stored as it comes, so a sync may be cut off at any byte; the
next one compares anew. Afterwards each day is proven again: ours, as far as it has the rows that the other side had,
must have the same fingerprint.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from attrs import define, field, frozen

from bcore.elsewhere import Elsewhere
from bcore.errors import NotFoundError, StoreError
from bcore.instants import DAY
from bcore.persistence import Persistence
from bcore.proving import ids_in, stored_proofs
from bcore.query import Query
from bcore.records import Batch, DayProof, Origin, Series
from bcore.spans import Spans

if TYPE_CHECKING:
    import pyarrow as pa

    from bcore.collect import Job
    from bcore.events import Event
    from bcore.protocols import Reader, Store

PIECE = 200_000  # rows that are stored at a time


@frozen
class Missing:
    """What is to come: ids, or for rows without ids of their own the days that differ. `rows` as far as it is known.

    Of `both` of the days this side has rows too, but other ones.
    """

    ids: Spans = field(factory=Spans)
    days: tuple[DayProof, ...] = ()
    rows: int = 0
    both: int = 0

    def __bool__(self) -> bool:
        return bool(self.ids or self.days)


@frozen
class Synced:
    """What a sync did: `rows` came, and are durable. `theirs` and `ours` are how many both sides hold.

    `proven` days are the same over there and here, as far as the other side had them; in `differing` ones rows of the
    same key say different things: ours are kept.
    """

    series: Series
    rows: int
    theirs: int
    ours: int
    proven: int
    differing: tuple[int, ...] = ()


@define
class Sync:
    """One series of `other`, into a store. Raises `StoreError` where a side fails; what has come until then is kept."""

    other: Elsewhere
    job: Job
    emit: Callable[[Event], None]
    persist: Persistence
    on_missing: Callable[[Missing], object] = field(default=lambda missing: None)
    on_rows: Callable[[int], object] = field(default=lambda rows: None)
    rows: int = field(default=0, init=False)

    @property
    def series(self) -> Series:
        return self.other.series

    @property
    def store(self) -> Store:
        return self.job.store

    def missing(self) -> Missing:
        """What the other side has and this one lacks. Moves no rows."""
        self.other.check_shape()
        return self._missing(self.other.proofs())

    def run(self) -> Synced:
        """Brings what is missing, and proves that it is the same."""
        self.other.check_shape()
        theirs = self.other.proofs()
        missing = self._missing(theirs)
        self.on_missing(missing)
        if missing.ids:
            self._by_ids(missing.ids)
        for day in missing.days:
            self.persist(lambda day=day: self._newer(day), lambda: self.rows)  # type: ignore[misc]
        if missing.days:
            theirs = self.other.proofs()
        return self._proven(theirs)

    def hot(self) -> int:
        """Brings the rows that the other side keeps hot; how many of them are new."""
        self.other.check_shape()
        self._keep([self.other.newest()])
        return self.rows

    def _missing(self, theirs: Sequence[DayProof]) -> Missing:
        if self.other.has_ids:
            ids = ids_in(theirs).subtract(self.store.spans(self.series))
            return Missing(ids=ids, rows=len(ids))
        ours = self._ours()
        days = tuple(day for day in theirs if ours.get(day.day) != day)
        lacking = (day.rows - (ours[day.day].rows if day.day in ours else 0) for day in days)
        return Missing(days=days, rows=sum(max(rows, 0) for rows in lacking), both=sum(day.day in ours for day in days))

    def _by_ids(self, ids: Spans) -> None:
        from bcore.repair import Repair

        whence = f"the archive {self.other.name}"
        repair = Repair(self.job, self.series, self.emit, self.persist, whence, self._count)
        for failure in repair.fill(ids):
            raise StoreError(str(failure))

    def _newer(self, day: DayProof) -> None:
        """The rows of a day from our newest one on, which is all that a series lacks that was synced before."""
        ours = self._ours().get(day.day)
        if ours == day or (ours is not None and ours.rows >= day.rows):
            return
        last = self.store.stats(self.series).last_time if ours else None
        start = day.day if last is None else min(max(day.day, last), day.day + DAY - 1)
        self._keep(self.other.between(start, day.day + DAY))

    def _proven(self, theirs: Sequence[DayProof]) -> Synced:
        ours, differing = self._ours(), []
        for day in theirs:
            if ours.get(day.day) != day and not self._includes(day):
                differing.append(day.day)
        held = self.store.stats(self.series).rows
        rows = sum(day.rows for day in theirs)
        return Synced(self.series, self.rows, rows, held, len(theirs) - len(differing), tuple(differing))

    def _includes(self, day: DayProof) -> bool:
        """Whether the rows that the other side has of a day are among ours, with the same values."""
        if self.other.has_ids:
            return self._fingerprint(self._with_ids(day)) == (day.rows, day.fingerprint)
        # Rows that come late over there, while we look, seem to differ: then another look tells.
        return self._includes_keys(day) or self._includes_keys(day)

    def _includes_keys(self, day: DayProof) -> bool:
        from bcore.keyed import Keyed

        keyed = Keyed(self.other, self.store, day.day)
        self.persist(lambda: self._keep(keyed.lacking()), lambda: self.rows)
        end = keyed.settled
        told = {each.day: each for each in self.other.proofs(end)}.get(day.day)
        return told is None or self._fingerprint(keyed.ours(end)) == (told.rows, told.fingerprint)

    def _with_ids(self, day: DayProof) -> pa.Table:
        """Our rows with the ids of a day over there."""
        import pyarrow as pa
        import pyarrow.compute as pc

        of = (self.series.dataset, self.series.symbol)
        hull = self.store.read(Query(*of, start=day.day, end=day.day + DAY))
        ids = hull.column(str(self.series.dataset.sequence))
        chosen = pa.chunked_array([pa.array([False] * len(ids), pa.bool_())])
        for first, last in day.spans:
            chosen = pc.or_(chosen, pc.and_(pc.greater_equal(ids, first), pc.less_equal(ids, last)))
        return hull.filter(chosen)

    def _fingerprint(self, rows: pa.Table) -> tuple[int, int]:
        from bcore.proof import FINGERPRINTS, day_proofs

        days = day_proofs(rows, self.series.dataset)
        return rows.num_rows, sum(day.fingerprint for day in days) % FINGERPRINTS

    def _ours(self) -> dict[int, DayProof]:
        return {day.day: day for day in stored_proofs(self.store, self.series)}

    def _keep(self, tables: Iterable[pa.Table]) -> None:
        """Stores what comes in pieces of a good size; what came before a link broke is stored too."""
        held: list[pa.Table] = []
        try:
            for table in tables:
                held.append(table)
                if sum(each.num_rows for each in held) >= PIECE:
                    piece, held = held, []
                    self._store(piece)
        finally:
            self._store(held)

    def _store(self, tables: list[pa.Table]) -> None:
        import pyarrow as pa

        if not sum(table.num_rows for table in tables):
            return
        origin, whole = Origin("archive", name=self.other.name), pa.concat_tables(tables)
        batch = Batch(self.series.dataset, self.series.symbol, whole, origin=origin)
        self._count(self.job.keep(batch, self.emit).rows)
        self.persist.clock.sleep(0)  # raises Stopped where the work is to stop

    def _count(self, rows: int) -> None:
        self.rows += rows
        self.on_rows(rows)


def wanted(reader: Reader, name: str, datasets: Iterable[str] = (), symbols: Iterable[str] = ()) -> Iterator[Series]:
    """The series that the other archive holds, of these datasets and symbols; of all where none is named.

    Raises `NotFoundError` for a dataset or a symbol that it holds nothing of.
    """
    from bcore.naming import near, near_symbol

    held = [stats.series for stats in reader.stats() if stats.rows]
    names = {"dataset": {each.dataset.name for each in held}, "symbol": {each.symbol for each in held}}
    asked = {"dataset": set(datasets), "symbol": set(symbols)}
    hints = {"dataset": near, "symbol": near_symbol}
    for what, known in names.items():
        if unknown := sorted(asked[what] - known):
            there = ", ".join(sorted(known)) or "none"
            raise NotFoundError(
                *(
                    f"{name} holds no {what} {each!r}{hints[what](each, sorted(known))}; it holds {there}"
                    for each in unknown
                )
            )
    for series in held:
        if asked["dataset"] and series.dataset.name not in asked["dataset"]:
            continue
        if not asked["symbol"] or series.symbol in asked["symbol"]:
            yield series


def as_kept(series: Series, store: Store) -> Series:
    """The series with the dataset as the store keeps it already; another shape of it over there is then refused."""
    return Series(store.datasets().get(series.dataset.name, series.dataset), series.symbol)
