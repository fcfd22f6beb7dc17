"""What bc_ssh offers to bcore: the transport "ssh", its remote side."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bcore.hookspecs import hookimpl

if TYPE_CHECKING:
    from bcore.protocols import Reader
    from bcore.records import Transport


@hookimpl
def bcore_transports() -> Iterator[Transport]:
    from bc_ssh import transport
    from bc_ssh.config import SshConfig
    from bcore.records import Factory, Transport

    remote: Factory[Reader] = Factory(
        "ssh", SshConfig, transport.remote, "Reads an archive on a machine you can ssh to"
    )
    yield Transport("ssh", remote=remote, schemes=("ssh",), summary=remote.summary)
