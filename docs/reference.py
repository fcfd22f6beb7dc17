"""Writes docs/plugins/records.md and docs/cli.md from what the code says of itself: python docs/reference.py."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

import attrs
import click

from bcore import computing, events, examining, query, records, status
from bcore.cli import OWN, main
from bcore.registry import Registry

DOCS = Path(__file__).parent
RECORDS = """\
# Records

Frozen attrs classes, checked when they are made: a mistake shows where it was made. Give fields by name. Times are int
microseconds UTC, ranges half-open.
"""
COMMANDS = """\
# Commands

What each command does, and its options beside `--config FILE`, `--data DIR` and `-v`, which all understand. Exit codes:
0 done, 1 failed, 2 misused. Of a command that a plugin brings it is said which: that distribution's page says more.
"""
COMMON = {"--config", "--data", "--verbose", "-v", "--help", "-h"}


MODULES = (records, query, computing, examining, events, status)
OURS = {"Computing", "Examiner"}  # what these modules work with themselves


def classes() -> list[type]:
    """The records of these modules that others make, are given, or are told."""
    own = [(module, kind) for module in MODULES for kind in vars(module).values() if inspect.isclass(kind)]
    own = [(module, kind) for module, kind in own if kind.__name__ not in OURS]
    return [kind for module, kind in own if attrs.has(kind) and kind.__module__ == module.__name__]


def of_record(kind: type) -> Iterator[str]:
    yield f"\n## {kind.__name__}\n\n{inspect.getdoc(kind)}\n\n| field | type | default |\n|---|---|---|\n"
    for each in attrs.fields(kind):
        if each.init:
            told = str(each.type).replace("|", "\\|")
            yield f"| `{each.name}` | `{told}` | {_default(each)} |\n"


def _default(field: attrs.Attribute[object]) -> str:
    if field.default is attrs.NOTHING:
        return "needed"
    return "empty" if isinstance(field.default, attrs.Factory) else f"`{field.default!r}`"  # type: ignore[arg-type]


def of_command(name: str, command: click.Command, owner: str = "") -> Iterator[str]:
    yield f"\n## bcore {name}\n\n{inspect.cleandoc(command.help or '')}\n"
    yield f"\nComes with {owner}.\n" if owner else ""
    arguments = [each.human_readable_name for each in command.params if isinstance(each, click.Argument)]
    if arguments:
        yield "\nArguments: " + ", ".join(f"`{each}`" for each in arguments) + ".\n"
    options = [each for each in command.params if isinstance(each, click.Option) and not set(each.opts) & COMMON]
    yield "\n" if options else ""
    for option in options:
        words = ", ".join([*option.opts, *option.secondary_opts])
        help_ = " ".join((option.help or "see --help").split())
        yield f"- `{words}`: {help_}\n"
    if isinstance(command, click.Group):
        context = click.Context(command)
        for each in command.list_commands(context):
            yield from of_command(f"{name} {each}", command.get_command(context, each) or command)


def write() -> None:
    told = [line for kind in classes() for line in of_record(kind)]
    (DOCS / "plugins" / "records.md").write_text(RECORDS + "".join(told))
    (DOCS / "cli.md").write_text(COMMANDS + "".join(line for name, owner in owners() for line in told_of(name, owner)))


def owners() -> list[tuple[str, str]]:
    """Every command with the distribution that brings it, "" for bcore itself."""
    registry = Registry.load()
    others = [(name, registry.owner("commands", name).distribution) for name in registry.of("commands")]
    return sorted([*((name, "") for name in OWN), *others])


def told_of(name: str, owner: str) -> Iterator[str]:
    return of_command(name, main.get_command(click.Context(main), name) or main, owner)


if __name__ == "__main__":
    write()
