"""Several symbols on one exchange, of which faults meet one or those of one connection: these are in doubt exactly
while something is missing, recover by themselves, and the others notice nothing.

One collector, a process of its own, over real sockets into a real archive; its symbols share two connections.
What it should hold comes from the recording alone. At the end the archive is served, and gives back its books.
"""

from __future__ import annotations

import json
import signal
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import groupby
from math import ceil, floor
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("bc_http", reason="needs the HTTP server")
pytest.importorskip("bc_orderbook", reason="needs order books")

import pyarrow.compute as pc
from books import Truth, known, outside, sides_of, write_recording
from faulted import Fault, Kept, Met, Scene
from processes import Collector, command, environment

import bcore
from bc_replay import sample
from bc_replay.testing import ReplayServer
from bcore.client import Client

ONE, TWO, THREE = SYMBOLS = ("BTCUSDT", "TWOUSDT", "THREEUSDT")  # over two connections: the first and third, the second
SPEED, DIFFS, LEVELS = 6.0, 5400, 500  # ninety seconds, of which a third is enough
SILENCE = 3.5  # seconds: over before the collector subscribes again, so that it ends by itself
CONFIG = """
symbols = {symbols}
[exchanges.binance]
rest_url = "{url}"
stream_url = "{ws_url}"
stream_limit = 2
stream_overlap = 0.3
[stores.main]
kind = "parquet"
path = "archive"
[sources.depth]
flush = 0.1
checkpoint = 10
snapshot_levels = {levels}
"""
# What happens at once, and whom it puts in doubt: duplicates, events out of order and a shutdown that is announced hurt
# nobody, what meets a connection all that it carries.
EVENTS: tuple[tuple[tuple[Fault, ...], tuple[str, ...]], ...] = (
    ((("gap", "5", ONE), ("duplicate", "20", TWO), ("reorder", "3", THREE)), (ONE,)),
    ((("stale", "60/1.5", TWO), ("gap", "5", TWO)), (TWO,)),
    ((("disconnect", None, TWO), ("shutdown", "0.5", ONE)), (TWO,)),
    ((("acksilent", f"{SILENCE}", ONE), ("rotate", None, ONE), ("reset", None, TWO)), SYMBOLS),
)
SILENT = 3  # of these the one with a silent subscription


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    folder = tmp_path / "recording"
    folder.mkdir()
    write_recording(sample.paths(), folder, SYMBOLS, DIFFS)
    return folder


@pytest.fixture
def truth(recording: Path) -> dict[str, Truth]:
    return {symbol: Truth.of(recording / f"{symbol.lower()}.gz") for symbol in SYMBOLS}


@pytest.fixture
def scene(recording: Path, collector: Collector, tmp_path: Path) -> Iterator[Scene]:
    with ReplayServer(recording, speed=SPEED, wait=True) as server, bcore.open(tmp_path / "archive") as client:
        config = CONFIG.format(symbols=json.dumps(SYMBOLS), url=server.url, ws_url=server.ws_url, levels=LEVELS)
        (tmp_path / "bcore.toml").write_text(config)
        collector.start("run")
        made = Scene(SYMBOLS, server, client)
        play(made)
        assert 0 == collector.stop(signal.SIGTERM), collector.said()
        assert "Traceback" not in collector.said()
        yield made


def play(scene: Scene) -> None:
    scene.until(lambda: all("verified" in scene.states(symbol) for symbol in SYMBOLS))
    for faults, hurt in EVENTS:
        scene.happen(faults, hurt)


@pytest.fixture
def kept(scene: Scene, truth: dict[str, Truth]) -> dict[str, Kept]:
    return {symbol: scene.kept(symbol, truth[symbol]) for symbol in SYMBOLS}


def test_books_under_faults(
    url: str, scene: Scene, kept: dict[str, Kept], truth: dict[str, Truth], bcore_run: Callable[..., Any]
) -> None:
    """One test, however many things it looks at: what they look at takes half a minute to come about."""
    for met, (_, hurt) in zip(scene.met, EVENTS, strict=True):
        those_hurt_are_in_doubt_exactly_while_something_is_missing(met, hurt, kept, truth)
    each_fault_met_what_it_was_aimed_at(scene.met)
    a_symbol_whose_stream_is_silent_is_in_doubt_for_as_long(scene.met[SILENT], kept)
    nothing_else_happened(kept)
    for symbol in SYMBOLS:
        the_archive_is_the_recording_but_for_the_doubts(kept[symbol], truth[symbol])
        the_views_and_the_ledger_tell_the_same(symbol, scene, kept[symbol])
        every_stored_book_is_the_recorded_one(symbol, scene, truth[symbol])
    the_archive_testifies_to_it(bcore_run, kept)
    for said, at in moments(kept[ONE]).items():
        a_book_of_the_past_comes_over_http(said.split()[0], at, url, scene, kept[ONE], truth[ONE])
    a_series_of_books_comes_over_http(url, scene, kept[ONE], truth[ONE])
    a_few_levels_and_buckets_are_those_of_the_recorded_book(url, kept[ONE], truth[ONE])
    what_there_is_no_book_for_is_said_plainly(url, "2024-08-08T00:00:00", 404, "no book of BTCUSDT")
    what_there_is_no_book_for_is_said_plainly(url, "yesteryear", 400, "at must be an instant")


def those_hurt_are_in_doubt_exactly_while_something_is_missing(
    met: Met, hurt: tuple[str, ...], kept: dict[str, Kept], truth: dict[str, Truth]
) -> None:
    for symbol in hurt:
        (doubt,), seeds, (gone,) = kept[symbol].within(met)
        assert met.begun <= gone[0].time
        assert truth[symbol].before(gone[0]).time == doubt[0]  # the last event that was in order
        joined, known = seeds[-1]
        assert gone[-1].last <= joined
        assert known == doubt[1]  # the snapshot with which all was well again: not before what it contains,
        assert gone[-1].time <= doubt[1] <= truth[symbol].after(joined).time  # and not after the next event
        asked = [each for each, _ in seeds if each >= gone[-1].last]
        assert [joined] == asked  # one was enough
    for symbol in set(SYMBOLS) - set(hurt):
        assert ([], [], []) == kept[symbol].within(met)


def each_fault_met_what_it_was_aimed_at(met: list[Met]) -> None:
    """One stream, one subscription, one connection; and a snapshot behind the stream was asked for again."""
    hits = {kind: count for each in met for kind, count in each.hits.items()}
    assert hits.pop("stale") >= 2
    assert (
        dict.fromkeys(("gap", "duplicate", "reorder", "disconnect", "rotate", "acksilent", "shutdown", "reset"), 1)
        == hits
    )


def a_symbol_whose_stream_is_silent_is_in_doubt_for_as_long(met: Met, kept: dict[str, Kept]) -> None:
    (one,), (three,) = (kept[symbol].within(met)[0] for symbol in (ONE, THREE))
    (gone,) = kept[ONE].within(met)[2]
    assert one[0] == three[0]  # their connection was one
    assert one[1] - one[0] >= gone[-1].time - gone[0].time >= (SILENCE * SPEED - 1) * 1_000_000


def nothing_else_happened(kept: dict[str, Kept]) -> None:
    doubts = {symbol: sum(symbol in hurt for _, hurt in EVENTS) for symbol in SYMBOLS}
    wanted = {symbol: ["verified", *["suspect", "verified"] * count, "unknown"] for symbol, count in doubts.items()}
    assert wanted == {symbol: kept[symbol].states for symbol in SYMBOLS}
    assert doubts == {symbol: len(kept[symbol].missing) for symbol in SYMBOLS}


def the_archive_is_the_recording_but_for_the_doubts(kept: Kept, truth: Truth) -> None:
    """Event by event and level by level, in order."""
    table, told, doubtful = kept.table, truth.table, kept.doubtful
    ids = table.column("last_update_id")
    span = ids[0].as_py(), ids[-1].as_py()
    assert outside(told, doubtful, *span).equals(outside(table, doubtful, *span))
    assert told.filter(pc.is_in(told.column("last_update_id"), ids.combine_chunks())).equals(table.combine_chunks())
    assert len(set(ids.to_pylist())) > 300


def the_views_and_the_ledger_tell_the_same(symbol: str, scene: Scene, kept: Kept) -> None:
    told = scene.client.read("book_intervals", symbol)
    ends = told.column("end").cast("int64").to_pylist()
    assert kept.times == told.column("timestamp").cast("int64").to_pylist()
    assert kept.times[1:] == ends[:-1]
    assert kept.states == told.column("state").to_pylist()
    gaps = scene.client.read("depth_gaps", symbol).to_pylist() if kept.missing else []
    noted = sorted((each["first_id"], each["last_id"]) for each in gaps if each["state"] == "unfillable")
    assert [(run[0].first, run[-1].last) for run in kept.missing] == noted


def every_stored_book_is_the_recorded_one(symbol: str, scene: Scene, truth: Truth) -> None:
    """The exchange's snapshots and the checkpoints of the maintained book, as far as each knows every level."""
    rows = scene.client.read("depth_snapshots", symbol).to_pylist()
    stored = {key: list(group) for key, group in groupby(rows, key=itemgetter("last_update_id", "kind"))}
    reasons = [levels[0]["reason"].partition(":")[0] for (_, kind), levels in stored.items() if kind == "rest"]
    assert ["start", *["resync"] * (len(reasons) - 1)] == reasons
    assert len(reasons) > sum(symbol in hurt for _, hurt in EVENTS), "one for each doubt"
    assert len(stored) > len(reasons), "and checkpoints of the maintained book"
    right = dict(truth.books(sorted({number for number, _ in stored})))
    for (number, _), levels in stored.items():
        horizon = levels[0]["bid_horizon"], levels[0]["ask_horizon"]
        assert known(right[number], horizon) == known(sides_of(levels), horizon)


def the_archive_testifies_to_it(bcore_run: Callable[..., Any], kept: dict[str, Kept]) -> None:
    """To every doubt, and to nothing else."""
    series = [f"depth/{symbol}" for symbol in SYMBOLS]
    told = bcore_run("verify", *series, "--data", "archive", "--deep", "--accept-unfillable")
    assert 0 == told.returncode, told.stderr
    lines = told.stdout.splitlines()
    assert sum(len(each.doubtful) for each in kept.values()) == sum("  suspect from " in line for line in lines)
    compared = [line for line in lines if " compared, " in line]
    assert (3 * len(SYMBOLS), len(compared)) == (len(compared), sum(" 0 disagree" in line for line in compared))


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """A server of the archive, beside the collector from the beginning."""
    process = subprocess.Popen(
        command("serve", "--data", tmp_path / "archive", "--port", 0),
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    with process.stdout as said:
        yield said.readline().strip().removeprefix("listening on ")
        process.kill()  # how a server ends has tests of its own
        process.wait()


def get(url: str, **query: Any) -> Any:
    with urllib.request.urlopen(f"{url}/book/{ONE}?{urllib.parse.urlencode(query)}", timeout=60) as reply:
        return json.loads(reply.read())["data"]


def iso(instant: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=instant)).isoformat()


def moments(kept: Kept) -> dict[str, int]:
    """Instants of ONE and what is to be said of its book then."""
    (suspected, again), *_ = kept.doubtful
    return {
        "verified early": (kept.times[0] + suspected) // 2,
        "verified just before it": suspected - 1,
        "suspect from the last event in order on": suspected,
        "suspect in the middle": (suspected + again) // 2,
        "suspect just before the end": again - 1,
        "verified with the snapshot": again,
        "verified later": again + 12_345_678,
        "unknown": kept.times[-1] + 60_000_000,
    }


def a_book_of_the_past_comes_over_http(state: str, at: int, url: str, scene: Scene, kept: Kept, truth: Truth) -> None:
    rows, book = get(url, at=iso(at)), scene.client.get_book(ONE, at=at, as_="arrow")
    first = rows[0]
    assert state == first["state"] == book.state
    assert datetime.fromisoformat(first["timestamp"]) == book.time == datetime.fromisoformat(iso(at))
    assert datetime.fromisoformat(first["event_time"]) == book.event_time
    assert first["update_id"] == book.update_id
    assert (first["bid_horizon"], first["ask_horizon"]) == book.horizon
    theirs = tuple({row["price"]: row["quantity"] for row in side.to_pylist()} for side in (book.bids, book.asks))
    assert sides_of(rows) == theirs

    doubt, end = kept.doubtful[0][0], kept.times[-1]
    last = truth.at(doubt if book.state == "suspect" else min(at, end), kept.seeds)
    assert last == book.update_id
    ((_, right),) = truth.books([last])
    assert known(right, book.horizon) == known(theirs, book.horizon)
    assert min(map(len, known(right, book.horizon))) > 20


def a_series_of_books_comes_over_http(url: str, scene: Scene, kept: Kept, truth: Truth) -> None:
    """Through a doubt: in it the book stands still."""
    again = kept.doubtful[0][1]

    def told(client: Client) -> list[tuple[Any, ...]]:
        books = client.book_states(ONE, again - 7_000_000, again + 20_000_000, every="2s", levels=3, as_="arrow")
        return [(each.time, each.update_id, each.state, each.bids.to_pydict(), each.asks.to_pydict()) for each in books]

    with bcore.open(url) as remote:
        assert told(scene.client) == told(remote)
    assert {"verified", "suspect"} == {state for _, _, state, *_ in told(scene.client)}
    shown = {number: (bids, asks) for _, number, _, bids, asks in told(scene.client)}
    for number, right in truth.books(sorted(shown)):
        best = sorted(right[0], reverse=True)[:3], sorted(right[1])[:3]
        assert best == tuple(side["price"] for side in shown[number])
        assert [[side[price] for price in prices] for side, prices in zip(right, best, strict=True)] == [
            side["quantity"] for side in shown[number]
        ]


def a_few_levels_and_buckets_are_those_of_the_recorded_book(url: str, kept: Kept, truth: Truth) -> None:
    at = moments(kept)["verified later"]
    ((_, (bids, asks)),) = truth.books([truth.at(at, kept.seeds)])
    best = sides_of(get(url, at=at, levels=5))
    assert (sorted(bids, reverse=True)[:5], sorted(asks)[:5]) == (list(best[0]), list(best[1]))
    buckets: tuple[dict[float, Fraction], ...] = ({}, {})
    for side, levels, rounded in ((0, bids, floor), (1, asks, ceil)):
        for price, quantity in levels.items():
            bucket = float(10 * rounded(Fraction(str(price)) / 10))
            buckets[side][bucket] = buckets[side].get(bucket, Fraction(0)) + Fraction(str(quantity))
    shown = sides_of(get(url, at=at, levels=3, tick_size=10))
    nearest = sorted(buckets[0], reverse=True)[:3], sorted(buckets[1])[:3]
    assert tuple({at: float(each[at]) for at in best} for each, best in zip(buckets, nearest, strict=True)) == shown


def what_there_is_no_book_for_is_said_plainly(url: str, at: str, status: int, said: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        get(url, at=at)
    problem = json.loads(refused.value.read())
    assert (status, "application/problem+json") == (refused.value.code, refused.value.headers.get_content_type())
    assert status == problem["status"]
    assert said in json.dumps(problem)
