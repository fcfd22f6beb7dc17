"""Never comes back from one hook; works in another."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import click

from bcore.hookspecs import hookimpl


@hookimpl
def bcore_sources() -> list[Any]:
    threading.Event().wait()
    return []


@hookimpl
def bcore_commands() -> Iterator[click.Command]:
    yield click.Command("still-there", callback=lambda: click.echo("still there"))
