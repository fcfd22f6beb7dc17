"""The command `bcore demo`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bcore.cli.options import with_data

if TYPE_CHECKING:
    from bcore.cli.options import Options

DATA = "demo-data"


@click.command()
@click.argument("recordings", nargs=-1, metavar="[RECORDING]...")
@click.option("--for", "seconds", type=click.FloatRange(min=0), help="Stop after so many seconds.")
@click.option(
    "--speed",
    type=click.FloatRange(min=0, min_open=True),
    default=20.0,
    show_default=True,
    help="Recorded seconds per second.",
)
@with_data(f"{DATA}, whatever the configuration says")
@click.pass_context
def demo(ctx: click.Context, recordings: tuple[str, ...], seconds: float | None, speed: float) -> None:
    """Collect a recording from a replayed exchange on this machine, and prove that nothing is missing.

    RECORDING is what `bcore replay` takes (a file, a folder, or SYMBOL=PATH); without one, a bundled ten minutes of
    BTCUSDT. The archive goes to --data (default: demo-data). Ctrl-C or --for stops early. Exit code 0 means that the
    archive holds exactly the trades that the recording had by then.
    """
    from bc_replay import sample
    from bc_replay.demo import Demo
    from bc_replay.errors import RecordingError
    from bc_replay.recording import read_recording
    from bc_replay.testing import ReplayFailed
    from bcore.errors import BcoreError
    from bcore.leaving import leave_behind

    options: Options = ctx.obj
    paths = recordings or tuple(map(str, sample.paths()))
    try:
        recording = read_recording(paths)
    except RecordingError as error:
        raise click.UsageError(str(error)) from error
    work = Demo(paths, recording, options.data or DATA, speed, seconds)
    names = ", ".join(Path(path).name for path in paths)
    click.echo(f"replaying {names} at {speed:g} times its speed; rates are per second on this machine's clock")
    try:
        outcome = work.run(options.registry())
    except ReplayFailed as error:
        raise BcoreError(str(error)) from error
    except OSError as error:
        raise BcoreError(f"the demo broke off: {error}") from error
    click.echo("\n".join(outcome.lines()))
    code = 0 if outcome.proof.exact else 1
    leave_behind(outcome.left, code)
    ctx.exit(code)
