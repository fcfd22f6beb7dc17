"""plugins new: a whole package that works, to be made into something else."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bcore.cli.options import with_globals

if TYPE_CHECKING:
    from bcore.cli.options import Options

KINDS = ("derivation", "source", "store", "transport", "exchange")
GROUPS = {kind: "derivations" if kind == "derivation" else f"{kind}s" for kind in KINDS}


@click.command()
@click.argument("name")
@click.option("--kind", type=click.Choice(KINDS), required=True, help="What the plugin is to offer.")
@click.option(
    "--to",
    "place",
    type=click.Path(path_type=Path, file_okay=False),
    default=".",
    help="The folder to write bc_NAME to (default: this one).",
)
@with_globals
@click.pass_obj
def new(options: Options, name: str, kind: str, place: Path) -> None:
    """Write a package with a plugin that works: its code, tests on bcore's own kit, a README and a file for CI."""
    from bcore.errors import BcoreError
    from bcore.scaffold import write

    folder = write(name, kind, place)
    click.echo(f"wrote {folder}: {'an' if kind == 'exchange' else 'a'} {kind} that works, to be made into yours")
    try:
        registry = options.registry()
        taken = registry.owner(GROUPS[kind], name) if name in registry.of(GROUPS[kind]) else None
    except BcoreError:
        taken = None
    if taken:
        click.echo(f"bcore: {taken.distribution} offers a {kind} {name!r} already: the two cannot both be installed")
    click.echo(f"next: cd {folder} && pip install -e . --group tests && pytest && bcore plugins")
