"""The names of the original binance-collector over bcore: programs written for it run as they are.

Times in its frames are naive UTC of nanoseconds, as they were. For new programs there is `bcore.open`;
docs/migrating.md says what changed and why. Importing this package imports nothing heavy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from binance_collector.api_client import BinanceCollectorAPIClient as BinanceCollectorAPIClient
    from binance_collector.api_client import get_api_client as get_api_client
    from binance_collector.client import BinanceCollectorClient as BinanceCollectorClient
    from binance_collector.client import get_hot_client as get_hot_client
    from binance_collector.client import get_local_client as get_local_client
    from binance_collector.client import get_remote_client as get_remote_client
    from binance_collector.collectors.orderbook import OrderBookCollector as OrderBookCollector
    from binance_collector.collectors.trades import TradesCollector as TradesCollector
    from binance_collector.config import Config as Config
    from binance_collector.config import create_example_config as create_example_config
    from binance_collector.schema.models import ORDERBOOK_BASE_SCHEMA as ORDERBOOK_BASE_SCHEMA
    from binance_collector.schema.models import TRADE_SCHEMA as TRADE_SCHEMA
    from binance_collector.schema.models import trades_to_ohlcv as trades_to_ohlcv
    from binance_collector.storage.engine import StorageEngine as StorageEngine

_HOMES = {
    "BinanceCollectorAPIClient": "api_client",
    "BinanceCollectorClient": "client",
    "Config": "config",
    "ORDERBOOK_BASE_SCHEMA": "schema.models",
    "OrderBookCollector": "collectors.orderbook",
    "StorageEngine": "storage.engine",
    "TRADE_SCHEMA": "schema.models",
    "TradesCollector": "collectors.trades",
    "create_example_config": "config",
    "get_api_client": "api_client",
    "get_hot_client": "client",
    "get_local_client": "client",
    "get_remote_client": "client",
    "trades_to_ohlcv": "schema.models",
}
__all__ = [
    "ORDERBOOK_BASE_SCHEMA",
    "TRADE_SCHEMA",
    "BinanceCollectorAPIClient",
    "BinanceCollectorClient",
    "Config",
    "OrderBookCollector",
    "StorageEngine",
    "TradesCollector",
    "__version__",
    "create_example_config",
    "get_api_client",
    "get_hot_client",
    "get_local_client",
    "get_remote_client",
    "trades_to_ohlcv",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'binance_collector' has no attribute {name!r}")
    return getattr(import_module(f"binance_collector.{_HOMES[name]}"), name)
