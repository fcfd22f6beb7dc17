"""The original's schema objects."""

from binance_collector.schema.models import (
    ORDERBOOK_BASE_SCHEMA,
    TRADE_SCHEMA,
    OrderBookLevel,
    OrderBookSnapshot,
    TradeRecord,
    trades_to_ohlcv,
    validate_dataframe,
)

__all__ = [
    "ORDERBOOK_BASE_SCHEMA",
    "TRADE_SCHEMA",
    "OrderBookLevel",
    "OrderBookSnapshot",
    "TradeRecord",
    "trades_to_ohlcv",
    "validate_dataframe",
]
