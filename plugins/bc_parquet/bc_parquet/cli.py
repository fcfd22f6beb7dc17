"""`bcore import`: a data folder of single-file series becomes part of the archive."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bcore.cli.options import with_globals

if TYPE_CHECKING:
    from bc_parquet.importing import Import, OldSeries
    from bcore.cli.options import Options


@click.command("import")
@click.argument("path", type=click.Path(exists=True, file_okay=False, path_type=Path))
@with_globals
@click.pass_context
def import_(ctx: click.Context, path: Path) -> None:
    """Take over a data folder that the original binance-collector wrote: bcore import OLD --data data.

    Every PATH/<dataset>/<SYMBOL>.parquet goes into the archive, and every value is read back and compared. The old
    files are kept: where they are, or, if PATH is the archive's own folder, as <SYMBOL>.parquet.original.
    """
    from bc_parquet.importing import Import, OldSeries
    from bcore.app import App, completed

    found = OldSeries.inside(path)
    if not found:
        raise click.UsageError(f"{path} holds no <dataset>/<SYMBOL>.parquet file of a series")
    options: Options = ctx.obj
    registry = options.registry()
    tree = completed(options.tree(), registry, data=options.data)
    app = App.of({"stores": tree["stores"]}, registry)
    declared = {each.name: each for source in registry.of("sources").values() for each in source.datasets}
    try:
        store = next(iter(app.stores().values()))
        into = getattr(store, "path", None)
        in_place = into is not None and Path(into).resolve() == path.resolve()
        failures = _run(Import(store, declared), found, in_place)
    finally:
        app.close()
    if failures:
        ctx.exit(1)


def _run(work: Import, found: list[OldSeries], in_place: bool) -> int:
    """Imports one after the other, a line each; returns how many failed."""
    from bcore.errors import BcoreError

    failures = 0
    for old in found:
        try:
            done = work.run(old, in_place=in_place)
        except BcoreError as error:
            failures += 1
            click.echo(f"bcore: {old.dataset}/{old.symbol}: {error}", err=True)
            continue
        what = f"{done.rows} rows verified, {done.new} of them new; the old file is {done.kept}"
        click.echo(f"{old.dataset}/{old.symbol}: {what}")
    return failures
