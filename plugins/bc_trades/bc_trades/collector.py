"""One synchronous pass into a folder: the front door for scripts and notebooks."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from attrs import define, field

from bcore.app import App, completed
from bcore.collect import Job
from bcore.config import Tree
from bcore.errors import BcoreError, ConfigError
from bcore.query import Query
from bcore.registry import Registry

if TYPE_CHECKING:
    from bcore.instants import Instant
    from bcore.protocols import Key


class SymbolUpdate(TypedDict, total=False):
    """What one pass brought of a symbol: `rows` new ones, from `start_time` to `end_time`; or an `error` instead."""

    rows: int
    start_time: datetime | None
    end_time: datetime | None
    error: str


def _names(symbols: Iterable[str]) -> tuple[str, ...]:
    names = (symbols,) if isinstance(symbols, str) else tuple(dict.fromkeys(symbols))
    if not names:
        raise ConfigError(['symbols: name at least one, such as symbols=["BTCUSDT"]'])
    return names


@define
class TradesCollector:
    """Collects the trades of some symbols into an archive folder, from where the archive ends.

    `start` is where a series that holds nothing begins, `rest_url` another exchange host or a replay's address. Each
    `update()` is one pass. Needs one installed store that keeps folders (bc-parquet) and the exchange (bc-binance).
    """

    symbols: tuple[str, ...] = field(converter=_names)
    data_path: str | Path = "data"
    start: Instant = field(default="newest", kw_only=True)
    rest_url: str | None = field(default=None, kw_only=True)
    registry: Registry = field(factory=Registry.load, kw_only=True, repr=False)
    _app: App = field(init=False, repr=False)
    _jobs: dict[str, Job] = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        tree = completed(self._tree(), self.registry, data=str(self.data_path))
        self._app = App.of(tree, self.registry)
        self._jobs = dict(zip(self.symbols, self._app.jobs(), strict=True))

    def update(self) -> dict[str, SymbolUpdate]:
        """Everything new of every symbol, stored when this returns. A symbol that fails does not stop the others."""
        return {symbol: self._update(symbol) for symbol in self.symbols}

    def close(self) -> None:
        """Frees the connections, and the archive for other writers."""
        self._app.close()

    def __enter__(self) -> TradesCollector:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _tree(self) -> Tree:
        """One source per symbol, so that each can fail by itself."""
        exchange = {} if self.rest_url is None else {"rest_url": self.rest_url}
        return {
            "exchanges": {"binance": exchange},
            "sources": {
                f"trades_{number}": {"kind": "trades", "symbols": [symbol], "start": self.start}
                for number, symbol in enumerate(self.symbols)
            },
        }

    def _update(self, symbol: str) -> SymbolUpdate:
        job = self._jobs[symbol]
        try:
            held = job.held().get(symbol)
            rows = job.run_once(self._app.emit)
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
