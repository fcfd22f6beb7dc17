"""The exchange: one connection for all its sources. What it refuses becomes one of bcore's own errors."""

from __future__ import annotations

from typing import Any

import requests
from attrs import define, field, frozen, validators

from bcore.errors import FaultyReplyError, RateLimitedError, RefusedError, UnreachableError
from bcore.protocols import Clock
from bcore.records import Context


@frozen
class VenueConfig:
    rest_url: str = field(default="https://api.venue.example", metadata={"help": "where the REST API is"})
    timeout: float = field(default=10.0, validator=validators.gt(0), metadata={"help": "seconds to wait for a reply"})


@define(eq=False)
class Venue:
    """`now` is this machine's clock, corrected by what the exchange last said of its own."""

    config: VenueConfig
    clock: Clock
    name: str = "venue"
    _ahead: int = field(default=0, init=False)
    _session: requests.Session = field(factory=requests.Session, init=False)

    @classmethod
    def build(cls, config: VenueConfig, context: Context) -> Venue:
        return cls(config, context.clock)

    def now(self) -> int:
        return self.clock.now() + self._ahead

    def close(self) -> None:
        self._session.close()

    def ticks(self, symbol: str, from_id: int, limit: int) -> list[dict[str, Any]]:
        """A page of trades from that id on, oldest first; it says what time it is over there, too."""
        reply = self._asked("/ticks", symbol=symbol, from_id=from_id, limit=limit)
        try:
            self._ahead = int(reply["time"]) - self.clock.now()
            return list(reply["ticks"])
        except (KeyError, TypeError, ValueError) as error:
            raise FaultyReplyError(f"{self.config.rest_url}/ticks: this is no page of ticks: {error}") from error

    def _asked(self, path: str, **parameters: Any) -> Any:
        url = self.config.rest_url + path
        try:
            reply = self._session.get(url, params=parameters, timeout=self.config.timeout)
        except requests.RequestException as error:
            raise UnreachableError(f"{url} cannot be reached: {type(error).__name__}") from error
        if reply.status_code == 429:
            raise RateLimitedError(f"{url}: too many requests", retry_after=_seconds(reply))
        if reply.status_code >= 500:
            raise FaultyReplyError(f"{url}: the exchange has a fault ({reply.status_code})")
        if reply.status_code >= 400:
            raise RefusedError(f"{url}: refused ({reply.status_code}): {reply.text[:200]}")
        try:
            return reply.json()
        except ValueError as error:
            raise FaultyReplyError(f"{url}: this is no JSON") from error


def _seconds(reply: requests.Response) -> float:
    try:
        return float(reply.headers.get("Retry-After", ""))
    except ValueError:
        return 60.0
