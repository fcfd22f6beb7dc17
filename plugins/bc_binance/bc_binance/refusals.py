"""What a reply other than 200 means, and what can be done about it (protocol sections 3.2 to 3.4)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from http import HTTPStatus

import msgspec
from attrs import frozen

from bc_binance.market import SPOT
from bc_binance.messages import ErrorBody
from bcore.errors import (
    BannedError,
    BlockedError,
    ExchangeError,
    FaultyReplyError,
    RateLimitedError,
    RefusedError,
    RestrictedError,
)
from bcore.instants import iso

SECOND = 1_000_000
SHORTEST_BAN = 120.0
TOO_MANY = -1003
TRANSIENT = frozenset({-1000, -1001, -1006, -1007, -1008, -1016})
_UNTIL = re.compile(r"until (\d{13,16})\b")


@frozen
class Reply:
    """One reply, and the request that it answers. `now` is the exchange's clock at receipt, int us UTC."""

    host: str
    path: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    now: int

    @property
    def asked_to_wait(self) -> float | None:
        """`Retry-After` in seconds, None where it is missing or no number."""
        text = self.headers.get("Retry-After", "").strip()
        return float(text) if re.fullmatch(r"[0-9]{1,9}", text) else None

    @property
    def error(self) -> ErrorBody | None:
        """The exchange's own words, None where the body is not its error object."""
        try:
            return msgspec.json.decode(self.body, type=ErrorBody)
        except msgspec.MsgspecError:
            return None

    @property
    def words(self) -> str:
        """The exchange's own words for a message: one line, or nothing."""
        error = self.error
        return f": {' '.join(error.msg.split())[:200]} ({error.code})" if error and error.msg else ""

    @property
    def is_page(self) -> bool:
        """Whether the body is a web page, which the exchange itself never sends."""
        kind = self.headers.get("Content-Type", "").lower()
        return "html" in kind or self.body.lstrip()[:1] == b"<"


def refusal(reply: Reply, elsewhere: str = SPOT.elsewhere) -> ExchangeError | None:
    """The error that the reply stands for; None if it is an answer. `elsewhere`: see `Market`."""
    if reply.status == HTTPStatus.OK:
        return _page_for_answer(reply) if reply.is_page else None
    if reply.status == HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS:
        return _restricted(reply, elsewhere)
    if reply.status in _BY_STATUS:
        return _BY_STATUS[reply.status](reply)
    if 400 <= reply.status < 500:
        return _refused(reply)
    return _faulty(reply)


def _rate_limited(reply: Reply) -> ExchangeError:
    wait = reply.asked_to_wait
    if wait is None:
        wait = 60.0 - reply.now / SECOND % 60.0
    return RateLimitedError(
        f"{reply.host} asks for fewer requests from this IP address: none is sent until {_clock(reply, wait)}; if this "
        "comes back, lower `budget` in the exchange's section or stop what else asks from here",
        retry_after=wait,
    )


def _banned(reply: Reply) -> ExchangeError:
    wait = reply.asked_to_wait
    if wait is None:
        told = _UNTIL.search(reply.error.msg) if reply.error else None
        wait = SHORTEST_BAN if told is None else max(int(told[1][:13]) / 1000 - reply.now / SECOND, 1.0)
    return BannedError(
        f"{reply.host} has banned this IP address until {_clock(reply, wait)}: no request is sent before that; "
        "lower `budget` in the exchange's section and stop what else asks from here, because the next ban is longer",
        retry_after=wait,
    )


def _blocked(reply: Reply) -> ExchangeError:
    return BlockedError(
        f"a firewall in front of {reply.host} refused the request (403); such a block mostly lifts within minutes: "
        "if it stays, lower `budget` in the exchange's section or run from another address",
        retry_after=reply.asked_to_wait,
    )


def _restricted(reply: Reply, elsewhere: str) -> ExchangeError:
    return RestrictedError(
        f"{reply.host} does not serve the place that this machine is in (451): {elsewhere}run the collector elsewhere",
        retry_after=reply.asked_to_wait,
    )


def _not_found(reply: Reply) -> ExchangeError:
    return RefusedError(f"{reply.host} has nothing at {reply.path} (404): is rest_url in the exchange's section right?")


def _refused(reply: Reply) -> ExchangeError:
    """The request is wrong, unless the code says that the exchange was only busy."""
    code = reply.error.code if reply.error else None
    if code == TOO_MANY:
        return RateLimitedError(f"{reply.host} has too much to do{reply.words}", retry_after=reply.asked_to_wait)
    if code in TRANSIENT:
        return _faulty(reply)
    if code is None:
        return FaultyReplyError(f"{reply.host} answered {reply.path} with status {reply.status} and no reason")
    return RefusedError(f"{reply.host} refused {reply.path}{reply.words}", code=code)


def _faulty(reply: Reply) -> ExchangeError:
    what = "a web page" if reply.is_page else "a fault"
    if 300 <= reply.status < 400:
        what = f"a redirection to {reply.headers.get('Location', 'nowhere').partition('?')[0]}"
    return FaultyReplyError(
        f"{reply.host} answered {reply.path} with {what}, status {reply.status}{reply.words}",
        retry_after=reply.asked_to_wait,
    )


def _page_for_answer(reply: Reply) -> ExchangeError:
    return FaultyReplyError(
        f"{reply.host} answered {reply.path} with a web page instead of data: is there a proxy or a login page between?"
    )


def _clock(reply: Reply, wait: float) -> str:
    return iso(reply.now + int(wait * SECOND))[:19] + "Z"


_BY_STATUS: Mapping[int, Callable[[Reply], ExchangeError]] = {
    HTTPStatus.FORBIDDEN: _blocked,
    HTTPStatus.NOT_FOUND: _not_found,
    HTTPStatus.IM_A_TEAPOT: _banned,
    HTTPStatus.TOO_MANY_REQUESTS: _rate_limited,
}
