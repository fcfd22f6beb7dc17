"""The store "parquet": routes series to their writers and readers, and answers questions from names and footers."""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import suppress
from datetime import date
from pathlib import Path
from threading import RLock
from typing import TypeVar

import pyarrow as pa
from attrs import define, evolve, field, frozen

from bc_parquet.auditing import SeriesAudit
from bc_parquet.background import Compactor
from bc_parquet.config import ParquetConfig
from bc_parquet.folder import QUARANTINE, SeriesFolder
from bc_parquet.footers import Footers
from bc_parquet.hot import HotCache, HotFile, Window
from bc_parquet.metadata import Origins, dataset_of, days_of, origins_of, spans_of, summed
from bc_parquet.names import Part, symbol_of
from bc_parquet.opening import Openings
from bc_parquet.reading import SeriesReading
from bc_parquet.writer import SeriesWriter
from bcore.errors import CorruptFileError, StoreError
from bcore.instants import DAY, to_datetime
from bcore.protocols import Key, Store
from bcore.query import Query
from bcore.records import Appended, Batch, Context, Dataset, FileProof, Origin, Rejected, Series, SeriesStats
from bcore.schema import conform, keys_of
from bcore.spans import Spans

log = logging.getLogger(__name__)
T = TypeVar("T")
NUMBERED = re.compile(r"\.\d+$")  # a file in the quarantine of which there was one of that name already


@frozen
class Day:
    """What is held of one day, UTC."""

    day: date
    rows: int
    bytes: int


@define
class ParquetStore(Store):
    """An archive folder. Creates nothing until the first append; a folder that is not there reads as empty.

    One process writes a series at a time (`SeriesBusyError` for a second); readers take no locks.
    """

    path: Path = field(converter=Path)
    config: ParquetConfig = field(factory=ParquetConfig)
    monotonic: Callable[[], float] = time.monotonic
    _writers: dict[Series, tuple[SeriesWriter, HotFile]] = field(factory=dict, init=False)
    _compactor: Compactor = field(factory=Compactor, init=False)
    _hot: HotCache = field(factory=HotCache, init=False)
    _footers: Footers = field(factory=Footers, init=False)
    _openings: Openings = field(factory=Openings, init=False)
    _lock: RLock = field(factory=RLock, init=False)
    _closed: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        if self.path.exists() and not self.path.is_dir():
            raise StoreError(f"{self.path} is a file: an archive needs a folder")

    @classmethod
    def build(cls, config: ParquetConfig, context: Context) -> ParquetStore:
        return cls(Path(config.path).expanduser(), config, context.clock.monotonic)

    def append(self, batch: Batch) -> Appended:
        batch = conform(batch)
        writer, hot = self._writer(batch.series)
        with writer.lock:
            begun = not writer.empty
            appended = writer.append(batch)
            if appended.rows:
                self._warm(hot, batch, begun=begun)
        if writer.untidy:
            self._compactor.notice(writer)
        return appended

    def read(self, query: Query) -> pa.Table:
        return SeriesReading(self._folder(query.series), query, self._openings).table()

    def scan(self, query: Query) -> pa.RecordBatchReader:
        if query.tail is not None:
            return self.read(query).to_reader()
        reading = SeriesReading(self._folder(query.series), query, self._openings)
        return pa.RecordBatchReader.from_batches(reading.schema, reading.batches())

    def hot(self, query: Query) -> pa.Table:
        """The hot file where it can answer: the newest rows, no more of them than are kept hot."""
        counted = query.tail is not None or query.limit is not None
        if self._is_for_hot(query, counted):
            folder = self._folder(query.series)
            table = self._hot.read(folder.hot) if folder.hot_is_current() else None
            if table is not None and set(query.dataset.schema.names) <= set(table.column_names):
                answer = query.apply(table)
                if not counted or answer.num_rows == query.tail or table.num_rows == self._rows(query.series):
                    return answer
        window = self.config.hot_snapshots if query.dataset.facets else self.config.hot_rows
        return self.read(query if counted else evolve(query, tail=window))

    def _is_for_hot(self, query: Query, counted: bool) -> bool:
        """Whether the newest rows asked for are among the hot ones, if there are enough of those.

        Each facet value has a window of its own: across several, the newest hot rows need not be the newest rows.
        """
        single = all(len(query.where.get(facet, ())) == 1 for facet in query.dataset.facets)
        return query.newest_only and single if counted else query.unbounded

    def keep_hot(self, series: Series, rows: int) -> None:
        """Keeps the newest `rows` rows of the series hot until the store is closed, whatever the configuration says."""
        writer, hot = self._writer(series)
        with writer.lock:
            hot.window = hot.window.of_rows(rows, self.read(Query(*_of(series), tail=rows)), series.dataset)
            hot.load(self._newest(series, hot.window))

    def location(self, series: Series) -> Path:
        """What any Parquet reader opens: the symlink, or the folder that the pointer names now."""
        folder = self._folder(series)
        return (folder.version() or folder.link) if folder.pointer.exists() else folder.link

    def files(self, series: Series) -> list[Path]:
        """Of the version that is the newest now: it outlives its end by a minute while a collector merges."""
        return [version / part.name for version, part in self._parts(series)]

    def last(self, series: Series) -> Key | None:
        found = self._parts(series)
        if not found:
            return None
        _, part = found[-1]
        if series.dataset.key == (series.dataset.sequence,):
            return (part.last,)
        table = self.read(Query(*_of(series), columns=series.dataset.key, tail=1))
        return keys_of(table, series.dataset)[-1]

    def stamp(self, series: Series) -> Hashable:
        """From the names of the parts."""
        return self._folder(series).stamp()

    def spans(self, series: Series) -> Spans:
        """From names, and from the footers of files whose ids have holes."""
        if series.dataset.sequence is None or series.dataset.sequence != series.dataset.key[0]:
            return Spans()
        runs: list[tuple[int, int]] = []
        for version, part in self._parts(series):
            whole = part.rows == part.last - part.first + 1
            told = None if whole else spans_of(self._footers.of(version / part.name).schema)
            runs.extend([(part.first, part.last)] if told is None else told.runs)
        return Spans.of(runs)

    def datasets(self) -> Mapping[str, Dataset]:
        """As the newest file of each describes it."""
        found = {}
        for folder in self._dataset_folders():
            for held in SeriesFolder.inside(folder):
                dataset = self._described(held)
                if dataset is not None:
                    found[folder.name] = dataset
                    break
        return found

    def series(self) -> list[Series]:
        known = self.datasets()
        found = [
            Series(known[folder.name], symbol_of(held.name))
            for folder in self._dataset_folders()
            if folder.name in known
            for held in SeriesFolder.inside(folder)
            if self._holds(held)
        ]
        # By symbol, which is not the order of folder names: those have their odd letters written otherwise.
        return sorted(found, key=lambda series: (series.dataset.name, series.symbol))

    def stats(self, series: Series) -> SeriesStats:
        found = self._parts(series)
        if not found:
            return SeriesStats(series, 0, 0, None, None, gaps=0 if series.dataset.sequence else None)
        return SeriesStats(
            series,
            rows=sum(part.rows for _, part in found),
            bytes=sum((version / part.name).stat().st_size for version, part in found),
            first_time=min(part.first_time for _, part in found),
            last_time=max(part.last_time for _, part in found),
            last_key=self.last(series),
            files=len(found),
            gaps=len(self.spans(series).gaps().runs) if series.dataset.sequence else None,
        )

    def days(self, series: Series) -> list[Day]:
        """Rows and bytes of each day (UTC), from names and footers; the bytes of a file are shared out by rows."""
        rows: dict[int, int] = {}
        size: dict[int, float] = {}
        for version, part in self._parts(series):
            path = version / part.name
            one = part.first_time // DAY == part.last_time // DAY
            told = {part.first_time // DAY: part.rows} if one else days_of(self._footers.of(path).schema) or {}
            each = path.stat().st_size / part.rows
            for day, count in told.items():
                rows[day] = rows.get(day, 0) + count
                size[day] = size.get(day, 0) + each * count
        return [Day(to_datetime(day * DAY).date(), rows[day], round(size[day])) for day in sorted(rows)]

    def audit(self, series: Series, *, deep: bool = False) -> Iterator[FileProof]:
        """Each file, in order of keys. `rows` is what its name says; `days` is empty if its rows are not believed."""
        return SeriesAudit(self._folder(series), series, self._footers, deep).files()

    def origins(self, series: Series) -> list[tuple[Origin, int]]:
        """From footers; rows of which it is not known are in none, nor are those of a file that cannot be read."""
        while True:
            try:
                return list(summed(self._origins(path, part) for path, part in self._parts(series)))
            except FileNotFoundError:
                continue  # merged away since it was listed

    def _origins(self, version: Path, part: Part) -> Origins:
        with suppress(CorruptFileError, ValueError):
            return origins_of(self._footers.of(version / part.name).schema)
        return ()

    def compact(self, series: Series) -> int:
        """Checks every byte of the series too; damaged files go to the quarantine."""
        return self._mended(series, SeriesWriter.compact)[0]

    def set_aside_damaged(self, series: Series) -> list[str]:
        """Reads every byte, and moves files that do not hold what they claim to the quarantine; their names there."""
        return [path.name for path in self._mended(series, SeriesWriter.check)[1]]

    def _mended(self, series: Series, mend: Callable[[SeriesWriter], T]) -> tuple[T, list[Path]]:
        """What `mend` returns, and the files that it, or the opening of the series for it, put aside."""
        opened = self._writers.get(series)
        before = len(opened[0].quarantined) if opened else 0
        writer, hot = self._writer(series)
        done = mend(writer)
        aside = writer.quarantined[before:]
        if aside:
            with writer.lock:
                hot.load(self._newest(series, hot.window))
        return done, aside

    def lost(self, series: Series) -> Spans:
        """By the names of the files in the quarantine, as far as they are not held again."""
        if series.dataset.sequence != series.dataset.key[0]:
            return Spans()
        names = (NUMBERED.sub("", path.name) for path in self.quarantined(series))
        parts = [part for name in names if (part := Part.parsed(name)) is not None]
        return Spans.of((part.first, part.last) for part in parts).subtract(self.spans(series))

    def quarantined(self, series: Series) -> list[Path]:
        """The files that were moved out of the series because they were damaged, or not ours."""
        return sorted(self._folder(series).quarantine.glob("*"))

    def quarantine(self, series: Series, rejected: Rejected) -> None:
        """Appends the rows to `quarantine/<dataset>/<symbol>.ndjson`, with the reason and the time."""
        folder = self.path / QUARANTINE / series.dataset.name
        folder.mkdir(parents=True, exist_ok=True)
        name = SeriesFolder.of(self.path, series.dataset.name, series.symbol).name
        lines = [json.dumps({"at": time.time(), "reason": rejected.reason, "row": row}) for row in rejected.rows]
        with (folder / f"{name}.ndjson").open("a", encoding="utf-8") as file:
            file.write("".join(line + "\n" for line in lines))

    def close(self) -> None:
        with self._lock:
            self._closed = True
            writers = [writer for writer, _ in self._writers.values()]
            self._writers.clear()
        self._compactor.stop()
        for writer in writers:
            writer.close()

    def _writer(self, series: Series) -> tuple[SeriesWriter, HotFile]:
        with self._lock:
            if self._closed:
                raise StoreError("the store is closed")
            if series not in self._writers:
                folder = self._folder(series)
                writer = SeriesWriter(folder, series.dataset, self.config.compression_level, self.monotonic)
                window = Window(self.config.hot_rows, self.config.hot_snapshots)
                hot = HotFile(folder, series.dataset, window, self.config.hot_parquet)
                if writer.empty:
                    hot.drop()
                else:
                    self._load(hot, writer, series)
                self._writers[series] = (writer, hot)
            return self._writers[series]

    def _load(self, hot: HotFile, writer: SeriesWriter, series: Series) -> None:
        try:
            hot.load(self._newest(series, hot.window))
        except CorruptFileError:
            writer.check()
            hot.load(self._newest(series, hot.window))

    def _newest(self, series: Series, window: Window) -> pa.Table:
        """Enough of the newest rows for the hot window, by a guess at how many facet values there are."""
        tail = window.snapshots * 32 if series.dataset.facets else window.rows
        return self.read(Query(*_of(series), tail=tail))

    def _warm(self, hot: HotFile, batch: Batch, *, begun: bool) -> None:
        """Rows above every hot key are the newest; anything else may fall into the window, which is read again."""
        above = hot.last is not None and keys_of(batch.table.slice(0, 1), batch.dataset)[0] > hot.last
        if above or not begun:
            hot.add(batch.table)
            return
        try:
            hot.load(self._newest(batch.series, hot.window))
        except CorruptFileError as error:  # the batch is stored: this is for those who read
            log.warning("%s is not kept hot for now: %s", batch.series, error)
            hot.drop()

    def _folder(self, series: Series) -> SeriesFolder:
        return SeriesFolder.of(self.path, series.dataset.name, series.symbol, self.config.layout)

    def _parts(self, series: Series) -> list[tuple[Path, Part]]:
        folder = self._folder(series)
        while True:
            version = folder.version()
            if version is None:
                return []
            try:
                return [(version, part) for part in folder.parts(version)]
            except FileNotFoundError:
                continue  # merged away between the link and the listing: the link names the next version by now

    def _rows(self, series: Series) -> int:
        return sum(part.rows for _, part in self._parts(series))

    def _holds(self, folder: SeriesFolder) -> bool:
        version = folder.version()
        return version is not None and any(True for _ in version.glob("*.parquet"))

    def _described(self, folder: SeriesFolder) -> Dataset | None:
        """By the newest file that can be read; a damaged one is the business of those who read its rows."""
        for _ in range(10):
            version = folder.version()
            if version is None:
                return None
            try:
                for part in reversed(folder.parts(version)):
                    with suppress(CorruptFileError):
                        return dataset_of(self._footers.of(version / part.name).schema, str(version / part.name))
            except FileNotFoundError:
                continue
            return None
        return None

    def _dataset_folders(self) -> list[Path]:
        if not self.path.is_dir():
            return []
        return sorted(each for each in self.path.iterdir() if each.is_dir() and each.name != QUARANTINE)


def _of(series: Series) -> tuple[Dataset, str]:
    return series.dataset, series.symbol
