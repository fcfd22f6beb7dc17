"""The ASGI application: routes, and what starts and stops with the server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import falcon
import falcon.asgi
from attrs import define, field

from bc_replay.bulk.bucket import Bucket
from bc_replay.bulk.resources import Download, Listing
from bc_replay.control import ClockControl, FaultControl, Status
from bc_replay.endpoints import ENDPOINTS
from bc_replay.exchange import Exchange
from bc_replay.gateway import Gateway
from bc_replay.markets import UM
from bc_replay.responder import Responder
from bc_replay.um_endpoints import UM_ENDPOINTS

NOT_FOUND_PAGE = "<html><head><title>404 Not Found</title></head><body><h1>404 Not Found</h1></body></html>"


@define(eq=False)
class Lifespan:
    """Falcon middleware: opens the wire front when the application server starts, and runs the exchange's loops."""

    exchange: Exchange
    ready: Callable[[Exchange], None]
    finish: Callable[[Exchange], Coroutine[None, None, None]]
    _tasks: list[asyncio.Task[None]] = field(factory=list)

    async def process_startup(self, scope: Mapping[str, Any], event: Mapping[str, Any]) -> None:
        exchange = self.exchange
        await exchange.front.open()
        exchange.faults.start()
        exchange.clock.rewind()
        exchange.pump.position = exchange.clock.market()
        for loop in (exchange.pump.run(), exchange.mischief.run(), self.finish(exchange)):
            self._tasks.append(asyncio.create_task(loop))
        self.ready(exchange)

    async def process_shutdown(self, scope: Mapping[str, Any], event: Mapping[str, Any]) -> None:
        for task in self._tasks:
            task.cancel()
        self.exchange.front.shut()


async def _not_found(req: falcon.asgi.Request, resp: falcon.asgi.Response, error: Exception, params: Any) -> None:
    """Empty, or a page only for those who ask for one (protocol section 3.3)."""
    resp.status = 404
    resp.text = NOT_FOUND_PAGE if "text/html" in (req.get_header("Accept") or "") else ""
    resp.content_type = "text/html" if resp.text else None


def create_app(exchange: Exchange, bucket: Bucket, lifespan: Lifespan) -> falcon.asgi.App[Any, Any]:
    app = falcon.asgi.App(middleware=[lifespan])
    app.ws_options.max_receive_queue = 0
    app.add_error_handler(falcon.HTTPNotFound, _not_found)
    app.add_error_handler(falcon.HTTPMethodNotAllowed, _not_found)
    for endpoint in UM_ENDPOINTS if exchange.market is UM else ENDPOINTS:
        app.add_route(endpoint.path, Responder(endpoint, exchange))
    app.add_route("/", Listing(exchange, bucket))
    app.add_route("/data/{path:path}", Download(exchange, bucket))
    for route in ("", *exchange.market.routes):
        base = f"/{route}" if route else ""
        raw, combined = Gateway(exchange, combined=False, route=route), Gateway(exchange, combined=True, route=route)
        app.add_route(f"{base}/ws", raw)
        app.add_route(f"{base}/ws/{{streams:path}}", raw)
        app.add_route(f"{base}/stream", combined)
    app.add_route("/_replay/status", Status(exchange))
    app.add_route("/_replay/faults", FaultControl(exchange))
    app.add_route("/_replay/clock", ClockControl(exchange))
    return app
