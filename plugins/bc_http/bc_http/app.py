"""The ASGI application: what answers where, and what becomes of errors."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import falcon
import falcon.asgi

from bc_http.access import Keyring
from bc_http.answers import Answers
from bc_http.archive import Archive
from bc_http.config import HttpConfig
from bc_http.docs import Docs
from bc_http.gate import Gate, Public
from bc_http.inventory import FIXED, Index, Stats, Symbols, Views
from bc_http.live.hub import Counts
from bc_http.live.resource import Live
from bc_http.metrics import Metrics
from bc_http.openapi import OpenApi
from bc_http.packing import Packing
from bc_http.problems import MEDIA_TYPE, Problem
from bc_http.proving import Gaps, Proofs
from bc_http.readiness import Health, Judge, Ready
from bc_http.routes import Route
from bc_http.rows import Rows
from bc_http.tally import Shared, Tally
from bcore.errors import BcoreError, RequestError
from bcore.protocols import Reader

log = logging.getLogger(__name__)


def create_app(reader: Reader, config: HttpConfig, routes: Iterable[Route] = (), counts: Path | None = None) -> Gate:
    """The whole application for one worker process. `counts` is where workers leave their counts for each other."""
    archive, routes = Archive(reader, config), tuple(routes)
    words = {path.split("/")[1] for path in (*FIXED, *(route.path for route in routes))}
    tally = Shared(Tally(frozenset({*words, "hot", "live", "proofs", "gaps", *reader.views()})), counts)
    tally.tally.registry.register(Counts(archive.hub))
    archive.hub.noted = tally.changed
    public = Public.of(route.path for route in routes if route.public)
    app = _routed(archive, routes, tally)
    return Gate(app, config, Keyring.of(config), public, tally, archive.hub.close)


def _routed(archive: Archive, routes: tuple[Route, ...], shared: Shared) -> Any:
    app: falcon.asgi.App[Any, Any] = falcon.asgi.App(middleware=[Packing()])
    app.set_error_serializer(_serialized)
    for kind, handler in HANDLERS:
        app.add_error_handler(kind, handler)
    answers = Answers(archive.config.cache_bytes)
    page = next((route.resource for route in routes if route.path == "/"), None)
    openapi = OpenApi(archive, routes)
    fixed: dict[str, object] = {
        "/": Index(archive, routes, page),
        "/symbols": Symbols(archive),
        "/stats": Stats(archive),
        "/views": Views(archive),
        "/health": Health(),
        "/ready": Ready(archive, Judge(archive.reader)),
        "/metrics": Metrics(archive, shared),
        "/openapi.json": openapi,
        "/docs": Docs(openapi),
        "/hot/{view}/{symbol:path}": Rows(archive, answers, hot=True),
        "/proofs/{dataset}/{symbol:path}": Proofs(archive),
        "/gaps/{dataset}/{symbol:path}": Gaps(archive),
        "/live/{view}/{symbol:path}": Live(archive, archive.hub),
        "/{view}/{symbol:path}": Rows(archive, answers),
    }
    for path, resource in fixed.items():
        app.add_route(path, resource)
    for route in routes:
        _add(app, route)
    return app


def _add(app: falcon.asgi.App[Any, Any], route: Route) -> None:
    try:
        if route.path != "/":
            app.add_route(route.path, route.resource)
    except (ValueError, TypeError) as error:
        log.error("the route %s of a plugin is left out: %s", route.path, error)


async def _problem(req: falcon.asgi.Request, resp: falcon.asgi.Response, error: Any, params: Any) -> None:
    resp.status = error.status
    resp.content_type = MEDIA_TYPE
    resp.data = error.body(req.path)
    resp.set_headers(dict(error.headers))
    resp.delete_header("ETag")
    resp.set_header("Cache-Control", "no-store")


async def _asked_wrongly(req: falcon.asgi.Request, resp: falcon.asgi.Response, error: Any, params: Any) -> None:
    await _problem(req, resp, Problem.of(error), params)


async def _failed(req: falcon.asgi.Request, resp: falcon.asgi.Response, error: Exception, params: Any) -> None:
    """A store that cannot be read: the next time it may be."""
    log.error("%s: %s: %s", req.path, type(error).__name__, error)
    await _problem(req, resp, Problem(503, f"the archive could not be read: {error}"), params)


async def _broken(req: falcon.asgi.Request, resp: falcon.asgi.Response, error: Exception, params: Any) -> None:
    """A fault of ours: the log has all of it, the client only that it is none of theirs."""
    log.exception("%s failed", req.path, exc_info=error)
    await _problem(req, resp, Problem(500, "this is a fault of the server, and in its log"), params)


HANDLERS: tuple[tuple[type[Exception], Callable[..., Any]], ...] = (
    (Exception, _broken),
    (OSError, _failed),
    (BcoreError, _failed),
    (RequestError, _asked_wrongly),
    (Problem, _problem),
)


def _serialized(req: falcon.Request, resp: falcon.Response, error: falcon.HTTPError) -> None:
    """Falcon's own errors: no such path, and methods that a path does not know."""
    sentences = {
        404: f"there is nothing at {req.path}; / lists what there is",
        405: "this path is only read: GET or HEAD",
    }
    detail = sentences.get(error.status_code) or error.description or error.title or ""
    resp.content_type = MEDIA_TYPE
    resp.data = Problem(error.status_code, detail).body(req.path)
