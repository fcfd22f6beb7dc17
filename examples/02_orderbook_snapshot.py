"""A snapshot of a book in buckets of 10, 50 and 100, and what stands near the best prices."""

import os

import bcore
from bc_orderbook import OrderBookCollector

EXCHANGE = os.environ.get("BINANCE_BASE_URL")  # None: the exchange itself

with OrderBookCollector(["BTCUSDT"], {"BTCUSDT": [10, 50, 100]}, data_path="data", rest_url=EXCHANGE) as collector:
    print(collector.update())

with bcore.open("data") as client:
    for tick_size in (10, 50, 100):
        book = client.get_orderbook("BTCUSDT", tick_size=tick_size, limit=1).iloc[0]
        print(f"{book.best_bid:,.2f} / {book.best_ask:,.2f}, imbalance {book.imbalance:+.3f}, buckets of {tick_size}:")
        for level in (1, 2, 3):
            bid, ask = book[f"bid_price_{level}"], book[f"ask_price_{level}"]
            print(f"  {book[f'bid_qty_{level}']:10.4f}  {bid:12,.2f} | {ask:12,.2f}  {book[f'ask_qty_{level}']:10.4f}")
