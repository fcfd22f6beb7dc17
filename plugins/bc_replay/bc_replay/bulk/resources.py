"""The Falcon resources of the bucket: its files, and its listing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import falcon
import falcon.asgi
from attrs import define

from bc_replay.bulk.bucket import Bucket
from bc_replay.bulk.keys import CHECKSUM, EPOCH
from bc_replay.bulk.pages import LISTS, BadListing, asked, error_xml
from bc_replay.bulk.zips import Stored
from bc_replay.exchange import Exchange, log

PIECE = 1 << 18
XML = "application/xml"


@define(eq=False)
class Download:
    """GET and HEAD of one file below `/data/`."""

    exchange: Exchange
    bucket: Bucket

    async def on_get(self, req: falcon.asgi.Request, resp: falcon.asgi.Response, path: str) -> None:
        file = await self._described(req, resp, path)
        if file is None:
            return
        size = file.size
        fault = None if path.endswith(CHECKSUM) else self.exchange.faults.download(f"data/{path}")
        if fault is not None and fault.kind.name == "filehalf":
            size //= 2
        relay = self.exchange.front.find(req.get_header("X-Replay-Connection"))
        if fault is not None and fault.kind.name == "filecut" and relay is not None:
            relay.truncate()
        resp.set_stream(pieces(file.path, size), size)

    async def on_head(self, req: falcon.asgi.Request, resp: falcon.asgi.Response, path: str) -> None:
        file = await self._described(req, resp, path)
        if file is not None:
            resp.content_length = file.size

    async def _described(self, req: falcon.asgi.Request, resp: falcon.asgi.Response, path: str) -> Stored | None:
        """The file, its headers set; None where the reply is that there is none."""
        key = f"data/{path}"
        self.exchange.requests[f"/{key}"] += 1
        log.info("%s /%s", req.method, key)
        file = await self.bucket.fetch(key)
        if file is None:
            resp.status, resp.content_type = 404, XML
            resp.data = error_xml("NoSuchKey", "The specified key does not exist.", key)
            return None
        resp.content_type = "application/octet-stream" if key.endswith(CHECKSUM) else "application/zip"
        resp.set_header("ETag", file.etag)
        resp.last_modified = EPOCH + timedelta(microseconds=file.modified)
        return file


@define(eq=False)
class Listing:
    """GET of `/` with `prefix`, `delimiter` or `list-type`; without any of them there is nothing."""

    exchange: Exchange
    bucket: Bucket

    async def on_get(self, req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        query = {name: req.get_param(name) or "" for name in req.params}
        if not query.keys() & set(LISTS):
            raise falcon.HTTPNotFound
        self.exchange.requests["/"] += 1
        log.info("GET /?%s", req.query_string)
        resp.content_type = XML
        try:
            resp.data = await self.bucket.listing(asked(query))
        except BadListing as problem:
            resp.status, resp.data = 400, error_xml("InvalidArgument", str(problem))


async def pieces(path: Path, size: int) -> AsyncIterator[bytes]:
    """The first `size` bytes of a file, which is never in memory as a whole."""
    with path.open("rb") as file:
        while size and (piece := file.read(min(PIECE, size))):
            yield piece
            size -= len(piece)
