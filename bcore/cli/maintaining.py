"""compact: looking after an archive."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bcore.cli.options import with_globals
from bcore.cli.output import aligned
from bcore.errors import BcoreError

if TYPE_CHECKING:
    from bcore.cli.options import Options
    from bcore.protocols import Store
    from bcore.records import Series


@click.command()
@click.argument("series", nargs=-1)
@with_globals
@click.pass_context
def compact(ctx: click.Context, series: tuple[str, ...]) -> None:
    """Merge the small files of series: bcore compact trades/BTCUSDT, or all of them.

    A series is dataset/SYMBOL; a dataset alone means each of its series. One that a collector is writing is left
    alone and named (exit code 1): its collector merges in the background.
    """
    from bcore.app import App, completed

    options: Options = ctx.obj
    registry = options.registry()
    tree = completed(options.tree(), registry, data=options.data)
    app = App.of({"stores": tree["stores"]}, registry)
    try:
        failures = _compact(_chosen(app.stores(), series))
    finally:
        app.close()
    for failure in failures:
        click.echo(f"bcore: {failure}", err=True)
    if failures:
        ctx.exit(1)


def _chosen(stores: dict[str, Store], names: tuple[str, ...]) -> list[tuple[Store, Series]]:
    """Every series that the names mean. Raises `NotFoundError` for a name that means none."""
    from bcore.errors import NotFoundError
    from bcore.naming import near_symbol

    held = [(store, series) for store in stores.values() for series in store.series()]
    known = [str(series) for _, series in held] + [series.dataset.name for _, series in held]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise NotFoundError(
            *(f"nothing is stored of {name!r}{near_symbol(name, sorted(set(known)))}" for name in unknown)
        )
    return [pair for pair in held if not names or {str(pair[1]), pair[1].dataset.name} & set(names)]


def _compact(chosen: list[tuple[Store, Series]]) -> list[str]:
    """Compacts one after the other and prints what came of it; returns what failed."""
    from bcore.protocols import Compacts

    rows, failures = [], []
    for store, series in chosen:
        if not isinstance(store, Compacts):
            failures.append(f"{series}: a {type(store).__name__} has nothing to compact")
            continue
        try:
            before = _size(store, series)
            store.compact(series)
            after = _size(store, series)
        except BcoreError as error:
            failures.append(f"{series}: {error}")
            continue
        rows.append([str(series), *(f"{was} -> {now}" for was, now in zip(before, after, strict=True))])
    click.echo("\n".join(aligned(["series", "files", "bytes"], rows)) if rows else "nothing to compact")
    return failures


def _size(store: Store, series: Series) -> tuple[str, str]:
    """Files and bytes, for eyes; a damaged file, which compacting takes away, may keep the store from telling."""
    from bcore.errors import CorruptFileError

    try:
        stats = store.stats(series)
    except CorruptFileError:
        return "?", "?"
    return str(stats.files), str(stats.bytes)
