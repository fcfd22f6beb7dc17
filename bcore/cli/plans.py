"""What a back-fill would fetch, for eyes and for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import frozen

from bcore.cli.meter import spoken
from bcore.cli.output import aligned
from bcore.verdicts import count

if TYPE_CHECKING:
    from bcore.collect import Job
    from bcore.protocols import Portion

COUNTED = ("bytes", "rows", "weight")
HEAD = ("symbol", "portion", "bytes", "~rows", "weight")  # of rows nobody knows more than about how many there are
LISTED = 40  # portions that are shown one by one


@frozen
class Plan:
    """Each job with the portions that its source would fetch."""

    found: tuple[tuple[Job, tuple[Portion, ...]], ...]

    def as_object(self) -> dict[str, Any]:
        """For programs: `portions`, one object each, and `minutes`, None where no source knows its budget."""
        return {"portions": self._rows(), "minutes": self.minutes}

    def lines(self) -> list[str]:
        """For eyes."""
        rows = self._rows()
        if not rows:
            return ["nothing is left to fetch"]
        if self.minutes is None:
            return _table(rows)
        return [*_table(rows), f"the requests take about {spoken(self.minutes * 60)} at the exchange's budget"]

    @property
    def minutes(self) -> float | None:
        """How long the request weight takes, as far as the sources know their budget."""
        from bcore.protocols import Paced

        paced = [(job.source, todo) for job, todo in self.found if isinstance(job.source, Paced)]
        if not paced:
            return None
        return sum(sum(each.weight for each in todo) / source.weight_per_minute for source, todo in paced)

    def _rows(self) -> list[dict[str, Any]]:
        return [_row(job, portion) for job, todo in self.found for portion in todo]


def _row(job: Job, portion: Portion) -> dict[str, Any]:
    named = {"dataset": job.datasets()[0].name, "symbol": portion.symbol, "portion": portion.summary}
    return {**named, **{name: getattr(portion, name) for name in COUNTED}}


def _table(rows: list[dict[str, Any]]) -> list[str]:
    cells = [[row["symbol"], row["portion"], *(_number(row[name]) for name in COUNTED)] for row in rows]
    more = len(cells) - LISTED
    shown = cells if more <= 0 else [*cells[:LISTED], ["", f"... and {more:,} more", *[""] * len(COUNTED)]]
    total = ["total", count(len(rows), "portion"), *(_number(sum(row[name] for row in rows)) for name in COUNTED)]
    return aligned(HEAD, [*shown, total])


def _number(value: int) -> str:
    return f"{value:,}" if value else "-"
