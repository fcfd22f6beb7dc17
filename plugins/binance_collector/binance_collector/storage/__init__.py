"""The original's storage engine, by its place."""

from binance_collector.storage.engine import StorageEngine

__all__ = ["StorageEngine"]
