"""One GET to the exchange: through the gate, within the budget, with a typed error for whatever goes wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec
import requests
from attrs import field, frozen
from requests.adapters import HTTPAdapter

from bc_binance.budget import WeightBudget
from bc_binance.config import BinanceConfig
from bc_binance.failures import failure
from bc_binance.gate import Gate
from bc_binance.market import SPOT
from bc_binance.refusals import Reply, refusal
from bcore.errors import BannedError, FaultyReplyError, RateLimitedError

T = TypeVar("T")
CONNECTIONS = 16


def open_session(config: BinanceConfig, *, microseconds: bool = True) -> requests.Session:
    """A session that keeps connections and never retries: whoever runs a source decides when to ask again."""
    session = requests.Session()
    unit = {"X-MBX-TIME-UNIT": "MICROSECOND"} if microseconds else {}
    session.headers.update({"User-Agent": config.user_agent, **unit})
    adapter = HTTPAdapter(pool_connections=2, pool_maxsize=CONNECTIONS, max_retries=0)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


@frozen
class Rest:
    """The REST side of the exchange. Safe to use from several threads. `spent` is called after each request.

    `elsewhere` is what a message advises where the exchange does not serve this place.
    """

    config: BinanceConfig
    budget: WeightBudget
    gate: Gate
    session: requests.Session = field()
    spent: Callable[[], None] = field(default=lambda: None)
    elsewhere: str = SPOT.elsewhere

    @property
    def host(self) -> str:
        """The host as messages name it."""
        return urlsplit(self.config.rest_url).netloc.rpartition("@")[2]

    def get(self, path: str, params: Mapping[str, Any], weight: int, background: bool = False) -> bytes:
        """The body of the answer. Raises `ExchangeError`, and `Stopped` while waiting for the budget."""
        self.gate.check()
        reservation = self.budget.reserve(weight, background)
        used: int | None = None
        try:
            self.gate.check()
            reply = self._send(path, params)
            used = self._used_weight(reply)
        finally:
            self.budget.settle(reservation, used)
            self.spent()
        error = refusal(reply, self.elsewhere)
        if error is None:
            return reply.body
        if isinstance(error, (BannedError, RateLimitedError)):
            self.gate.close(error)
        raise error

    def decode(self, body: bytes, kind: type[T], path: str) -> T:
        """The body as `kind`. Raises `FaultyReplyError` if it is anything else."""
        try:
            return msgspec.json.decode(body, type=kind)
        except msgspec.ValidationError as error:
            raise FaultyReplyError(f"{self.host} answered {path} with data of another form: {error}") from error
        except msgspec.DecodeError as error:
            raise FaultyReplyError(f"{self.host} answered {path} with something that is not JSON") from error

    def _send(self, path: str, params: Mapping[str, Any]) -> Reply:
        timeout = self.config.timeout
        try:
            response = self.session.get(
                self.config.rest_url + path, params=dict(params), timeout=timeout, allow_redirects=False
            )
        except requests.RequestException as error:
            raise failure(error, self.host, timeout) from error
        return Reply(self.host, path, response.status_code, response.headers, response.content, self.budget.now())

    def _used_weight(self, reply: Reply) -> int | None:
        text = reply.headers.get(self.budget.used_header, "")
        return int(text) if text.isascii() and text.isdigit() else None
