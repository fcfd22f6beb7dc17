"""Two venues in one archive: spot and USD-M futures, each replayed by a process of its own, with faults and a kill."""

from __future__ import annotations

import gzip
import json
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import groupby, pairwise
from pathlib import Path
from threading import Thread
from typing import Any

import pyarrow.parquet as pq
import pytest
import recorded
from attrs import frozen
from processes import Collector, command, environment

import bcore
from bc_replay import sample
from bc_replay.testing import ReplayServer
from bcore.clock import SystemClock
from bcore.collect import Job
from bcore.errors import Stopped
from bcore.memory import MemoryStore
from bcore.query import Query
from bcore.records import Series

pytest.importorskip("bc_binance_um", reason="the second venue (bc-binance-um) is not installed")
SPEED = 8
DAY_AFTER = 1_723_161_600_000_000 + 60_000_000  # us
MINUTE = "2024-08-08T23:55:00"
CANDLE = ("open", "high", "low", "close", "volume", "quote_volume", "taker_buy_volume", "taker_buy_quote_volume")
PLACES = (1, 2, 3, 4, 5, 7, 9, 10)  # of those fields in a kline


@frozen
class Archive:
    """What was collected, from which recordings, and what the collector said."""

    folder: Path
    um: tuple[Path, ...]
    spot: tuple[Path, ...]
    exchange: ReplayServer
    said: str

    def rows(self, dataset: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = pq.read_table(self.folder / "archive" / dataset / "BTCUSDT.parquet").to_pylist()
        return rows


def held(folder: Path, dataset: str) -> list[recorded.Row]:
    table = pq.read_table(folder / "archive" / dataset / "BTCUSDT.parquet", columns=recorded.COLUMNS)
    table = table.set_column(1, "timestamp", table.column("timestamp").cast("int64"))
    return list(zip(*(table.column(name).to_pylist() for name in recorded.COLUMNS), strict=True))


def beginning(paths: tuple[Path, ...], seconds: float, to: Path) -> Path:
    """The first lines of a recording, without tickers."""
    whole = gzip.decompress(paths[0].read_bytes()).decode().splitlines(keepends=True)
    last = int(whole[0][:19]) + seconds * 1e9
    kept = [line for line in whole if '@bookTicker"' not in line[:60] and int(line[:19]) < last]
    to.write_bytes(gzip.compress("".join(kept).encode(), 1))
    return to


def configure(folder: Path, spot: ReplayServer, um: ReplayServer, **settings: object) -> None:
    more = "\n".join(f"{name} = {json.dumps(value)}" for name, value in settings.items())
    (folder / "bcore.toml").write_text(
        f"""
symbols = ["BTCUSDT"]
[exchanges.binance]
rest_url = "{spot.url}"
[exchanges.um]
kind = "binance_um"
rest_url = "{um.url}"
{more}
[stores.main]
kind = "parquet"
path = "archive"
[sources.trades]
exchange = "binance"
start = "2024-08-08T23:54:00"
flush = 0.3
[sources.um_trades]
kind = "trades"
exchange = "um"
dataset = "um_trades"
start = "2024-08-08T23:54:00"
flush = 0.3
[sources.um_depth]
kind = "depth"
exchange = "um"
dataset = "um_depth"
flush = 0.3
[sources.mark_price]
exchange = "um"
flush = 0.3
"""
    )


def count(folder: Path, dataset: str) -> int:
    try:
        return len(pq.read_table(folder / "archive" / dataset / "BTCUSDT.parquet", columns=["timestamp"]))
    except FileNotFoundError:
        return 0


def wait(holds: Callable[[], object], what: str, seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.1)


def states(folder: Path) -> list[str]:
    path = folder / "archive" / "um_depth_states" / "BTCUSDT.parquet"
    return pq.read_table(path, columns=["state"]).column("state").to_pylist() if path.exists() else []


def turn(servers: tuple[ReplayServer, ...], **how: bool) -> None:
    for server in servers:
        server.clock(**how)


def verified(folder: Path, times: int, *servers: ReplayServer) -> None:
    """Lets the exchanges stand still, once changes of the book have come, until it is verified once more."""
    before = count(folder, "um_depth")
    wait(lambda: count(folder, "um_depth") > before, "changes of the book")
    turn(servers, pause=True)
    wait(lambda: states(folder).count("verified") >= times, "a verified book")
    turn(servers, resume=True)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    folder = tmp_path_factory.mktemp("venues")
    um = beginning(sample.paths("um"), 106, folder / "um_btcusdt.gz")
    spot = beginning(sample.paths(), 60, folder / "spot_btcusdt.gz")
    wanted = {"um_trades": len(recorded.aggregates([um])), "trades": len(recorded.aggregates([spot]))}
    collector = Collector(folder)
    faults = ("gap@3:40", "disconnect@5", "rotate@7", "500@4:2", "reset@9")
    with (
        ReplayServer(spot, speed=SPEED, wait=True) as one,
        ReplayServer(um, speed=SPEED, wait=True, faults=faults) as two,
    ):
        configure(folder, one, two)
        collector.start("run")
        try:
            verified(folder, 1, one, two)
            wait(lambda: count(folder, "um_trades") > 300, "some trades")
            turn((one, two), pause=True)
            collector.stop(signal.SIGKILL)
            collector.start("run")
            wait(lambda: one.status()["subscriptions"] and len(two.status()["subscriptions"]) == 3, "all streams again")
            turn((one, two), resume=True)
            verified(folder, 2, one, two)
            wait(lambda: all(count(folder, name) >= rows for name, rows in wanted.items()), "every trade of both")
            wait(lambda: two.status()["ended"] and count(folder, "mark_price") > 20, "mark prices to the end")
            wait(lambda: "verified" == states(folder)[-1], "a book in order at the end")
            assert 0 == collector.stop(signal.SIGTERM), collector.said()
        finally:
            if collector.running:
                collector.stop(signal.SIGKILL)
        yield Archive(folder, (um,), (spot,), two, collector.said())


@pytest.mark.parametrize(("dataset", "venue"), [("um_trades", "um"), ("trades", "spot")])
def test_each_venue_s_trades_are_exactly_its_recording(archive: Archive, dataset: str, venue: str) -> None:
    expected = recorded.aggregates(getattr(archive, venue))
    rows = held(archive.folder, dataset)
    assert list(range(1, len(expected) + 1)) == [row[0] for row in rows]
    assert expected == [row[1:] for row in rows]


def test_every_fault_has_met_something(archive: Archive) -> None:
    assert [] == [fault for fault in archive.exchange.faults() if not fault["hits"]]


def test_verify_says_complete_for_both(archive: Archive) -> None:
    for dataset in ("um_trades", "trades"):
        said = subprocess.run(
            command("verify", f"{dataset}/BTCUSDT", "--data", "archive"),
            cwd=archive.folder,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert (0, True) == (said.returncode, "complete" in said.stdout), said.stdout + said.stderr


def test_a_futures_candle_is_complete_and_the_exchange_s_own(archive: Archive) -> None:
    with urllib.request.urlopen(f"{archive.exchange.url}/fapi/v1/klines?symbol=BTCUSDT&interval=1m") as reply:
        theirs = {row[0]: row for row in json.loads(reply.read())}
    client = bcore.open(archive.folder / "archive")
    (ours,) = client.read("um_ohlcv", "BTCUSDT", timeframe="1m", start_time=MINUTE, limit=1).to_pylist()
    row = theirs[int(ours["timestamp"].timestamp() * 1000)]
    assert [float(row[place]) for place in PLACES] == [ours[name] for name in CANDLE]
    assert (row[8], True) == (ours["trade_count"], ours["complete"])


def test_a_book_of_the_chain_is_verified_again_after_each_fault_and_never_crossed(archive: Archive) -> None:
    told = states(archive.folder)
    assert {"verified", "unknown"} <= set(told), "the kill left a time in which nobody looked"
    assert ["verified", "unknown"] == told[-2:], "until the collector was stopped"
    client = bcore.open(archive.folder / "archive")
    measures = client.read("um_book_measures", "BTCUSDT", every="1s", levels="1").to_pylist()
    sure = [row for row in measures if row["state"] == "verified"]
    assert len(sure) > 20
    assert [] == [row for row in sure if row["best_bid"] >= row["best_ask"]]


def test_events_of_the_depth_stream_tile_wherever_the_book_is_verified(archive: Archive) -> None:
    events = sorted({(row["last_update_id"], row["first_update_id"]) for row in archive.rows("um_depth")})
    ids = {message["u"]: message["pu"] for message in messages(archive.um, "@depth@0ms")}
    assert [] == [event for event in events if ids[event[0]] + 1 != event[1]]
    joined = sum(after[1] == before[0] + 1 for before, after in pairwise(events))
    assert 0 < len(events) - 1 - joined <= 8, "some faults left some out, once each"


def test_mark_prices_are_one_a_second_each_once(archive: Archive) -> None:
    rows = archive.rows("mark_price")
    times = [row["timestamp"] for row in rows]
    assert times == sorted(set(times))
    assert all(row["timestamp"].microsecond == 0 and 0 < row["mark_price"] for row in rows)
    assert {"2024-08-09 00:00:00+00:00"} == {str(row["next_funding_time"]) for row in rows}
    assert all(abs(row["funding_rate"]) < 0.001 and row["index_price"] > 0 for row in rows)


def test_an_address_without_its_route_is_found_out_and_told(
    tmp_path: Path, collector: Collector, wait_until: Callable[..., None]
) -> None:
    um = beginning(sample.paths("um"), 60, tmp_path / "um_btcusdt.gz")
    with ReplayServer(um, speed=1) as exchange, ReplayServer("synthetic:1x1", options=["--market", "spot"]) as other:
        configure(tmp_path, other, exchange, routed=False)
        text = (tmp_path / "bcore.toml").read_text()
        cut = text[: text.index("[sources.trades]")] + text[text.index("[sources.um_trades]") :]
        (tmp_path / "bcore.toml").write_text(
            cut.replace("[sources.mark_price]", "[sources.mark_price]\npatience = 2.0")
        )
        collector.start("run")
        advice = "set routed = true in the exchange's section"
        wait_until(lambda: advice in collector.said(), "the advice", 90.0)
        assert "btcusdt@markPrice@1s is acknowledged and silent" in collector.said()
        assert count(tmp_path, "mark_price") == 0
        wait_until(lambda: count(tmp_path, "um_depth") > 0, "depth, which comes without a route too")
        assert 0 == collector.stop(signal.SIGTERM), collector.said()


def test_history_comes_from_the_market_s_own_files_and_is_what_its_klines_say(
    tmp_path: Path, bcore_run: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    um = beginning(sample.paths("um"), 106, tmp_path / "um_btcusdt.gz")
    backfill(tmp_path, um, bcore_run)
    assert recorded.aggregates([um]) == [row[1:] for row in held(tmp_path, "um_trades")]


def test_candles_are_the_exchange_s_own_klines_on_all_fields(
    tmp_path: Path, shared: Path, bcore_run: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    folder = shared / "ws_raw_hftbacktest_um"
    backfill(tmp_path, folder / "btcusdt_20240808.gz", bcore_run)
    (lines,) = (path.read_text().splitlines() for path in folder.glob("*.csv"))
    theirs = {int(line.split(",")[0]): line.split(",") for line in lines}
    client = bcore.open(tmp_path / "archive")
    candles = client.read("um_ohlcv", "BTCUSDT", timeframe="1m", start_time=MINUTE, limit=5).to_pylist()
    assert [True] * 4 == [candle["complete"] for candle in candles[:4]], "the fifth is the last that is held"
    for candle in candles:
        row = theirs[int(candle["timestamp"].timestamp() * 1000)]
        assert [float(row[place]) for place in PLACES] == [candle[name] for name in CANDLE]
        assert int(row[8]) == candle["trade_count"]
    assert 5 == len(candles)


def backfill(folder: Path, recording: Path, run: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    """A day's file, fetched, checked and proven against the exchange's klines."""
    with ReplayServer(recording, speed=0, options=["--market", "um"]) as exchange:
        exchange.clock(seek=DAY_AFTER)
        configure(folder, exchange, exchange)
        text = (folder / "bcore.toml").read_text()
        kept = (
            text[: text.index("[exchanges.binance]")] + text[text.index("[exchanges.um]") : text.index("[sources.tr")]
        )
        source = text[text.index("[sources.um_trades]") : text.index("[sources.um_depth]")]
        (folder / "bcore.toml").write_text(kept + source)
        done = run("backfill", "BTCUSDT", "--from", "2024-08-08", "--to", "2024-08-09")
        assert 0 == done.returncode, done.stdout + done.stderr
        assert [] != [path for path in exchange.status()["requests"] if path.startswith("/data/futures/um/daily/aggTr")]
        checked = run("verify", "um_trades/BTCUSDT", "--against", "klines")
        assert (0, True) == (checked.returncode, "complete" in checked.stdout), checked.stdout + checked.stderr


def test_the_maintained_book_is_the_exchange_s_at_every_id_that_both_tell() -> None:
    from bc_binance_um import BinanceUm, BinanceUmConfig
    from bc_orderbook.depth_config import DepthConfig
    from bc_orderbook.depth_source import DepthSource
    from bc_orderbook.diffs import DEPTH, DEPTH_SNAPSHOTS, DEPTH_STATES

    tickers = {each["u"]: each for each in messages(sample.paths("um"), "@bookTicker")}
    last = max(each["u"] for each in messages(sample.paths("um"), "@depth@0ms"))
    store, clock = MemoryStore(), SystemClock()
    with ReplayServer(options=["--market", "um"], speed=10, wait=True) as server:
        exchange = BinanceUm(clock, config=BinanceUmConfig(rest_url=server.url))
        source = DepthSource(DepthConfig(flush=0.2, snapshot_levels=5000), exchange, ("BTCUSDT",), clock)
        thread = Thread(target=run_live, args=(source, store, clock), daemon=True)
        thread.start()
        wait(lambda: (store.last(Series(DEPTH, "BTCUSDT")) or (0,))[0] >= last, "the last event")
        clock.stopping.set()
        thread.join(60)
        exchange.close()
    snapshot = store.read(Query(DEPTH_SNAPSHOTS, "BTCUSDT", where={"kind": ("rest",)})).to_pylist()
    assert 2000 == len(snapshot), "as many levels as this exchange gives, whatever was asked for"
    assert all(row["bid_horizon"] > 0 for row in snapshot), "beyond them nothing is known"
    states = [row["state"] for row in store.read(Query(DEPTH_STATES, "BTCUSDT")).to_pylist()]
    assert ["verified", "unknown"] == states
    tops = followed(snapshot, store.read(Query(DEPTH, "BTCUSDT")).to_pylist())
    both = sorted(tops.keys() & tickers.keys())
    assert len(both) > 50
    theirs = {u: tuple(float(tickers[u][name]) for name in "bBaA") for u in both}
    assert {} == {u: (tops[u], theirs[u]) for u in both if tops[u] != theirs[u]}


def run_live(source: Any, store: MemoryStore, clock: SystemClock) -> None:
    with suppress(Stopped):
        Job("depth", source, store, clock=clock).run_live(lambda event: None)


def followed(snapshot: list[dict[str, Any]], rows: list[dict[str, Any]]) -> dict[int, tuple[float, ...]]:
    """The best levels after each event, by its id, from nothing but what is stored."""
    sides: dict[int, dict[float, float]] = {1: {}, -1: {}}
    for row in snapshot:
        sides[row["side"]][row["price"]] = row["quantity"]
    tops, number = {}, snapshot[0]["last_update_id"]
    for update, changes in groupby(rows, key=lambda row: (row["first_update_id"], row["last_update_id"])):
        if update[1] <= number:
            continue
        assert update[0] <= number + 1, "the chain"
        number = update[1]
        for row in changes:
            sides.get(row["side"], {})[row["price"]] = row["quantity"]
        for side in sides.values():
            for price in [price for price, quantity in side.items() if not quantity]:
                del side[price]
        bid, ask = max(sides[1]), min(sides[-1])
        tops[number] = (bid, sides[1][bid], ask, sides[-1][ask])
    return tops


def messages(paths: tuple[Path, ...], kind: str) -> Iterator[dict[str, Any]]:
    for path in paths:
        for line in gzip.decompress(path.read_bytes()).decode().splitlines():
            if f'{kind}"' in line[:80]:
                yield json.loads(line.partition(" ")[2])["data"]
