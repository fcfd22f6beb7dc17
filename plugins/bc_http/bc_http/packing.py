"""Compresses what was not compressed where it was made: lists, documents, and the texts of plugins' routes."""

from __future__ import annotations

from typing import Any

import falcon.asgi

from bc_http.coding import ENOUGH, coded
from bc_http.formats import FORMATS
from bc_http.resource import JSON, coding_of

PLAIN = ("text/", JSON, FORMATS["arrow"].media[0])


class Packing:
    """Falcon middleware. Refusals and streams go out as they are."""

    async def process_response(
        self, req: falcon.asgi.Request, resp: falcon.asgi.Response, resource: object, succeeded: bool
    ) -> None:
        body = resp.data
        if body is None or len(body) < ENOUGH or not succeeded or resp.get_header("Content-Encoding") is not None:
            return
        if not _text(resp.content_type):
            return
        if "accept-encoding" not in (resp.get_header("Vary") or "").lower():
            resp.append_header("Vary", "Accept-Encoding")
        coding = coding_of(req)
        if coding is not None:
            resp.data = b"".join(coded(iter((body,)), coding))
            resp.set_header("Content-Encoding", coding)


def _text(media: Any) -> bool:
    return isinstance(media, str) and media.startswith(PLAIN)
