"""`/live/{view}/{symbol}`: Server-Sent Events for a GET, a WebSocket for an upgrade; the same messages over both."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import falcon.asgi
import msgspec
from attrs import define
from falcon.errors import WebSocketDisconnected

from bc_http.archive import Archive
from bc_http.live.asking import Followed
from bc_http.live.channel import Message
from bc_http.live.hub import Hub
from bc_http.negotiation import preferred
from bc_http.problems import Problem
from bc_http.pulse import State
from bc_http.resource import header
from bcore.errors import BcoreError, NotFoundError, RequestError
from bcore.naming import near_symbol

EVENTS = "text/event-stream"
PROTOCOL = "bcore"
GOING, AGAIN, REFUSED = 1012, 1013, 4000  # close codes: the server restarts, come back, an HTTP status added to it
BEAT = b": still here\n\n"


@define(eq=False)
class Live:
    """The Falcon resource."""

    archive: Archive
    hub: Hub

    async def on_get(self, req: falcon.asgi.Request, resp: falcon.asgi.Response, **params: Any) -> None:
        if preferred((EVENTS,), header(req, b"accept")) is None:
            raise Problem(406, f"this is a stream of {EVENTS}, or a WebSocket")
        messages = await self._asked(req, params)
        first = await anext(messages, None)  # what is wrong shows before anything was sent
        resp.content_type = EVENTS
        resp.set_headers({"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        resp.stream = _events(first, messages)

    async def on_websocket(self, req: falcon.asgi.Request, socket: falcon.asgi.WebSocket, **params: Any) -> None:
        await socket.accept(PROTOCOL if PROTOCOL in socket.subprotocols else None)
        try:
            await socket.close(await _told(socket, await self._asked(req, params)))
        except WebSocketDisconnected:
            pass
        except (Problem, RequestError) as error:
            await _refused(socket, error if isinstance(error, Problem) else Problem.of(error), req.path)
        except (BcoreError, OSError) as error:
            await _refused(socket, Problem(503, f"the archive could not be read: {error}"), req.path)

    async def _asked(self, req: falcon.asgi.Request, params: dict[str, Any]) -> AsyncGenerator[Message | None, None]:
        state = await self.archive.pulse.state()
        view = state.view_of(params["view"])
        followed, cursor = Followed.parsed(view, params["symbol"], req.query_string)
        if not _has_symbol(state, followed):
            state = await self.archive.pulse.anew()  # it may just have begun
            _check_symbol(state, followed)
        datasets = {series.dataset.name: series.dataset for series in (each.series for each in state.series.values())}
        channel = self.hub.channel(followed, datasets)
        return self.hub.follow(followed, channel, header(req, b"last-event-id") or cursor)


def _has_symbol(state: State, followed: Followed) -> bool:
    dataset = getattr(followed.view, "dataset", None)
    return dataset is None or (dataset.name, followed.symbol) in state.series


def _check_symbol(state: State, followed: Followed) -> None:
    if not _has_symbol(state, followed):
        name = followed.view.dataset.name  # type: ignore[attr-defined]
        there = sorted(symbol for each, symbol in state.series if each == name)
        listed = ", ".join(there[:20]) or "none yet"
        hint = near_symbol(followed.symbol, there)
        raise NotFoundError(f"nothing is stored of {name} for the symbol {followed.symbol!r}{hint}; stored: {listed}")


async def _events(first: Message | None, messages: AsyncGenerator[Message | None, None]) -> AsyncGenerator[bytes, None]:
    try:
        yield BEAT if first is None else first.sse
        async for message in messages:
            yield BEAT if message is None else message.sse
    finally:
        await messages.aclose()


async def _told(socket: falcon.asgi.WebSocket, messages: AsyncGenerator[Message | None, None]) -> int:
    """Sends until there is no more; the code to close with."""
    code = GOING
    try:
        async for message in messages:
            if message is None:
                if socket.closed:
                    raise WebSocketDisconnected
                continue
            await socket.send_text(message.text)
            code = AGAIN if message.kind == "dropped" else GOING
    finally:
        await messages.aclose()
    return code


async def _refused(socket: falcon.asgi.WebSocket, problem: Problem, path: str) -> None:
    told = {"type": "error", **msgspec.json.decode(problem.body(path))} | {"type": "error"}
    await socket.send_text(msgspec.json.encode(told).decode())
    await socket.close(REFUSED + problem.status)
