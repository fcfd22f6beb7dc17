"""Requests to the host of the bulk files: no weight, no gate, and faults on the way tried again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import urlsplit

import requests
from attrs import field, frozen
from requests.adapters import HTTPAdapter

from bc_binance.config import BinanceConfig
from bc_binance.errors import MissingFileError
from bc_binance.failures import failure
from bcore.backoff import Backoff
from bcore.errors import (
    BlockedError,
    ExchangeError,
    FaultyReplyError,
    RateLimitedError,
    RefusedError,
    RestrictedError,
    UnreachableError,
)
from bcore.protocols import Clock

T = TypeVar("T")
log = logging.getLogger(__name__)
TRIES = 4
CONNECTIONS = 16
PIECE = 1 << 18  # bytes


def open_bucket(config: BinanceConfig, clock: Clock) -> Bucket:
    session = requests.Session()
    session.headers.update({"User-Agent": config.user_agent, "Accept-Encoding": "identity"})
    adapter = HTTPAdapter(pool_connections=2, pool_maxsize=CONNECTIONS, max_retries=0)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return Bucket(config.timeout, clock, session)


@frozen
class Bucket:
    """Safe to use from several threads. All methods raise `ExchangeError`."""

    timeout: float
    clock: Clock
    session: requests.Session
    backoff: Backoff = field(factory=lambda: Backoff(first=0.25, cap=8.0))

    def persistently(self, work: Callable[[], T]) -> T:
        """What `work` returns; faults on the way are tried again a few times, refusals are not."""
        for failures in range(1, TRIES):
            try:
                return work()
            except (UnreachableError, FaultyReplyError, RateLimitedError) as error:
                wait = self.backoff.seconds(failures, error)
                log.info("%s; trying again in %.1f s", error, wait)
            self.clock.sleep(wait)
        return work()

    def small(self, url: str, params: Mapping[str, str], limit: int) -> bytes:
        """A body that must not be larger than `limit` bytes."""
        with self.opened(url, params) as reply:
            body = bytearray()
            for piece in self.pieces(reply, url):
                body += piece
                if len(body) > limit:
                    raise FaultyReplyError(f"{host_of(url)} answered with more than {limit} bytes where few are due")
            return bytes(body)

    @contextmanager
    def opened(self, url: str, params: Mapping[str, str] | None = None) -> Iterator[requests.Response]:
        """The reply with its body still to come; anything but a plain 200 is raised."""
        try:
            reply = self.session.get(url, params=params, timeout=self.timeout, stream=True, allow_redirects=False)
        except requests.RequestException as error:
            raise failure(error, host_of(url), self.timeout) from error
        with reply:
            if reply.status_code != HTTPStatus.OK:
                raise _refusal(reply, url)
            yield reply

    def pieces(self, reply: requests.Response, url: str) -> Iterator[bytes]:
        """The body; `Stopped` as soon as the work is asked to stop."""
        try:
            for piece in reply.iter_content(PIECE):
                self.clock.sleep(0)
                yield piece
        except requests.RequestException as error:
            raise failure(error, host_of(url), self.timeout) from error


def host_of(url: str) -> str:
    """The host as messages name it."""
    return urlsplit(url).netloc.rpartition("@")[2]


def _refusal(reply: requests.Response, url: str) -> ExchangeError:
    host, path, status = host_of(url), urlsplit(url).path, reply.status_code
    asked = reply.headers.get("Retry-After", "")
    wait = float(asked) if asked.isascii() and asked.isdigit() else None
    if status == HTTPStatus.NOT_FOUND:
        return MissingFileError(f"{host} has no {path.rpartition('/')[2] or path}: not published yet, or never")
    if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        return RateLimitedError(f"{host} asks for fewer requests (status {status})", retry_after=wait)
    if status == HTTPStatus.FORBIDDEN:
        return BlockedError(f"{host} refused {path} (403): is bulk_url in the exchange's section right?")
    if status == HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS:
        return RestrictedError(f"{host} does not serve the place that this machine is in (451)")
    if 400 <= status < 500:
        return RefusedError(f"{host} refused {path} with status {status}")
    return FaultyReplyError(f"{host} answered {path} with status {status}", retry_after=wait)
