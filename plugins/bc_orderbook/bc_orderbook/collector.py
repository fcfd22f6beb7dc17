"""One snapshot of each book into a folder: the front door for scripts and notebooks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, TypedDict

from attrs import define, field

from bcore.collect import Job
from bcore.errors import BcoreError
from bcore.events import BatchStored, Event, RowsRejected
from bcore.instants import to_datetime
from bcore.registry import Registry
from bcore.scripting import SymbolJobs, symbol_names

TickSizes = Mapping[str, Iterable[float]] | Iterable[float]


class SymbolUpdate(TypedDict, total=False):
    """What one pass stored of a symbol: `rows` of one snapshot, at so many tick sizes; or an `error` instead."""

    rows: int
    tick_sizes: int
    timestamp: datetime
    error: str


def _listed(tick_sizes: TickSizes | None) -> dict[str, list[float]] | list[float] | None:
    """As a configuration file holds them."""
    if isinstance(tick_sizes, Mapping):
        return {symbol: list(sizes) for symbol, sizes in tick_sizes.items()}
    return None if tick_sizes is None else list(tick_sizes)


@define
class OrderBookCollector:
    """Collects order book snapshots of some symbols into an archive folder.

    `tick_sizes` by symbol, or one list for all; five that suit the price where none are named. `rest_url` is another
    exchange host or a replay's address. Each `update()` is one pass. Needs one installed store that keeps folders
    (bc-parquet). Raises `ConfigError` that names every argument which cannot be used.

    ```python
    with OrderBookCollector(["BTCUSDT"], {"BTCUSDT": [10, 50, 100]}) as collector:
        collector.update()  # {"BTCUSDT": {"rows": 3, "tick_sizes": 3, "timestamp": datetime(...)}}
    ```
    """

    symbols: tuple[str, ...] = field(converter=symbol_names)
    tick_sizes: dict[str, list[float]] | list[float] | None = field(default=None, converter=_listed)
    num_levels: int = 15
    data_path: str | Path = "data"
    rest_url: str | None = field(default=None, kw_only=True)
    registry: Registry | None = field(default=None, kw_only=True, repr=False)
    _work: SymbolJobs = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        exchange = {} if self.rest_url is None else {"rest_url": self.rest_url}
        sections = {symbol: self._section(symbol) for symbol in self.symbols}
        self._work = SymbolJobs.of(sections, {"binance": exchange}, self.data_path, self.registry)

    def update(self) -> dict[str, SymbolUpdate]:
        """A snapshot of every symbol, stored when this returns. A symbol that fails does not stop the others."""
        return {symbol: self._update(job) for symbol, job in self._work.jobs.items()}

    def close(self) -> None:
        """Frees the connections, and the archive for other writers."""
        self._work.close()

    def __enter__(self) -> OrderBookCollector:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _section(self, symbol: str) -> dict[str, Any]:
        own = self.tick_sizes.get(symbol) if isinstance(self.tick_sizes, dict) else self.tick_sizes
        named = {} if own is None else {"tick_sizes": own}
        return {"kind": "orderbook", "num_levels": self.num_levels, **named}

    def _update(self, job: Job) -> SymbolUpdate:
        events: list[Event] = []

        def note(event: Event) -> None:
            events.append(event)
            self._work.app.emit(event)

        try:
            job.run_once(note)
        except (BcoreError, OSError) as error:
            return {"error": str(error)}
        return _summary(events)


def _summary(events: Iterable[Event]) -> SymbolUpdate:
    """What the events of one pass over one symbol come to."""
    for event in events:
        if isinstance(event, RowsRejected):
            return {"error": f"the exchange's book was put aside: {event.reason}"}
        if isinstance(event, BatchStored) and event.last_time is not None:
            return {
                "rows": event.rows,
                "tick_sizes": event.rows + event.known,
                "timestamp": to_datetime(event.last_time),
            }
    return {"rows": 0, "tick_sizes": 0}
