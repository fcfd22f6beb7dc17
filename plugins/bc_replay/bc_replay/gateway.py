"""The WebSocket resources (protocol section 5)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from functools import partial

import falcon
import falcon.asgi
from attrs import define

from bc_replay.exchange import Exchange, log
from bc_replay.names import well_formed
from bc_replay.parameters import time_unit
from bc_replay.refusals import Refusal
from bc_replay.session import Send, Session

POLICY_VIOLATION, TRY_LATER = 1008, 1013


@define(eq=False)
class Gateway:
    """Stream connections: raw ones under `/ws`, combined ones under `/stream`, all below the market's `route`."""

    exchange: Exchange
    combined: bool
    route: str = ""

    async def on_websocket(self, req: falcon.asgi.Request, ws: falcon.asgi.WebSocket, streams: str = "") -> None:
        try:
            micros = time_unit(req.get_param("timeUnit")) and self.exchange.market.micros
        except Refusal:
            await ws.close()
            return
        # Events go straight to the wire front: through ASGI each frame would cost ten times as much.
        relay = self.exchange.front.find(req.get_header("X-Replay-Connection"))
        if relay is None:
            await ws.close()
            return
        names = _names(req.get_param("streams") or "" if self.combined else streams)
        await ws.accept()
        if len(names) > self.exchange.market.most_streams:
            await ws.close(POLICY_VIOLATION)
            return
        log.info("stream connection for %s", names)
        session = self.exchange.session(relay.number, combined=self.combined, micros=micros, route=self.route)
        session.let_go = partial(relay.close, TRY_LATER, "too far behind")
        try:
            await self._serve(session, ws, names, relay.send)
        finally:
            self.exchange.leave(session)

    async def _serve(self, session: Session, ws: falcon.asgi.WebSocket, names: Sequence[str], send: Send) -> None:
        self.exchange.clock.begin()
        session.subscribe(names)
        sending = asyncio.create_task(session.drain(send))
        try:
            await self._listen(session, ws, sending)
        finally:
            sending.cancel()
            with contextlib.suppress(asyncio.CancelledError, falcon.WebSocketDisconnected):
                await sending

    async def _listen(self, session: Session, ws: falcon.asgi.WebSocket, sending: asyncio.Task[None]) -> None:
        while not sending.done():
            try:
                text = await ws.receive_text()
            except falcon.WebSocketDisconnected:
                return
            except falcon.PayloadTypeError:
                continue
            session.obey(text)


def _names(text: str) -> list[str]:
    return [name for name in text.split("/") if well_formed(name)]
