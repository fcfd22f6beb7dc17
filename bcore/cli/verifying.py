"""verify: what an archive provably holds."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from bcore.cli.options import with_globals

if TYPE_CHECKING:
    from bcore.audits import Audit
    from bcore.protocols import Clock, Store
    from bcore.records import Series
    from bcore.witnesses import Testimony

EXIT_CODES = """\b
Exit codes:
  0  proven complete (or sound, for what has no ids to prove by)
  1  not proven: gaps, doubled rows, a broken chain, damaged files,
     disagreement with a witness, or nothing held; also where nobody
     has what is missing, unless --accept-unfillable is given
  2  misused"""


@click.command(epilog=EXIT_CODES)
@click.argument("series", nargs=-1)
@click.option("--from", "start", metavar="WHEN", help="Only days from this one on: ISO 8601 (UTC), or '7d ago'.")
@click.option("--to", "end", metavar="WHEN", help="Only days before this instant.")
@click.option("--deep", is_flag=True, help="Read every byte and compare it with what the archive says of itself.")
@click.option(
    "--against", type=click.Choice(["klines"]), help="Compare with the exchange's own candles too (asks the exchange)."
)
@click.option("--revisions", is_flag=True, help="Ask whether files that rows came from have been replaced since.")
@click.option("--accept-unfillable", is_flag=True, help="Gaps that nobody can fill, with evidence, are no failure.")
@click.option("--days", is_flag=True, help="A line for each day.")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
@with_globals
@click.pass_context
def verify(ctx: click.Context, /, series: tuple[str, ...], form: str, **options: Any) -> None:
    """Prove what the archive holds: bcore verify trades/BTCUSDT, or everything.

    SERIES is dataset/SYMBOL, a dataset, or a symbol. A series is complete when its ids run from the first to the last
    without a gap, none twice, and the finer ids that its rows sum up tile as well. That is told from metadata; --deep
    reads the data itself. It changes nothing, and works beside a collector that is writing.

    --format json prints one object: "complete", "passed" (as the exit code), and "series", one object each with "state"
    (complete, unfillable, incomplete, broken, damaged, unprovable or empty), "verdict", the ids, "gaps", "chain",
    "origins", "problems", "fingerprint", "days", and "witness", what the exchange said where it was asked.
    """
    from bcore.cli.choosing import between, chosen, instant, job_for, opened
    from bcore.clock import SystemClock
    from bcore.witnesses import heard

    clock = SystemClock()
    start, end = (instant(options[name], clock.now()) for name in ("start", "end"))
    between(start, end)
    end = end if end is None else min(end, clock.now())
    asked = {"check": bool(options["against"]), "revisions": bool(options["revisions"])}
    app = opened(ctx.obj, clock, series, asking=any(asked.values()))
    audits, told = [], []
    try:
        jobs = app.jobs() if any(asked.values()) else []
        for store, each in chosen(app.stores(), series):
            audits.append(audited(store, each, clock, start=start, end=end, deep=options["deep"]))
            if jobs:
                told.append(heard(job_for(jobs, store, each), audits[-1], app.registry, **asked))
            if form == "table":
                _show(audits[-1], told[-1:], days=options["days"])
    finally:
        app.close()
    passed = _passed(audits, told, unfillable=options["accept_unfillable"], compare=asked["check"])
    if form == "json":
        click.echo(json.dumps(_object(audits, told, passed=passed), indent=2))
    elif not audits:
        click.echo("nothing is stored yet, so nothing is proven; `bcore run` collects, `bcore backfill` brings history")
    if not passed:
        ctx.exit(1)


def audited(
    store: Store, series: Series, clock: Clock, *, start: int | None = None, end: int | None = None, deep: bool = False
) -> Audit:
    """The audit of a series; one that reads all bytes shows how far it is."""
    from bcore.cli.meter import Meter
    from bcore.verify import audit_of

    if not deep:
        return audit_of(store, series, start=start, end=end)
    stats = _stats(store, series)
    with Meter(clock, f"{series}: verifying", *stats) as meter:
        done = lambda file: meter.advance(rows=file.rows, size=file.bytes, parts=1)  # noqa: E731
        return audit_of(store, series, start=start, end=end, deep=True, watch=done)


def _stats(store: Store, series: Series) -> tuple[int, int]:
    """How many files and bytes there are to read; unknown where a damaged file keeps the store from telling."""
    from bcore.errors import StoreError

    try:
        stats = store.stats(series)
    except StoreError:
        return 0, 0
    return stats.files, stats.bytes


def _show(audit: Audit, told: Iterable[Testimony], *, days: bool) -> None:
    from bcore.cli.accounts import account

    lines = [*account(audit, days=days), *(f"  {line}" for each in told for line in each.sentences())]
    click.echo("\n".join(lines))


def _passed(audits: list[Audit], told: list[Testimony], *, unfillable: bool, compare: bool) -> bool:
    """Where witnesses were wanted, at least one series must have been compared."""
    proven = bool(audits) and all(audit.passes(unfillable=unfillable) for audit in audits)
    heard = not compare or any(each.compared is not None for each in told)
    return proven and heard and all(each.agrees for each in told)


def _object(audits: list[Audit], told: list[Testimony], *, passed: bool) -> dict[str, Any]:
    witnesses = {each.series: each.as_object() for each in told}
    complete = bool(audits) and all(audit.passes() for audit in audits)
    found = [{**audit.as_object(), "witness": witnesses.get(str(audit.series))} for audit in audits]
    return {"complete": complete, "passed": passed, "series": found}
