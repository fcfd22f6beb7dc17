"""The remote side of the transport, imported when it is built: most commands do not need it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bc_ssh.config import SshConfig
    from bc_ssh.reader import SshReader
    from bcore.records import Context


def remote(config: SshConfig, context: Context) -> SshReader:
    from bc_ssh.reader import SshReader

    return SshReader(config.placed())
