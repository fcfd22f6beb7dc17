"""The dashboard in a real browser, in front of a real server, on an archive that a real collector fills."""

from __future__ import annotations

import json
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

pytest.importorskip("bc_dashboard", reason="needs the dashboard")
pytest.importorskip("selenium", reason="needs selenium, which drives the browser")

from attrs import define, field
from browser import END, ENTER, LEFT, PATIENCE, RIGHT, TAB, Browser, browsing
from processes import Collector, command, environment

from bc_replay.testing import ReplayServer
from bc_trades.datasets import TRADES
from bcore.app import App
from bcore.records import Batch

BARS = "return dashboard.chart.bars.map((e) => [e.time, e.open, e.high, e.low, e.close, e.row.volume])"
NEWEST = "return dashboard.parts.tape.last?.agg_trade_id ?? -1"
ASKED = "return performance.getEntriesByType('resource').filter((each) => each.name.includes('/hot/trades')).length"
NAMED = {"button", "radio", "combobox", "link", "textbox", "table", "region"}


@define
class Served:
    """`bcore serve` as a process, which is stopped and started again at the same address."""

    folder: Path
    arguments: tuple[object, ...]
    process: subprocess.Popen[str] | None = field(default=None, init=False)
    url: str = field(default="", init=False)

    def start(self) -> None:
        port = urlsplit(self.url).port or 0
        self.process = subprocess.Popen(
            command("serve", *self.arguments, "--port", port),
            cwd=self.folder,
            env=environment(),
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip().removeprefix("listening on ")

    def stop(self) -> None:
        assert self.process is not None
        assert self.process.stdout is not None
        self.process.terminate()
        assert 0 == self.process.wait(PATIENCE)
        self.process.stdout.close()

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path, timeout=PATIENCE) as reply:
            return json.loads(reply.read())["data"]


@pytest.fixture(scope="module")
def exchange(two_symbols: Path) -> Iterator[ReplayServer]:
    with ReplayServer(two_symbols, speed=3, loop=True) as server:
        yield server


@pytest.fixture(scope="module")
def collecting(exchange: ReplayServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    folder = tmp_path_factory.mktemp("dashboard")
    (folder / "bcore.toml").write_text(
        f"""
symbols = ["BTCUSDT", "ETHUSDT"]
[exchanges.binance]
rest_url = "{exchange.url}"
stream_url = "{exchange.ws_url}"
[stores.main]
kind = "parquet"
path = "archive"
[sources.trades]
start = "2024-08-08T23:54:00"
[sources.orderbook]
interval = 1
tick_sizes = {{ BTCUSDT = [10, 50], ETHUSDT = [1] }}
"""
    )
    made = Collector(folder)
    made.start("run")
    yield made
    if made.running and made.process:
        made.process.terminate()
        assert 0 == made.process.wait(PATIENCE), made.said()


@pytest.fixture(scope="module")
def served(collecting: Collector) -> Iterator[Served]:
    server = Served(collecting.folder, ())
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browsing() as found:
        yield found


@pytest.fixture
def page(chromium: Browser, served: Served) -> Browser:
    """The page of BTCUSDT, alive, without anything in its logs."""
    chromium.open(f"{served.url}/#market=BTCUSDT&timeframe=1s")
    chromium.reaches("live")
    chromium.until("return dashboard.chart.bars.length > 1 && dashboard.parts.ladder.book", "candles and a book")
    return chromium


def same_bars(shown: list[list[float]], told: list[dict[str, Any]]) -> bool:
    """Whether the bars that are over are the API's, of which there is at least one."""
    names = ("open", "high", "low", "close", "volume")
    known = {row["timestamp"] // 1_000_000: [row[name] for name in names] for row in told}
    return len(shown) > 1 and all(known.get(int(time)) == values for time, *values in shown[:-1])


def test_the_figures_of_the_day_say_how_much_of_it_is_there(page: Browser) -> None:
    """Here some minutes."""
    label = "document.querySelector('#day div:nth-child(2) dt').textContent"
    page.until(f"return /^[0-9.]+ (s|min|h) high$/.test({label})", "a span")
    span = page.js("return (dashboard.day.time - dashboard.day.since) / 1000")
    assert 0 < span < 23 * 3600
    assert page.js("return document.getElementById('day').title").startswith("Of the last 24 hours no more than ")
    high, last = "Number(document.getElementById('day-high').textContent.replace(',', ''))", "dashboard.day.last"
    page.js(
        "const t = {...dashboard.parts.tape.last}; t.agg_trade_id += 1; t.price += 500; dashboard.parts.tape.add([t])"
    )
    assert page.js(f"return {high} >= {last} && {last} === dashboard.parts.tape.last.price")


def test_what_is_shown_is_what_the_api_answers(page: Browser, served: Served) -> None:
    shown = page.js(BARS)
    assert same_bars(shown, served.get("/ohlcv/BTCUSDT?timeframe=1s&time=us&limit=1000"))
    drawn = page.js("dashboard.chart.drawn(); return dashboard.chart.candles.data().map((each) => each.time)")
    assert drawn[: len(shown)] == [bar[0] for bar in shown]
    trades = page.js(
        "dashboard.parts.tape.drawn(); return [...document.querySelectorAll('#trades tr')].map((e) => e.trade)"
    )
    newest = trades[0]["agg_trade_id"]
    assert trades[::-1] == served.get(f"/trades/BTCUSDT?time=us&after_id={newest - len(trades)}&limit={len(trades)}")
    book = page.js("const {ladder} = dashboard.parts; ladder.drawn(); return ladder.book")
    (told,) = served.get(f"/orderbook/BTCUSDT?tick_size=10&time=us&limit=1&start_time={book['timestamp']}")
    assert book == told


def test_nothing_comes_from_elsewhere_and_nothing_goes_wrong(page: Browser, served: Served) -> None:
    assert [] == page.errors()
    hosts = {urlsplit(url).netloc for url in page.requested() if not url.startswith(("data:", "about:", "chrome"))}
    assert {urlsplit(served.url).netloc} == hosts


def test_trades_and_candles_are_pushed(page: Browser) -> None:
    before, asked, bars = page.js(NEWEST), page.js(ASKED), len(page.js(BARS))
    page.until(f"{NEWEST} > arguments[0] + 5", "newer trades", before)
    page.until("return dashboard.chart.bars.length > arguments[0]", "a newer candle", bars)
    page.until("return document.querySelector('#trades tr').trade.agg_trade_id > arguments[0]", "a newer row", before)
    assert asked == page.js(ASKED)
    assert {"trades", "candles", "book"} == set(page.js("return [...dashboard.feeds.keys()]"))


def test_another_symbol_and_another_timeframe(page: Browser, served: Served) -> None:
    page.find("#market").send_keys("ETH")
    page.until("return document.title.startsWith('ETHUSDT') && dashboard.parts.tape.last", "trades of ETHUSDT")
    page.js("dashboard.parts.tape.drawn()")
    assert {"ETHUSDT"} == set(page.js("return [...document.querySelectorAll('#trades tr')].map((e) => e.trade.symbol)"))
    page.until("return document.querySelector('#bids tr')", "the book of ETHUSDT")
    page.find("input[value='1s']").send_keys(RIGHT)
    page.until("return dashboard.chart.bars.length && dashboard.chart.bars.every((e) => e.time % 60 === 0)", "minutes")
    told = served.get("/ohlcv/ETHUSDT?timeframe=1m&time=us")
    assert [row["timestamp"] // 1_000_000 for row in told[:2]] == [bar[0] for bar in page.js(BARS)[:2]]
    assert "market=ETHUSDT&timeframe=1m" == urlsplit(page.driver.current_url).fragment
    page.driver.refresh()
    page.reaches("live")
    assert ("ETHUSDT", "1m") == (page.js("return market.value"), page.js("return dashboard.timeframe"))
    assert [] == page.errors()


def test_every_tick_size_has_its_book(page: Browser) -> None:
    assert ["10", "50"] == page.js("return [...document.querySelectorAll('#ticks input')].map((each) => each.value)")
    page.find("#ticks input").send_keys(RIGHT)
    prices = page.until(
        "const rows = [...document.querySelectorAll('#asks tr, #bids tr')].map((e) => e.cells[0].innerText);"
        "return dashboard.parts.ladder.book?.tick_size === 50 && rows.length > 10 && rows",
        "the book at 50",
    )
    numbers = [float(each.replace(",", "")) for each in prices]
    assert sorted(numbers, reverse=True) == numbers
    assert {0.0} == {each % 50 for each in numbers}


def test_by_keyboard_alone(page: Browser) -> None:
    page.js("document.activeElement.blur()")
    order = []
    while "retry" not in order and len(order) < 40 and (not order or order[-1] != "API"):
        page.press(TAB)
        order.append(page.js("const e = document.activeElement; return e.id || e.name || e.innerText"))
    assert {"market", "theme", "timeframe", "chart", "tick"} <= set(order)
    page.find("#chart").send_keys(LEFT)
    one = page.until("return dashboard.chart.pointed", "a bar")
    page.press(LEFT)
    other = page.js("return dashboard.chart.pointed")
    assert other < one
    clock = page.js("return new Date(arguments[0] * 1000).toISOString().slice(11, 19)", other)
    assert clock in page.text("#legend")
    page.press(END)
    assert page.js("return dashboard.chart.pointed === null")


def test_everything_that_can_be_used_has_a_name(page: Browser) -> None:
    nodes = page.cdp("Accessibility.getFullAXTree")["nodes"]
    told = [(each["role"]["value"], each.get("name", {}).get("value")) for each in nodes if not each["ignored"]]
    assert [] == [role for role, name in told if role in NAMED and not name]
    assert {("combobox", "Market"), ("radio", "1s"), ("table", "Order book"), ("table", "Trades")} <= set(told)


def test_dark_and_light_and_a_phone(page: Browser) -> None:
    for wish, ground in (("dark", "rgb(10, 13, 18)"), ("light", "rgb(238, 241, 245)")):
        page.cdp("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": wish}])
        page.until("return getComputedStyle(document.body).backgroundColor === arguments[0]", wish, ground)
    page.find("#theme").send_keys(ENTER)
    page.driver.refresh()
    page.until("return getComputedStyle(document.body).backgroundColor === 'rgb(10, 13, 18)'", "dark, as was chosen")
    page.js("localStorage.clear()")
    page.cdp("Emulation.setDeviceMetricsOverride", width=390, height=844, deviceScaleFactor=2, mobile=True)
    try:
        page.driver.refresh()
        page.reaches("live")
        assert 390 == page.js("return document.documentElement.scrollWidth")
        assert [] == page.js(
            "return [...document.querySelectorAll('main :is(td, th, dd, h2, label, p)')]"
            ".filter((e) => e.offsetParent && e.scrollWidth > e.clientWidth + 1).map((e) => e.outerHTML)"
        )
    finally:
        page.cdp("Emulation.clearDeviceMetricsOverride")


def test_the_charts_follow_the_size_of_the_window(page: Browser) -> None:
    """Without a reload: the canvases of a chart reach from one side of it to the other."""
    fits = """return ['chart', 'depth'].every((id) => {
        const held = document.getElementById(id).getBoundingClientRect();
        const drawn = [...document.querySelectorAll(`#${id} canvas`)].map((each) => each.getBoundingClientRect());
        const ends = [Math.min(...drawn.map((e) => e.left)), Math.max(...drawn.map((e) => e.right))];
        return drawn.length && Math.abs(ends[0] - held.left) < 2 && Math.abs(ends[1] - held.right) < 2;
    }) && innerWidth === arguments[0]"""
    try:
        for width in (900, 390, 1440, 700):
            page.cdp("Emulation.setDeviceMetricsOverride", width=width, height=844, deviceScaleFactor=1, mobile=False)
            page.until(fits, f"charts that are as wide as a window of {width}", width)
    finally:
        page.cdp("Emulation.clearDeviceMetricsOverride")


def test_what_is_worked_out_from_numbers(page: Browser) -> None:
    told = page.js(
        """
        const [f, c, d, h, r] = await Promise.all(
          ["format", "candles", "depth", "health", "rebuilt"].map((each) => import(`/dashboard/${each}.js`)));
        const bar = (time, complete) => ({ time, row: { complete } });
        const up = { state: "running", series: [{ name: "t/A", lag: 1 }], sources: [{ name: "t", state: "ok" }] };
        const says = (collectors, newest, name = "t/A") =>
          h.complaint({ seen: true, collectors, now: 1e9 }, newest, name);
        return {
          numbers: [f.fixed(61828.5, 2), f.compact(12345), f.compact(1234), f.bytes(83.3e9)],
          nothing: [f.fixed(null, 2), f.compact(undefined), f.percent(NaN)].every((each) => each === f.NOTHING),
          signs: [f.signed("0.00%", -0.00001), f.signed("-0.00%", -1e-9), f.signed("1%", 0.01)],
          times: [f.duration(0.32), f.duration(59), f.duration(200)],
          instants: [f.instant("2024-08-09T00:00:00.000000Z"), f.instant(1e15)],
          decimals: [f.decimals([1, 0.25]), f.decimals([1e-7]), f.decimals([1.5e21])],
          merged: c.merged([bar(1), bar(2)], [bar(2, true), bar(3)]).map((e) => [e.time, e.row.complete ?? null]),
          holed: [0, 1].map((each) => c.holed([bar(1, false), bar(2, false)], each)),
          bids: d.steps([{ price: 100, total: 1 }, { price: 70, total: 3 }], 10, -1).map((e) => [e.time, e.value]),
          coarse: d.steps([100, 101, 120].map((price) => ({ price, total: price })), 10, 1).map((e) => e.time),
          widths: [r.widths(61800), r.widths(10000), r.widths(0.0321)],
          book: r.snapshot([["bid", 1, 90, 2], ["ask", 1, 110, 1], ["bid", 2, 80, 3]].map(
            ([side, level, price, quantity]) => ({ side, level, price, quantity, timestamp: 7 })),
            [{ side: "bid", level: 1, price: 99 }, { side: "ask", level: 1, price: 101 }], 10),
          well: [says([up], 0), says([], 999000)],
          ill: [says([], 0), says([{ state: "dead", age: 5 }], 0), says([up], 0, "t/B"),
            says([{ ...up, series: [{ name: "t/A", lag: 90 }] }], 0),
            says([{ ...up, sources: [{ name: "t", state: "failing", since: 9.4e8, reason: "451" }] }], 0)],
        };
        """
    )
    assert ["61,828.50", "12.3K", "1,234", "83.3 GB"] == told["numbers"]
    assert told["nothing"]
    assert ["0.00%", "0.00%", "+1%"] == told["signs"]
    assert ["320 ms", "59 s", "3 min"] == told["times"]
    assert [1723161600000, 1e12] == told["instants"]
    assert [2, 7, 0] == told["decimals"]
    assert [[1, None], [2, True], [3, None]] == told["merged"]
    assert [True, False] == told["holed"]
    assert [[100, 1], [90, 1], [80, 1], [70, 3]] == told["bids"]
    assert [100, 110, 120] == told["coarse"]
    assert [[10, 50, 100, 500], [1, 5, 10, 50], [5e-06, 1e-05, 5e-05, 1e-04]] == told["widths"]
    sums = ("best_bid", "best_ask", "spread", "bid_price_2", "bid_cum_qty_2", "ask_cum_qty_1", "imbalance")
    assert [99, 101, 2, 80, 5, 1, 4 / 6] == [told["book"][name] for name in sums]
    assert ["", ""] == told["well"]
    assert [
        "The newest row is 17 min old, and no collector is running. Start one: bcore run",
        "The collector ended 5.0 s ago without a clean stop. Start it again: bcore run",
        "The newest row is 17 min old, and nothing collects it now.",
        "The collector is 90 s behind the exchange.",
        "The source t has been failing for 60 s: 451",
    ] == told["ill"]


def test_a_collector_that_was_killed_and_a_server_that_is_gone(
    page: Browser, served: Served, collecting: Collector
) -> None:
    collecting.stop(signal.SIGKILL)
    page.reaches("stale")
    assert "without a clean stop" in page.find("#banner").text
    served.stop()
    page.reaches("lost")
    assert "does not answer" in page.find("#banner").text
    assert page.find("#retry").is_displayed()
    served.start()
    collecting.start("run")
    page.reaches("live")
    before = page.js(NEWEST)
    page.until(f"{NEWEST} > arguments[0]", "newer trades", before)
    assert page.js("return document.getElementById('banner').hidden")
    assert same_bars(page.js(BARS), served.get("/ohlcv/BTCUSDT?timeframe=1s&time=us&limit=1000"))


def test_an_archive_that_is_empty_behind_a_key(chromium: Browser, tmp_path: Path) -> None:
    (tmp_path / "bcore.toml").write_text('[servers.api]\nkind = "http"\napi_key = "kéy/+="\n')
    server = Served(tmp_path, ("--data", "archive"))
    server.start()
    try:
        chromium.open(server.url)
        chromium.reaches("locked")
        chromium.find("#ask-key").send_keys("wrong", ENTER)
        chromium.until(
            "return document.getElementById('ask').open && document.getElementById('ask-wrong').innerText", "no"
        )
        chromium.find("#ask-key").send_keys("kéy/+=", ENTER)
        chromium.reaches("empty")
        assert chromium.find("#empty pre").is_displayed()
        fill(tmp_path / "archive")
        chromium.until("return dashboard.parts.tape.last?.agg_trade_id === 2", "the trades, without a reload")
        chromium.until("return [...dashboard.feeds.values()].every((each) => each === 'live')", "pushed, with the key")
        assert "No order books" in chromium.find(".panel.book").text
        assert [] == [url for url in chromium.requested() if "k%C3" in url or "kéy" in url or "api_key" in url]
        chromium.find("#key").click()
        chromium.find("#ask-forget").click()
        chromium.reaches("locked")
    finally:
        server.stop()


def fill(archive: Path) -> None:
    """Three trades of this minute."""
    app = App.of({"stores": {"main": {"kind": "parquet", "path": str(archive)}}})
    now = time.time_ns() // 1000
    rows = [
        {
            "agg_trade_id": number,
            "timestamp": now,
            "symbol": "BTCUSDT",
            "price": 100.5 + number,
            "quantity": 0.25,
            "first_trade_id": number,
            "last_trade_id": number,
            "is_buyer_maker": False,
            "is_best_match": True,
        }
        for number in range(3)
    ]
    import pyarrow as pa

    app.stores()["main"].append(Batch(TRADES, "BTCUSDT", pa.Table.from_pylist(rows, schema=TRADES.schema)))
    app.close()
