"""One synchronous pass into a folder: the front door for scripts and notebooks."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from attrs import define, field

from bcore.collect import Job
from bcore.errors import BcoreError
from bcore.query import Query
from bcore.registry import Registry
from bcore.scripting import SymbolJobs, symbol_names

if TYPE_CHECKING:
    from bcore.instants import Instant
    from bcore.protocols import Key


class SymbolUpdate(TypedDict, total=False):
    """What one pass brought of a symbol: `rows` new ones, from `start_time` to `end_time`; or an `error` instead."""

    rows: int
    start_time: datetime | None
    end_time: datetime | None
    error: str


@define
class TradesCollector:
    """Collects the trades of some symbols into an archive folder, from where the archive ends.

    `start` is where a series that holds nothing begins, `rest_url` another exchange host or a replay's address. Each
    `update()` is one pass. Needs one installed store that keeps folders (bc-parquet) and the exchange (bc-binance).
    """

    symbols: tuple[str, ...] = field(converter=symbol_names)
    data_path: str | Path = "data"
    start: Instant = field(default="newest", kw_only=True)
    rest_url: str | None = field(default=None, kw_only=True)
    registry: Registry | None = field(default=None, kw_only=True, repr=False)
    _work: SymbolJobs = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        exchange = {} if self.rest_url is None else {"rest_url": self.rest_url}
        sections = {symbol: {"kind": "trades", "start": self.start} for symbol in self.symbols}
        self._work = SymbolJobs.of(sections, {"binance": exchange}, self.data_path, self.registry)

    def update(self) -> dict[str, SymbolUpdate]:
        """Everything new of every symbol, stored when this returns. A symbol that fails does not stop the others."""
        return {symbol: self._update(symbol) for symbol in self.symbols}

    def close(self) -> None:
        """Frees the connections, and the archive for other writers."""
        self._work.close()

    def __enter__(self) -> TradesCollector:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _update(self, symbol: str) -> SymbolUpdate:
        job = self._work.jobs[symbol]
        try:
            held = job.held().get(symbol)
            rows = job.run_once(self._work.app.emit)
            return {"rows": rows, **_range(job, symbol, held, rows)}
        except (BcoreError, OSError) as error:
            return {"error": str(error)}


def _range(job: Job, symbol: str, held: Key | None, rows: int) -> SymbolUpdate:
    """The times of the first and the last row after `held`."""
    if not rows:
        return {"start_time": None, "end_time": None}
    dataset = job.datasets()[0]
    first = Query(dataset, symbol, first=None if held is None else held[0] + 1, limit=1)
    ends = [job.store.read(query) for query in (first, Query(dataset, symbol, tail=1))]
    start, end = (table.column(dataset.time)[0].as_py() for table in ends)
    return {"start_time": start, "end_time": end}
