"""config: a first file, a check of every mistake, and what is in force."""

from __future__ import annotations

from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin

import click

from bcore.cli.literals import toml
from bcore.cli.options import with_globals

if TYPE_CHECKING:
    from bcore.cli.options import Options
    from bcore.config import Tree
    from bcore.fields import Field
    from bcore.records import Factory
    from bcore.registry import Registry

HEAD = """\
# What bcore collects and where it keeps it. Commented lines show the defaults. `bcore config check` names every
# mistake; `bcore config show` prints what is in force. The environment overrides: BCORE_SOURCES__TRADES__INTERVAL=5
# sets sources.trades.interval.
symbols = ["BTCUSDT", "ETHUSDT"]
"""

APART = {
    "servers": "# What is offered to others: `bcore serve NAME`, or in `bcore run`.",
    "remotes": "# Archives elsewhere, each under a name of yours: `bcore read --remote NAME`, `bcore sync NAME`.",
}


@click.group()
def config() -> None:
    """Write, check and show the configuration."""


@config.command()
@click.argument("path", type=click.Path(path_type=Path), default="bcore.toml")
@with_globals
@click.pass_obj
def init(options: Options, path: Path) -> None:
    """Write a commented bcore.toml for the installed plugins (never over an existing file)."""
    text = _template(options.registry())
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise click.ClickException(f"{path} exists already; nothing was written") from None
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written: {error.strerror}") from None
    where = "" if path == Path("bcore.toml") else f" --config {path}"
    click.echo(f"wrote {path}; next: bcore config check{where}, then bcore run{where}")


def _template(registry: Registry) -> str:
    """A file with everything that is installed, and all keys as comments.

    Exchanges, sources and one store, a usual one, are in force; the rest are comments as a whole.
    """
    from bcore.app import stores_on_disk, usual
    from bcore.cli.referencing import kinds

    stores = sorted(stores_on_disk(registry), key=lambda kind: kind.name)
    main = usual(stores)[0]
    sections = [_section("stores.main", main, aside=False)]
    others = [_section(f"stores.{kind.name}", kind, aside=True) for kind in stores if kind is not main]
    sections += [f"# Another store, beside that one or in its place:\n{section}" for section in others]
    for group in ("exchanges", "sources"):
        offered = sorted(registry.of(group).items())
        sections += [_section(f"{group}.{name}", kind, aside=kind.on_request) for name, kind in offered]
    for group, use in APART.items():
        offered = sorted(kinds(group, registry).items())
        sections += [f"{use}\n"] * bool(offered)
        sections += [_keys(f"{group}.{name}", name, *kind, aside=True) for name, kind in offered]
    return "\n".join([HEAD, *sections])


def _section(path: str, kind: Factory[Any], *, aside: bool) -> str:
    return _keys(path, kind.name, kind.config, kind.summary, aside=aside)


def _keys(path: str, kind: str, config: type, summary: str, *, aside: bool) -> str:
    from bcore.fields import fields_of

    lines = [f"# {summary}"] if summary else []
    lines.append(f"# [{path}]" if aside else f"[{path}]")
    if not path.endswith(f".{kind}"):
        lines.append(f'kind = "{kind}"')
    lines += [_commented(field) for field in fields_of(config)]
    return "\n".join(lines) + "\n"


def _commented(field: Field) -> str:
    """A line that is right when its first # goes, and says what it says by itself where nothing is the default."""
    unset = "must be given" if field.required else "not set" if field.default is None else ""
    value = _blank(field.type) if unset else toml(field.default)
    told = ": ".join(filter(None, (unset, field.help)))
    return f"# {field.name} = {value}" + (f"    # {told}" if told else "")


def _blank(kind: Any) -> str:
    """Where a value of this type is to be filled in."""
    origin, inner = get_origin(kind), [each for each in get_args(kind) if each is not NoneType]
    if origin in (UnionType, Union):
        return _blank(inner[0])
    if origin is Literal:
        return toml(inner[0])
    if origin is not None:
        return "[]" if issubclass(origin, (tuple, list)) else "{}"
    return {bool: "false", int: "0", float: "0.0"}.get(kind, '"..."')


@config.command()
@with_globals
@click.pass_obj
def check(options: Options) -> None:
    """Name every mistake in the configuration, each with its path. Exit code 2 if there are any."""
    from bcore.app import App, completed

    registry, tree = options.registry(), options.tree()
    app = App.of(completed(tree, registry, data=options.data), registry)
    try:
        jobs = [] if _only_reads(tree) else app.jobs()
    finally:
        app.close()
    click.echo(f"ok: {len(jobs)} sources, {len(app.settings.stores)} stores")


def _only_reads(tree: Tree) -> bool:
    """Whether it says where archives are, and nothing of what is to be collected."""
    return bool(tree) and not any(tree.get(name) for name in ("symbols", "sources", "exchanges"))


@config.command()
@with_globals
@click.pass_obj
def show(options: Options) -> None:
    """Print what is in force, defaults included; secrets show only where they come from."""
    from bcore.app import completed
    from bcore.config import check as checked

    registry = options.registry()
    settings = checked(completed(options.tree(), registry, data=options.data), registry)
    click.echo(f"symbols = {toml(list(settings.symbols))}")
    for group in (settings.exchanges, settings.stores, settings.sources, settings.servers, settings.remotes):
        for section in group.values():
            click.echo(f"\n[{section.path}]\nkind = {toml(section.kind)}")
            for name, value in _values(section):
                click.echo(f"{name} = {toml(value)}" if value is not None else f"# {name} is not set")


def _values(section: Any) -> list[tuple[str, Any]]:
    from attrs import fields

    parts = [section.wiring] if hasattr(section, "wiring") else []
    shown = [(each.name, getattr(part, each.name)) for part in [*parts, section.config] for each in fields(type(part))]
    return [(name, value) for name, value in shown if value != ()]


@config.command()
@with_globals
@click.pass_obj
def reference(options: Options) -> None:
    """Print every key of every installed plugin as Markdown: name, type, default, meaning."""
    from bcore.cli.referencing import reference as page

    click.echo(page(options.registry()))
