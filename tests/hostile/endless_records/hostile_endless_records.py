"""Offers views without end."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import click

from bcore.hookspecs import hookimpl


@hookimpl
def bcore_commands() -> Iterator[Any]:
    for number in count():
        yield click.Command(f"command{number}")
