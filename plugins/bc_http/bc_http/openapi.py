"""`/openapi.json`: the API described by the classes and schemas that it is made of."""

from __future__ import annotations

from typing import Any

import falcon.asgi
from attrs import define, field

from bc_http import schemas
from bc_http.archive import Archive
from bc_http.asking import Common
from bc_http.config import HttpConfig
from bc_http.formats import FORMATS
from bc_http.inventory import ARROW, FIXED, parameters
from bc_http.problems import MEDIA_TYPE
from bc_http.proving import OF_GAPS, OF_PROOFS
from bc_http.pulse import State
from bc_http.resource import JSON, Resource, send_json, unchanged
from bc_http.routes import Route
from bcore import __version__
from bcore.protocols import ViewInfo

Document = dict[str, Any]
SYMBOL = {"name": "symbol", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
SYMBOL |= {"description": "as /symbols lists it", "examples": {"usual": {"value": "BTCUSDT"}}}
PROOFS, GAPS = "/proofs/{dataset}/{symbol}", "/gaps/{dataset}/{symbol}"
NARROW = {"/symbols": ("view",), PROOFS: ("end",)}
ANSWERS = {PROOFS: OF_PROOFS, GAPS: OF_GAPS}
TABLES = ("/stats", "/views", PROOFS, GAPS)  # given as Arrow too
TAGGED = ("/symbols", "/stats", "/views", "/openapi.json")
UNTOLD = ("/ready", "/live/{view}/{symbol}")
HELP = {"view": "only of this view", "end": "of the time before this instant", "format": "how it is answered"}
REFUSALS = {
    "400": "Parameters that cannot be used, every one of them",
    "401": "A key is needed, or this one is not known",
    "403": "More rows than are given in one answer in JSON",
    "404": "No such view or symbol; near matches are named",
    "406": "No format that the client takes",
    "413": "A body, which no request needs",
    "414": "A path or a query that is too long",
    "429": "More requests than are allowed; Retry-After says when to come back",
    "431": "Headers that are too long",
    "503": "The archive cannot be read now",
}
ABOUT = {
    "title": "bcore",
    "version": __version__,
    "description": "Market data as it was collected, and what is computed of it. New rows are pushed at "
    "/live/{view}/{symbol}; /ready answers 503 when the data is stale or has open gaps.",
}
PROBLEM: Document = {
    "type": "object",
    "description": "RFC 9457",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "problems": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["detail"],
                "properties": {"parameter": {"type": "string"}, "detail": {"type": "string"}},
            },
        },
    },
}


def document(state: State, config: HttpConfig, routes: tuple[Route, ...] = ()) -> Document:
    """The OpenAPI document of everything that can be asked for now, and answered as a whole: `/live` never ends, and
    `/ready` answers those who watch the server, with 503 when all is well with it but not with its data."""
    paths: Document = {}
    for name, view in sorted(state.views.items()):
        without = () if state.sequence_of(name) else ("after_id",)
        paths[f"/{name}/{{symbol}}"] = {"get": _rows(name, view, without, hot=False)}
        paths[f"/hot/{name}/{{symbol}}"] = {"get": _rows(name, view, without, hot=True)}
    paths["/"] = {"get": _plain("index", "What the server answers", public=False)}
    for path, summary in FIXED.items():
        if path in UNTOLD:
            continue
        name = path.split("/")[1].replace(".", "_")
        paths[path] = {"get": _plain(name, summary, path, public=path == "/health")}
    for route in routes:
        if route.summary and route.path != "/":
            paths.setdefault(route.path, {"get": _of_route(route)})
    rows = {f"{name}_row": schemas.of_rows(view.schema) for name, view in state.views.items()}
    components: Document = {
        "schemas": {"Problem": PROBLEM, **rows},
        "responses": {f"Refused{status}": _refused(text) for status, text in REFUSALS.items()},
    }
    told: Document = {"openapi": "3.1.0", "info": ABOUT, "paths": paths, "components": components}
    if config.api_key or config.keys:
        components["securitySchemes"] = {
            "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            "bearer": {"type": "http", "scheme": "bearer"},
        }
        told["security"] = [{"key": []}, {"bearer": []}]
    return told


def _rows(name: str, view: ViewInfo, without: tuple[str, ...], *, hot: bool) -> Document:
    own = [] if view.params is None else schemas.parameters(view.params)
    facets = [_facet(each, view) for each in view.facets]
    taken = {*without, *(each["name"] for each in (*own, *facets))}
    if view.sized_by:
        taken |= {"start_time", "end_time", "tail"}
    common = [each for each in schemas.parameters(Common) if each["name"] not in taken]
    for each in (told for told in common if told["name"] == "columns"):
        each["schema"]["items"] = {"type": "string", "enum": view.schema.names}
    about = f"{view.summary or name}: the newest rows, from what is kept hot" if hot else view.summary or name
    return {
        "operationId": f"{'hot_' if hot else ''}{name}",
        "summary": about,
        "tags": [name],
        "parameters": [SYMBOL, *own, *facets, *common],
        "responses": {"200": _answer(name, view), "304": {"description": "What If-None-Match names is what there is"}}
        | _refusals("400", "401", "403", "404", "406", "429", "503"),
    }


def _facet(name: str, view: ViewInfo) -> Document:
    about = f"only rows of this {name}, or of several separated by commas"
    schema = schemas.of_facet(view.schema.field(name) if name in view.schema.names else None)
    return {"name": name, "in": "query", "required": False, "schema": schema, "description": about}


def _answer(name: str, view: ViewInfo) -> Document:
    row = {"$ref": f"#/components/schemas/{name}_row"}
    head = {"symbol": {"type": "string"}, "count": {"type": "integer"}}
    arrays = {column.name: {"type": "array", "items": schemas.of_column(column)} for column in view.schema}
    content: Document = {each.media[0]: {"schema": {}} for each in FORMATS.values()}
    content[JSON] = {"schema": _object(head | {"data": {"type": "array", "items": row}})}
    columns = {"type": "object", "properties": arrays}
    content[FORMATS["columns"].media[0]] = {"schema": _object(head | {"columns": columns})}
    content["application/x-ndjson"] = {"schema": {"type": "string"}}
    content["text/csv"] = {"schema": {"type": "string"}}
    headers = {
        "ETag": "changes when the rows may have",
        "Link": 'the next page, rel="next"',
        "X-Bcore-Complete": "of ranges: true, or gaps=N where ids are missing",
    }
    told = {each: {"schema": {"type": "string"}, "description": about} for each, about in headers.items()}
    return {"description": "The rows, oldest first", "headers": told, "content": content}


def _object(properties: Document) -> Document:
    return {"type": "object", "required": list(properties), "properties": properties}


def _plain(name: str, summary: str, path: str = "/", *, public: bool) -> Document:
    media = {"/metrics": "text/plain", "/docs": "text/html"}.get(path, JSON)
    content: Document = {media: {"schema": {"type": "string"} if media != JSON else ANSWERS.get(path, {})}}
    takes = [*_words(path), *(_narrowing(each, schemas.named(each)) for each in NARROW.get(path, ()))]
    table = path in TABLES
    if table:
        content[ARROW] = {"schema": {}}
        takes.append(_narrowing("format", {"type": "string", "enum": ["json", "arrow"]}))
    read = path in (PROOFS, GAPS)
    others = (
        *(("404",) if read or path == "/symbols" else ()),
        *(("406",) if table else ()),
        *(("503",) if read else ()),
    )
    refused = _refusals("400", *(() if public else ("401", "429")), *others)
    responses: Document = {"200": {"description": summary, "content": content}, **refused}
    if path in TAGGED:
        responses["304"] = {"description": "What If-None-Match names is what there is"}
    operation: Document = {"operationId": name, "summary": summary, "tags": ["server"], "responses": responses}
    return operation | ({"parameters": takes} if takes else {}) | ({"security": []} if public else {})


def _words(path: str) -> list[Document]:
    """The parameters that stand in a path."""
    words = [part[1:-1].split(":")[0] for part in path.split("/") if part.startswith("{")]
    schema = {"type": "string", "minLength": 1}
    return [{"name": word, "in": "path", "required": True, "schema": schema} for word in words]


def _narrowing(name: str, schema: Document) -> Document:
    return {"name": name, "in": "query", "required": False, "schema": schema, "description": HELP[name]}


def _of_route(route: Route) -> Document:
    takes = _words(route.path)
    name = "_".join(part.strip("{}").split(":")[0] for part in route.path.split("/") if part)
    told: Document = {"operationId": name, "summary": route.summary, "tags": ["plugins"], "parameters": takes}
    refused = _refusals("400", "404", *(() if route.public else ("401", "429")))
    responses = {"200": {"description": route.summary}, **refused}
    return {**told, "responses": responses} | ({"security": []} if route.public else {})


def _refusals(*statuses: str) -> Document:
    every = sorted({*statuses, "413", "414", "431"})
    return {status: {"$ref": f"#/components/responses/Refused{status}"} for status in every}


def _refused(text: str) -> Document:
    return {"description": text, "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}


@define(eq=False)
class OpenApi(Resource):
    archive: Archive
    routes: tuple[Route, ...] = ()
    _made: tuple[Any, Document] | None = field(default=None, init=False)

    async def on_get(self, req: falcon.asgi.Request, resp: falcon.asgi.Response, **params: Any) -> None:
        parameters(req)
        state = await self.archive.pulse.state()
        if not unchanged(req, resp, state.tag):
            send_json(resp, self.of(state))

    def of(self, state: State) -> Document:
        """Made once for as long as the views are the same."""
        if self._made is None or self._made[0] is not state.views:
            self._made = (state.views, document(state, self.archive.config, self.routes))
        return self._made[1]
