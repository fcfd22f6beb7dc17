"""bc_binance_um: Binance USD-M futures for bcore.

`BinanceUm` is the exchange object and `BinanceUmConfig` its section of the configuration; `MarkPriceSource` collects
mark prices and funding rates into `MARK_PRICE`. Trades and order books are collected by the sources that collect
those of spot.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from bc_binance_um.config import BinanceUmConfig as BinanceUmConfig
    from bc_binance_um.exchange import BinanceUm as BinanceUm
    from bc_binance_um.marks import MARK_PRICE as MARK_PRICE
    from bc_binance_um.source import MarkPriceSource as MarkPriceSource

_HOMES = {
    "MARK_PRICE": "marks",
    "BinanceUm": "exchange",
    "BinanceUmConfig": "config",
    "MarkPriceSource": "source",
}

__all__ = ["MARK_PRICE", "BinanceUm", "BinanceUmConfig", "MarkPriceSource", "__version__"]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'bc_binance_um' has no attribute {name!r}")
    return getattr(import_module(f"bc_binance_um.{_HOMES[name]}"), name)
