"""Why no whole reply came, in one sentence that names the host and never the query."""

from __future__ import annotations

from collections.abc import Iterator
from socket import gaierror
from ssl import SSLError

import requests
from urllib3.exceptions import NewConnectionError, ReadTimeoutError

from bcore.errors import ExchangeError, FaultyReplyError, UnreachableError


def failure(error: requests.RequestException, host: str, timeout: float) -> ExchangeError:
    """The error to raise for what `requests` raised."""
    if isinstance(error, (requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError)):
        return _cut(error, host, timeout)
    if isinstance(error, requests.ConnectTimeout):
        return UnreachableError(f"no connection to {host} within {timeout:g} s")
    if isinstance(error, requests.Timeout) or _cause(error, ReadTimeoutError):
        return UnreachableError(f"{host} did not answer within {timeout:g} s")
    if isinstance(error, requests.exceptions.ProxyError):
        return UnreachableError(f"no connection to {host} through the proxy that the environment sets: {why(error)}")
    if isinstance(error, requests.exceptions.SSLError):
        return UnreachableError(f"no secure connection to {host}: {why(error)}")
    if _cause(error, NewConnectionError):
        return UnreachableError(f"no connection to {host}: {why(error)}")
    return UnreachableError(f"{host} closed the connection without a reply: {why(error)}")


def _cut(error: requests.RequestException, host: str, timeout: float) -> ExchangeError:
    if _cause(error, TimeoutError):
        return UnreachableError(f"{host} stopped in the middle of a reply for {timeout:g} s")
    return FaultyReplyError(f"a reply of {host} was cut short or damaged on its way")


def why(error: BaseException) -> str:
    """The operating system's reason, which stands innermost."""
    reasons = [
        each for each in _chain(error) if isinstance(each, OSError) and not isinstance(each, requests.RequestException)
    ]
    reason = reasons[-1] if reasons else None
    if isinstance(reason, gaierror):
        return "its name cannot be resolved; is this machine online?"
    if isinstance(reason, SSLError):
        return str(getattr(reason, "verify_message", "") or reason.reason or "handshake failed").lower()
    if reason is not None and reason.strerror:
        return reason.strerror.lower()
    return type(reason or error).__name__


def _cause(error: BaseException, kind: type[BaseException]) -> bool:
    return any(isinstance(each, kind) for each in _chain(error))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
