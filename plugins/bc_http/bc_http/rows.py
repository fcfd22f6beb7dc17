"""`/{view}/{symbol}` and `/hot/{view}/{symbol}`: the rows of any view, in any format."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import falcon.asgi
from attrs import define, evolve, field, frozen

from bc_http.answers import Answer, Answers, Flow
from bc_http.archive import Archive
from bc_http.asking import Asked, Asking
from bc_http.coding import ENOUGH, coded
from bc_http.formats import Format, Wanted
from bc_http.negotiation import format_for
from bc_http.paging import next_query
from bc_http.problems import Problem
from bc_http.pulse import State
from bc_http.resource import Resource, coding_of, header, send, unchanged
from bcore.protocols import ViewInfo
from bcore.query import Request

WHOLE_BYTES = 2**21  # of a table; what is longer is sent piece by piece
FEW = 10_000  # rows; more are scanned and not read
PLANS = 1024  # that are remembered


@frozen(eq=False)
class Plan:
    """A request that was understood: it comes again every second."""

    view: ViewInfo
    asked: Asked
    form: Format
    request: Request
    path: str
    query: str

    @property
    def streamed(self) -> bool:
        """Whether rows are sent while they are read: when there may be many, and nobody counts them before."""
        count = self.request.limit if self.request.tail is None else self.request.tail
        few = self.request.newest_kept or self.view.sized_by is not None or (count is not None and count <= FEW)
        return not (self.form.counted or few)

    @property
    def key(self) -> tuple[bool, str, str, str, str]:
        return self.request.hot, self.view.name, self.request.symbol, self.query, self.form.name


@define(eq=False)
class Rows(Resource):
    """The Falcon resource of the rows of all views; of what is kept hot if `hot`."""

    archive: Archive
    answers: Answers
    hot: bool = False
    _plans: dict[tuple[str, str, str, str | None], Plan] = field(factory=dict, init=False)
    _views: Any = field(default=None, init=False)

    async def on_get(self, req: falcon.asgi.Request, resp: falcon.asgi.Response, **params: Any) -> None:
        state = await self.archive.pulse.state()
        plan = self._plan(state, params["view"], params["symbol"], req)
        coding = coding_of(req)
        tag = state.tag_of(plan.view.name, plan.request.symbol)
        if unchanged(req, resp, tag, f".{plan.form.name}"):
            return
        key = (*plan.key, coding)
        answer = self.answers.held(key, tag)
        if answer is None:
            answer = await self._made(plan, state, coding, None if plan.streamed else tag, key)
        send(resp, answer)
        if answer.pieces is not None and req.method != "HEAD":
            resp.stream = Flow(answer.pieces, self.archive.pool)

    async def _made(self, plan: Plan, state: State, coding: str | None, tag: str | None, key: Any) -> Answer:
        async def make() -> Answer:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self.archive.pool, self._answer, plan, state, coding)

        return await self.answers.of(key, tag, make)

    def _plan(self, state: State, view: str, symbol: str, req: falcon.asgi.Request) -> Plan:
        accept = header(req, b"accept")
        key = (view, symbol, req.query_string, accept)
        if state.views is not self._views or len(self._plans) > PLANS:
            self._plans.clear()
            self._views = state.views
        if key not in self._plans:
            self._plans[key] = self._planned(state, view, symbol, req.path, req.query_string, accept)
        return self._plans[key]

    def _planned(self, state: State, name: str, symbol: str, path: str, query: str, accept: str | None) -> Plan:
        view = state.view_of(name)
        asked = Asking(view, self.hot).parsed(symbol, query)
        form = format_for(asked.common.format, accept)
        request = (
            self._counted(asked.request, view, newest=asked.common.tail is True) if form.counted else asked.request
        )
        return Plan(view, asked, form, request, path, query)

    def _counted(self, request: Request, view: ViewInfo, *, newest: bool) -> Request:
        """JSON holds everything at once, on both sides: it has a default and a limit."""
        config = self.archive.config
        if max(request.limit or 0, request.tail or 0) > config.max_rows:
            name = "tail" if request.tail else "limit"
            sentence = f"{name} must be at most {config.max_rows} in JSON; arrow, parquet, csv and ndjson have no limit"
            raise Problem(403, sentence, ((name, sentence),))
        if request.limit is None and request.tail is None and not request.hot and view.sized_by is None:
            most = config.default_rows
            return evolve(request, tail=most) if newest else evolve(request, limit=most)
        return request

    def _answer(self, plan: Plan, state: State, coding: str | None) -> Answer:
        """In a thread. What is wrong with the request shows here, before anything was sent."""
        reader, request = self.archive.reader, plan.request
        said = self.archive.completeness.said(request, plan.view, state)
        headers = [] if said is None else [("X-Bcore-Complete", said)]
        if plan.streamed:
            scanned = reader.scan(request)
            return self._long(plan, Wanted(scanned.schema, plan.asked.common.time == "us"), scanned, headers, coding)
        table = reader.read(request)
        sequence = state.sequence_of(plan.view.name)
        if (following := next_query(request, table, plan.view, sequence, plan.query)) is not None:
            headers.append(("Link", f'<{falcon.uri.encode(plan.path)}?{following}>; rel="next"'))
        wanted = Wanted(table.schema, plan.asked.common.time == "us", self._head(plan), table.num_rows)
        if table.nbytes > WHOLE_BYTES:
            return self._long(plan, wanted, table.to_reader(FEW), headers, coding)
        body = b"".join(plan.form.encode(wanted, table.to_batches()))
        if coding is None or len(body) < ENOUGH:
            return Answer(plan.form.media[0], tuple(headers), body)
        headers.append(("Content-Encoding", coding))
        return Answer(plan.form.media[0], tuple(headers), b"".join(coded(iter((body,)), coding)))

    def _head(self, plan: Plan) -> dict[str, Any]:
        return {"symbol": plan.request.symbol, **plan.asked.echo}

    def _long(
        self, plan: Plan, wanted: Wanted, batches: Any, headers: list[tuple[str, str]], coding: str | None
    ) -> Answer:
        if coding is not None:
            headers.append(("Content-Encoding", coding))
        pieces = coded(plan.form.encode(wanted, batches), coding)
        return Answer(plan.form.media[0], tuple(headers), pieces=_begun(pieces))


def _begun(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The pieces, of which the first is there already: a failure to begin is still a proper answer."""
    return _from(next(pieces, b""), pieces)


def _from(first: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from pieces
