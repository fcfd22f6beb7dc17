"""What all resources share: GET and HEAD alike, ETags, and bodies that are sent as they are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import falcon.asgi
import msgspec

from bc_http.answers import Answer
from bc_http.negotiation import coding_for

VARY = "Accept, Accept-Encoding"
JSON = "application/json"


class Resource(ABC):
    """A resource that is only read."""

    @abstractmethod
    async def on_get(self, req: falcon.asgi.Request, resp: falcon.asgi.Response, **params: Any) -> None:
        """Answers, or raises an HTTP error."""

    async def on_head(self, req: falcon.asgi.Request, resp: falcon.asgi.Response, **params: Any) -> None:
        """As GET: Falcon leaves the body out."""
        await self.on_get(req, resp, **params)


def header(req: falcon.asgi.Request, name: bytes) -> str | None:
    """A header as ASGI has it: Falcon's own look-up decodes all of them first."""
    for key, value in req.scope["headers"]:
        if key == name:
            return str(value.decode("latin-1"))
    return None


def unchanged(req: falcon.asgi.Request, resp: falcon.asgi.Response, tag: str | None, variant: str = "") -> bool:
    """Sets the ETag; True, with 304 set, where the client has that very answer. Without a tag nothing is cached."""
    if tag is None:
        resp.set_header("Cache-Control", "no-store")
        return False
    etag = f'W/"{tag}{variant}"'
    resp.set_headers((("ETag", etag), ("Cache-Control", "no-cache"), ("Vary", VARY)))
    known = header(req, b"if-none-match")
    if known is None or not (known == "*" or etag[2:] in [_opaque(each) for each in known.split(",")]):
        return False
    resp.status = 304
    return True


def _opaque(etag: str) -> str:
    """What weak comparison looks at (RFC 9110 section 8.8.3.2)."""
    return etag.strip().removeprefix("W/")


def coding_of(req: falcon.asgi.Request) -> str | None:
    return coding_for(header(req, b"accept-encoding"))


def send(resp: falcon.asgi.Response, answer: Answer) -> None:
    """What there is of an answer before its pieces."""
    resp.content_type = answer.media
    resp.set_headers(answer.headers)
    if answer.pieces is None:
        resp.data = answer.body


def send_json(resp: falcon.asgi.Response, document: Mapping[str, Any] | list[Any]) -> None:
    resp.content_type = JSON
    resp.data = msgspec.json.encode(document)
