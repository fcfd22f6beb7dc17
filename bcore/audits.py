"""What is provably held of a series, and what is not: the records that `bcore.verify` makes.

Words: an *audit* is the account of one series; its *state* is the verdict in one word (`STATES`).
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from attrs import field, frozen
from attrs.validators import in_

from bcore.instants import iso
from bcore.records import Origin, Series, SeriesStats
from bcore.spans import Span, Spans

STATES = ("complete", "unfillable", "incomplete", "broken", "damaged", "unprovable", "empty")
Json = dict[str, Any]


@frozen
class Gap:
    """Ids `first`..`last` (both inclusive) that are not held.

    `state` is "unfillable" where the ledger has evidence that nobody has them, else "open"; `reason` and `since` (int
    us UTC) are the ledger's, where it speaks of them. `time` is the day (int us UTC) of the row before the gap.
    """

    first: int
    last: int
    state: str = field(default="open", validator=in_(("open", "unfillable")))
    reason: str = ""
    since: int | None = None
    time: int | None = None

    @property
    def ids(self) -> int:
        """How many ids are missing."""
        return self.last - self.first + 1

    def as_object(self) -> Json:
        return {
            "first_id": self.first,
            "last_id": self.last,
            "ids": self.ids,
            "state": self.state,
            "reason": self.reason,
            "since": None if self.since is None else iso(self.since),
            "day": None if self.time is None else day_name(self.time),
        }


@frozen
class Break:
    """Finer ids `first`..`last` of a dataset's chain that no row covers, although no row is missing there.

    `after` is the id of the row behind which they are missing, where it could be found.
    """

    first: int
    last: int
    after: int | None = None

    def as_object(self) -> Json:
        return {"first": self.first, "last": self.last, "after_id": self.after}


@frozen
class Day:
    """One day (UTC) of a series; `day` is its midnight in int us UTC.

    The identity `last - first + 1 == rows - doubled + missing + elsewhere` holds: ids between the day's first and last
    are there, are missing, or are of another day, since an exchange's times need not rise with its ids. `open` says
    whether a gap begins, lies or ends in the day, `broken` whether its chain does not tile where no row is missing.
    `chained` counts the finer ids of the chain. `edge`: the first day held, unless it begins with id 0, or the last:
    what it had before or after, no archive can tell.
    """

    day: int
    rows: int
    first: int | None
    last: int | None
    doubled: int
    missing: int
    elsewhere: int
    chained: int
    open: bool
    broken: bool
    fingerprint: int
    edge: bool = False

    @property
    def state(self) -> str:
        """ "complete", "unbroken" (complete as far as it is held), "open" (rows are missing), "broken", or "unprovable"
        (there are no ids)."""
        if self.broken or self.doubled:
            return "broken"
        if self.open or self.first is None:
            return "open" if self.open else "unprovable"
        return "unbroken" if self.edge else "complete"

    @property
    def expected(self) -> int:
        """How many ids there are from the first to the last."""
        return 0 if self.first is None or self.last is None else self.last - self.first + 1

    def as_object(self) -> Json:
        return {
            "day": day_name(self.day),
            "rows": self.rows,
            "first_id": self.first,
            "last_id": self.last,
            "expected": self.expected,
            "missing": self.missing,
            "elsewhere": self.elsewhere,
            "duplicates": self.doubled,
            "chained": self.chained,
            "state": self.state,
            "fingerprint": hexadecimal(self.fingerprint),
        }


@frozen
class Audit:
    """The account of one series, or of some days of it.

    - `spans`: the ids held (`DayProof.spans`). `gaps`: those missing between the first and the last.
    - `breaks`, `overlapping`: where the chain does not tile: finer ids of no row, and how many of more than one.
    - `absent`: whole days [start, end) that were asked for, before or after everything that is held.
    - `origins`: where the rows came from; rows that do not know are in none.
    - `problems`: (file, what is wrong with it). `doubled`: rows whose id, or key, another row has too.
    - `deep`: every byte was read. `scanned`: the store keeps no proofs, they were made from the rows.
    """

    series: Series
    stats: SeriesStats
    days: tuple[Day, ...] = ()
    spans: Spans = field(factory=Spans)
    chain: Spans = field(factory=Spans)
    gaps: tuple[Gap, ...] = ()
    breaks: tuple[Break, ...] = ()
    overlapping: int = 0
    doubled: int = 0
    absent: tuple[Span, ...] = ()
    origins: tuple[tuple[Origin, int], ...] = ()
    problems: tuple[tuple[str, str], ...] = ()
    deep: bool = False
    scanned: bool = False

    @property
    def rows(self) -> int:
        return sum(day.rows for day in self.days)

    @property
    def missing(self) -> int:
        """How many ids are not held."""
        return sum(gap.ids for gap in self.gaps)

    @property
    def absent_days(self) -> list[str]:
        """The days of `absent`, named."""
        return [days_named(*each) for each in self.absent]

    @property
    def fingerprint(self) -> int:
        """The same for the same rows, in whatever files, order and archive."""
        return sum(day.fingerprint for day in self.days) % 2**128

    @property
    def state(self) -> str:
        """The verdict in one of `STATES`: the worst thing found."""
        if self.problems:
            return "damaged"
        if not self.rows:
            return "empty"
        if self.doubled or self.overlapping or self.breaks:
            return "broken"
        if not self.series.dataset.numbered:
            return "unprovable"
        if self.absent or any(gap.state == "open" for gap in self.gaps):
            return "incomplete"
        return "unfillable" if self.gaps else "complete"

    def passes(self, *, unfillable: bool = False) -> bool:
        """Whether nothing is left to do: proven complete, or sound and without a sequence to prove it by.

        With `unfillable` gaps that nobody can fill are no failure.
        """
        return self.state in ("complete", "unprovable") or (unfillable and self.state == "unfillable")

    @property
    def by_kind(self) -> dict[str, int]:
        """Rows by the kind of their origin; those that do not know as "unknown"."""
        counts = Counter[str]()
        for origin, rows in self.origins:
            counts[origin.kind] += rows
        unknown = self.rows - counts.total()
        return {**counts, "unknown": unknown} if unknown > 0 else dict(counts)

    @property
    def verdict(self) -> str:
        """One sentence: what is proven, or what is missing."""
        from bcore.verdicts import sentence

        return sentence(self)

    def as_object(self) -> Json:
        """For programs: the keys are stable, new ones may join. Days are dates, instants ISO 8601 with Z."""
        return {
            "series": str(self.series),
            "dataset": self.series.dataset.name,
            "symbol": self.series.symbol,
            "state": self.state,
            "verdict": self.verdict,
            "deep": self.deep,
            "scanned": self.scanned,
            "rows": self.rows,
            "bytes": self.stats.bytes,
            "files": self.stats.files,
            "first_time": None if self.stats.first_time is None else iso(self.stats.first_time),
            "last_time": None if self.stats.last_time is None else iso(self.stats.last_time),
            "first_id": self.spans.first,
            "last_id": self.spans.last,
            "missing": self.missing,
            "duplicates": self.doubled,
            "gaps": [gap.as_object() for gap in self.gaps],
            "absent": self.absent_days,
            "chain": self._chain_object(),
            "origins": [_origin_object(origin, rows) for origin, rows in self.origins],
            "rows_by_origin": self.by_kind,
            "problems": [{"file": name, "problem": problem} for name, problem in self.problems],
            "fingerprint": hexadecimal(self.fingerprint),
            "days": [day.as_object() for day in self.days],
        }

    def _chain_object(self) -> Json | None:
        if not (self.series.dataset.sequence and self.series.dataset.chain):
            return None
        breaks = [each.as_object() for each in self.breaks]
        return {"ids": len(self.chain), "breaks": breaks, "overlapping": self.overlapping}


def _origin_object(origin: Origin, rows: int) -> Json:
    return {"kind": origin.kind, "name": origin.name, "sha256": origin.sha256, "rows": rows, "of": origin.rows}


def hexadecimal(fingerprint: int) -> str:
    """A fingerprint as 32 hexadecimal digits."""
    return f"{fingerprint:032x}"


def day_name(day: int) -> str:
    """The date of an instant (int us UTC)."""
    return iso(day)[:10]


def days_named(start: int, end: int) -> str:
    """The days of [start, end), int us UTC: the date, or the first and the last."""
    first, last = day_name(start), day_name(end - 1)
    return first if first == last else f"{first} .. {last}"
