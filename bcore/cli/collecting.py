"""run: the collector."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bcore.cli.options import with_globals

if TYPE_CHECKING:
    from bcore.cli.options import Options
    from bcore.collect import Job

NO_NETWORK = "no exchange in reach? `bcore demo` shows everything on a recording, without a network"


@click.command()
@click.option(
    "--symbol", "symbols", multiple=True, help="Collect this symbol; repeatable. Overrides the configuration."
)
@click.option("--once", is_flag=True, help="One pass of every source, then exit: 0 if all succeeded, else 1.")
@with_globals
@click.pass_context
def run(ctx: click.Context, symbols: tuple[str, ...], once: bool) -> None:
    """Collect what the configuration says until Ctrl-C.

    Without a configuration: bcore run --symbol BTCUSDT --data DIR collects with every installed source.
    """
    from bcore.app import App, completed
    from bcore.cli.progress import Progress
    from bcore.clock import SystemClock
    from bcore.runner import Runner, stop_on_signals

    options: Options = ctx.obj
    registry, clock = options.registry(), SystemClock()
    tree = completed(options.tree(), registry, symbols=symbols, data=options.data)
    app = App.of(tree, registry, clock)
    runner = Runner(app, clock)
    try:
        jobs = app.jobs()
        progress = Progress(clock, hint=NO_NETWORK)
        app.listeners.append(progress.on_event)
        what = f"{', '.join(job.name for job in jobs)} of {', '.join(_symbols(jobs))}"
        click.echo(f"bcore: collecting {what}" + ("" if once else "; Ctrl-C stops"), err=True)
        with stop_on_signals(clock.stopping), progress:
            if once:
                runner.once(jobs)
            else:
                runner.run(jobs)
    finally:
        app.close()
    if once and runner.errors:
        for name, error in runner.errors.items():
            progress.say_failed(name, error)
        ctx.exit(1)


def _symbols(jobs: list[Job]) -> list[str]:
    return sorted({symbol for job in jobs for symbol in job.source.symbols})
