"""Audits in one sentence each."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bcore.audits import Audit


def sentence(audit: Audit) -> str:
    """What is proven of a series, or what is missing."""
    if audit.state == "complete":
        return f"proven complete: {_held(audit)}, 0 gaps"
    if audit.state == "unprovable":
        return f"sound: {audit.rows:,} rows; has no sequence to prove by that none is missing"
    wrong = "; ".join(_wrong(audit))
    if audit.state == "empty":
        return "nothing is held" + (f"; {wrong}" if wrong else "")
    if audit.state == "unfillable":
        return f"complete but for what nobody has: {wrong}; {_held(audit)}"
    return f"NOT {'sound' if audit.state == 'damaged' else 'complete'}: {wrong}; {_held(audit)}"


def _held(audit: Audit) -> str:
    dataset = audit.series.dataset
    what = "ids" if dataset.sequence else _finer(audit)
    ids = "" if audit.spans.first is None else f"{what} {audit.spans.first}..{audit.spans.last}, "
    tiles = "covered" if audit.breaks or audit.overlapping or audit.gaps else "tile"
    chained = f", {len(audit.chain):,} {_finer(audit)} {tiles}" if dataset.sequence and dataset.chain else ""
    return f"{ids}{audit.rows:,} rows{chained}"


def _finer(audit: Audit) -> str:
    """What the chain counts, by the name of its column: "trade ids" for `first_trade_id`."""
    return (*audit.series.dataset.chain, "first_id")[0].removeprefix("first_").replace("_", " ") + "s"


def _wrong(audit: Audit) -> list[str]:
    """What stands against it, the worst first."""
    others = [
        (len({name for name, _ in audit.problems}), "damaged file"),
        (audit.doubled, "doubled row"),
        (len(audit.breaks), "chain break"),
    ]
    told = [count(number, what) for number, what in others if number]
    told += [f"{audit.overlapping:,} {_finer(audit)} counted twice"] if audit.overlapping else []
    return [*told, *_gaps(audit), *(f"nothing is held of {days}" for days in audit.absent_days)]


def _gaps(audit: Audit) -> list[str]:
    found = {state: [gap.ids for gap in audit.gaps if gap.state == state] for state in ("open", "unfillable")}
    return [f"{count(len(ids), f'{state} gap')} ({count(sum(ids), 'id')})" for state, ids in found.items() if ids]


def count(number: int, what: str) -> str:
    """`1 gap`, `1,200 gaps`."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"
