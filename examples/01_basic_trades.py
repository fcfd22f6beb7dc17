"""Everything new of two symbols: run it again, and only what has happened since is fetched."""

import os

from bc_trades import TradesCollector

EXCHANGE = os.environ.get("BINANCE_BASE_URL")  # None: the exchange itself
SYMBOLS = os.environ.get("SYMBOLS", "BTCUSDT,ETHUSDT").split(",")

with TradesCollector(symbols=SYMBOLS, data_path="data", rest_url=EXCHANGE) as collector:
    stats = collector.update()

for symbol, told in stats.items():
    if "error" in told:
        print(f"{symbol}: {told['error']}")
    else:
        print(f"{symbol}: {told['rows']:,} new trades, {told['start_time']} to {told['end_time']}")
