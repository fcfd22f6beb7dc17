"""`/health` and `/ready`: whether the server is alive, and whether its data is worth serving."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Iterator
from typing import Any

import falcon.asgi
import pyarrow as pa
import pyarrow.compute as pc
from attrs import define, field, frozen

from bc_http.archive import Archive
from bc_http.inventory import parameters
from bc_http.pulse import State
from bc_http.resource import Resource, send_json
from bcore import __version__
from bcore.catalogue import View
from bcore.errors import BcoreError, NotFoundError
from bcore.instants import SECOND
from bcore.ledger import SUFFIX, Ledger
from bcore.local import StoreReader
from bcore.naming import near_symbol
from bcore.protocols import Reader
from bcore.query import Request
from bcore.records import SeriesStats

PATIENCE = 60.0  # seconds without a row that any series may have
TIMES = 3.0  # so many times its longest pause may a series be silent
LOOKED_AT = 1000  # rows, for their pauses


@define(eq=False)
class Health(Resource):
    """Alive; says nothing about the data, and nothing that a stranger should not know."""

    async def on_get(self, req: falcon.asgi.Request, resp: falcon.asgi.Response, **params: Any) -> None:
        parameters(req)
        resp.set_header("Cache-Control", "no-store")
        send_json(resp, {"status": "healthy", "version": __version__})


@frozen
class Verdict:
    """On one series. `age` and `allowed` are seconds since its newest row, and how many would be no surprise.

    `gaps` is None where no ids could be missing, because the rows have none.
    """

    dataset: str
    symbol: str
    age: float
    allowed: float
    gaps: int | None

    @property
    def ready(self) -> bool:
        return self.age <= self.allowed and not self.gaps

    def told(self) -> dict[str, Any]:
        stale = f"no row for {self.age:.0f} s, {self.allowed:.0f} s would be usual"
        reasons = [stale] * (self.age > self.allowed) + [f"{self.gaps} runs of ids are missing"] * bool(self.gaps)
        facts = {"dataset": self.dataset, "symbol": self.symbol, "ready": self.ready, "age": round(self.age, 3)}
        return {**facts, "allowed": round(self.allowed, 3), "gaps": self.gaps, "reasons": reasons}


@define(eq=False)
class Judge:
    """Judges series by their own history. What was found out about the rows is kept while they do not change."""

    reader: Reader
    now: Callable[[], float] = time.time
    _known: dict[tuple[str, str], tuple[str, float, int | None]] = field(factory=dict, init=False)

    def verdicts(
        self, state: State, datasets: Collection[str] | None = None, symbol: str | None = None
    ) -> Iterator[Verdict]:
        """On every series that holds rows (ledgers apart), or on those of some datasets or of a symbol."""
        for (dataset, name), stats in sorted(state.series.items()):
            ledger = dataset.endswith(SUFFIX) and (dataset.removesuffix(SUFFIX), name) in state.series
            wanted = (datasets is None or dataset in datasets) and symbol in (None, name)
            if stats.last_time is not None and not ledger and wanted:
                allowed, gaps = self._facts(state, stats)
                yield Verdict(dataset, name, self.now() - stats.last_time / SECOND, allowed, gaps)

    def _facts(self, state: State, stats: SeriesStats) -> tuple[float, int | None]:
        key = stats.series.dataset.name, stats.series.symbol
        tag = (state.tags or {}).get(key, "") + (state.tags or {}).get((key[0] + SUFFIX, key[1]), "")
        known = self._known.get(key)
        if known is None or known[0] != tag:
            known = self._known[key] = (tag, self._allowed(stats), self._gaps(stats))
        return known[1], known[2]

    def _allowed(self, stats: SeriesStats) -> float:
        dataset, symbol = stats.series.dataset, stats.series.symbol
        hot = self.reader.read(Request(dataset.name, symbol, tail=LOOKED_AT, columns=(dataset.time,), hot=True))
        times = pc.sort_indices(hot.column(0))
        stamps = hot.column(0).take(times).cast(pa.int64()).combine_chunks()
        if len(stamps) < 2:
            return PATIENCE
        return max(PATIENCE, TIMES * int(pc.max(pc.subtract(stamps[1:], stamps[:-1])).as_py()) / SECOND)

    def _gaps(self, stats: SeriesStats) -> int | None:
        """Open ones: what nobody has is known to be missing for good."""
        if not stats.gaps or not isinstance(self.reader, StoreReader):
            return stats.gaps
        for store in self.reader.stores:
            if spans := store.spans(stats.series):
                return len(spans.gaps().subtract(Ledger.read(store, stats.series).unfillable()).runs)
        return 0


@define(eq=False)
class Ready(Resource):
    """200 or 503, with the verdict on each series. `?view=` and `?symbol=` narrow it; 404 for what is not there."""

    archive: Archive
    judge: Judge

    async def on_get(self, req: falcon.asgi.Request, resp: falcon.asgi.Response, **params: Any) -> None:
        asked = parameters(req, "view", "symbol")
        state = await self.archive.pulse.state()
        datasets, symbol = _datasets(state, asked.get("view")), asked.get("symbol")
        _check_symbol(state, datasets, symbol)
        loop = asyncio.get_running_loop()
        resp.set_header("Cache-Control", "no-store")
        try:
            verdicts = await loop.run_in_executor(
                self.archive.pool, lambda: list(self.judge.verdicts(state, datasets, symbol))
            )
        except (BcoreError, OSError) as error:
            resp.status = 503
            send_json(resp, {"ready": False, "reason": f"the archive cannot be read: {error}", "series": []})
            return
        ready = bool(verdicts) and all(each.ready for each in verdicts)
        resp.status = 200 if ready else 503
        nothing = "the archive cannot be read" if state.tags is None else "nothing is stored yet"
        reason = nothing if not verdicts else "" if ready else "see the reasons of each series"
        send_json(resp, {"ready": ready, "reason": reason, "series": [each.told() for each in verdicts]})


def _datasets(state: State, name: str | None) -> tuple[str, ...] | None:
    """What the view is made of; None for everything."""
    if name is None:
        return None
    view = state.view_of(name)
    if not isinstance(view, View):
        return (name,)
    if view.computation is not None:
        return tuple(view.prefix + each for each in view.computation.datasets)
    return (view.dataset.name,)


def _check_symbol(state: State, datasets: Collection[str] | None, symbol: str | None) -> None:
    """Where nothing is stored at all, that is what is to be said, and not that this symbol is not."""
    there = sorted({name for dataset, name in state.series if datasets is None or dataset in datasets})
    if symbol is not None and there and symbol not in there:
        stored = ", ".join(there[:20])
        raise NotFoundError(
            f"nothing is stored for the symbol {symbol!r}{near_symbol(symbol, there)}; stored: {stored}"
        )
