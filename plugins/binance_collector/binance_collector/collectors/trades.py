"""The original's `TradesCollector`: each `update()` fetches what is new since the last."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from attrs import define, field

from bcore.errors import BcoreError
from bcore.protocols import Key
from bcore.scripting import symbol_names
from binance_collector.collectors.passing import Passes, joined
from binance_collector.frames import naive_time
from binance_collector.storage.engine import StorageEngine, storage_of

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from bcore.instants import Instant

log = logging.getLogger(__name__)
ID = "agg_trade_id"


@define
class TradesCollector:
    """Collects aggregate trades by id, from where the archive ends; nothing is fetched twice.

    `base_url` is the exchange, else what the configuration says (`Config.load()`). Raises `ConfigError` for arguments
    that cannot be used.
    """

    symbols: tuple[str, ...] = field(converter=symbol_names)
    storage: StorageEngine = field(default=None, converter=storage_of)
    base_url: str | None = None
    last_trade_ids: dict[str, int] = field(factory=dict, init=False)
    _passes: Passes = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self._passes = self._from("newest")

    def update(self, save: bool = True) -> dict[str, dict[str, Any]]:
        """Everything new of every symbol, stored if `save`: symbol -> rows, start_time, end_time, or error."""
        return {symbol: self._update(symbol, save) for symbol in self.symbols}

    def collect_symbol(self, symbol: str, max_requests: int | None = None) -> pd.DataFrame:
        """The new trades of one symbol as a frame, stored nowhere; the next call goes on after them."""
        return joined(self._following(symbol, max_requests))

    def backfill(self, symbol: str, start_time: Instant, max_trades: int | None = None) -> pd.DataFrame:
        """The trades from an instant on as a frame, stored nowhere. For whole histories there is `bcore backfill`."""
        tables, rows = [], 0
        for table in self._from(start_time).fetched(symbol, {}):
            tables.append(table)
            rows += table.num_rows
            if max_trades is not None and rows >= max_trades:
                break
        return joined(tables)

    def _from(self, start: Instant) -> Passes:
        sections = {symbol: {"kind": "trades", "mode": "poll", "start": start} for symbol in self.symbols}
        return Passes.of(sections, self.base_url, self.storage)

    def _update(self, symbol: str, save: bool) -> dict[str, Any]:
        try:
            return _summary(self._remembered(symbol, self._passes.stored(symbol)) if save else self._following(symbol))
        except (BcoreError, OSError) as error:
            log.error("%s: %s", symbol, error)
            return {"error": str(error)}

    def _following(self, symbol: str, max_requests: int | None = None) -> Iterator[pa.Table]:
        """After the last that was seen, or that is held."""
        seen: Mapping[str, Key] = {symbol: (self.last_trade_ids[symbol],)} if symbol in self.last_trade_ids else {}
        return self._remembered(symbol, self._passes.fetched(symbol, seen or self._passes.held(symbol), max_requests))

    def _remembered(self, symbol: str, tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
        for table in tables:
            yield table
            self.last_trade_ids[symbol] = table.column(ID)[-1].as_py()


def _summary(tables: Iterable[pa.Table]) -> dict[str, Any]:
    import pandas as pd
    import pyarrow.compute as pc

    rows, times = 0, []
    for table in tables:
        rows += table.num_rows
        times += [pd.Timestamp(pick(table.column("timestamp")).as_py()) for pick in (pc.min, pc.max)]
    return {
        "rows": rows,
        "start_time": naive_time(min(times, default=None)),
        "end_time": naive_time(max(times, default=None)),
    }
