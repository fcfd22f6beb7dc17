"""What bc_plot offers to bcore: the command `bcore plot`. Its client methods are entry points of `bcore.client`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from bcore.hookspecs import hookimpl

if TYPE_CHECKING:
    import click


@hookimpl
def bcore_commands() -> Iterable[click.Command]:
    from bc_plot.cli import plot

    return [plot]
