"""What a broken uninstallation leaves: entry points without METADATA."""

import click

from bcore.hookspecs import hookimpl


@hookimpl
def bcore_commands() -> list[click.Command]:
    return [click.Command("nameless", callback=lambda: click.echo("nameless"))]
