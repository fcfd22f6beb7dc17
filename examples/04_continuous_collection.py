"""A collector inside a program: live trades and books until Ctrl-C, or for so many seconds.

`bcore run` does the same from the command line, with a configuration file and a progress display.
"""

import os
import sys
import time

from bcore.app import App
from bcore.clock import SystemClock
from bcore.events import BatchStored, Event
from bcore.runner import Runner, stop_on_signals

EXCHANGE = os.environ.get("BINANCE_BASE_URL")  # None: the exchange itself
SECONDS = float(sys.argv[1]) if len(sys.argv) > 1 else None
CONFIGURATION = {
    "symbols": os.environ.get("SYMBOLS", "BTCUSDT,ETHUSDT").split(","),
    "exchanges": {"binance": {"rest_url": EXCHANGE} if EXCHANGE else {}},
    "stores": {"main": {"kind": "parquet", "path": "data"}},
    "sources": {"trades": {}, "orderbook": {"interval": 1}, "depth": {}},
}


def show(event: Event) -> None:
    if isinstance(event, BatchStored) and event.rows:
        print(f"{event.dataset}/{event.symbol}: {event.rows:,} rows", flush=True)


clock, began = SystemClock(), time.monotonic()
app = App.of(CONFIGURATION, clock=clock)
app.listeners.append(show)
try:
    with stop_on_signals(clock.stopping):
        Runner(app, clock).run(app.jobs(), until=lambda: SECONDS is not None and time.monotonic() - began > SECONDS)
finally:
    app.close()
