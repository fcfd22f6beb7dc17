"""From the exchange to the screen: how long after its own time a trade is in the dashboard of a browser.

    python bench/dashboard.py [--seconds 60] [--symbol BTCUSDT] [--flush 1]

The replay exchange plays its recording at recorded speed, `bcore run` follows its streams and stores them,
`bcore serve` pushes what is stored, and a headless Chromium shows it: four processes on one machine. An aggregate
trade's time is the exchange's T; `arrived` is when the page's script has the row, `drawn` when it stands in the table.
Beside them a floor: a client of its own that takes the same trades from the exchange itself. Most of the delay is the
collector's choice: it writes every `--flush` seconds.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attrs import field, frozen
from measuring import ahead, running
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from websockets.sync.client import connect

from bc_replay.testing import ReplayServer

LISTEN = """
const seen = (window.seen = { arrived: new Map(), drawn: new Map() });
const now = () => (performance.timeOrigin + performance.now()) * 1000;
const { tape } = dashboard.parts;
const add = tape.add.bind(tape), made = tape.made.bind(tape);
tape.add = (rows) => {
  const at = now();
  for (const each of rows) seen.arrived.set(each.agg_trade_id, [each.timestamp, at]);
  add(rows);
};
tape.made = (trade) => { seen.drawn.set(trade.agg_trade_id, [trade.timestamp, now()]); return made(trade); };
"""


@frozen
class Delays:
    """In ms."""

    name: str
    values: list[float] = field(repr=False)

    def line(self) -> str:
        ordered = sorted(self.values)
        median, most = (ordered[min(int(len(ordered) * share), len(ordered) - 1)] for share in (0.5, 0.99))
        return f"{self.name:<28} {len(ordered):>7} {median:>9.1f} {most:>9.1f} {ordered[-1]:>9.1f}"


@contextmanager
def chromium() -> Iterator[Chrome]:
    options = ChromeOptions()
    options.binary_location = shutil.which("chromium") or "chromium"
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1440,900"):
        options.add_argument(flag)
    chrome = Chrome(options=options, service=Service(shutil.which("chromedriver")))
    try:
        yield chrome
    finally:
        chrome.quit()


def directly(url: str, symbol: str, until: float, found: list[tuple[int, float]]) -> None:
    with connect(f"{url}/ws/{symbol.lower()}@aggTrade") as socket:
        while time.time() < until:
            event = json.loads(socket.recv(timeout=30))
            found.append((event["T"] * 1000, time.time() * 1e6))


def wait(chrome: Chrome, script: str) -> None:
    deadline = time.monotonic() + 60
    while not chrome.execute_script(f"return {script}"):
        if time.monotonic() > deadline:
            raise SystemExit(f"the page did not come to: {script}")
        time.sleep(0.1)


def measured(seconds: float, symbol: str, flush: float, folder: Path) -> list[Delays]:
    with ReplayServer(speed=1.0, symbols=[symbol]) as exchange:
        exchange.clock(seek=exchange.status()["start"] + 60_000_000)
        (folder / "bcore.toml").write_text(
            f'symbols = ["{symbol}"]\n[exchanges.binance]\nrest_url = "{exchange.url}"\n'
            f'stream_url = "{exchange.ws_url}"\n'
            f"[sources.trades]\nflush = {flush}\n[sources.orderbook]\ninterval = 1\n"
            '[stores.main]\nkind = "parquet"\npath = "data"\n'
        )
        with running(folder, "run"), running(folder, "serve", "--port", "0") as server, chromium() as chrome:
            assert server.stdout is not None
            url = server.stdout.readline().strip().removeprefix("listening on ")
            chrome.get(url)
            wait(chrome, "document.body.dataset.state === 'live' && dashboard.feeds.size === 3")
            offset = ahead(exchange)
            found: list[tuple[int, float]] = []
            floor = threading.Thread(
                target=directly, args=(exchange.ws_url, symbol, time.time() + seconds, found), daemon=True
            )
            floor.start()
            chrome.execute_script(LISTEN)
            time.sleep(seconds)
            floor.join()
            told: dict[str, list[Any]] = chrome.execute_script(
                "return { arrived: [...seen.arrived.values()], drawn: [...seen.drawn.values()] }"
            )
    rows = {"the exchange's own stream": found, "arrived in the page": told["arrived"], "drawn": told["drawn"]}
    return [Delays(name, [(at + offset - own) / 1e3 for own, at in each]) for name, each in rows.items()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--symbol", default="BTCUSDT")
    parser.add_argument("--flush", type=float, default=1.0, help="seconds between two writes of the collector")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        delays = measured(given.seconds, given.symbol, given.flush, Path(folder))
    print(f"{'from the trade own time, ms':<28} {'trades':>7} {'median':>9} {'p99':>9} {'most':>9}")
    for each in delays:
        print(each.line())


if __name__ == "__main__":
    main()
