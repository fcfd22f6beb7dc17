"""The original's collectors."""

from binance_collector.collectors.orderbook import OrderBookCollector
from binance_collector.collectors.trades import TradesCollector

__all__ = ["OrderBookCollector", "TradesCollector"]
