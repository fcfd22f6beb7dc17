"""A USD-M recording, served as the exchange serves USD-M futures (protocol section 7.5): real processes and sockets."""

from __future__ import annotations

import gzip
import io
import itertools
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from websockets.sync.client import ClientConnection, connect

from bc_replay import sample
from bc_replay.laps import Laps
from bc_replay.marks import mark_of
from bc_replay.recording import Recording, read_recording
from bc_replay.testing import ReplayFailed, ReplayServer

SECONDS = 15
MIDNIGHT = 1_723_161_600_000_000


@pytest.fixture(scope="module")
def lines() -> list[str]:
    """The beginning of the bundled sample."""
    whole = [line for path in sample.paths("um") for line in gzip.decompress(path.read_bytes()).decode().splitlines()]
    last = int(whole[0].partition(" ")[0]) + SECONDS * 10**9
    return [line for line in whole if int(line.partition(" ")[0]) < last]


@pytest.fixture(scope="module")
def path(lines: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("um") / "btcusdt.txt"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def recording(path: Path) -> Recording:
    return read_recording([path])


@pytest.fixture(scope="module")
def over(path: Path, recording: Recording) -> Iterator[ReplayServer]:
    """A server whose recording is over, the day too."""
    with ReplayServer(path, options=["--start-at", str(recording.end), "--weight-limit", "100000"]) as server:
        server.clock(seek=MIDNIGHT + 1)
        yield server


def get(server: ReplayServer, path: str) -> Any:
    return requests.get(f"{server.url}/fapi/v1/{path}", headers={"X-MBX-TIME-UNIT": "MICROSECOND"}, timeout=10).json()


def received(ws: ClientConnection, quiet: float = 1.0) -> Iterator[dict[str, Any]]:
    while True:
        try:
            yield json.loads(ws.recv(timeout=quiet))
        except TimeoutError:
            return


def test_rest_is_below_fapi_with_times_in_ms_whatever_is_asked_for(over: ReplayServer) -> None:
    (trade,) = get(over, "aggTrades?symbol=BTCUSDT&fromId=7&limit=1")
    assert {"a", "p", "q", "f", "l", "T", "m"} == trade.keys()
    assert (7, 13) == (trade["a"], len(str(trade["T"])))
    assert 404 == requests.get(f"{over.url}/api/v3/time", timeout=10).status_code


def test_a_book_says_when_it_was_and_comes_in_some_sizes_only(over: ReplayServer) -> None:
    book = get(over, "depth?symbol=BTCUSDT&limit=1000")
    assert ["lastUpdateId", "E", "T", "bids", "asks"] == list(book)
    assert 1000 == len(book["bids"]) == len(book["asks"])
    assert -1130 == get(over, "depth?symbol=BTCUSDT&limit=5000")["code"]
    assert -1130 == get(over, "depth?symbol=BTCUSDT&limit=7")["code"]


def test_weights_and_the_limit_are_the_markets_own(over: ReplayServer, path: Path) -> None:
    def weight(path: str) -> int:
        replies = [requests.get(f"{over.url}/fapi/v1/{each}", timeout=10) for each in ("ping", path)]
        before, after = (int(reply.headers["x-mbx-used-weight-1m"]) for reply in replies)
        return after - before

    assert 20 == weight("aggTrades?symbol=BTCUSDT")
    assert [2, 5, 10, 20] == [weight(f"depth?symbol=BTCUSDT&limit={limit}") for limit in (50, 100, 500, 1000)]
    assert [1, 10] == [weight(path) for path in ("premiumIndex?symbol=BTCUSDT", "premiumIndex")]
    with ReplayServer(path) as server:
        (limit,) = get(server, "exchangeInfo")["rateLimits"]
        assert ("REQUEST_WEIGHT", 2400) == (limit["rateLimitType"], limit["limit"])


def test_the_stream_has_the_chain_as_recorded(path: Path, lines: list[str]) -> None:
    with ReplayServer(path, speed=0) as server, connect(f"{server.ws_url}/public/ws/btcusdt@depth@100ms") as ws:
        sent = list(itertools.islice(received(ws), 200))
    events = (json.loads(line.partition(" ")[2]).get("data", {}) for line in lines)
    recorded = [event for event in events if event.get("e") == "depthUpdate"][:200]
    for name in ("e", "E", "T", "s", "U", "u", "pu"):
        assert [event[name] for event in recorded] == [event[name] for event in sent]
    assert all(before["u"] == after["pu"] for before, after in itertools.pairwise(sent))


def test_updates_folded_to_a_slower_stream_keep_the_chain(path: Path) -> None:
    with ReplayServer(path, speed=0) as server, connect(f"{server.ws_url}/public/ws/btcusdt@depth@500ms") as ws:
        sent = list(itertools.islice(received(ws), 20))
    assert all(before["u"] == after["pu"] < after["U"] for before, after in itertools.pairwise(sent))


@pytest.mark.parametrize(
    ("base", "heard"),
    [
        ("", {"btcusdt@bookTicker", "btcusdt@depth@100ms"}),
        ("/public", {"btcusdt@bookTicker", "btcusdt@depth@100ms"}),
        ("/market", {"btcusdt@aggTrade", "btcusdt@markPrice@1s", "btcusdt@kline_1m"}),
    ],
)
def test_every_base_acknowledges_all_streams_and_delivers_its_own(path: Path, base: str, heard: set[str]) -> None:
    kinds = ("aggTrade", "bookTicker", "depth@100ms", "markPrice@1s", "kline_1m")
    names = [f"btcusdt@{kind}" for kind in kinds]
    with ReplayServer(path, speed=0) as server, connect(f"{server.ws_url}{base}/stream") as ws:
        ws.send(json.dumps({"method": "SUBSCRIBE", "params": names, "id": 1}))
        replies = list(itertools.islice(received(ws, quiet=2.0), 1000))
    assert {"result": None, "id": 1} in replies
    assert heard == {reply["stream"] for reply in replies if "stream" in reply}


def test_a_connection_takes_two_hundred_streams(over: ReplayServer) -> None:
    with connect(f"{over.ws_url}/market/stream") as ws:
        for count in (200, 1):
            names = [f"{count}x{number}@trade" for number in range(count)]
            ws.send(json.dumps({"method": "SUBSCRIBE", "params": names, "id": count}))
        first, second = (json.loads(ws.recv(timeout=5)) for _ in range(2))
    assert {"result": None, "id": 200} == first
    assert "at most 200" in second["error"]["msg"]


def test_mark_prices_are_the_same_over_rest_and_the_stream(path: Path, recording: Recording) -> None:
    with ReplayServer(path, speed=0) as server, connect(f"{server.ws_url}/market/ws/btcusdt@markPrice@1s") as ws:
        events = list(received(ws))
        last = get(server, "premiumIndex?symbol=BTCUSDT")
    assert [1000] * (len(events) - 1) == [after["E"] - before["E"] for before, after in itertools.pairwise(events)]
    assert SECONDS - 2 < len(events)
    tape = recording.tapes["BTCUSDT"]
    for event in events[::3]:
        mark = mark_of(tape.happened(event["E"] * 1000))
        assert mark is not None
        assert (mark.price, mark.index, mark.rate) == (event["p"], event["i"], event["r"])
        assert MIDNIGHT // 1000 == event["T"]
    (same,) = [event for event in events if event["E"] == last["time"]]
    assert (same["p"], same["r"]) == (last["markPrice"], last["lastFundingRate"])


def test_the_days_file_has_a_header_seven_columns_and_ms(over: ReplayServer) -> None:
    name = "BTCUSDT-aggTrades-2024-08-08"
    reply = requests.get(f"{over.url}/data/futures/um/daily/aggTrades/BTCUSDT/{name}.zip", timeout=20)
    with zipfile.ZipFile(io.BytesIO(reply.content)) as archive:
        head, *rows = archive.read(f"{name}.csv").decode().splitlines()
    assert "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker" == head
    newest = get(over, "aggTrades?symbol=BTCUSDT&limit=1")[0]
    assert len(rows) == newest["a"]
    assert [str(newest["T"]), str(newest["m"]).lower()] == rows[-1].split(",")[5:]
    assert 404 == requests.get(f"{over.url}/data/spot/daily/aggTrades/BTCUSDT/{name}.zip", timeout=10).status_code


def test_a_lap_after_the_other_keeps_the_chain(recording: Recording) -> None:
    laps = Laps(recording.tapes)
    for _ in range(2):
        updates = laps.tapes["BTCUSDT"].updates
        assert [] == [after for before, after in itertools.pairwise(updates) if before.last != after.after]
        laps.onward(laps.end - 1)


def test_recordings_of_two_markets_are_not_served_as_one(path: Path, tmp_path: Path) -> None:
    spot = tmp_path / "ETHUSDT-aggTrades-2024-08-08.csv"
    spot.write_text("1,2.5,0.5,1,1,1723161255001,True,True\n")
    with pytest.raises(ReplayFailed, match="serve each by itself"):
        ReplayServer(path, spot).start()
    with pytest.raises(ReplayFailed, match="cannot be served as spot"):
        ReplayServer(path, options=["--market", "spot"]).start()


def test_the_bundled_sample_of_the_market_is_served_by_name() -> None:
    with ReplayServer(options=["--market", "um", "--speed", "0"]) as server:
        assert ["BTCUSDT"] == [each["symbol"] for each in get(server, "exchangeInfo")["symbols"]]


def test_trades_that_the_public_tape_leaves_out_leave_an_id_out(tmp_path: Path) -> None:
    head = {"e": "trade", "E": 1723161255000, "T": 1723161255000, "s": "BTCUSDT", "p": "1.5", "q": "1", "m": False}
    trades = [{**head, "t": number, "X": "INSURANCE_FUND" if number == 6 else "MARKET"} for number in range(5, 9)]
    (tmp_path / "trades.json").write_text(json.dumps(trades))
    recording = read_recording([tmp_path])
    assert [(1, 5, 5), (2, 7, 8)] == [(t.id, t.first, t.last) for t in recording.tapes["BTCUSDT"].agg_trades]
    assert {"trade of kind INSURANCE_FUND": 1} == recording.ignored
