"""Audits for eyes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bcore.audits import day_name, hexadecimal
from bcore.cli.output import aligned
from bcore.instants import iso
from bcore.verdicts import count

if TYPE_CHECKING:
    from bcore.audits import Audit, Break, Day, Gap

SHOWN = 20  # gaps, breaks or problems of a series that are listed


def account(audit: Audit, *, days: bool = False) -> list[str]:
    """The verdict of a series in its first line, what it rests on in the next ones."""
    lines = [f"{audit.series}: {audit.verdict}"]
    if audit.rows:
        lines += [f"  {line}" for line in _facts(audit)]
    lines += _shortened([f"  {name}: {problem}" for name, problem in audit.problems])
    lines += _shortened([f"  {_gap(gap)}" for gap in audit.gaps])
    lines += _shortened([f"  {_break(each)}" for each in audit.breaks])
    if days and audit.days:
        lines += [f"  {line}" for line in _day_lines(audit.days)]
    return lines


def _facts(audit: Audit) -> list[str]:
    first, last = day_name(audit.days[0].day), day_name(audit.days[-1].day)
    size = f"{count(audit.stats.files, 'file')}, {audit.stats.bytes:,} bytes" if audit.stats.files else ""
    how = "the store keeps no proofs: every row was read" if audit.scanned else "every byte read" if audit.deep else ""
    where = ", ".join(f"{rows:,} {kind}" for kind, rows in sorted(audit.by_kind.items()))
    told = [f"{first} .. {last}, {count(len(audit.days), 'day')} with rows", size, how]
    return [
        ", ".join(each for each in told if each),
        f"fingerprint {hexadecimal(audit.fingerprint)}; rows by origin: {where}",
    ]


def _gap(gap: Gap) -> str:
    day = f", behind a row of {day_name(gap.time)}" if gap.time is not None else ""
    since = f", noted {iso(gap.since)[:19]}Z" if gap.since is not None else ""
    reason = f": {gap.reason}" if gap.reason else ""
    return f"{gap.state} gap {gap.first}..{gap.last} ({count(gap.ids, 'id')}){day}{since}{reason}"


def _break(each: Break) -> str:
    where = f" behind id {each.after}" if each.after is not None else ""
    return f"the chain breaks{where}: {each.first}..{each.last} are in no row, and no row is missing there"


def _day_lines(days: Sequence[Day]) -> list[str]:
    head = ["day", "rows", "first id", "last id", "expected", "missing", "elsewhere", "doubled", "chained", "state"]
    return aligned([*head, "fingerprint"], [[*_cells(day), day.state, hexadecimal(day.fingerprint)] for day in days])


def _cells(day: Day) -> list[str]:
    ids = ["-", "-"] if day.first is None else [str(day.first), str(day.last)]
    counts = [day.expected, day.missing, day.elsewhere, day.doubled, day.chained]
    return [day_name(day.day), str(day.rows), *ids, *map(str, counts)]


def _shortened(lines: list[str]) -> list[str]:
    more = len(lines) - SHOWN
    return lines if more <= 0 else [*lines[:SHOWN], f"  ... and {more:,} more: --format json lists them all"]
