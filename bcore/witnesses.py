"""What others say of a series that is held: its exchange, of the same time, and of the files that it gave out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

from bcore.audits import Audit
from bcore.errors import SourceError
from bcore.instants import DAY, iso
from bcore.ownnames import OwnNames
from bcore.protocols import Checks, Revises
from bcore.records import Compared, Origin
from bcore.verdicts import count

if TYPE_CHECKING:
    from bcore.collect import Job
    from bcore.registry import Registry

Json = dict[str, Any]


@frozen
class Testimony:
    """What came of asking.

    - `compared`: what was compared, None where that was not wanted, or nobody can (`unasked`).
    - `revised`: the files that are no longer what they were, of `files` that were asked about; None where not wanted.
    - `failures`: why not everything could be asked that should have been.
    """

    series: str
    compared: tuple[Compared, ...] | None = None
    revised: tuple[tuple[Origin, str], ...] | None = None
    files: int = 0
    failures: tuple[str, ...] = ()
    unasked: tuple[str, ...] = ()

    @property
    def agrees(self) -> bool:
        """Whether everything was asked, something compared, and nothing is different."""
        compared = self.compared is None or any(each.count for each in self.compared)
        return compared and not self.failures and not self.disagreements and not self.revised

    @property
    def disagreements(self) -> int:
        return sum(len(each.disagreements) for each in self.compared or ())

    def sentences(self) -> list[str]:
        """For people."""
        said = [*self.failures, *self.unasked]
        if self.compared is not None:
            said += told(self.compared) or ["nothing compared"]
        if self.revised is not None:
            said += [f"{count(self.files, 'file')} asked about, {len(self.revised)} replaced since"]
            said += [f"{origin.name}: {difference}" for origin, difference in self.revised]
        return said

    def as_object(self) -> Json:
        """For programs."""
        return {
            "series": self.series,
            "agrees": self.agrees,
            "compared": None if self.compared is None else [piece_object(each) for each in self.compared],
            "revised": None
            if self.revised is None
            else [{"name": origin.name, "difference": said} for origin, said in self.revised],
            "files": self.files,
            "failures": [*self.failures, *self.unasked],
        }


def heard(job: Job | None, audit: Audit, registry: Registry, *, check: bool, revisions: bool) -> Testimony:
    """Asks the source that writes a series about the days of its audit."""
    said = Testimony(str(audit.series))
    if check:
        said = _checked(said, job, audit, registry)
    return _revised(said, job, audit) if revisions else said


def _checked(told: Testimony, job: Job | None, audit: Audit, registry: Registry) -> Testimony:
    if job is None or not isinstance(job.source, Checks):
        return evolve(told, unasked=(*told.unasked, "not compared: no source can compare it with its exchange"))
    pieces: list[Compared] = []
    reader = OwnNames.reader(job, registry)
    try:
        if audit.days:
            start, end = audit.days[0].day, audit.days[-1].day + DAY
            pieces.extend(job.source.check(audit.series.symbol, reader, start, end))
    except SourceError as error:
        told = _failed(told, f"the exchange could not be asked: {error}")
    return evolve(told, compared=tuple(pieces))


def _revised(told: Testimony, job: Job | None, audit: Audit) -> Testimony:
    origins = [origin for origin, _ in audit.origins if origin.sha256]
    if not origins:
        return evolve(told, revised=())
    if job is None or not isinstance(job.source, Revises):
        return _failed(told, "no source can tell whether the files that its rows came from were replaced")
    try:
        found = tuple(job.source.revised(audit.series.symbol, origins))
    except SourceError as error:
        return _failed(told, f"the files could not be asked about: {error}")
    return evolve(told, revised=found, files=len(origins))


def _failed(told: Testimony, why: str) -> Testimony:
    return evolve(told, failures=(*told.failures, why))


def told(compared: Iterable[Compared]) -> list[str]:
    """For people: how much of what was compared, and each thing that is different."""
    pieces = list(compared)
    lines = [_summary(what, alike) for what, alike in _by_what(pieces).items()]
    differing = [each for piece in pieces for each in piece.disagreements]
    return lines + [f"{iso(each.time)} {each.what}: ours {each.ours}, theirs {each.theirs}" for each in differing]


def _by_what(pieces: Iterable[Compared]) -> dict[str, list[Compared]]:
    kinds: dict[str, list[Compared]] = {}
    for piece in pieces:
        kinds.setdefault(piece.what, []).append(piece)
    return kinds


def _summary(what: str, pieces: Iterable[Compared]) -> str:
    """`744 1h candles compared, 0 disagree`, and how many could not be compared, and why."""
    counts = [(piece.count, len(piece.disagreements), piece.skipped) for piece in pieces]
    compared, differ, skipped = (sum(each) for each in zip(*counts, strict=True))
    left_out = f"; {skipped:,} left out: not complete here, or not over yet" if skipped else ""
    return f"{compared:,} {what} compared, {differ:,} disagree{left_out}"


def piece_object(piece: Compared) -> Json:
    """For programs."""
    return {
        "what": piece.what,
        "start": iso(piece.start),
        "end": iso(piece.end),
        "count": piece.count,
        "skipped": piece.skipped,
        "disagreements": [
            {"time": iso(each.time), "what": each.what, "ours": each.ours, "theirs": each.theirs}
            for each in piece.disagreements
        ],
    }
