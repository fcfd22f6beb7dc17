"""`/proofs/{dataset}/{symbol}` and `/gaps/{dataset}/{symbol}`: what is provably held, for those who sync."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import falcon.asgi
from attrs import define

from bc_http.archive import Archive
from bc_http.inventory import as_arrow, parameters, send_table
from bc_http.problems import Problem
from bc_http.resource import Resource, send_json
from bcore.errors import RequestError
from bcore.instants import iso, parse_instant
from bcore.powers import Proves
from bcore.proving import gaps_table, proofs_table
from bcore.records import DayProof

WHOLE, TEXT, MAYBE = {"type": "integer"}, {"type": "string"}, {"type": ["string", "null"]}
DAY = {"day": TEXT, "rows": WHOLE, "first_id": WHOLE, "last_id": WHOLE, "fingerprint": TEXT}
GAP = {"first_id": WHOLE, "last_id": WHOLE, "ids": WHOLE, "state": {"type": "string", "enum": ["open", "unfillable"]}}
GAP |= {"reason": TEXT, "since": MAYBE, "day": MAYBE}


def described(name: str, properties: Mapping[str, Any], required: Iterable[str]) -> dict[str, Any]:
    """The JSON schema of an answer whose objects stand under `name`."""
    item = {"type": "object", "required": [*required], "properties": dict(properties)}
    whole = {"dataset": TEXT, "symbol": TEXT, name: {"type": "array", "items": item}}
    return {"type": "object", "required": [*whole], "properties": whole}


OF_PROOFS = described("days", DAY, ("day", "rows", "fingerprint"))
OF_GAPS = described("gaps", GAP, GAP)


@define(eq=False)
class Proofs(Resource):
    """Each day's rows, ids and fingerprint; with `?end=` of the time before it."""

    archive: Archive

    async def on_get(self, req: falcon.asgi.Request, resp: falcon.asgi.Response, **params: Any) -> None:
        given = parameters(req, "format", "end")
        arrow, end = as_arrow(req, given), _end(given.get("end"))
        reader = _proves(self.archive)
        found = await _in_thread(self.archive, lambda: reader.proofs(params["dataset"], params["symbol"], end=end))
        resp.set_header("Cache-Control", "no-store")
        if arrow:
            send_table(resp, proofs_table(found))
        else:
            send_json(resp, {"dataset": params["dataset"], "symbol": params["symbol"], "days": [*map(_told, found)]})


@define(eq=False)
class Gaps(Resource):
    """The ids that are missing, with what the ledger says of them."""

    archive: Archive

    async def on_get(self, req: falcon.asgi.Request, resp: falcon.asgi.Response, **params: Any) -> None:
        arrow = as_arrow(req, parameters(req, "format"))
        reader = _proves(self.archive)
        found = await _in_thread(self.archive, lambda: reader.gaps(params["dataset"], params["symbol"]))
        resp.set_header("Cache-Control", "no-store")
        if arrow:
            send_table(resp, gaps_table(found))
        else:
            told = [gap.as_object() for gap in found]
            send_json(resp, {"dataset": params["dataset"], "symbol": params["symbol"], "gaps": told})


def _proves(archive: Archive) -> Proves:
    if not isinstance(archive.reader, Proves):
        raise RequestError("what is served here tells no proofs")
    return archive.reader


async def _in_thread(archive: Archive, read: Callable[[], Any]) -> Any:
    return await asyncio.get_running_loop().run_in_executor(archive.pool, read)


def _end(text: str | None) -> int | None:
    try:
        return None if text is None else parse_instant(text)
    except RequestError as error:
        raise Problem(400, f"end: {error}", (("end", f"end: {error}"),)) from None


def _told(day: DayProof) -> dict[str, Any]:
    ids = {"first_id": day.spans.first, "last_id": day.spans.last} if day.spans else {}
    return {"day": iso(day.day)[:10], "rows": day.rows, **ids, "fingerprint": f"{day.fingerprint:032x}"}
