"""The account of what an archive provably holds, from the store's own proofs and the ledger. Changes nothing."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from bcore.audits import Audit, Break, Day, Gap
from bcore.chaining import Chaining
from bcore.errors import CorruptFileError, StoreError
from bcore.instants import DAY
from bcore.ledger import SUFFIX, Ledger, ledger_of
from bcore.protocols import Audits, Remembers
from bcore.query import Query
from bcore.records import DayProof, FileProof, Origin, Series, SeriesStats
from bcore.scanning import scanned
from bcore.spans import Span, Spans

if TYPE_CHECKING:
    from bcore.protocols import Store

Watch = Callable[[FileProof], object]
Window = tuple[int | None, int | None]  # midnights, int us UTC; None: open


def verifiable(series: Series) -> bool:
    """Whether the series holds rows of a source: a ledger speaks of them, and proves nothing itself."""
    dataset = series.dataset
    return not (dataset.name.endswith(SUFFIX) and dataset.key == ledger_of(dataset).key)


def gaps_of(store: Store, series: Series) -> tuple[Gap, ...]:
    """The ids that are missing, from spans and ledger: as cheap as the store's spans."""
    ledger = Ledger.read(store, series)
    return tuple(_gaps(_missing(store, series, store.spans(series), ledger), ledger))


def audit_of(
    store: Store,
    series: Series,
    *,
    start: int | None = None,
    end: int | None = None,
    deep: bool = False,
    watch: Watch | None = None,
) -> Audit:
    """The account of a series, or of its days (UTC) that meet [start, end), int us UTC.

    From metadata, unless `deep` asks for every byte to be read, or the store keeps no proofs (`Audits`): then the rows
    are read once. `watch` is told each file when it is done. Rows that are stored meanwhile give no false alarm: what
    seems missing is held against what the store holds at the end.
    """
    files = []
    for file in store.audit(series, deep=deep) if isinstance(store, Audits) else scanned(store, series):
        files.append(file)
        if watch:
            watch(file)
    return _Account.of(store, series, files, _window(start, end)).audit(deep=deep)


@frozen
class _Account:
    """What the files say of all days (`whole`) and of those asked for (`days`)."""

    store: Store
    series: Series
    files: tuple[FileProof, ...]
    whole: tuple[DayProof, ...]
    days: tuple[DayProof, ...]
    window: Window

    @classmethod
    def of(cls, store: Store, series: Series, files: Sequence[FileProof], window: Window) -> _Account:
        from bcore.proof import combined

        whole = tuple(sorted(combined(day for file in files for day in file.days), key=lambda day: day.day))
        days = tuple(day for day in whole if _inside(day.day, window))
        met = tuple(file for file in files if not file.days or any(_inside(day.day, window) for day in file.days))
        return cls(store, series, met, whole, days, window)

    def audit(self, *, deep: bool) -> Audit:
        ledger, unreadable = self._ledger(deep=deep)
        problems = (*((file.name, problem) for file in self.files for problem in file.problems), *unreadable)
        later, phantom = self._claimed() if not problems else (Spans(), Spans())
        missing = self._missing(ledger).subtract(later)
        problems = (*problems, *(_phantom(self.series, run) for run in phantom))
        spans, chain = _union(day.spans for day in self.days), _union(day.chain for day in self.days)
        breaks = self._breaks(chain, missing)
        return Audit(
            self.series,
            self._stats(),
            days=tuple(self._day(day, missing, breaks) for day in self.days),
            spans=spans,
            chain=chain,
            gaps=tuple(self._dated(_gaps(self._asked(missing), ledger))),
            breaks=breaks,
            overlapping=sum(day.chained for day in self.days) - len(chain),
            doubled=sum(day.rows for day in self.days) - len(spans) if self._counted else 0,
            absent=tuple(self._absent()),
            origins=_summed(self.files),
            problems=problems,
            deep=deep,
            scanned=not isinstance(self.store, Audits),
        )

    def _ledger(self, *, deep: bool) -> tuple[Ledger, list[tuple[str, str]]]:
        """The ledger, and what is wrong with its own files."""
        series = Series(ledger_of(self.series.dataset), self.series.symbol)
        files = self.store.audit(series, deep=deep) if isinstance(self.store, Audits) else iter(())
        problems = [(f"{series}: {file.name}", problem) for file in files for problem in file.problems]
        try:
            return Ledger.read(self.store, self.series), problems
        except CorruptFileError as error:
            return Ledger(()), problems or [(str(series), str(error))]

    @property
    def _counted(self) -> bool:
        """Whether a row is an id: then there are as many of both."""
        return self.series.dataset.key == (self.series.dataset.sequence,)

    def _missing(self, ledger: Ledger) -> Spans:
        """The ids that are missing in the whole series, as its files tell."""
        return _missing(self.store, self.series, _union(day.spans for day in self.whole), ledger)

    def _claimed(self) -> tuple[Spans, Spans]:
        """Ids that the store says it holds and no file told of: those that came while the files were looked at, and
        those of which it has no row."""
        if self.series.dataset.sequence is None:
            return Spans(), Spans()
        with suppress(CorruptFileError):
            claimed = self.store.spans(self.series).subtract(_union(day.spans for day in self.whole))
            there = Spans.of(run for part in claimed for run in _read_ids(self.store, self.series, part))
            return there, claimed.subtract(there)
        return Spans(), Spans()

    def _asked(self, missing: Spans) -> Spans:
        """Those of the missing ids that begin, lie or end in one of the days asked for."""
        if self.window == (None, None):
            return missing
        hulls = Spans.of(_hull(day.spans) for day in self.days if day.spans)
        return Spans(tuple(run for run in missing if _within(hulls, run)))

    def _dated(self, gaps: Iterable[Gap]) -> Iterator[Gap]:
        """The gaps, each with the day of the row before it."""
        runs = sorted((run[0], run[1], day.day) for day in self.whole for run in day.spans)
        firsts = [run[0] for run in runs]
        for gap in gaps:
            _, last, day = runs[bisect_right(firsts, gap.first - 1) - 1] if runs else (0, -1, 0)
            yield evolve(gap, time=day) if last == gap.first - 1 else gap

    def _day(self, proof: DayProof, missing: Spans, breaks: Iterable[Break]) -> Day:
        first, last = proof.spans.first, proof.spans.last
        lacking = sum(len(_within(missing, run)) for run in proof.spans.gaps())
        return Day(
            day=proof.day,
            rows=proof.rows,
            first=first,
            last=last,
            doubled=proof.rows - len(proof.spans) if self._counted else 0,
            missing=lacking,
            elsewhere=len(proof.spans.gaps()) - lacking,
            chained=len(proof.chain),
            open=bool(missing and _within(missing, _hull(proof.spans))),
            broken=proof.chained != len(proof.chain) or any(each.first - 1 in proof.chain for each in breaks),
            fingerprint=proof.fingerprint,
            edge=proof.day == self.whole[-1].day or (proof.day == self.whole[0].day and proof.spans.first != 0),
        )

    def _breaks(self, chain: Spans, missing: Spans) -> tuple[Break, ...]:
        """Of the chain's holes those that are neither due to a missing row nor covered by a row of another day."""
        others = _union(day.chain for day in self.whole)
        return Chaining(self.store, self.series).breaks(chain.gaps().subtract(others), missing, self.days)

    def _absent(self) -> Iterator[Span]:
        """Whole days of the window before the first and after the last row; ids begin at 0, before it is nothing."""
        start, end = self.window
        held = [day.day for day in self.whole]
        if not held:
            if start is not None and end is not None:
                yield start, end
            return
        if start is not None and start < held[0] and self.whole[0].spans.first != 0:
            yield start, min(held[0], held[0] if end is None else end)
        if end is not None and end > held[-1] + DAY:
            yield max(held[-1] + DAY, held[-1] + DAY if start is None else start), end

    def _stats(self) -> SeriesStats:
        """A damaged file may keep the store from telling: then what the files themselves said."""
        counted = SeriesStats(self.series, sum(file.rows for file in self.files), _bytes(self.files), None, None)
        if self.window != (None, None):
            return counted
        with suppress(StoreError):
            return self.store.stats(self.series)
        return counted


def _read_ids(store: Store, series: Series, run: Span) -> Spans:
    sequence = str(series.dataset.sequence)
    query = Query(series.dataset, series.symbol, first=run[0], last=run[1], columns=(sequence,))
    return Spans.of((each, each) for each in store.read(query).column(sequence).to_pylist())


def _phantom(series: Series, run: Span) -> tuple[str, str]:
    return str(series), f"the store says that it holds the ids {run[0]}..{run[1]}, and has no row of them"


def _missing(store: Store, series: Series, held: Spans, ledger: Ledger) -> Spans:
    """The gaps, what the ledger knows to be open beyond the ends, and what went with damaged files."""
    if not series.dataset.numbered:
        return Spans()
    lost = store.lost(series).subtract(held) if isinstance(store, Remembers) else Spans()
    return ledger.missing(held).add(lost)


def _gaps(missing: Spans, ledger: Ledger) -> Iterator[Gap]:
    """Each run of missing ids, cut where the ledger says that nobody has a part of it."""
    nobody = ledger.unfillable()
    for run in missing:
        unfillable = _within(nobody, run)
        pieces = [(piece, "unfillable") for piece in unfillable]
        pieces += [(piece, "open") for piece in Spans((run,)).subtract(unfillable)]
        yield from (_gap(piece, state, ledger) for piece, state in sorted(pieces))


def _gap(piece: Span, state: str, ledger: Ledger) -> Gap:
    told = [entry for entry in ledger.entries if entry.finding.first <= piece[1] and entry.finding.last >= piece[0]]
    reasons = [entry.finding.reason for entry in told if entry.finding.state == state]
    return Gap(*piece, state, reasons[-1] if reasons else "", told[0].at if told else None)


def _window(start: int | None, end: int | None) -> Window:
    """Whole days: down to the midnight before the start, up to the one after the end."""
    return (None if start is None else start // DAY * DAY, None if end is None else -(-end // DAY) * DAY)


def _inside(day: int, window: Window) -> bool:
    return (window[0] is None or window[0] <= day) and (window[1] is None or day < window[1])


def _union(several: Iterable[Spans]) -> Spans:
    return Spans.of(run for spans in several for run in spans)


def _within(spans: Spans, run: Span) -> Spans:
    """Those of the ids that lie in the run."""
    return Spans((run,)).subtract(Spans(tuple(spans.missing(*run))))


def _hull(spans: Spans) -> Span:
    """From before the first id to behind the last: missing ids that begin, lie or end there."""
    return ((spans.first or 0) - 1, -1 if spans.last is None else spans.last + 1)


def _summed(files: Iterable[FileProof]) -> tuple[tuple[Origin, int], ...]:
    rows: dict[Origin, int] = {}
    for origin, number in (each for file in files for each in file.origins):
        rows[origin] = rows.get(origin, 0) + number
    return tuple(sorted(rows.items(), key=lambda pair: (pair[0].kind, pair[0].name)))


def _bytes(files: Iterable[FileProof]) -> int:
    return sum(file.bytes for file in files)
