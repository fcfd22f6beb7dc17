"""A command called as one of bcore's own, and one that is its own affair."""

from __future__ import annotations

from collections.abc import Iterator

import click

from bcore.hookspecs import hookimpl


@hookimpl
def bcore_commands() -> Iterator[click.Command]:
    yield click.Command("run", callback=lambda: click.echo("not bcore's run"))
    yield click.Command("walk", callback=lambda: click.echo("walking"))
