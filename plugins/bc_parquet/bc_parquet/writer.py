"""Writing one series: appends that cost the same however long the series is, and merges that keep its parts few."""

from __future__ import annotations

import logging
import os
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from operator import attrgetter
from pathlib import Path
from threading import Lock, RLock

import pyarrow as pa
from attrs import define, evolve, field

from bc_parquet.checking import checked, damage
from bc_parquet.examining import FOREIGN, examined
from bc_parquet.folder import SeriesFolder, remove
from bc_parquet.guards import as_store_error, locked
from bc_parquet.held import Held
from bc_parquet.merging import MOST_PARTS, SOON, first_merge, worth_merging
from bc_parquet.names import Part, leading, symbol_of
from bc_parquet.staging import Staged, Staging
from bcore.errors import CorruptFileError, StoreError
from bcore.records import Appended, Batch, Dataset, Series
from bcore.schema import keys_of

log = logging.getLogger(__name__)
GRACE = 60.0  # seconds that a version outlives its end, for readers that listed it and open its files one by one


@define
class SeriesWriter:
    """The only writer of a series, in this process and in all others: it holds the series' lock until closed.

    `lock` guards the list of parts and is held for an append, and for the swing of a merge; the reading and writing
    of a merge go on outside it. One merge runs at a time.
    """

    folder: SeriesFolder
    dataset: Dataset
    level: int
    monotonic: Callable[[], float]
    _version: Path | None = field(init=False)
    _parts: list[Part] = field(init=False)
    _lock_file: int = field(init=False)
    _staging: Staging = field(init=False)
    _row_bytes: int = field(init=False)
    _soon: int = field(init=False)  # small parts at which the background merges next
    _retired: list[tuple[float, Path]] = field(factory=list, init=False)
    _merging: Lock = field(factory=Lock, init=False)
    _closed: bool = field(default=False, init=False)
    _doubtful: bool = field(default=False, init=False)
    quarantined: list[Path] = field(factory=list, init=False)
    lock: RLock = field(factory=RLock, init=False)

    def __attrs_post_init__(self) -> None:
        """Takes the lock, makes the folders, and clears away what a killed writer left. Raises `SeriesBusyError`."""
        self._staging = Staging(self.folder, self.dataset, self.level)
        self._row_bytes, self._soon = row_bytes(self.dataset), first_merge(self.folder.name)
        with as_store_error(self.folder.link):
            self.folder.version()  # a file that another program wrote is refused before anything is made beside it
            self.folder.home.mkdir(parents=True, exist_ok=True)
            self._lock_file = locked(self.folder.lock)
            try:
                self._version = self.folder.version()
                self.folder.clean(self._version)
                self._parts = self._sound(self._version) if self._version else []
            except BaseException:
                os.close(self._lock_file)
                raise

    @property
    def empty(self) -> bool:
        """Whether no rows are held."""
        return not self._parts

    def append(self, batch: Batch) -> Appended:
        """Stores what is new of a conformed batch; durable on return. All or nothing."""
        with self.lock, as_store_error(self.folder.link), self._settled():
            if self._closed:
                raise StoreError("the store is closed")
            fresh = self._new_rows(batch.table)
            appended = Appended(rows=fresh.num_rows, known=batch.table.num_rows - fresh.num_rows)
            if fresh.num_rows:
                self._make_room()  # before the rows are stored: an append that fails must have stored none
                self._store(evolve(batch, table=fresh))
            return appended

    def _make_room(self) -> None:
        """Merges in line where the background did not keep up. More parts are better than rows that are refused."""
        try:
            with self._settled():
                if (run := self._worth(MOST_PARTS - 1)) and (merged := self._merged(run)):
                    self._swap(run, [merged])
        except (OSError, StoreError) as error:
            log.warning("%s: its parts could not be merged: %s; it is tried again later", self.folder.link, error)
            with self._settled():
                pass

    @property
    def untidy(self) -> bool:
        """Whether there is work for `tidy`."""
        with self.lock:
            return bool(self._worth(self._soon) or self._outlived())

    def tidy(self) -> None:
        """Merges until the small parts are few, beside appends, and drops versions that no reader can still be in."""
        while self._merge(self._soon):
            self._soon = SOON
        with self._merging:
            with self.lock:
                outlived = self._outlived()
                self._retired = [retired for retired in self._retired if retired not in outlived]
            for _, version in outlived:
                remove(version)

    def compact(self) -> int:
        """Checks every file, sets damaged ones aside, merges the small ones; returns how many files went."""
        before = len(self._parts)
        self.check()
        while self._merge(1):
            pass
        return before - len(self._parts)

    def close(self) -> None:
        """Waits for the merge under way, if there is one."""
        with self._merging, self.lock:
            if self._closed:
                return
            self._closed = True
            for _, version in self._retired:
                remove(version)
            os.close(self._lock_file)

    def _merge(self, most: int) -> int:
        """One merge, if one is worth it; returns how many files went, 0 if an append rewrote one of them meanwhile."""
        with self._merging, as_store_error(self.folder.link):
            with self.lock, self._settled():
                run = [] if self._closed else self._worth(most)
            if not run:
                return 0
            merged = self._merged(run)
            with self.lock, self._settled():
                if merged and set(run) <= set(self._parts):
                    self._swap(run, [merged])
                    return len(run) - 1
            if merged:
                remove(merged[0])
            return 0

    @contextmanager
    def _settled(self) -> Iterator[None]:
        """After a step that the disk refused halfway: takes what is there, and syncs it before building on it."""
        if self._doubtful:
            self._version = self.folder.version()
            self._parts = self.folder.parts(self._version) if self._version else []
            self.folder.settle(self._version)
            self._doubtful = False
        try:
            yield
        except OSError:
            self._doubtful = True
            raise

    def _worth(self, most: int) -> list[Part]:
        whole = self.dataset.sequence == self.dataset.key[0]
        return worth_merging(self._parts, self._row_bytes, most, whole)

    def _outlived(self) -> list[tuple[float, Path]]:
        now = self.monotonic()
        return [retired for retired in self._retired if now - retired[0] > GRACE]

    def _sound(self, version: Path) -> list[Part]:
        """The parts of the version, after what is damaged or foreign is out of the way."""
        for path in self.folder.foreign(version):
            self._aside(path, FOREIGN)
        sound = []
        for part in self.folder.parts(version):
            problem = damage(version / part.name, part)
            if problem is None:
                sound.append(part)
            else:
                self._aside(version / part.name, problem)
        return sound

    def check(self) -> None:
        """Reads every byte of every file, and sets aside those that do not hold what they claim to hold."""
        with self.lock, as_store_error(self.folder.link):
            parts = list(self._parts)
            for path in self.folder.foreign(self._version) if self._version else []:
                self._aside(path, FOREIGN)
        for part in parts:
            with self._merging, as_store_error(self.folder.link):
                self._examine(self.version, part)

    def _examine(self, version: Path, part: Part) -> bool:
        """Whether the part is sound; one that is not is set aside. True for one that is gone."""
        try:
            problems = examined(version / part.name, part, self._series).problems
        except FileNotFoundError:
            if part in self._parts:
                raise
            return True
        if problems:
            self._damaged(part, "; ".join(problems))
        return not problems

    def _held(self, version: Path, part: Part) -> Held | None:
        """The rows of a part; None for one that turns out to be damaged, which is set aside, or that is gone."""
        try:
            return Held.read(version / part.name, part, self.dataset)
        except CorruptFileError as error:
            self._damaged(part, str(error))
            return None
        except FileNotFoundError:
            if part in self._parts:
                raise
            return None

    def _damaged(self, part: Part, problem: str) -> None:
        with self.lock:
            if part in self._parts:
                self._aside(self.version / part.name, problem)
                self._parts.remove(part)

    @property
    def _series(self) -> Series:
        return Series(self.dataset, symbol_of(self.folder.name))

    def _aside(self, path: Path, problem: str) -> None:
        moved = self.folder.set_aside(path)
        self.quarantined.append(moved)
        log.warning(
            "%s was moved to %s: %s; what it held is missing now, and shows as a gap in `bcore stats`",
            path,
            moved,
            problem,
        )

    def _new_rows(self, table: pa.Table) -> pa.Table:
        """The rows whose keys are not held."""
        touched = self._touched(table)
        if not touched:
            return table
        held = set().union(*(self._keys(part, table) for part in touched))
        return table.filter(pa.array([key not in held for key in keys_of(table, self.dataset)], pa.bool_()))

    def _touched(self, table: pa.Table) -> list[Part]:
        if table.num_rows == 0:
            return []
        first, last = self._staging.bounds(table)
        if self._parts and first > self._parts[-1].last:
            return []
        return [part for part in self._parts if part.meets(first, last)]

    def _keys(self, part: Part, table: pa.Table) -> set[tuple[object, ...]]:
        """The part's keys, of the row groups that the table's rows can fall into."""
        lead = table.column(self.dataset.key[0])
        between = (self.dataset.key[0], lead[0].as_py(), lead[-1].as_py())
        return set(keys_of(checked(self.version / part.name, list(self.dataset.key), between), self.dataset))

    def _store(self, batch: Batch) -> None:
        """Rows between parts become parts of their own, rows within a part are merged with it; all appear at once."""
        slots = [(part, Held.fresh(rows, batch)) for part, rows in self._slots(batch.table)]
        if len(slots) == 1 and slots[0][0] is None:
            self._publish(*self._staging.write(slots[0][1]))
            return
        staged: list[Staged] = []
        try:
            for part, rows in slots:
                staged.append(self._joined(part, rows) if part else self._staging.write(rows))
            self._swap([part for part, _ in slots if part is not None], staged)
        finally:
            for path, _ in staged:
                remove(path)

    def _slots(self, fresh: pa.Table) -> Iterator[tuple[Part | None, pa.Table]]:
        """The rows in the pieces that fall into one part each, or (None) between two."""
        if not self._touched(fresh):
            yield None, fresh
            return
        begin, leads = 0, [leading(value) for value in fresh.column(self.dataset.key[0]).to_pylist()]
        while begin < len(leads):
            after = bisect_left(self._parts, leads[begin], key=_last)
            part = self._parts[after] if after < len(self._parts) else None
            if part is not None and part.first <= leads[begin]:
                end = bisect_right(leads, part.last, begin)
                yield part, fresh.slice(begin, end - begin)
            else:
                end = len(leads) if part is None else bisect_left(leads, part.first, begin)
                yield None, fresh.slice(begin, end - begin)
            begin = end

    def _joined(self, part: Part, rows: Held) -> Staged:
        held = Held.read(self.version / part.name, part, self.dataset)
        return self._staging.write_checked(Held.together([held, rows], self.dataset.key))

    def _publish(self, staged: Path, part: Part) -> None:
        if self._version is None:
            self._version = self.folder.begin(staged, part)
        else:
            self.folder.publish(staged, self._version, part)
        insort(self._parts, part)

    @property
    def version(self) -> Path:
        """The current version folder; there is one as soon as there are parts."""
        assert self._version is not None
        return self._version

    def _merged(self, run: list[Part]) -> Staged | None:
        """The parts in one staged file; None if one of them is damaged, which is then set aside."""
        version = self.version  # stays there: versions are only removed between merges
        held = [each for part in run if (each := self._held(version, part)) is not None]
        if len(held) < len(run):
            return None
        try:
            return self._staging.write_checked(Held.together(held))
        except CorruptFileError:
            sound = [self._examine(version, part) for part in run]
            if all(sound):
                raise
            return None

    def _swap(self, gone: list[Part], come: list[Staged]) -> None:
        new = self.folder.replace(self.version, gone, come)
        self._retired.append((self.monotonic(), self.version))
        self._version, self._parts = new, self.folder.parts(new)


_last = attrgetter("last")


def row_bytes(dataset: Dataset) -> int:
    """About how many bytes a row takes in memory, which is what a merge has to hold."""
    return sum(getattr(field.type, "byte_width", 16) if _fixed(field.type) else 16 for field in dataset.schema)


def _fixed(kind: pa.DataType) -> bool:
    return bool(pa.types.is_primitive(kind)) and not pa.types.is_boolean(kind)
