"""backfill, plan: history of any age."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click
from attrs import define, field

from bcore.cli.accounts import account
from bcore.cli.meter import Meter
from bcore.cli.options import with_globals
from bcore.cli.plans import Plan
from bcore.errors import ConfigError, SourceError, Stopped
from bcore.verdicts import count

if TYPE_CHECKING:
    from collections.abc import Callable

    from bcore.app import App
    from bcore.cli.options import Options
    from bcore.clock import SystemClock
    from bcore.collect import Job
    from bcore.persistence import Persistence
    from bcore.protocols import Portion

BYTES_PER_ROW = 30  # of a portion that tells its bytes and not its rows; only the time left is told from it

EXIT_CODES = """\b
Exit codes:
  0  everything that was asked for is stored
  1  some of it is not: run it again to go on
  2  misused"""

_range = (
    click.option("--from", "start", metavar="WHEN", required=True, help="First instant: ISO 8601 (UTC), or '30d ago'."),
    click.option("--to", "end", metavar="WHEN", help="Up to and without this instant.  [default: now]"),
    click.option("--dataset", help="Only the source that writes this dataset."),
)


def _with_range(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(_range):
        command = option(command)
    return command


@click.command(epilog=EXIT_CODES)
@click.argument("symbols", nargs=-1, required=True, metavar="SYMBOL...")
@_with_range
@click.option("--jobs", type=click.IntRange(1, 32), default=2, show_default=True, help="Portions fetched side by side.")
@click.option("--dry-run", is_flag=True, help="Say what would be fetched, as `bcore plan` does.")
@with_globals
@click.pass_context
def backfill(ctx: click.Context, /, symbols: tuple[str, ...], jobs: int, dry_run: bool, **options: Any) -> None:
    """Bring history: bcore backfill BTCUSDT --from 2024-01-01.

    What the exchange offers as files is taken from files, each checked against its checksum; the rest is asked for by
    id, and joined by id to what is held. Cut it off at any instant and run it again: nothing is stored twice, and no
    file whose rows are stored is fetched again. A collector that writes the same series must be stopped first; started
    again it goes on from what is held.
    """
    from bcore.clock import SystemClock
    from bcore.runner import stop_on_signals

    clock = SystemClock()
    with stop_on_signals(clock.stopping):
        work = Work.of(ctx.obj, clock, symbols, **options)
        try:
            if dry_run:
                work.show("table")
            elif not work.run(jobs):
                _say("not everything came: run it again to go on; `bcore repair` asks by id for what no portion brings")
                ctx.exit(1)
        except Stopped:
            raise Stopped("stopped; run it again to go on") from None
        finally:
            work.app.close()


@click.command()
@click.argument("symbols", nargs=-1, required=True, metavar="SYMBOL...")
@_with_range
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
@with_globals
@click.pass_obj
def plan(options: Options, /, symbols: tuple[str, ...], form: str, **more: Any) -> None:
    """Say what a back-fill would fetch: portions, bytes, rows, request weight, and how long the weight takes.

    Nothing is fetched; the exchange is asked what there is. Files whose rows are all stored are left out.
    """
    from bcore.clock import SystemClock

    work = Work.of(options, SystemClock(), symbols, **more)
    try:
        work.show(form)
    finally:
        work.app.close()


@define
class Work:
    """A back-fill of [start, end), int us UTC, by the jobs whose sources have history. `open_end`: no end was given."""

    app: App
    clock: SystemClock
    symbols: tuple[str, ...]
    start: int
    end: int
    open_end: bool
    jobs: list[Job] = field(factory=list)

    @classmethod
    def of(
        cls,
        options: Options,
        clock: SystemClock,
        symbols: tuple[str, ...],
        *,
        start: str,
        end: str | None,
        dataset: str | None,
    ) -> Work:
        from bcore.cli.choosing import between, instant, working
        from bcore.instants import parse_instant
        from bcore.protocols import Backfills

        now = clock.now()
        first, last = parse_instant(start, now=now), instant(end, now)
        end_at = now if last is None else min(last, now)
        between(first, end_at)
        app = working(options, clock, dict.fromkeys(symbols), (dataset,) if dataset else ())
        work = cls(app, clock, tuple(dict.fromkeys(symbols)), first, end_at, open_end=end_at == now)
        work.jobs = [job for job in app.jobs() if isinstance(job.source, Backfills)]
        if not work.jobs:
            raise ConfigError(["no source that is configured or installed can bring history"])
        return work

    def show(self, form: str) -> None:
        """The plan, for eyes or for programs."""
        plan = Plan(tuple((job, tuple(self._portions(job))) for job in self.jobs))
        click.echo(json.dumps(plan.as_object(), indent=2) if form == "json" else "\n".join(plan.lines()))

    def run(self, threads: int) -> bool:
        """Fetches everything; whether all of it came."""
        from bcore.backfill import claim

        for job in self.jobs:
            for symbol in self.symbols:
                claim(job, symbol, self.app.emit)
        brought = [self._bring(job, threads) for job in self.jobs]
        return all(brought)

    def _bring(self, job: Job, threads: int) -> bool:
        """The portions, then the seams, unless a portion that failed is still missing between them."""
        from bcore.backfill import Fetching, series_of
        from bcore.persistence import Persistence
        from bcore.verify import audit_of

        todo, planned = self._planned(job)
        size = sum(_size(portion) for portion in todo)
        _say(f"{job.name}: {count(len(todo), 'portion')} to fetch")
        with Meter(self.clock, f"{job.name}: back-filling", len(todo), size, unit="portions") as meter:
            credit = Credit(meter)
            fetching = Fetching(job, self.app.emit, self.clock, Persistence(self.clock), credit.rows, credit.done)
            fetching.on_retry = lambda portion, error, seconds: meter.say(
                f"{portion.symbol}: {portion.summary}: {error}; again in {seconds:.1f} s"
            )
            fetching.run(todo, threads)
        for portion, error in fetching.failures:
            _say(f"{portion.symbol}: {portion.summary}: {error}")
        joined = [planned and not fetching.failures and self._join(job, symbol) for symbol in self.symbols]
        for symbol in self.symbols:
            click.echo("\n".join(account(audit_of(job.store, series_of(job, symbol)))))
        return all(joined)

    def _join(self, job: Job, symbol: str) -> bool:
        """Fills by id what is missing between rows of the range; whether nothing is."""
        from bcore.backfill import seams, series_of
        from bcore.protocols import Fills
        from bcore.repair import Repair

        series = series_of(job, symbol)
        end = None if self.open_end else self.end
        ids = seams(job.store, series, self.start, end)
        if ids and isinstance(job.source, Fills):
            with Meter(self.clock, f"{series}: joining", len(ids.runs), len(ids), unit="seams") as meter:
                done = Repair(job, series, self.app.emit, self._persistence(meter), f"the source {job.name}")
                done.on_rows = lambda rows: meter.advance(rows=rows, size=rows)
                for failure in done.fill(ids, lambda: meter.advance(parts=1)):
                    meter.say(f"{series}: {failure}")
        return not seams(job.store, series, self.start, end)

    def _planned(self, job: Job) -> tuple[list[Portion], bool]:
        """The portions of every symbol that could be planned, and whether all could."""
        from bcore.backfill import portions
        from bcore.persistence import Persistence

        persist = Persistence(self.clock, lambda error, seconds: _say(f"{error}; again in {seconds:.1f} s"))
        found: list[list[Portion]] = []
        for symbol in self.symbols:
            try:
                persist(lambda symbol=symbol: found.append(portions(job, symbol, self.start, self.end)))  # type: ignore[misc]
            except SourceError as error:
                _say(f"{symbol}: what there is could not be found out: {error}")
        return [each for several in found for each in several], len(found) == len(self.symbols)

    def _portions(self, job: Job) -> list[Portion]:
        from bcore.backfill import portions

        return [each for symbol in self.symbols for each in portions(job, symbol, self.start, self.end)]

    def _persistence(self, meter: Meter) -> Persistence:
        from bcore.persistence import Persistence

        return Persistence(self.clock, lambda error, seconds: meter.say(f"{error}; again in {seconds:.1f} s"))


@define
class Credit:
    """Tells a meter how far portions are: by the rows that came, and when one is done by all that it was expected."""

    meter: Meter
    _given: dict[int, float] = field(factory=dict, init=False)

    def rows(self, portion: Portion, rows: int) -> None:
        given = self._given.get(id(portion), 0.0)
        more = min(rows, _size(portion) - given)
        self._given[id(portion)] = given + more
        self.meter.advance(rows=rows, size=more)

    def done(self, portion: Portion) -> None:
        self.meter.advance(parts=1, size=_size(portion) - self._given.pop(id(portion), 0.0))


def _say(sentence: str) -> None:
    click.echo(f"bcore: {sentence}", err=True)


def _size(portion: Portion) -> float:
    return portion.rows or portion.bytes / BYTES_PER_ROW or 1
