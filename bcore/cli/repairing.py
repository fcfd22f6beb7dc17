"""repair: damaged files out of the way, missing ids brought again."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import click
from attrs import define, field

from bcore.cli.accounts import account
from bcore.cli.options import with_globals
from bcore.errors import BcoreError, NotFoundError, RequestError, SeriesBusyError, Stopped
from bcore.verdicts import count

if TYPE_CHECKING:
    from bcore.app import App
    from bcore.client import Client
    from bcore.clock import SystemClock
    from bcore.collect import Job
    from bcore.elsewhere import Elsewhere
    from bcore.protocols import Store
    from bcore.records import Series
    from bcore.spans import Spans

SHOWN = 10  # conflicting ids that are listed

EXIT_CODES = """\b
Exit codes:
  0  nothing is left to ask for: complete, or the rest is nobody's to give
  1  something is still missing or damaged, or two archives disagree
  2  misused"""


@click.command(epilog=EXIT_CODES)
@click.argument("series", nargs=-1)
@click.option("--from", "where", metavar="PATH_OR_URL", help="Take what is missing from this archive, not an exchange.")
@click.option("--retry-unfillable", is_flag=True, help="Ask again for what nobody had.")
@click.option("--no-compare", is_flag=True, help="With --from: do not compare the rows that both archives have.")
@click.option("--dry-run", is_flag=True, help="Say what would be asked for, and change nothing.")
@with_globals
@click.pass_context
def repair(ctx: click.Context, /, series: tuple[str, ...], where: str | None, **options: Any) -> None:
    """Mend the archive: bcore repair trades/BTCUSDT, or everything.

    Damaged files are set aside, then every gap is asked for, oldest first: of the exchange, through the sources of the
    configuration (or the installed ones), or with --from of another archive: a folder or any address that bcore.open
    understands. With --from the rows before our first and after our last come too, so two halves become a whole; where
    both have different rows for one id, that is reported, and ours stays. A repair that is cut off goes on where it
    was when it is run again. Stop a collector that writes the same series first.
    """
    from bcore.cli.choosing import elsewhere, nothing, opened, there
    from bcore.clock import SystemClock
    from bcore.runner import stop_on_signals

    clock = SystemClock()
    with elsewhere(ctx.obj, where) if where else nullcontext() as other, stop_on_signals(clock.stopping):
        app = opened(ctx.obj, clock, series, asking=other is None and not options["dry_run"])
        there(app, ctx.obj.data)
        empty = nothing(app.stores().values())
        try:
            work = Work(app, clock, other, where or "", **options)
            good = [work.on(*pair) for pair in work.chosen(series)]
        except Stopped:
            raise Stopped("stopped; run it again to go on") from None
        finally:
            app.close()
    if not good:
        click.echo(f"{empty}, so there is nothing to repair")
    if not all(good):
        ctx.exit(1)


@define
class Work:
    """The repair of one series after the other. `other` is the archive to take rows from, named `where`."""

    app: App
    clock: SystemClock
    other: Client | None
    where: str
    dry_run: bool
    retry_unfillable: bool
    no_compare: bool
    _jobs: list[Job] | None = field(default=None, init=False)

    def chosen(self, names: tuple[str, ...]) -> list[tuple[Store, Series]]:
        from bcore.cli.choosing import chosen

        return chosen(self.app.stores(), names)

    def on(self, store: Store, series: Series) -> bool:
        """Repairs a series and tells what came of it; whether nothing is left to do."""
        try:
            return self._dry(store, series) if self.dry_run else self._wet(store, series)
        except Stopped:
            raise
        except SeriesBusyError as error:
            return self._fail(series, f"another process writes it: stop that collector first ({error})")
        except (BcoreError, OSError) as error:
            return self._fail(series, str(error))

    def _dry(self, store: Store, series: Series) -> bool:
        from bcore.verify import audit_of

        audit = audit_of(store, series, deep=True)
        ids = self._wanted(store, series, self._elsewhere(series))
        click.echo("\n".join(account(audit)))
        for name in dict.fromkeys(name for name, _ in audit.problems):
            click.echo(f"  would set aside, and ask for its ids too: {name}")
        click.echo(f"  would ask {self.where or 'the exchange'} for {count(len(ids), 'id')} in {_runs(ids)}")
        return audit.passes(unfillable=True) and not ids

    def _wet(self, store: Store, series: Series) -> bool:
        from bcore.repair import set_aside
        from bcore.verify import audit_of

        elsewhere = self._elsewhere(series)
        click.echo(f"{series}: before: {audit_of(store, series, deep=True).verdict}")
        for name in set_aside(store, series, self.clock.now()):
            click.echo(f"  set aside, damaged: {name}")
        held = store.spans(series)
        good = self._fill(store, series, elsewhere)
        good &= self._agree(store, series, elsewhere, held)
        after = audit_of(store, series)
        click.echo("\n".join(account(after)))
        return good and after.passes(unfillable=True)

    def _elsewhere(self, series: Series) -> Elsewhere | None:
        from bcore.elsewhere import Elsewhere

        if self.other is None or series.dataset.sequence is None:
            return None
        found = Elsewhere(self.where, self.other.reader, series)
        try:
            found.check()
        except NotFoundError as error:
            click.echo(f"{series}: {error}", err=True)
            return None
        return found

    def _wanted(self, store: Store, series: Series, elsewhere: Elsewhere | None) -> Spans:
        from bcore.repair import to_fill
        from bcore.spans import Spans

        if self.other is None:
            return to_fill(store, series, unfillable=self.retry_unfillable)
        reach = elsewhere.reach() if elsewhere else None
        return Spans(() if reach is None else (reach,)).subtract(store.spans(series))

    def _fill(self, store: Store, series: Series, elsewhere: Elsewhere | None) -> bool:
        from bcore.cli.meter import Meter
        from bcore.persistence import Persistence
        from bcore.repair import Repair

        ids = self._wanted(store, series, elsewhere)
        if not ids:
            return True
        job = self._job(store, series, elsewhere)
        with Meter(self.clock, f"{series}: repairing", len(ids.runs), len(ids), unit="gaps") as meter:
            persist = Persistence(self.clock, lambda error, seconds: meter.say(f"{error}; again in {seconds:.1f} s"))
            whence = f"the archive {self.where}" if elsewhere else f"the source {job.name}"
            work = Repair(job, series, self.app.emit, persist, whence, lambda rows: meter.advance(rows=rows, size=rows))
            failures = list(work.fill(ids, lambda: meter.advance(parts=1)))
        for failure in failures:
            click.echo(f"bcore: {series}: {failure}; run it again to go on", err=True)
        return not failures

    def _job(self, store: Store, series: Series, elsewhere: Elsewhere | None) -> Job:
        from bcore.cli.choosing import job_for
        from bcore.collect import Job
        from bcore.protocols import Fills

        if elsewhere is not None:
            return Job("archive", elsewhere, store, clock=self.clock)
        if self._jobs is None:
            self._jobs = self.app.jobs()
        job = job_for(self._jobs, store, series)
        if job is None or not isinstance(job.source, Fills):
            raise RequestError("no source can bring its missing ids: name another archive with --from")
        return job

    def _agree(self, store: Store, series: Series, elsewhere: Elsewhere | None, held: Spans) -> bool:
        """Whether the rows that both archives had are the same."""
        if elsewhere is None or self.no_compare:
            return True
        conflicts = list(elsewhere.conflicts(store, held.subtract(elsewhere.known_equal(store))))
        if conflicts:
            some = ", ".join(map(str, conflicts[:SHOWN])) + (", ..." if len(conflicts) > SHOWN else "")
            self._fail(series, f"{self.where} has other rows for {count(len(conflicts), 'id')}, ours are kept: {some}")
        return not conflicts

    def _fail(self, series: Series, why: str) -> bool:
        click.echo(f"bcore: {series}: {why}", err=True)
        return False


def _runs(ids: Spans) -> str:
    some = ", ".join(f"{first}..{last}" for first, last in ids.runs[:SHOWN])
    return f"{count(len(ids.runs), 'run')}{': ' + some if some else ''}{', ...' if len(ids.runs) > SHOWN else ''}"
