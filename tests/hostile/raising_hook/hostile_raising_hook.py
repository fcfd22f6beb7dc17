"""Raises in one hook after it offered a source; offers a command in another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from bcore.hookspecs import hookimpl


@hookimpl
def bcore_sources() -> Iterator[Any]:
    from attrs import make_class

    from bcore.records import Factory

    yield Factory("half", make_class("Config", []), lambda config, context: None)
    raise RuntimeError("out of order")


@hookimpl
def bcore_commands() -> Iterator[click.Command]:
    yield click.Command("still-here", callback=lambda: click.echo("still here"))
