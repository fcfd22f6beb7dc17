"""The two sides of the transport, imported when they are built: most commands need neither."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bc_http.config import HttpConfig, RemoteConfig
    from bc_http.remote import HttpReader
    from bc_http.server import HttpServer
    from bcore.records import Context


def remote(config: RemoteConfig, context: Context) -> HttpReader:
    from bc_http.remote import HttpReader

    return HttpReader.build(config, context)


def server(config: HttpConfig, context: Context) -> HttpServer:
    from bc_http.server import HttpServer

    return HttpServer.build(config, context)
