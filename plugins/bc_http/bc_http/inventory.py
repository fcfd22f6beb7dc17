"""`/`, `/symbols`, `/stats`, `/views`: what is there to ask for."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl

import falcon.asgi
import pyarrow as pa
from attrs import define

from bc_http.archive import Archive
from bc_http.cells import time_text
from bc_http.formats import FORMATS, Wanted
from bc_http.negotiation import preferred, wants_page
from bc_http.problems import Problem
from bc_http.pulse import State
from bc_http.resource import JSON, Resource, header, send_json, unchanged
from bc_http.routes import Route
from bcore import __version__
from bcore.naming import near
from bcore.records import SeriesStats
from bcore.wire import parameters_of, stats_table, views_table

ARROW = FORMATS["arrow"].media[0]
FIXED = {
    "/symbols": "The symbols that anything is stored of, by dataset",
    "/live/{view}/{symbol}": "New rows of a view as they are stored: Server-Sent Events, or a WebSocket",
    "/stats": "Row counts, bytes, gaps and time ranges of every series",
    "/views": "Everything that can be read, with parameters and columns",
    "/proofs/{dataset}/{symbol}": "Rows, ids and fingerprint of each day, as an archive proves what it holds",
    "/gaps/{dataset}/{symbol}": "The ids that are missing, and what is known of them",
    "/health": "Whether the server is alive; needs no key",
    "/ready": "Whether the data is as fresh as its own history lets expect, and without open gaps",
    "/metrics": "Metrics of the server and the archive for Prometheus",
    "/openapi.json": "This API as an OpenAPI 3.1 document",
    "/docs": "The same to read",
}


def parameters(req: falcon.asgi.Request, *known: str) -> dict[str, str]:
    """The query string of a path that takes few parameters. Raises `Problem` with every mistake."""
    pairs = parse_qsl(req.query_string, keep_blank_values=True, errors="replace")
    takes = f"takes {', '.join(known)}" if known else "takes no parameters"
    problems = [
        (name, f"{name} is not known{near(name, known)}: {req.path} {takes}") for name, _ in pairs if name not in known
    ]
    problems += [(name, f"{name} is given twice") for name in known if sum(name == each for each, _ in pairs) > 1]
    if problems:
        raise Problem(400, "; ".join(sentence for _, sentence in problems), tuple(problems))
    return dict(pairs)


def as_arrow(req: falcon.asgi.Request, given: Mapping[str, str]) -> bool:
    """Whether a table is wanted instead of JSON, by `format=` or by Accept."""
    form = given.get("format")
    if form is not None and form not in ("json", "arrow"):
        sentence = f"format must be 'json' or 'arrow' here, not {form!r}"
        raise Problem(400, sentence, (("format", sentence),))
    if form is not None:
        return form == "arrow"
    media = preferred((JSON, ARROW), header(req, b"accept"))
    if media is None:
        raise Problem(406, f"none of these would do: {JSON}, {ARROW}")
    return media == ARROW


def send_table(resp: falcon.asgi.Response, table: pa.Table) -> None:
    resp.content_type = ARROW
    resp.data = b"".join(FORMATS["arrow"].encode(Wanted(table.schema), table.to_batches()))


@define(eq=False)
class Symbols(Resource):
    """`{"trades": ["BTCUSDT", ..], ..}` as the original; with `?view=` those of one view."""

    archive: Archive

    async def on_get(self, req: falcon.asgi.Request, resp: falcon.asgi.Response, **params: Any) -> None:
        view = parameters(req, "view").get("view")
        state = await self.archive.pulse.state()
        if view is not None:
            state.view_of(view)
        if unchanged(req, resp, state.tag):
            return
        if view is not None:
            loop = asyncio.get_running_loop()
            symbols = await loop.run_in_executor(self.archive.pool, self.archive.reader.symbols, view)
            send_json(resp, {view: symbols})
        else:
            send_json(resp, _by_dataset(state))


def _by_dataset(state: State) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for dataset, symbol in sorted(state.series):
        found.setdefault(dataset, []).append(symbol)
    return found


@define(eq=False)
class Stats(Resource):
    """By dataset and symbol; as an Arrow stream one row a series, with all that a remote wants to know."""

    archive: Archive

    async def on_get(self, req: falcon.asgi.Request, resp: falcon.asgi.Response, **params: Any) -> None:
        arrow = as_arrow(req, parameters(req, "format"))
        state = await self.archive.pulse.state()
        if unchanged(req, resp, state.tag, ".arrow" if arrow else ".json"):
            return
        if arrow:
            send_table(resp, stats_table(state.series.values()))
            return
        told: dict[str, dict[str, Any]] = {}
        for (dataset, symbol), stats in sorted(state.series.items()):
            told.setdefault(dataset, {})[symbol] = _told(stats)
        send_json(resp, told)


def _told(stats: SeriesStats) -> dict[str, Any]:
    """The original's five facts, and more."""
    return {
        "rows": stats.rows,
        "size_mb": round(stats.bytes / 2**20, 2),
        "start": time_text(stats.first_time),
        "end": time_text(stats.last_time),
        "columns": len(stats.series.dataset.schema),
        "bytes": stats.bytes,
        "files": stats.files,
        "gaps": stats.gaps,
    }


@define(eq=False)
class Views(Resource):
    """Everything readable: what it is, what it takes, and its columns."""

    archive: Archive

    async def on_get(self, req: falcon.asgi.Request, resp: falcon.asgi.Response, **params: Any) -> None:
        arrow = as_arrow(req, parameters(req, "format"))
        state = await self.archive.pulse.state()
        if unchanged(req, resp, state.tag, ".arrow" if arrow else ".json"):
            return
        if arrow:
            send_table(resp, views_table(state.views))
        else:
            send_json(resp, [_described(state, name) for name in sorted(state.views)])


def _described(state: State, name: str) -> dict[str, Any]:
    view = state.views[name]
    return {
        "name": name,
        "summary": view.summary,
        "path": f"/{name}/{{symbol}}",
        "time": view.time,
        "id": state.sequence_of(name),
        "facets": list(view.facets),
        "parameters": parameters_of(view) or [],
        "columns": [{"name": column.name, "type": str(column.type)} for column in view.schema],
    }


@define(eq=False)
class Index(Resource):
    """What the server answers, as JSON; `page` answers those who prefer HTML, where a plugin offers one."""

    archive: Archive
    routes: tuple[Route, ...] = ()
    page: Any = None

    async def on_get(self, req: falcon.asgi.Request, resp: falcon.asgi.Response, **params: Any) -> None:
        accept = header(req, b"accept")
        if self.page is not None and wants_page(accept):
            await self.page.on_get(req, resp, **params)
            return
        parameters(req)
        state = await self.archive.pulse.state()
        resp.set_header("Vary", "Accept")
        send_json(resp, {"service": "bcore", "version": __version__, "endpoints": list(self._endpoints(state.views))})

    def _endpoints(self, views: Iterable[str]) -> Iterable[str]:
        for view in sorted(views):
            yield f"/{view}/{{symbol}}"
            yield f"/hot/{view}/{{symbol}}"
        yield from FIXED
        yield from (route.path for route in self.routes if route.path != "/")
