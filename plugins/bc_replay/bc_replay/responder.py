"""One REST request from query string to reply: weight, faults, parameters, answer, headers."""

from __future__ import annotations

import uuid
from typing import Any

import falcon
import falcon.asgi
from attrs import define

from bc_replay.channels import compact
from bc_replay.endpoints import Endpoint
from bc_replay.exchange import Exchange, log
from bc_replay.faults import Fault
from bc_replay.limits import Verdict
from bc_replay.parameters import Parameters, parse, time_unit
from bc_replay.refusals import Refusal
from bc_replay.spoiled import SPOILED, banned, too_much_weight

JSON = "application/json;charset=UTF-8"


@define(eq=False)
class Responder:
    """The Falcon resource of one endpoint."""

    endpoint: Endpoint
    exchange: Exchange

    async def on_get(self, req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        parameters, refusal = self._parameters(req)
        weight = 1 if parameters is None else self.endpoint.weight(parameters)
        verdict = self._charge(req, weight)
        resp.set_headers(_headers(verdict))
        if verdict.status != 200:
            _refuse_weight(resp, verdict, self.exchange.limiter.limit)
            return
        symbol = None if parameters is None else parameters.symbol
        fault = self.exchange.faults.request(symbol) if self.endpoint.market_data else None
        if fault is not None and self._spoil(fault, req, resp):
            return
        try:
            _reply(resp, self._answer(req, parameters, refusal))
        except Refusal as error:
            resp.status = error.status
            _reply(resp, error.body())

    def _parameters(self, req: falcon.asgi.Request) -> tuple[Parameters | None, Refusal | None]:
        try:
            return parse(req.query_string, self.endpoint.accepted, self.endpoint.mandatory), None
        except Refusal as refusal:
            return None, refusal

    def _charge(self, req: falcon.asgi.Request, weight: int) -> Verdict:
        name = self.endpoint.path
        self.exchange.requests[name] += 1
        self.exchange.weights[name] += weight
        log.info("GET %s?%s", name, req.query_string)
        return self.exchange.limiter.charge(req.get_header("X-Replay-Client") or "", weight)

    def _answer(self, req: falcon.asgi.Request, parameters: Parameters | None, refusal: Refusal | None) -> Any:
        if refusal is not None or parameters is None:
            raise refusal or Refusal(-1000, "unreachable")
        market = self.exchange.market
        micros = market.micros and time_unit(req.get_header("X-MBX-TIME-UNIT"))
        self.exchange.pace(self.endpoint, parameters)
        return self.endpoint.answer(self.exchange.moment(self.endpoint, parameters, micros), parameters)

    def _spoil(self, fault: Fault, req: falcon.asgi.Request, resp: falcon.asgi.Response) -> bool:
        """Do what the fault does to this request; True where that is all the answer there is."""
        relay = self.exchange.front.find(req.get_header("X-Replay-Connection"))
        if fault.kind.name == "truncate":
            if relay is not None:
                relay.truncate()
            return False
        if fault.kind.name == "hang":
            if relay is not None:
                relay.hang(fault.amount)
            return True
        SPOILED[fault.kind.name](resp, fault, self.exchange.faults.now)
        return True


def _headers(verdict: Verdict) -> dict[str, str]:
    return {
        "Content-Type": JSON,
        "Cache-Control": "no-cache, no-store, must-revalidate",
        "x-mbx-uuid": str(uuid.uuid4()),
        "x-mbx-used-weight": str(verdict.used),
        "x-mbx-used-weight-1m": str(verdict.used),
    }


def _refuse_weight(resp: falcon.asgi.Response, verdict: Verdict, limit: int) -> None:
    if verdict.status == 429:
        too_much_weight(resp, verdict.retry_after, limit)
    else:
        banned(resp, verdict.retry_after, verdict.until)


def _reply(resp: falcon.asgi.Response, body: Any) -> None:
    resp.text = compact(body)
