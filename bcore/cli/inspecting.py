"""plugins: what is installed, what it offers, and what is wrong with it."""

from __future__ import annotations

import json
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from bcore.cli.options import with_globals
from bcore.cli.output import aligned

if TYPE_CHECKING:
    from bcore.cli.options import Options
    from bcore.registry import Plugin, Registry

OFFERS = ("exchanges", "sources", "stores", "transports", "derivations", "commands")
OWN = {"doctor": "doctoring", "new": "scaffolding"}


class Later(click.Group):
    """Imports a command when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(OWN)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in OWN:
            return None
        command: click.Command = getattr(import_module(f"bcore.cli.{OWN[cmd_name]}"), cmd_name)
        return command


@click.group(cls=Later, invoke_without_command=True)
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
@with_globals
@click.pass_context
def plugins(ctx: click.Context, form: str) -> None:
    """The installed plugins, what they offer, and why one was left out. Exit code 1 if one was, or two clash."""
    if ctx.invoked_subcommand:
        return
    options: Options = ctx.obj
    root = ctx.find_root()
    if isinstance(root.command, click.Group):
        root.command.list_commands(root)  # finds the plugins that offer a command of bcore's own
    registry = options.registry()
    rows = _rows(registry)
    clashes = [sentence for what in OFFERS for _, sentence in registry.clashes(what)]
    if form == "json":
        click.echo(json.dumps(rows, indent=2))
    else:
        _show(rows)
    for sentence in clashes:
        click.echo(f"bcore: {sentence}", err=True)
    if clashes or any(row["state"] == "failed" for row in rows):
        if form == "table":
            click.echo("bcore: bcore plugins doctor says what to do", err=True)
        ctx.exit(1)


def _show(rows: list[dict[str, Any]]) -> None:
    cells = [[str(row[name]) for name in ("name", "distribution", "version", "state", "load", "hooks")] for row in rows]
    cells = [[*cell, ", ".join(row["offers"]) or "-"] for cell, row in zip(cells, rows, strict=True)]
    click.echo("\n".join(aligned(["plugin", "distribution", "version", "state", "load", "hooks", "offers"], cells)))
    for row in rows:
        for problem in row["problems"]:
            click.echo(f"{row['name']}: {problem}", err=True)


def _rows(registry: Registry) -> list[dict[str, Any]]:
    offers: dict[str, list[str]] = {plugin.name: [] for plugin in registry.plugins}
    for what in OFFERS:
        for record, plugin in registry.offers(what):
            offers[plugin.name].append(f"{what.removesuffix('s')} {record.name}")
    return [_row(plugin, offers[plugin.name]) for plugin in registry.plugins]


def _row(plugin: Plugin, offers: list[str]) -> dict[str, Any]:
    return {
        "name": plugin.name,
        "distribution": plugin.distribution,
        "version": plugin.version,
        "state": plugin.state,
        "reason": plugin.reason,
        "load": f"{plugin.load_seconds * 1000:.0f} ms",
        "hooks": f"{sum(plugin.hook_seconds.values()) * 1000:.0f} ms",
        "offers": offers,
        "problems": plugin.problems,
    }
