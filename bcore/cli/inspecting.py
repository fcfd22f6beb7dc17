"""plugins: what is installed, what it offers, and what is wrong with it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from bcore.cli.options import with_globals
from bcore.cli.output import aligned

if TYPE_CHECKING:
    from bcore.cli.options import Options
    from bcore.registry import Plugin, Registry

OFFERS = ("exchanges", "sources", "stores", "transports", "derivations", "commands")


@click.command()
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
@with_globals
@click.pass_context
def plugins(ctx: click.Context, form: str) -> None:
    """The installed plugins, what they offer, and why one was left out. Exit code 1 if one was."""
    options: Options = ctx.obj
    root = ctx.find_root()
    if isinstance(root.command, click.Group):
        root.command.list_commands(root)  # finds the plugins that offer a command of bcore's own
    rows = _rows(options.registry())
    if form == "json":
        click.echo(json.dumps(rows, indent=2))
    else:
        cells = [[str(row[name]) for name in ("name", "distribution", "version", "state", "load")] for row in rows]
        cells = [[*cell, ", ".join(row["offers"]) or "-"] for cell, row in zip(cells, rows, strict=True)]
        click.echo("\n".join(aligned(["plugin", "distribution", "version", "state", "load", "offers"], cells)))
        for row in rows:
            for problem in row["problems"]:
                click.echo(f"{row['name']}: {problem}", err=True)
    if any(row["state"] == "failed" for row in rows):
        ctx.exit(1)


def _rows(registry: Registry) -> list[dict[str, Any]]:
    offers: dict[str, list[str]] = {plugin.name: [] for plugin in registry.plugins}
    for what in OFFERS:
        for name in registry.of(what):
            offers[registry.owner(what, name).name].append(f"{what.removesuffix('s')} {name}")
    return [_row(plugin, offers[plugin.name]) for plugin in registry.plugins]


def _row(plugin: Plugin, offers: list[str]) -> dict[str, Any]:
    return {
        "name": plugin.name,
        "distribution": plugin.distribution,
        "version": plugin.version,
        "state": plugin.state,
        "load": f"{plugin.load_seconds * 1000:.0f} ms",
        "offers": offers,
        "problems": plugin.problems,
    }
