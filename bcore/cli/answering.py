"""answer: the far side of a remote that comes through ssh."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bcore.cli.options import with_globals

if TYPE_CHECKING:
    from bcore.cli.options import Options


@click.command()
@with_globals
@click.pass_obj
def answer(options: Options) -> None:
    """Answer questions on standard input (for machines: bcore.open("ssh://...") starts it).

    Speaks a protocol of its own, in Arrow, and only reads. It ends when its input ends. As a forced command of a key in
    authorized_keys it gives that key this archive and nothing else: command="bcore answer --data DIR",restrict ssh-...
    """
    import os
    import sys

    from bcore.answering import Answering
    from bcore.cli.choosing import archive

    if sys.stdin.isatty() or sys.stdout.isatty():
        raise click.UsageError("this command speaks to programs, not to people: see `bcore read`")
    sink = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a plugin prints must not get into the answers
    app = archive(options)
    try:
        Answering(app.reader(), sys.stdin.fileno(), sink).serve()
    finally:
        app.close()
