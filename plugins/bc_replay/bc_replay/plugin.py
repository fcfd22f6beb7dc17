"""What bc_replay offers to bcore: the commands `bcore replay` and `bcore demo`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from bcore.hookspecs import hookimpl

if TYPE_CHECKING:
    import click


@hookimpl
def bcore_commands() -> Iterable[click.Command]:
    from bc_replay.cli import replay
    from bc_replay.demo_command import demo

    return [replay, demo]
