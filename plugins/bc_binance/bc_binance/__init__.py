"""bc_binance: the Binance spot exchange for bcore, and a library for sources that speak to it.

`Binance` is the exchange object, `BinanceConfig` its section of the configuration, `Depth` and `ExchangeInfo` what it
answers with. Importing this package imports neither requests nor msgspec.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from bc_binance.config import BinanceConfig as BinanceConfig
    from bc_binance.exchange import Binance as Binance
    from bc_binance.messages import Depth as Depth
    from bc_binance.messages import ExchangeInfo as ExchangeInfo
    from bc_binance.messages import SymbolInfo as SymbolInfo
    from bc_binance.messages import micros as micros

__all__ = ["Binance", "BinanceConfig", "Depth", "ExchangeInfo", "SymbolInfo", "__version__", "micros"]

_HOMES = {"Binance": "exchange", "BinanceConfig": "config"}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'bc_binance' has no attribute {name!r}")
    return getattr(import_module(f"bc_binance.{_HOMES.get(name, 'messages')}"), name)
