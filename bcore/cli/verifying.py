"""verify: what an archive provably holds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click
from attrs import frozen

from bcore.cli.options import with_globals

if TYPE_CHECKING:
    from bcore.audits import Audit
    from bcore.examining import Examined
    from bcore.protocols import Clock, Store
    from bcore.records import Series
    from bcore.witnesses import Testimony

EXIT_CODES = """\b
Exit codes:
  0  proven complete (or sound, for what has no ids to prove by)
  1  not proven: gaps, doubled rows, a broken chain, damaged files,
     times in doubt, disagreement with a witness, or nothing held; also
     where nobody has what is missing, unless --accept-unfillable is given
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
@click.option(
    "--accept-unfillable",
    is_flag=True,
    help="Gaps that nobody can fill, with evidence, and times in doubt are no failure.",
)
@click.option("--days", is_flag=True, help="A line for each day.")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
@with_globals
@click.pass_context
def verify(ctx: click.Context, /, series: tuple[str, ...], form: str, **options: Any) -> None:
    """Prove what the archive holds: bcore verify trades/BTCUSDT, or everything.

    SERIES is dataset/SYMBOL, a dataset, or a symbol. A series is complete when its ids run from the first to the last
    without a gap, none twice, and the finer ids that its rows sum up tile as well. That is told from metadata; --deep
    reads the data itself. Where ids do not tell everything, as of order books, it also says from when to when the
    record is in doubt, and --deep has it testify against itself. It changes nothing, and works beside a collector.

    --format json prints one object: "complete", "passed" (as the exit code), and "series", one object each with "state"
    (complete, unfillable, incomplete, broken, damaged, unprovable or empty), "verdict", the ids, "gaps", "chain",
    "origins", "problems", "fingerprint", "days", "examined", what its plugin says of it, and "witness", what the
    exchange said where it was asked.
    """
    from bcore.cli.choosing import between, chosen, instant, job_for, nothing, opened, there
    from bcore.clock import SystemClock
    from bcore.examining import examined
    from bcore.witnesses import heard

    clock = SystemClock()
    start, end = (instant(options[name], clock.now()) for name in ("start", "end"))
    between(start, end)
    end = end if end is None else min(end, clock.now())
    asked = {"check": bool(options["against"]), "revisions": bool(options["revisions"])}
    app = opened(ctx.obj, clock, series, asking=any(asked.values()))
    there(app, ctx.obj.data)
    empty = nothing(app.stores().values())
    accounts: list[Account] = []
    try:
        jobs = app.jobs() if any(asked.values()) else []
        for store, each in chosen(app.stores(), series):
            audit = audited(store, each, clock, start=start, end=end, deep=options["deep"])
            testimony = heard(job_for(jobs, store, each), audit, app.registry, **asked) if jobs else None
            accounts.append(Account(audit, examined(store, audit, app.registry, deep=options["deep"]), testimony))
            if form == "table":
                _show(accounts[-1], days=options["days"])
    finally:
        app.close()
    passed = _passed(accounts, unfillable=options["accept_unfillable"], compare=asked["check"])
    if form == "json":
        click.echo(json.dumps(_object(accounts, passed=passed), indent=2))
    elif not accounts:
        click.echo(f"{empty}, so nothing is proven; `bcore run` collects, `bcore backfill` brings history")
    if not passed:
        ctx.exit(1)


@frozen
class Account:
    """Everything that is told of one series."""

    audit: Audit
    examined: Examined | None
    testimony: Testimony | None

    def passes(self, *, unfillable: bool) -> bool:
        examined = self.examined is None or self.examined.passes(unfillable=unfillable)
        return examined and self.audit.passes(unfillable=unfillable) and (not self.testimony or self.testimony.agrees)

    def sentences(self) -> list[str]:
        examined = self.examined.sentences() if self.examined else []
        return examined + (self.testimony.sentences() if self.testimony else [])

    def as_object(self) -> dict[str, Any]:
        return {
            **self.audit.as_object(),
            "examined": self.examined.as_object() if self.examined else None,
            "witness": self.testimony.as_object() if self.testimony else None,
        }


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


def _show(told: Account, *, days: bool) -> None:
    from bcore.cli.accounts import account

    click.echo("\n".join([*account(told.audit, days=days), *(f"  {line}" for line in told.sentences())]))


def _passed(accounts: list[Account], *, unfillable: bool, compare: bool) -> bool:
    """Where witnesses were wanted, at least one series must have been compared."""
    heard = [each.testimony for each in accounts if each.testimony is not None]
    asked = not compare or any(each.compared is not None for each in heard)
    return bool(accounts) and asked and all(each.passes(unfillable=unfillable) for each in accounts)


def _object(accounts: list[Account], *, passed: bool) -> dict[str, Any]:
    complete = bool(accounts) and all(each.audit.passes() for each in accounts)
    return {"complete": complete, "passed": passed, "series": [each.as_object() for each in accounts]}
