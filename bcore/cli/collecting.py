"""run: the collector."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event as Flag
from typing import TYPE_CHECKING

import click

from bcore.cli.options import with_globals

if TYPE_CHECKING:
    from bcore.app import App
    from bcore.board import Board
    from bcore.children import Child
    from bcore.cli.options import Options
    from bcore.cli.progress import Progress
    from bcore.clock import SystemClock
    from bcore.collect import Job
    from bcore.logs import JsonLog
    from bcore.runner import Runner

NO_NETWORK = "no exchange in reach? `bcore demo` shows everything on a recording, without a network"


@click.command(
    epilog="Exit codes: 0 stopped as asked (Ctrl-C, SIGTERM; with --once: every pass succeeded), 1 failed, 2 misused."
)
@click.option(
    "--symbol", "symbols", multiple=True, help="Collect this symbol; repeatable. Overrides the configuration."
)
@click.option(
    "--serve",
    is_flag=False,
    flag_value="",
    metavar="[NAME]",
    help="Serve the archive too, as `bcore serve` does, in a process beside. NAME: which, of several.",
)
@click.option("--once", is_flag=True, help="One pass of every source, then exit: 0 if all succeeded, else 1.")
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    envvar="BCORE_LOG_FORMAT",
    show_envvar=True,
    help="On standard error: progress for eyes, or one JSON object per line for programs.",
)
@with_globals
@click.pass_context
def run(ctx: click.Context, symbols: tuple[str, ...], serve: str | None, once: bool, log_format: str) -> None:
    """Collect what the configuration says until Ctrl-C.

    Without a configuration: bcore run --symbol BTCUSDT --data DIR collects with every installed source. While it
    runs, `bcore status` shows from anywhere on this machine how it is doing.
    """
    from bcore.board import Board
    from bcore.children import beside
    from bcore.clock import SystemClock
    from bcore.cycles import look_seldom_for_cycles
    from bcore.leaving import leave_behind
    from bcore.runner import Runner, stop_on_signals

    if once and serve is not None:
        raise click.UsageError("--once ends when every source has made a pass, --serve does not: use one of them")
    clock = SystemClock()
    board = Board(clock)
    with _shown(ctx, log_format, board) as shown:
        app = _app(ctx.obj, symbols, clock)
        board.plugins = app.registry.statuses
        try:
            jobs = app.jobs()
            if log_format == "json":  # a progress tells the board itself
                app.listeners.append(board.on_event)
            app.listeners.append(shown.on_event)
            what = f"{', '.join(job.name for job in jobs)} of {', '.join(_symbols(jobs))}"
            asked = Flag()
            with stop_on_signals(clock.stopping if once else asked):
                shown.say(f"collecting {what}" + ("" if once else "; Ctrl-C stops"))
                runner = Runner(app, clock)
                look_seldom_for_cycles()
                with beside(_server(ctx.obj, serve, shown.say)):
                    failed = _collect(runner, board, jobs, None if once else asked)
        finally:
            app.close()
        for name, error in failed.items():
            shown.say_failed(name, error)
    leave_behind(runner.left, 1 if failed else 0)
    if failed:
        ctx.exit(1)


@contextmanager
def _shown(ctx: click.Context, log_format: str, board: Board) -> Iterator[Progress | JsonLog]:
    """What tells people or programs how it goes. In JSON errors are records too, and end the command here."""
    from bcore.cli.progress import Progress
    from bcore.errors import BcoreError, ConfigError, RequestError
    from bcore.logs import JsonLog

    if log_format == "text":
        hint = NO_NETWORK if ctx.obj.offers("demo") else None
        with Progress(board.clock, hint=hint, board=board) as progress:
            yield progress
        return
    with JsonLog() as log:
        try:
            yield log
        except (BcoreError, OSError) as error:
            log.say_refused(error)
            ctx.exit(2 if isinstance(error, (ConfigError, RequestError)) else 1)


def _server(options: Options, name: str | None, say: Callable[[str], None]) -> Child | None:
    """`bcore serve` on the same archive; None if none is wanted."""
    import sys

    from bcore.app import completed
    from bcore.children import Child
    from bcore.cli.serving import chosen_server

    if name is None:
        return None
    registry = options.registry()
    chosen = chosen_server(completed(options.tree(), registry, data=options.data), registry, name or None)
    given = ["-v"] * options.verbose
    given += [f"--config={options.config.absolute()}"] if options.config else []
    given += [f"--data={options.data}"] if options.data else []
    return Child(chosen, [sys.executable, "-m", "bcore", *given, "serve", chosen, "--attended"], say)


def _app(options: Options, symbols: tuple[str, ...], clock: SystemClock) -> App:
    from bcore.app import App, completed

    registry = options.registry()
    return App.of(completed(options.tree(), registry, symbols=symbols, data=options.data), registry, clock)


def _collect(runner: Runner, board: Board, jobs: list[Job], asked: Flag | None) -> dict[str, Exception]:
    """Collects until that is asked, or one pass of every source; returns what failed by source."""
    from bcore.companions import accompanied, assert_alone, watched

    app = runner.app
    assert_alone(app, jobs)
    with accompanied(app, board), watched(app, jobs, board):
        if asked is None:
            runner.once(jobs)
            return dict(runner.errors)
        runner.run(jobs, until=asked.is_set)
    return {} if asked.is_set() else _ended(runner, jobs)


def _ended(runner: Runner, jobs: list[Job]) -> dict[str, Exception]:
    """Why a collector that nobody stopped is no longer there."""
    from bcore.errors import SourceError

    unknown = SourceError("ended by itself, which is a defect: what went wrong is above")
    return {job.name: runner.errors.get(job.name, unknown) for job in jobs}


def _symbols(jobs: list[Job]) -> list[str]:
    return sorted({symbol for job in jobs for symbol in job.source.symbols})
