"""The control endpoint, under `/_replay/`: it costs no weight and no request fault meets it."""

from __future__ import annotations

from typing import Any

import falcon
import falcon.asgi
from attrs import define

from bc_replay.channels import compact
from bc_replay.exchange import Exchange
from bc_replay.faults import FaultError, make_fault


@define(eq=False)
class Status:
    """GET: where the replay stands, and what it has sent. Times are us UTC."""

    exchange: Exchange

    async def on_get(self, req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        exchange, clock = self.exchange, self.exchange.clock
        body = {
            "now": clock.now(),
            "market": clock.market(),
            "start": clock.start,
            "end": clock.end,
            "speed": clock.speed,
            "held": clock.held,
            "ended": clock.ended,
            "up": round(exchange.faults.now, 3),
            "symbols": sorted(exchange.tapes),
            "gaps": {symbol: tape.gaps for symbol, tape in exchange.tapes.items()},
            "connections": len(exchange.front.relays),
            "accepted": exchange.front.accepted,
            "streams": len(exchange.front.streams()),
            "subscriptions": {name: len(c.listeners) for name, c in exchange.hub.channels.items()},
            "sent": dict(exchange.hub.sent),
            "requests": dict(exchange.requests),
            "weights": dict(exchange.weights),
        }
        _reply(resp, body)


@define(eq=False)
class FaultControl:
    """GET: every fault asked for and what it has met. POST `{"kind", "arg"?, "at"?, "which"?}`: one more."""

    exchange: Exchange

    async def on_get(self, req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        _reply(resp, self.exchange.faults.report())

    async def on_post(self, req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        body, faults = await _body(req), self.exchange.faults
        argument = body.get("arg")
        try:
            at = float(body.get("at", faults.now))
            asked = str(body.get("kind")), at, None if argument is None else str(argument)
            fault = make_fault(*asked, str(body.get("which", "")))
        except (FaultError, TypeError, ValueError) as error:
            raise falcon.HTTPBadRequest(description=str(error)) from None
        faults.add(fault)
        resp.status = 201
        _reply(resp, fault.report())


@define(eq=False)
class ClockControl:
    """POST any of `{"pause": true}`, `{"resume": true}`, `{"speed": X}`, `{"seek": us}`."""

    exchange: Exchange

    async def on_post(self, req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        body, clock = await _body(req), self.exchange.clock
        unknown = body.keys() - {"pause", "resume", "speed", "seek"}
        if unknown or not body:
            raise falcon.HTTPBadRequest(description="send pause, resume, speed or seek")
        try:
            self._turn(body)
        except (TypeError, ValueError) as error:
            raise falcon.HTTPBadRequest(description=str(error)) from None
        _reply(resp, {"now": clock.now(), "speed": clock.speed, "held": clock.held})

    def _turn(self, body: dict[str, Any]) -> None:
        clock = self.exchange.clock
        if "speed" in body:
            clock.change_speed(_speed(body["speed"]))
        if "seek" in body:
            clock.seek(int(body["seek"]))
            self.exchange.pump.move(clock.market())
        if body.get("pause"):
            clock.pause()
        if body.get("resume"):
            clock.resume()
        self.exchange.hub.changed.set()


def _speed(value: Any) -> float:
    speed = float(value)
    if not 0 <= speed < 1e9:
        raise ValueError("speed is 0 (as fast as the clients take it) or a positive number")
    return speed


async def _body(req: falcon.asgi.Request) -> dict[str, Any]:
    body = await req.get_media()
    if not isinstance(body, dict):
        raise falcon.HTTPBadRequest(description="send a JSON object")
    return body


def _reply(resp: falcon.asgi.Response, body: object) -> None:
    resp.text, resp.content_type = compact(body), falcon.MEDIA_JSON
