"""Replies that are no answer: limits, bans, firewalls, gateways (protocol sections 1.1, 3.2 and 3.3)."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping

import falcon.asgi

from bc_replay.channels import compact
from bc_replay.faults import Fault

HTML = "text/html"
WEIGHT_LIMIT = 6000
FIREWALL_PAGE = """<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01 Transitional//EN" "http://www.w3.org/TR/html4/loose.dtd">
<HTML><HEAD><TITLE>ERROR: The request could not be satisfied</TITLE></HEAD>
<BODY><H1>403 ERROR</H1><H2>The request could not be satisfied.</H2><HR>Request blocked.<BR></BODY></HTML>
"""
GATEWAY_PAGE = """<html>
<head><title>502 Bad Gateway</title></head>
<body><center><h1>502 Bad Gateway</h1></center><hr></body>
</html>
"""
RESTRICTED = """{
  "code": 0,
  "msg": "Service unavailable from a restricted location according to 'b. Eligibility' in the terms of use."
}
"""
Spoil = Callable[[falcon.asgi.Response, Fault, float], None]


def too_much_weight(resp: falcon.asgi.Response, retry_after: int, limit: int) -> None:
    resp.status, resp.text = (
        429,
        _error(
            -1003,
            f"Too much request weight used; current limit is {limit} request weight per 1 MINUTE. "
            "Please use WebSocket Streams for live updates to avoid polling the API.",
        ),
    )
    resp.set_header("Retry-After", str(retry_after))


def banned(resp: falcon.asgi.Response, retry_after: int, until: float) -> None:
    resp.status, resp.text = (
        418,
        _error(
            -1003,
            f"Way too much request weight used; IP banned until {int(until * 1000)}. "
            "Please use WebSocket Streams for live updates to avoid bans.",
        ),
    )
    resp.set_header("Retry-After", str(retry_after))


def _error(code: int, message: str) -> str:
    return compact({"code": code, "msg": message})


def _limited(resp: falcon.asgi.Response, fault: Fault, now: float) -> None:
    too_much_weight(resp, max(1, math.ceil(fault.remaining(now))), WEIGHT_LIMIT)


def _banned(resp: falcon.asgi.Response, fault: Fault, now: float) -> None:
    left = fault.remaining(now)
    banned(resp, max(1, math.ceil(left)), time.time() + left)


def _firewall(resp: falcon.asgi.Response, fault: Fault, now: float) -> None:
    resp.status, resp.text, resp.content_type = 403, FIREWALL_PAGE, HTML


def _restricted(resp: falcon.asgi.Response, fault: Fault, now: float) -> None:
    resp.status, resp.text = 451, RESTRICTED


def _internal(resp: falcon.asgi.Response, fault: Fault, now: float) -> None:
    resp.status, resp.text = 500, _error(-1000, "An unknown error occurred while processing the request.")


def _gateway(resp: falcon.asgi.Response, fault: Fault, now: float) -> None:
    resp.status, resp.text, resp.content_type = 502, GATEWAY_PAGE, HTML


SPOILED: Mapping[str, Spoil] = {
    "429": _limited,
    "418": _banned,
    "403html": _firewall,
    "451": _restricted,
    "500": _internal,
    "502html": _gateway,
}
