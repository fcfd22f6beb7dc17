"""`/docs`: the OpenAPI document as one page of HTML, without a script and without anything from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any

import falcon.asgi
from attrs import define

from bc_http.inventory import parameters
from bc_http.openapi import Document, OpenApi
from bc_http.resource import Resource, unchanged

STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 0 auto; padding: 1rem; }
h2 { margin-top: 2.5rem; border-bottom: 1px solid; } h3 { margin: 1.5rem 0 .3rem; }
code, pre { font-family: ui-monospace, monospace; font-size: .9em; }
pre { overflow-x: auto; padding: .6rem; border: 1px solid color-mix(in srgb, currentColor 25%, transparent); }
table { border-collapse: collapse; width: 100%; display: block; overflow-x: auto; }
td, th { text-align: left; vertical-align: top; padding: .2rem .8rem .2rem 0; }
tr { border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent); }
nav a { margin-right: 1rem; }
"""
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


@define(eq=False)
class Docs(Resource):
    openapi: OpenApi

    async def on_get(self, req: falcon.asgi.Request, resp: falcon.asgi.Response, **params: Any) -> None:
        parameters(req)
        state = await self.openapi.archive.pulse.state()
        resp.set_header("Content-Security-Policy", POLICY)
        if unchanged(req, resp, state.tag, ".docs"):
            return
        resp.content_type = "text/html; charset=utf-8"
        resp.data = page(self.openapi.of(state)).encode()


def page(document: Document) -> str:
    """The whole page."""
    return "".join(_page(document))


def _page(document: Document) -> Iterator[str]:
    title = f"{document['info']['title']} {document['info']['version']}"
    yield f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<style>{STYLE}</style></head><body><h1>{escape(title)}</h1>"
    yield f'<p>{escape(document["info"]["description"])} As a document: <a href="/openapi.json">/openapi.json</a>.</p>'
    if document.get("security"):
        yield "<p>Every request needs a key: <code>X-API-Key: KEY</code> or <code>Authorization: Bearer KEY</code>.</p>"
    tags = _by_tag(document)
    yield "<nav>" + "".join(f'<a href="#{escape(tag)}">{escape(tag)}</a>' for tag in tags) + "</nav>"
    for tag, operations in tags.items():
        yield f'<h2 id="{escape(tag)}">{escape(tag)}</h2>'
        for path, operation in operations:
            yield from _operation(path, operation)
    yield "</body></html>"


def _by_tag(document: Document) -> dict[str, list[tuple[str, Document]]]:
    tags: dict[str, list[tuple[str, Document]]] = {}
    for path, item in document["paths"].items():
        for tag in item["get"]["tags"]:
            tags.setdefault(tag, []).append((path, item["get"]))
    return tags


def _operation(path: str, operation: Document) -> Iterator[str]:
    yield f'<h3 id="{escape(operation["operationId"])}"><code>GET {escape(path)}</code></h3>'
    yield f"<p>{escape(operation['summary'])}</p>"
    taken = operation.get("parameters", [])
    if taken:
        yield "<table><thead><tr><th>parameter</th><th>type</th><th>default</th><th></th></tr></thead><tbody>"
        yield "".join(_parameter(each) for each in taken)
        yield "</tbody></table>"
    content = operation["responses"]["200"].get("content", {})
    if content:
        yield f"<p>Answers: {', '.join(f'<code>{escape(media)}</code>' for media in content)}</p>"


def _parameter(told: Document) -> str:
    schema = told["schema"]
    default = schema.get("default", "")
    cells = (f"<code>{escape(told['name'])}</code>", escape(_kind(schema)), escape(str(default)))
    about = escape(told.get("description", "")) + (" (needed)" if told["required"] else "")
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in (*cells, about)) + "</tr>"


def _kind(schema: Document) -> str:
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if "anyOf" in schema:
        return " | ".join(_kind(each) for each in schema["anyOf"])
    if schema.get("type") == "array":
        return f"{_kind(schema['items'])}, .."
    return str(schema.get("type", ""))
