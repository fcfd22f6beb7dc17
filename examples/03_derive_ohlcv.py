"""Candles: computed from the stored trades when they are read, or from any DataFrame of trades."""

import os

import bcore
from bc_trades import TradesCollector, trades_to_ohlcv

EXCHANGE = os.environ.get("BINANCE_BASE_URL")  # None: the exchange itself

with TradesCollector(symbols=["BTCUSDT"], data_path="data", start="1h ago", rest_url=EXCHANGE) as collector:
    print(collector.update())

with bcore.open("data") as client:
    stored = client.get_ohlcv("BTCUSDT", timeframe="1m")
    trades = client.get_trades("BTCUSDT")
print(stored[["timestamp", "open", "high", "low", "close", "volume", "trade_count", "complete"]].to_string(index=False))

made = trades_to_ohlcv(trades, timeframe="1min")
assert (made["close"] == stored["close"]).all()  # the same candles, from a frame
print(f"{int(stored['complete'].sum())} of {len(stored)} candles are proven to lack no trade")
