"""bc_binance: the Binance spot exchange for bcore, and a library for sources that speak to it.

`Binance` is the exchange object and `BinanceConfig` its section of the configuration; `Depth`, `Kline` and
`ExchangeInfo` are what it answers with, `Feed` follows its streams into a `Sink`, `BulkFiles` brings its daily and
monthly files.
Importing this package imports neither requests nor msgspec nor aiohttp.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from bc_binance.bulk import BulkFiles as BulkFiles
    from bc_binance.bulk import Downloaded as Downloaded
    from bc_binance.bulk_files import BulkFile as BulkFile
    from bc_binance.config import BinanceConfig as BinanceConfig
    from bc_binance.delivery import Sink as Sink
    from bc_binance.errors import ChecksumError as ChecksumError
    from bc_binance.errors import MissingChecksumError as MissingChecksumError
    from bc_binance.errors import MissingFileError as MissingFileError
    from bc_binance.exchange import Binance as Binance
    from bc_binance.feed import Feed as Feed
    from bc_binance.feed import FeedFacts as FeedFacts
    from bc_binance.market import Market as Market
    from bc_binance.messages import Depth as Depth
    from bc_binance.messages import ExchangeInfo as ExchangeInfo
    from bc_binance.messages import Kline as Kline
    from bc_binance.messages import SymbolInfo as SymbolInfo
    from bc_binance.messages import micros as micros

_HOMES = {
    "Binance": "exchange",
    "BinanceConfig": "config",
    "BulkFile": "bulk_files",
    "BulkFiles": "bulk",
    "ChecksumError": "errors",
    "Depth": "messages",
    "Downloaded": "bulk",
    "ExchangeInfo": "messages",
    "Feed": "feed",
    "FeedFacts": "feed",
    "Kline": "messages",
    "Market": "market",
    "MissingChecksumError": "errors",
    "MissingFileError": "errors",
    "Sink": "delivery",
    "SymbolInfo": "messages",
    "micros": "messages",
}

__all__ = [
    "Binance",
    "BinanceConfig",
    "BulkFile",
    "BulkFiles",
    "ChecksumError",
    "Depth",
    "Downloaded",
    "ExchangeInfo",
    "Feed",
    "FeedFacts",
    "Kline",
    "Market",
    "MissingChecksumError",
    "MissingFileError",
    "Sink",
    "SymbolInfo",
    "__version__",
    "micros",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'bc_binance' has no attribute {name!r}")
    return getattr(import_module(f"bc_binance.{_HOMES[name]}"), name)
