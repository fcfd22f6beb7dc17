"""bc_trades: the source "trades" and the view "ohlcv" for bcore.

`TradesCollector(symbols=[...]).update()` collects once into a folder, `trades_to_ohlcv(df, timeframe="15min")` makes
candles of a DataFrame. Importing this package imports neither pyarrow, numpy nor pandas.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from bc_trades.collector import TradesCollector as TradesCollector
    from bc_trades.datasets import TRADES as TRADES
    from bc_trades.frames import trades_to_ohlcv as trades_to_ohlcv
    from bc_trades.parsing import to_table as to_table

_HOMES = {"TRADES": "datasets", "TradesCollector": "collector", "to_table": "parsing", "trades_to_ohlcv": "frames"}
__all__ = ["TRADES", "TradesCollector", "__version__", "to_table", "trades_to_ohlcv"]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'bc_trades' has no attribute {name!r}")
    return getattr(import_module(f"bc_trades.{_HOMES[name]}"), name)
