"""status: how the collectors of an archive are doing, seen from another process."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from bcore.cli.options import with_globals

if TYPE_CHECKING:
    from bcore.cli.options import Options
    from bcore.cli.reported import Report

EVERY = 1.0


@click.command(
    epilog="Exit codes: 0 healthy, 1 no collector runs, or one is silent or dead or has a source that fails, 2 misused."
)
@click.option("--watch", is_flag=True, help="Look again every second until Ctrl-C.")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
@with_globals
@click.pass_context
def status(ctx: click.Context, watch: bool, form: str) -> None:
    """How the collector that writes the archive is doing: rates, lag, gaps, failures, connections, disk.

    Works from any process on this machine, or wherever the archive's folder can be read. Where no collector runs, says
    what the archive holds and how old it is. JSON has `healthy`, `problems`, `collectors` and `archive`, one object a
    look; times are ISO 8601 UTC, lags, ages and durations seconds.
    """
    report = None
    for report in _looks(ctx.obj, watch):
        _print(report, form, watch)
    if report is None or report.problems:
        ctx.exit(1)


def _looks(options: Options, watch: bool) -> Iterator[Report]:
    """One report, or one every second until the process is asked to stop."""
    from threading import Event as Flag

    from bcore.cli.reported import Look
    from bcore.runner import stop_on_signals

    look, over = Look.of(options), Flag()
    if not watch:
        yield look.report(time.time_ns() // 1000)
        return
    with stop_on_signals(over):
        while True:
            yield look.report(time.time_ns() // 1000)
            if over.wait(EVERY):
                return


def _print(report: Report, form: str, watch: bool) -> None:
    if form == "json":
        plain: dict[str, Any] = report.plain()
        click.echo(json.dumps(plain, indent=None if watch else 2))
    elif watch and sys.stdout.isatty():
        _draw(report.lines())
    else:
        click.echo("\n".join([*report.lines(), ""] if watch else report.lines()))


def _draw(lines: list[str]) -> None:
    """From the top of the screen, over what stood there, and no more than there is room for."""
    width, height = shutil.get_terminal_size()
    if len(lines) >= height:
        lines = [*lines[: height - 2], f"... and {len(lines) - height + 2} more lines: bcore status without --watch"]
    click.echo("\x1b[H" + "".join(f"{line[: width - 1]}\x1b[K\n" for line in lines) + "\x1b[J", nl=False)
