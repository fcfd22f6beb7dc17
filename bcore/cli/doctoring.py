"""plugins doctor: what is wrong, and what to do about it."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import click

from bcore.cli.options import with_globals

if TYPE_CHECKING:
    from bcore.cli.options import Options


@click.command()
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@with_globals
@click.pass_context
def doctor(ctx: click.Context, form: str) -> None:
    """Why a plugin is not there, what clashes, what is missing or too old, and who is slow. Exit code 1 on errors."""
    from attrs import asdict

    from bcore.doctor import diagnosed

    options: Options = ctx.obj
    registry = options.registry()
    root = ctx.find_root()
    if isinstance(root.command, click.Group):
        root.command.list_commands(root)  # finds the plugins that offer a command of bcore's own
    found = diagnosed(registry, os.environ, options.disabled())
    if form == "json":
        click.echo(json.dumps([asdict(each) for each in found], indent=2))
    else:
        for each in found:
            click.echo(str(each))
        count = sum(each.level != "note" for each in found)
        said = {0: "nothing is wrong", 1: "1 finding"}.get(count, f"{count} findings")
        click.echo(f"{len(registry.plugins)} plugins: {said}")
    if any(each.level == "error" for each in found):
        ctx.exit(1)
