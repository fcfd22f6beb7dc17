"""The reference of the configuration, from the classes that check it: what `bcore config reference` prints."""

from __future__ import annotations

from collections.abc import Iterator
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from bcore.cli.literals import toml
from bcore.config import GROUPS, Wiring
from bcore.fields import Field, fields_of
from bcore.registry import Registry
from bcore.secrets import Secret

HEAD = """\
# Configuration reference

Written by `bcore config reference` from the classes that check a configuration: every key of every installed plugin. A
section is a named instance: `[stores.main] kind = "parquet"`; `kind` is the section's name where it is not given. YAML
holds the same tree. The environment overrides: `BCORE_SOURCES__TRADES__INTERVAL=5` sets `interval` in
`[sources.trades]`. Secrets are named by reference, `{ env = "NAME" }` or `{ file = "path" }`. `bcore config check`
names every mistake.

At the top stands `symbols`, those of every source that names none of its own, and `[plugins]` with `disable`, a list of
plugins to leave out.
"""
WHAT = {
    "exchanges": "A connection to a venue, shared by the sources that name it.",
    "stores": "Where series are kept. Sources write to the first, unless they name another.",
    "sources": "What is collected. Beside the keys of its kind, each source's section takes:",
    "servers": "How the archive is offered to others: `bcore serve`, or beside the collector in `bcore run`.",
    "remotes": "Archives on other machines: `bcore read --remote NAME`, `bcore sync NAME`.",
}
NAMES = {bool: "true or false", int: "whole number", float: "number", str: "text", Secret: "secret", Any: "anything"}


def reference(registry: Registry) -> str:
    """The page, in Markdown."""
    return "\n".join(
        line for part in (HEAD.splitlines(), *(_group(name, registry) for name in GROUPS)) for line in part
    )


def _group(group: str, registry: Registry) -> Iterator[str]:
    yield from ("", f"## [{group}.*]", "", WHAT[group])
    if group == "sources":
        yield from _table(fields_of(Wiring))
    for name, (config, summary) in sorted(kinds(group, registry).items()):
        yield from ("", f"### {group}: kind `{name}`", "", f"{summary.rstrip('.')}.")
        yield from _table(fields_of(config))


def kinds(group: str, registry: Registry) -> dict[str, tuple[type, str]]:
    """What sections of a group may be of: the class of their keys, and a summary, by name."""
    if group not in ("servers", "remotes"):
        return {name: (kind.config, kind.summary) for name, kind in registry.of(group).items()}
    found: dict[str, tuple[type, str]] = {}
    for name, transport in registry.of("transports").items():
        if kind := getattr(transport, group.removesuffix("s")):
            found[name] = (kind.config, kind.summary or transport.summary)
    return found


def _table(fields: list[Field]) -> Iterator[str]:
    if not fields:
        yield from ("", "It has no keys.")
        return
    yield from ("", "| key | type | default | meaning |", "|---|---|---|---|")
    for each in fields:
        yield f"| `{each.name}` | {_type(each.type)} | {_default(each)} | {_cell(each.help)} |"


def _default(field: Field) -> str:
    if field.required:
        return "must be given"
    return "not set" if field.default is None else f"`{_cell(toml(field.default))}`"


def _type(kind: Any) -> str:
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (UnionType, Union):
        return " or ".join(dict.fromkeys(_type(each) for each in inner if each is not NoneType))
    if origin is Literal:
        return " or ".join(f"`{each}`" for each in inner)
    if origin is None:
        return NAMES.get(kind, "table")
    return f"list of {_type(inner[0])}" if issubclass(origin, (tuple, list)) else f"table of {_type(inner[-1])}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
