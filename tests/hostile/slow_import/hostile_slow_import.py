"""Takes a while to import, which `bcore plugins` shows."""

import time

import click

from bcore.hookspecs import hookimpl

time.sleep(0.3)


@hookimpl
def bcore_commands() -> list[click.Command]:
    return [click.Command("slow", callback=lambda: click.echo("slow"))]
