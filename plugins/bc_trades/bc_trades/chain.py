"""The second proof that no trade is missing: an aggregate's trades begin where those of the one before it end."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import define, field

from bc_trades.trade import Trade
from bcore.records import Finding


@define
class Chain:
    """Follows runs of rows, in any order of runs, and finds neighbours by aggregate id whose trade ids do not join.

    Voided aggregates cover no trades (protocol section 9.2): what is before them joins to what is after. One number is
    remembered per end of a run that has no neighbour yet.
    """

    breaks: list[Finding] = field(factory=list)
    _ends: dict[int, int] = field(factory=dict)  # id of a run's last row -> the trade id that must come next
    _heads: dict[int, int] = field(factory=dict)  # id of a run's first row -> the trade id it begins with

    def follow(self, run: Sequence[Trade]) -> None:
        """`run` has consecutive ids, at least one."""
        first, last = run[0].a, run[-1].a
        due = self._ends.pop(first - 1, None)
        firsts, nexts = [trade.f for trade in run], [trade.l + 1 for trade in run]
        joined = due == firsts[0] and firsts[1:] == nexts[:-1]
        due = nexts[-1] if joined else self._walk(run, due)
        if due is None:
            return
        after = self._heads.pop(last + 1, None)
        if after is None:
            self._ends[last] = due
        elif after != due:
            self._note(last, due, after)

    def _walk(self, run: Sequence[Trade], due: int | None) -> int | None:
        """Row by row; returns the trade id that must come next, None if no row covers any."""
        if due is None and (covering := next((trade for trade in run if trade.f >= 0), None)):
            due = self._heads[run[0].a] = covering.f
        for trade in run:
            if trade.f < 0:
                continue
            if trade.f != due and due is not None:
                self._note(trade.a - 1, due, trade.f)
            due = trade.l + 1
        return due

    def _note(self, before: int, due: int, found: int) -> None:
        what = f"trades {due} to {found - 1} are in neither" if found > due else f"trade {found} is in both"
        self.breaks.append(Finding(before, before + 1, "broken", f"aggregates {before} and {before + 1}: {what}"))
