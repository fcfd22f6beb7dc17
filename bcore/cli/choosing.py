"""Which series, which sources: what the words of a command line mean."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bcore.errors import NotFoundError

if TYPE_CHECKING:
    from bcore.app import App
    from bcore.cli.options import Options
    from bcore.client import Client
    from bcore.clock import SystemClock
    from bcore.collect import Job
    from bcore.protocols import Store
    from bcore.records import Factory, Series
    from bcore.registry import Registry

REMOTE = "BCORE_REMOTE_"
Held = list[tuple["Store", "Series"]]


def archive(options: Options) -> App:
    """The stores of the configuration, and nothing else: what is wrong with a source does not keep them shut."""
    from bcore.app import App, completed

    registry = options.registry()
    tree = completed(options.tree(), registry, data=options.data, groups=())
    return App.of({"stores": tree["stores"]}, registry)


@contextmanager
def elsewhere(options: Options, where: str, *, hot: bool = False) -> Iterator[Client]:
    """A client onto another archive: a section of [remotes], an address, or a folder, which must be there.

    What an address needs besides, such as the key of a server, comes from the environment: BCORE_REMOTE_API_KEY.
    """
    from bcore import opening
    from bcore.app import configured_remote
    from bcore.client import Client

    registry, tree = options.registry(), options.tree()
    remotes = tree.get("remotes")
    if isinstance(remotes, Mapping) and where in remotes:
        made = Client(configured_remote(where, tree, registry), hot=hot, where=where)
    else:
        if "://" not in where and not Path(where).is_dir():
            raise NotFoundError(_nowhere(where, remotes if isinstance(remotes, Mapping) else {}))
        made = opening.open(where, hot=hot, registry=registry, **(_told(os.environ) if "://" in where else {}))
    with _plain(options), made:
        yield made


@contextmanager
def _plain(options: Options) -> Iterator[None]:
    """What is worth a warning on the way to the other archive is one line like any other, unless a log is wanted."""
    handlers = [] if options.verbose else [(each, each.formatter) for each in logging.getLogger().handlers]
    for handler, _ in handlers:
        handler.setFormatter(logging.Formatter("bcore: %(message)s"))
    try:
        yield
    finally:
        for handler, formatter in handlers:
            handler.setFormatter(formatter)


def _told(environ: Mapping[str, str]) -> dict[str, str]:
    """Keys of the section that an address stands for; a command line is no place for a secret."""
    named = {name.removeprefix(REMOTE): value for name, value in environ.items() if name.startswith(REMOTE)}
    return {name.lower(): value for name, value in named.items() if name and value}


def there(app: App, data: str | None) -> None:
    """Raises `NotFoundError` where the folder that was named is not there: a slip of the pen is no empty archive."""
    from bcore.local import absent
    from bcore.naming import near

    if data is None or absent(app.stores().values()) is None:
        return
    folder = Path(data).expanduser().absolute()
    similar = near(folder.name, sorted(each.name for each in folder.parent.glob("*/")))
    raise NotFoundError(f"there is no archive {data!r}{similar}")


def nothing(stores: Iterable[Store]) -> str:
    """How it is said that there is nothing at all."""
    from bcore.local import absent

    folder = absent(stores)
    return "nothing is stored yet" if folder is None else f"there is no folder {str(folder)!r}: nothing is stored yet"


def _nowhere(where: str, remotes: Mapping[str, Any]) -> str:
    from bcore.naming import near

    there = sorted(each.name for each in Path(where).absolute().parent.glob("*/"))
    similar = near(where, remotes) or near(Path(where).name, there)
    return (
        f"{where!r} is no folder{similar}, no address (ssh://host/path, http://host:8000), and no section of [remotes]"
        f" ({', '.join(remotes) or 'there are none'})"
    )


def working(options: Options, clock: SystemClock, symbols: Iterable[str], datasets: Iterable[str] = ()) -> App:
    """The stores, and the sources that write these datasets (any, if none is named), for these symbols.

    The sources are those of the configuration, or every installed one where it has none.
    """
    from bcore.app import App, completed

    registry = options.registry()
    tree = completed(options.tree(), registry, symbols=symbols, data=options.data)
    wanted = set(datasets)
    if wanted and isinstance(tree["sources"], Mapping):
        kept = {name: each for name, each in tree["sources"].items() if _writes(name, each, registry) & wanted}
        if not kept:
            raise NotFoundError(f"no source that is configured or installed writes {', '.join(sorted(wanted))}")
        tree["sources"] = kept
    tree.pop("servers", None)
    tree.pop("remotes", None)
    return App.of(tree, registry, clock)


def _writes(name: str, section: Any, registry: Registry) -> set[str]:
    """The names of the datasets that a source writes. What is no section, or of no known kind, others say."""
    told = section if isinstance(section, Mapping) else {}
    factory: Factory[Any] | None = registry.of("sources").get(str(told.get("kind", name)))
    names = [dataset.name for dataset in factory.datasets] if factory else []
    return {str(told["dataset"]), *names[1:]} if "dataset" in told else set(names)


def job_for(jobs: Iterable[Job], store: Store, series: Series) -> Job | None:
    """The job whose source writes the series into the store, as its first dataset."""
    mine = [job for job in jobs if job.store is store and job.datasets()[0].name == series.dataset.name]
    return next((job for job in mine if series.symbol in job.source.symbols), None)


def chosen(stores: Mapping[str, Store], names: Iterable[str]) -> Held:
    """Every series, ledgers apart, that the names mean: `trades/BTCUSDT`, `trades`, `BTCUSDT`; all without a name.

    Raises `NotFoundError` for a name that means none.
    """
    from bcore.naming import near_symbol
    from bcore.verify import verifiable

    held = [(store, series) for store in stores.values() for series in store.series() if verifiable(series)]
    known = {name for _, series in held for name in _names(series)}
    wanted = set(names)
    if unknown := sorted(wanted - known):
        raise NotFoundError(*(f"nothing is stored of {name!r}{near_symbol(name, sorted(known))}" for name in unknown))
    return [pair for pair in held if not wanted or wanted & set(_names(pair[1]))]


def _names(series: Series) -> tuple[str, str, str]:
    return str(series), series.dataset.name, series.symbol


def instant(text: str | None, now: int) -> int | None:
    """What was typed for an instant, int us UTC."""
    from bcore.instants import parse_instant

    return None if text is None else parse_instant(text, now=now)


def between(start: int | None, end: int | None) -> None:
    """Refuses a range that holds nothing."""
    if start is not None and end is not None and start >= end:
        raise click.UsageError("--from must lie before --to")


def opened(options: Options, clock: SystemClock, names: tuple[str, ...], *, asking: bool) -> App:
    """The archive, with the sources that write the series where their exchange is to be asked."""
    app = archive(options)
    if not asking:
        return app
    try:
        held = [series for _, series in chosen(app.stores(), names)]
    finally:
        app.close()
    if not held:
        return archive(options)
    return working(options, clock, {each.symbol for each in held}, {each.dataset.name for each in held})
