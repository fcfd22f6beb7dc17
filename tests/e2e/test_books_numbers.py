"""The original's calls for order books, over HTTP and in Python, against the books that the exchange really showed.

The raw books are kept as they came over the wire; the direct computation is by fractions, level after level.
"""

from __future__ import annotations

import json
import subprocess
import urllib.request
from collections.abc import Iterator
from fractions import Fraction
from math import ceil, floor, isnan, nan
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("bc_http", reason="needs the HTTP server")
pytest.importorskip("bc_orderbook", reason="needs order books")
pytest.importorskip("bc_parquet", reason="needs the archive")

from attrs import define, field, frozen
from processes import command, environment

import bcore
from bc_binance import Binance, BinanceConfig
from bc_orderbook.config import OrderBookConfig
from bc_orderbook.source import OrderBookSource
from bc_parquet.store import ParquetStore
from bc_replay.testing import ReplayServer
from bcore import get_hot_client
from bcore.clock import SystemClock
from bcore.collect import Job

TICKS, PASSES = (0.5, 10.0, 50.0), 4
Row = dict[str, Any]
Raw = dict[int, tuple[list[tuple[str, str]], list[tuple[str, str]]]]


@define
class Overheard:
    """The exchange, with a memory of every book that it showed, by the time at which it was received."""

    exchange: Binance
    raw: Raw = field(factory=dict)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.exchange, name)

    def measure_clock(self) -> int:
        return self.exchange.measure_clock()

    def exchange_info(self, symbols: tuple[str, ...] = ()) -> Any:
        return self.exchange.exchange_info(symbols)

    def depth(self, symbol: str, limit: int = 1000) -> Any:
        depth = self.exchange.depth(symbol, limit)
        body = json.loads(depth.body)
        self.raw[depth.received] = body["bids"], body["asks"]
        return depth


@frozen
class Kept:
    folder: Path
    url: str
    raw: Raw

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path, timeout=60) as reply:
            return json.loads(reply.read())


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    folder = tmp_path_factory.mktemp("books") / "data"
    clock, store = SystemClock(), ParquetStore(folder)
    with ReplayServer(speed=20.0) as server:
        exchange = Binance(BinanceConfig(rest_url=server.url, timeout=10.0), clock)
        venue: Any = Overheard(exchange)
        config = OrderBookConfig(from_="rest", tick_sizes=TICKS)
        source = OrderBookSource(config, venue, ("BTCUSDT",), clock)
        job = Job("orderbook", source, store, clock=clock)
        for _ in range(PASSES):
            assert len(TICKS) == job.run_once(lambda event: None)
        exchange.close()
    store.close()
    process = subprocess.Popen(
        command("serve", "--data", folder, "--port", 0), env=environment(), stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    yield Kept(folder, process.stdout.readline().strip().removeprefix("listening on "), venue.raw)
    process.terminate()
    assert 0 == process.wait(20)
    process.stdout.close()


def directly(bids: list[tuple[str, str]], asks: list[tuple[str, str]], tick_size: float, levels: int = 15) -> Row:
    """A row's numbers from the text of a book."""
    bid, ask = Fraction(bids[0][0]), Fraction(asks[0][0])
    row: Row = {"tick_size": tick_size, "best_bid": float(bid), "best_ask": float(ask), "spread": float(ask - bid)}
    row["spread_pct"] = float(100 * (ask - bid) / ((ask + bid) / 2))
    totals, numbers = [], {}
    for side, texts, rounded in (("bid", bids, floor), ("ask", asks, ceil)):
        buckets: dict[int, list[Fraction]] = {}
        for price, quantity in texts:
            bucket = buckets.setdefault(rounded(Fraction(price) / Fraction(str(tick_size))), [Fraction(0), Fraction(0)])
            bucket[0] += Fraction(quantity)
            bucket[1] += Fraction(quantity) * Fraction(price)
        quantity, money = Fraction(0), Fraction(0)
        best = sorted(buckets, reverse=side == "bid")[:levels]
        for level, at in enumerate(best, 1):
            quantity, money = quantity + buckets[at][0], money + buckets[at][1]
            values = (at * Fraction(str(tick_size)), buckets[at][0], quantity, money)
            numbers |= named(side, level, map(float, values))
        totals.append(quantity)
        for level in range(len(best) + 1, levels + 1):
            numbers |= named(side, level, [nan] * 4)
    row["imbalance"] = float((totals[0] - totals[1]) / sum(totals))
    row["depth_ratio"] = float(totals[0] / totals[1])
    return row | numbers


def named(side: str, level: int, values: Any) -> Row:
    return {f"{side}_{what}_{level}": value for what, value in zip(("price", "qty", "cum_qty", "cum_usd"), values)}  # noqa: B905


def expected(kept: Kept, tick_size: float, levels: int = 15) -> list[Row]:
    return [directly(*kept.raw[at], tick_size, levels) for at in sorted(kept.raw)]


def assert_same(wanted: list[Row], found: list[Row]) -> None:
    assert len(wanted) == len(found) == PASSES
    for one, other in zip(wanted, found, strict=True):
        assert set(one) == set(other) - {"timestamp", "symbol"}
        blank = {name: nan if other[name] is None else other[name] for name in one}
        assert {} == {
            name: (value, blank[name])
            for name, value in one.items()
            if value != blank[name] and not (isnan(value) and isnan(blank[name]))
        }


@pytest.mark.parametrize("tick_size", TICKS)
def test_http_gives_the_columns_and_numbers_of_the_raw_books(kept: Kept, tick_size: float) -> None:
    told = kept.get(f"/orderbook/BTCUSDT?tick_size={tick_size:g}&limit=100")
    assert_same(expected(kept, tick_size), told["data"])
    assert 129 == len(told["data"][0])
    assert_same(expected(kept, tick_size), kept.get(f"/hot/orderbook/BTCUSDT?tick_size={tick_size:g}")["data"])


def test_a_few_levels_are_the_first_columns_of_all(kept: Kept) -> None:
    found = kept.get("/orderbook/BTCUSDT?tick_size=10&levels=5")["data"]
    assert 9 + 8 * 5 == len(found[0])
    whole = expected(kept, 10.0)
    assert_same([{name: row[name] for name in found[0] if name in row} for row in whole], found)


@pytest.mark.parametrize("tick_size", TICKS)
def test_so_do_the_clients(kept: Kept, tick_size: float) -> None:
    hot = get_hot_client(kept.folder)
    for client in (bcore.open(kept.folder), bcore.open(kept.url), hot):
        with client:
            frame = client.get_orderbook("BTCUSDT", tick_size=tick_size, limit=100)
        assert_same(expected(kept, tick_size), frame.to_dict("records"))
        assert 129 == len(frame.columns)


def test_so_do_the_original_s_names(kept: Kept) -> None:
    original = pytest.importorskip("binance_collector", reason="the original's names are not installed")
    for client in (original.get_local_client(kept.folder), original.get_api_client(kept.url, "")):
        frame = client.get_orderbook("BTCUSDT", tick_size=10, limit=100)
        assert_same(expected(kept, 10.0), frame.to_dict("records"))
