"""The original's `OrderBookCollector`: each `update()` is one snapshot of each book, at several tick sizes."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from attrs import define, field

from bcore.errors import BcoreError
from bcore.scripting import symbol_names
from binance_collector.collectors.passing import Passes, joined
from binance_collector.storage.engine import StorageEngine, storage_of

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)


@define
class OrderBookCollector:
    """Collects order book snapshots over REST.

    `tick_sizes` by symbol; five that suit its price for a symbol that none are named for. `base_url` is the exchange,
    else what the configuration says. Raises `ConfigError` for arguments that cannot be used.
    """

    symbols: tuple[str, ...] = field(converter=symbol_names)
    tick_sizes: Mapping[str, Sequence[float]] | None = None
    num_levels: int = 15
    storage: StorageEngine = field(default=None, converter=storage_of)
    base_url: str | None = None
    _passes: Passes = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        sections = {symbol: self._section(symbol) for symbol in self.symbols}
        self._passes = Passes.of(sections, self.base_url, self.storage)

    def update(self, save: bool = True) -> dict[str, dict[str, Any]]:
        """A snapshot of every symbol, stored if `save`: symbol -> rows, tick_sizes, timestamp, or error."""
        return {symbol: self._update(symbol, save) for symbol in self.symbols}

    def collect_snapshot(self, symbol: str) -> pd.DataFrame:
        """A snapshot of one book as a frame, a row for each tick size, stored nowhere."""
        return joined(self._passes.fetched(symbol, {}))

    def collect_all(self) -> pd.DataFrame:
        """A snapshot of every book as one frame, stored nowhere. A symbol that fails is logged and left out."""
        import pandas as pd

        frames = []
        for symbol in self.symbols:
            try:
                frames.append(self.collect_snapshot(symbol))
            except (BcoreError, OSError) as error:
                log.error("%s: %s", symbol, error)
        found = [frame for frame in frames if not frame.empty]
        return pd.concat(found, ignore_index=True) if found else pd.DataFrame()

    def run_continuous(self, interval_seconds: float = 30, duration_hours: float | None = None) -> None:
        """`update()` every so many seconds, for so long. `bcore run` does it with streams, and stops when asked to."""
        began = time.monotonic()
        for number in range(1, 2**63):
            self.update()
            now = time.monotonic()
            if duration_hours is not None and now - began >= duration_hours * 3600:
                return
            time.sleep(max(0.0, began + number * interval_seconds - now))

    def _section(self, symbol: str) -> dict[str, Any]:
        own = (self.tick_sizes or {}).get(symbol)
        named = {} if own is None else {"tick_sizes": list(own)}
        return {"kind": "orderbook", "from": "rest", "num_levels": self.num_levels, **named}

    def _update(self, symbol: str, save: bool) -> dict[str, Any]:
        tables = self._passes.stored(symbol) if save else self._passes.fetched(symbol, {})
        try:
            frame = joined(tables)
        except (BcoreError, OSError) as error:
            log.error("%s: %s", symbol, error)
            return {"error": str(error)}
        if frame.empty:
            return {"rows": 0, "tick_sizes": 0, "timestamp": None}
        return {
            "rows": len(frame),
            "tick_sizes": frame["tick_size"].nunique(),
            "timestamp": frame["timestamp"].iloc[0],
        }
