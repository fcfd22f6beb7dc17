"""Opening stream connections: within the exchange's limit, with a typed error for whatever goes wrong."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from attrs import field, frozen

from bc_binance.attempts import Attempts
from bc_binance.config import BinanceConfig
from bc_binance.connection import Socket
from bc_binance.failures import why
from bcore.errors import (
    BannedError,
    BlockedError,
    ExchangeError,
    FaultyReplyError,
    RateLimitedError,
    RefusedError,
    RestrictedError,
    UnreachableError,
)

LARGEST = 16 * 2**20  # bytes of a message
_BY_STATUS: Mapping[int, type[ExchangeError]] = {
    HTTPStatus.FORBIDDEN: BlockedError,
    HTTPStatus.NOT_FOUND: RefusedError,
    HTTPStatus.IM_A_TEAPOT: BannedError,
    HTTPStatus.TOO_MANY_REQUESTS: RateLimitedError,
    HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS: RestrictedError,
}
_ADVICE: Mapping[int, str] = {
    HTTPStatus.FORBIDDEN: "a firewall in front of it refused; such a block mostly lifts within minutes",
    HTTPStatus.NOT_FOUND: "is stream_url in the exchange's section right?",
    HTTPStatus.IM_A_TEAPOT: "this IP address is banned; stop what else connects from here",
    HTTPStatus.TOO_MANY_REQUESTS: "too many connections from here; lower `stream_attempts` in the exchange's section",
    HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS: (
        "it does not serve this place: another stream_url in the exchange's section may, for spot "
        '"wss://data-stream.binance.vision"'
    ),
}


def open_dialler(config: BinanceConfig, attempts: Attempts, *, microseconds: bool = True) -> Dialler:
    """To be called in the event loop that the connections will live in. Proxies are those of the environment."""
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        headers={"User-Agent": config.user_agent},
        timeout=aiohttp.ClientTimeout(total=None),  # opening has its own, and an open stream has none
    )
    return Dialler(config, attempts, session, microseconds)


@frozen
class Dialler:
    """Opens combined-stream connections, in `microseconds` where the market has them (protocol sections 2.1 and 5)."""

    config: BinanceConfig
    attempts: Attempts
    session: aiohttp.ClientSession = field()
    microseconds: bool = True

    @property
    def host(self) -> str:
        """The host as messages name it."""
        return urlsplit(self.config.stream_url).netloc.rpartition("@")[2]

    async def dial(self, route: str = "") -> Socket:
        """Waits where too many connections were opened lately. Raises `ExchangeError`."""
        await asyncio.sleep(self.attempts.take())
        try:
            async with asyncio.timeout(self.config.timeout):
                return await self._shake_hands(route)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise self._failure(error) from error

    async def _shake_hands(self, route: str) -> Socket:
        return await self.session.ws_connect(
            f"{self.config.stream_url}{route}/stream" + ("?timeUnit=MICROSECOND" if self.microseconds else ""),
            autoping=False,  # pings are answered by the connection, which wants to hear of them
            max_msg_size=LARGEST,
            decode_text=False,
            proxy=proxy_for(self.config.stream_url),
        )

    def _failure(self, error: Exception) -> ExchangeError:
        if isinstance(error, aiohttp.WSServerHandshakeError):
            return self._refusal(error)
        if isinstance(error, TimeoutError):
            return UnreachableError(f"{self.host} opened no stream within {self.config.timeout:g} s")
        if isinstance(error, aiohttp.ClientProxyConnectionError):
            return UnreachableError(f"no connection to {self.host} through the environment's proxy: {why(error)}")
        if isinstance(error, (aiohttp.ClientSSLError, ssl.SSLError)):
            return UnreachableError(f"no secure connection to {self.host}: {why(error)}")
        if isinstance(error, aiohttp.ClientConnectorError):
            return UnreachableError(f"no connection to {self.host}: {why(error)}")
        return UnreachableError(f"{self.host} opened no stream: {why(error)}")

    def _refusal(self, error: aiohttp.WSServerHandshakeError) -> ExchangeError:
        kind = _BY_STATUS.get(error.status, FaultyReplyError)
        advice = _ADVICE.get(error.status, "it should be 101")
        refusal = kind(f"{self.host} opened no stream, status {error.status}: {advice}")
        refusal.retry_after = _retry_after(error)
        return refusal


def proxy_for(url: str) -> str | None:
    """The proxy that the environment sets for a stream: those of `https` serve `wss`, those of `http` serve `ws`."""
    parts = urlsplit(url)
    if parts.hostname is None or proxy_bypass(parts.hostname):
        return None
    return getproxies().get("https" if parts.scheme == "wss" else "http")


def _retry_after(error: aiohttp.WSServerHandshakeError) -> float | None:
    text = error.headers.get("Retry-After", "") if error.headers else ""
    return float(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
