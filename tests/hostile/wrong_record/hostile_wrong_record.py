"""A hook that gives what another hook is for, one that gives nothing, and one without names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from bcore.hookspecs import hookimpl


@hookimpl
def bcore_stores() -> Iterator[Any]:
    yield click.Command("a_command")


@hookimpl
def bcore_sources() -> None:
    return None


@hookimpl
def bcore_commands() -> Iterator[click.Command]:
    yield click.Command(None)
