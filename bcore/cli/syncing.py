"""sync: what another archive has and ours lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from attrs import define

from bcore.cli.options import with_globals
from bcore.errors import BcoreError, ConfigError, RequestError, SeriesBusyError, Stopped
from bcore.verdicts import count

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bcore.app import App
    from bcore.cli.meter import Meter
    from bcore.client import Client
    from bcore.clock import SystemClock
    from bcore.protocols import Reader, Store
    from bcore.records import Series
    from bcore.sync import Sync, Synced

EXIT_CODES = """\b
Exit codes:
  0  everything that is there is here, and proven to be the same
  1  something could not be brought, or both sides say different things under one key
  2  misused"""


class Seconds(click.ParamType):  # type: ignore[type-arg]  # generic only in newer ones
    name = "TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """`5s`, `2m`, `1h`, or a number of seconds."""
        units = {"s": 1, "m": 60, "h": 3600}
        text = str(value).strip()
        try:
            seconds = float(text[:-1]) * units[text[-1]] if text[-1:] in units else float(text)
        except ValueError:
            seconds = -1.0
        if not 0 < seconds < 10**7:
            self.fail(f"{value!r} is no length of time: 5s, 2m or 1h", param, ctx)
        return seconds


@click.command(epilog=EXIT_CODES)
@click.argument("source")
@click.option("--dataset", "datasets", multiple=True, help="Only this dataset; may be repeated.")
@click.option("--symbol", "symbols", multiple=True, help="Only this symbol; may be repeated.")
@click.option("--hot", is_flag=True, help="Only the newest rows, which are kept hot there: quick, and leaves gaps.")
@click.option("--watch", type=Seconds(), help="Again and again, with so long a pause: 5s. Ends with Ctrl-C.")
@click.option("--dry-run", is_flag=True, help="Say what would come, and change nothing.")
@with_globals
@click.pass_context
def sync(ctx: click.Context, /, source: str, **options: Any) -> None:
    """Bring what another archive has: bcore sync ssh://user@host/path --data mine.

    SOURCE is an address that bcore.open understands (ssh://, http://), a folder, or a section of [remotes]. Only what
    is missing here is moved, whatever it is: new rows, holes in the middle, the other half of two collectors' archives.
    A sync that is cut off goes on where it was when it is run again. At the end both sides are proven to be alike.
    Keys that an address needs come from the environment: BCORE_REMOTE_API_KEY=... bcore sync http://host:8000.
    """
    from bcore.cli.choosing import archive, elsewhere
    from bcore.clock import SystemClock
    from bcore.runner import stop_on_signals

    clock = SystemClock()
    with elsewhere(ctx.obj, source) as other, stop_on_signals(clock.stopping):
        app = archive(ctx.obj)
        try:
            good = Work(app, clock, other, source, **options).done()
        except Stopped:
            raise Stopped("stopped; run it again to go on") from None
        finally:
            app.close()
    if not good:
        ctx.exit(1)


@define
class Work:
    """The sync of one series after the other, from `other`, named `source`."""

    app: App
    clock: SystemClock
    other: Client
    source: str
    datasets: tuple[str, ...]
    symbols: tuple[str, ...]
    hot: bool
    watch: float | None
    dry_run: bool

    def done(self) -> bool:
        """Whether all went well; with `watch` not before it is stopped, which then is no failure."""
        if self.dry_run:
            good = self._round()
            click.echo("dry run: nothing was changed")
            return good
        if self.watch is None:
            return self._round()
        while True:
            try:
                self._round()
                self.clock.sleep(self.watch)
            except Stopped:
                return True
            except (ConfigError, RequestError):
                raise
            except (BcoreError, OSError) as error:  # the other side is away: it may come back
                self._say(f"{self.source}: {error}; again in {self.watch:g} s")
                self.clock.sleep(self.watch)

    def _round(self) -> bool:
        found = list(self._series())
        if not found:
            return self._nothing()
        good = [self._on(series) for series in found]
        return all(good)

    def _nothing(self) -> bool:
        """An archive may have no rows yet. A folder of other things is none, and was hardly meant."""
        foreign = _foreign(self.other.reader)
        if foreign is None:
            click.echo(f"{self.source} holds nothing")
            return True
        self._say(
            f"{self.source} is not empty, but {type(foreign).__name__} finds no series in it: is the archive a folder "
            "in it, or that of another kind of store, whose plugin is not installed here or does not recognise it?"
        )
        return False

    def _series(self) -> Iterator[Series]:
        from bcore.sync import as_kept, wanted

        for series in wanted(self.other.reader, self.source, self.datasets, self.symbols):
            yield as_kept(series, self._store)

    @property
    def _store(self) -> Any:
        return next(iter(self.app.stores().values()))

    def _on(self, series: Series) -> bool:
        """Syncs a series and tells what came of it."""
        from bcore.cli.meter import Meter

        try:
            if self.dry_run:
                return self._dry(series)
            with Meter(self.clock, f"{series}: syncing") as meter:  # which ends before the result is told
                work = self._sync(series, meter)
                done = work.hot() if self.hot else work.run()
            return self._hot(series, done) if isinstance(done, int) else self._told(done)
        except Stopped:
            raise
        except SeriesBusyError as error:
            return self._fail(series, f"another process writes it: stop that collector first ({error})")
        except (BcoreError, OSError) as error:
            if self.watch is not None:
                raise
            return self._fail(series, f"{error}; run it again to go on")

    def _dry(self, series: Series) -> bool:
        missing = self._sync(series, None).missing()
        runs = f" in {count(len(missing.ids.runs), 'run')}" if missing.ids else ""
        days = f" of {count(len(missing.days), 'day')}" if missing.days else ""
        both = f" ({count(missing.both, 'day')} with other rows here: compared by their keys)" if missing.both else ""
        click.echo(f"{series}: would bring {count(missing.rows, 'row')}{runs}{days}{both}")
        return True

    def _hot(self, series: Series, rows: int) -> bool:
        click.echo(f"{series}: {count(rows, 'new hot row')}")
        return True

    def _told(self, done: Synced) -> bool:
        if self.watch is None or done.rows:
            theirs = f"{done.theirs:,} there, {done.ours:,} here, {count(done.proven, 'day')} proven alike"
            click.echo(f"{done.series}: {count(done.rows, 'row')} came; {theirs}")
        if done.differing:
            from bcore.instants import iso

            days = ", ".join(iso(day)[:10] for day in done.differing[:10])
            return self._fail(done.series, f"rows of the same key differ, ours are kept: {days}")
        return True

    def _sync(self, series: Series, meter: Meter | None) -> Sync:
        from bcore.collect import Job
        from bcore.elsewhere import Elsewhere
        from bcore.persistence import Persistence
        from bcore.sync import Sync

        other = Elsewhere(self.source, self.other.reader, series)
        job = Job("sync", other, self._store, clock=self.clock)
        if meter is None:
            return Sync(other, job, self.app.emit, Persistence(self.clock))
        persist = Persistence(self.clock, lambda error, seconds: meter.say(f"{error}; again in {seconds:.1f} s"))
        return Sync(
            other,
            job,
            self.app.emit,
            persist,
            on_missing=lambda missing: meter.expect(missing.rows),
            on_rows=lambda rows: meter.advance(rows=rows, size=rows),
        )

    def _fail(self, series: Series, why: str) -> bool:
        self._say(f"{series}: {why}")
        return False

    def _say(self, sentence: str) -> None:
        click.echo(f"bcore: {sentence}", err=True)


def _foreign(reader: Reader) -> Store | None:
    """The store of this machine that reads a folder with something in it; what begins with a dot is bcore's own."""
    from bcore.local import StoreReader
    from bcore.protocols import KeepsFolder

    for store in reader.stores if isinstance(reader, StoreReader) else ():
        if isinstance(store, KeepsFolder) and any(store.path.glob("[!.]*")):
            return store
    return None
