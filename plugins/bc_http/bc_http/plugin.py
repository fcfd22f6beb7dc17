"""What bc_http offers to bcore: the transport "http", both its sides."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bcore.hookspecs import hookimpl

if TYPE_CHECKING:
    from bcore.protocols import Reader, Server
    from bcore.records import Transport


@hookimpl
def bcore_transports() -> Iterator[Transport]:
    from bc_http import transport
    from bc_http.config import HttpConfig, RemoteConfig
    from bcore.records import Factory, Transport

    remote: Factory[Reader] = Factory(
        "http", RemoteConfig, transport.remote, "Reads an archive that `bcore serve` offers"
    )
    server: Factory[Server] = Factory(
        "http", HttpConfig, transport.server, "REST API: JSON, CSV, Arrow and Parquet over HTTP"
    )
    yield Transport("http", remote=remote, server=server, schemes=("http", "https"), summary=server.summary)
