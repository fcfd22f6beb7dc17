"""The page and its files, answered from memory under a policy that lets nothing else in.

Falcon hands in its requests and responses; what is used of them is written down here, so that no plugin but bc_http
imports Falcon.
"""

from __future__ import annotations

import json
from typing import Any, Protocol
from urllib.parse import parse_qsl

from attrs import define

from bc_dashboard.assets import Asset, Assets

POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
HEADERS = (
    ("Content-Security-Policy", POLICY),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cache-Control", "no-cache"),
    ("Vary", "Accept, Accept-Encoding"),
)


PROBLEM = "application/problem+json"
LONGEST = 100  # characters of a name that is quoted
MISSING = {"type": "about:blank", "title": "Not Found", "status": 404, "detail": "the dashboard has no such file"}


class Asking(Protocol):
    query_string: str

    def get_header(self, name: str) -> str | None: ...


class Answering(Protocol):
    status: Any
    content_type: Any
    data: Any

    def set_header(self, name: str, value: str) -> None: ...


def answer(req: Asking, resp: Answering, asset: Asset) -> None:
    """The file, compressed where that is welcome; 304 where the browser has it."""
    for name, value in (*HEADERS, ("ETag", asset.tag)):
        resp.set_header(name, value)
    if asset.tag in (req.get_header("If-None-Match") or ""):
        resp.status = 304
        return
    resp.content_type, resp.data = asset.media, asset.body
    if "gzip" in (req.get_header("Accept-Encoding") or ""):
        resp.set_header("Content-Encoding", "gzip")
        resp.data = asset.zipped


def refused(req: Asking, resp: Answering) -> bool:
    """Whether there were parameters, where none are taken: 400 is answered then, naming them all."""
    names = dict.fromkeys(name for name, _ in parse_qsl(req.query_string, keep_blank_values=True, errors="replace"))
    if not names:
        return False
    problems = [
        {"parameter": name[:LONGEST], "detail": f"{name[:LONGEST]} is not known: there are none here"} for name in names
    ]
    told = {"type": "about:blank", "title": "Bad Request", "status": 400, "problems": problems}
    told["detail"] = "; ".join(each["detail"] for each in problems)
    resp.set_header("Cache-Control", "no-store")
    resp.status, resp.content_type, resp.data = 400, PROBLEM, json.dumps(told).encode()
    return True


@define(eq=False)
class Page:
    """`/`, for who prefers HTML."""

    assets: Assets

    async def on_get(self, req: Asking, resp: Answering, **params: Any) -> None:
        answer(req, resp, self.assets.files["index.html"])

    on_head = on_get


@define(eq=False)
class File:
    """`/dashboard/{name}`."""

    assets: Assets

    async def on_get(self, req: Asking, resp: Answering, name: str) -> None:
        asset = self.assets.files.get(name)
        if asset is not None:
            answer(req, resp, asset)
            return
        resp.status, resp.content_type, resp.data = 404, PROBLEM, json.dumps(MISSING).encode()

    on_head = on_get
