"""What this distribution offers. Heavy imports stand inside the hook: `bcore --help` loads this module."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bcore.hookspecs import hookimpl

if TYPE_CHECKING:
    from bcore.records import Transport


@hookimpl
def bcore_transports() -> Iterator[Transport]:
    from bc_wire.remote import RemoteConfig, WireReader
    from bc_wire.server import ServerConfig, WireServer
    from bcore.records import Factory, Transport

    yield Transport(
        "wire",
        remote=Factory("wire", RemoteConfig, WireReader.build, summary="An archive on another machine"),
        server=Factory("wire", ServerConfig, WireServer.build, summary="This archive, for other machines"),
        schemes=("wire",),
        summary="Arrow over a plain TCP connection; for machines that trust each other",
    )
