"""In front of everything: sizes, keys, pace and origins are looked at before Falcon is; every answer is counted."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from attrs import define, field, frozen

from bc_http.access import Keyring, Pace, presented
from bc_http.config import HttpConfig
from bc_http.negotiation import wants_page
from bc_http.problems import MEDIA_TYPE, Problem
from bc_http.tally import Shared

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

log = logging.getLogger("bc_http.access")
OPEN = ("/health",)
NOTED = (b"accept", b"origin", b"host", b"access-control-request-method", b"content-length")
WHO = {"WWW-Authenticate": 'Bearer realm="bcore"'}
PLAIN = ((b"x-content-type-options", b"nosniff"),)
ALLOWED = b"GET, HEAD, OPTIONS"
EXPOSED = b"ETag, Link, Retry-After, X-Bcore-Complete"


@frozen
class Public:
    """Paths that need no key: by name, or by what their template begins with; `page` says that of a page at `/`."""

    exact: frozenset[str]
    prefixes: tuple[str, ...]
    page: bool = False

    @classmethod
    def of(cls, templates: Iterable[str]) -> Public:
        every = {*OPEN, *templates}
        begins = tuple(each.split("{")[0] for each in every if "{" in each)
        exact = frozenset(each for each in every if "{" not in each)
        return cls(exact - {"/"}, begins, page="/" in exact)

    def has(self, path: str, accept: bytes | None) -> bool:
        """The index is at `/` too, and is not public: what is preferred decides."""
        if self.page and path == "/":
            return wants_page(None if accept is None else accept.decode("latin-1"))
        return path in self.exact or (bool(self.prefixes) and path.startswith(self.prefixes))


@frozen
class Headers:
    """What the gate looks at, found in one pass."""

    size: int
    key: bytes | None
    origin: bytes | None
    host: bytes
    preflight: bool
    length: bytes
    accept: bytes | None

    @classmethod
    def of(cls, headers: list[tuple[bytes, bytes]], method: str) -> Headers:
        size, found = 0, {}
        for name, value in headers:
            size += len(name) + len(value) + 4
            if name in NOTED:
                found[name] = value
        preflight = method == "OPTIONS" and b"access-control-request-method" in found
        origin, host, length = found.get(b"origin"), found.get(b"host", b""), found.get(b"content-length", b"0")
        return cls(size, presented(headers), origin, host, preflight, length, found.get(b"accept"))


@define(eq=False)
class Gate:
    """An ASGI application around another."""

    app: App
    config: HttpConfig
    keys: Keyring
    public: Public
    tally: Shared
    leave: Callable[[], None] = lambda: None
    pace: Pace | None = field(init=False)
    monotonic: Callable[[], float] = time.monotonic

    def __attrs_post_init__(self) -> None:
        rate = self.config.rate_limit / self.config.workers
        self.pace = Pace(rate) if rate else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        headers = Headers.of(scope["headers"], scope.get("method", ""))
        name = self.keys.name_of(headers.key) if self.keys else None
        refused = self._refused(scope, headers, name)
        if scope["type"] != "http":
            refused = refused or self._foreign(headers)
            await self._followed(scope, receive, send, name or "-", refused)
            return
        await self._answered(scope, receive, send, headers, name or "-", refused)

    async def _answered(
        self, scope: Scope, receive: Receive, send: Send, headers: Headers, who: str, refused: Problem | None
    ) -> None:
        began, status, sent = self.monotonic(), 0, 0
        extra = (*PLAIN, *self._shared(headers.origin))

        async def watched(message: MutableMapping[str, Any]) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], *extra]
            else:
                sent += len(message.get("body", b""))
            await send(message)

        try:
            if refused is None and not headers.preflight:
                await self.app(scope, receive, watched)
            else:
                await _refuse(scope, watched, refused)
        finally:
            took = self.monotonic() - began
            self.tally.count(scope["path"], scope["method"], status, took)
            if self.config.access_log:
                _note(scope, status, sent, took, who)

    async def _followed(self, scope: Scope, receive: Receive, send: Send, who: str, refused: Problem | None) -> None:
        """A WebSocket. It counts when it is over, as 101, or with the status of its refusal."""
        began, sent = self.monotonic(), 0

        async def watched(message: MutableMapping[str, Any]) -> None:
            nonlocal sent
            sent += len(message.get("text") or "")
            await send(message)

        try:
            await (self.app(scope, receive, watched) if refused is None else _closed(send, refused))
        finally:
            took, status = self.monotonic() - began, 101 if refused is None else refused.status
            self.tally.count(scope["path"], "GET", status, took)
            if self.config.access_log:
                _note({**scope, "method": "WEBSOCKET"}, status, sent, took, who)

    def _foreign(self, headers: Headers) -> Problem | None:
        """Browsers let any page open a WebSocket to anywhere, and say whose page it is: it is up to the server."""
        origin, allowed = headers.origin, self.config.origins
        if origin is None or "*" in allowed or origin.decode("latin-1") in allowed:
            return None
        if origin.partition(b"://")[2] == headers.host:
            return None
        return Problem(403, "pages of other origins than those listed may not follow")

    def _refused(self, scope: Scope, headers: Headers, name: str | None) -> Problem | None:
        if (problem := self._too_large(scope, headers)) is not None:
            return problem
        public = self.public.has(scope["path"], headers.accept) or headers.preflight
        if self.pace is not None and not public:
            client = name or str((scope.get("client") or ("-",))[0])
            if wait := self.pace.wait(client, self.monotonic()):
                sentence = f"more than {self.config.rate_limit:g} requests a second: ask again in {wait} s"
                return Problem(429, sentence, headers={"Retry-After": str(wait)})
        if self.keys and name is None and not public:
            what = "this key is not known" if headers.key else "a key is needed"
            return Problem(401, f"{what}: send it as X-API-Key, or as Authorization: Bearer", headers=WHO)
        return None

    def _too_large(self, scope: Scope, headers: Headers) -> Problem | None:
        config = self.config
        url = len(scope.get("raw_path") or scope["path"]) + len(scope["query_string"])
        if url > config.max_url:
            return Problem(414, f"the path with its query is {url} bytes long, at most {config.max_url} are read")
        if headers.size > config.max_headers:
            return Problem(431, f"the headers are {headers.size} bytes long, at most {config.max_headers} are read")
        if not headers.length.isdigit() or int(headers.length[:20]) > config.max_body:
            return Problem(413, f"no request needs a body; one of more than {config.max_body} bytes is not read")
        return None

    def _shared(self, origin: bytes | None) -> tuple[tuple[bytes, bytes], ...]:
        """CORS headers, where the page that asks comes from a listed origin."""
        origins = self.config.origins
        if origin is None or not origins:
            return ()
        if "*" not in origins and origin.decode("latin-1") not in origins:
            return ((b"vary", b"Origin"),)
        return (
            (b"access-control-allow-origin", origin),
            (b"access-control-expose-headers", EXPOSED),
            (b"access-control-allow-methods", ALLOWED),
            (b"access-control-allow-headers", b"Authorization, If-None-Match, X-API-Key"),
            (b"access-control-max-age", b"600"),
            (b"vary", b"Origin"),
        )


async def _refuse(scope: Scope, send: Send, problem: Problem | None) -> None:
    """The problem; without one it is a preflight, which has nothing to say but headers."""
    if problem is None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})
        return
    body = b"" if scope["method"] == "HEAD" else problem.body(scope["path"])
    headers = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", str(len(body)).encode())]
    headers += [(name.lower().encode(), value.encode()) for name, value in problem.headers.items()]
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _closed(send: Send, problem: Problem) -> None:
    """A WebSocket that is refused before it is one: the client sees 403."""
    await send({"type": "websocket.close", "code": 1008, "reason": problem.detail[:120]})


def _note(scope: Scope, status: int, sent: int, took: float, who: str) -> None:
    """One line; the query as it came, but for what looks like a key in the wrong place."""
    query = scope["query_string"].decode("latin-1")
    shown = "&".join(each if _harmless(each) else each.split("=")[0] + "=..." for each in query.split("&"))
    path = scope["path"] + (f"?{shown}" if query else "")
    client = (scope.get("client") or ("-",))[0]
    log.info("%s %s %s %r %d %d %.1fms", client, who, scope["method"], path, status, sent, took * 1e3)


def _harmless(pair: str) -> bool:
    name = pair.split("=")[0].lower()
    return not any(word in name for word in ("key", "token", "secret", "pass", "auth", "%"))
