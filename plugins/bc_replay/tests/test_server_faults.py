"""Each fault, provoked and observed by a real client."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import pytest
import requests
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from bc_replay.testing import ReplayFailed, ReplayServer

TRADES = "aggTrades?symbol=BTCUSDT&limit=500"


@pytest.fixture(scope="module")
def live(recording: Path) -> Iterator[ReplayServer]:
    """A server that plays the minute in two, so that there is always something on the streams."""
    with ReplayServer(recording, speed=0.5, options=["--weight-limit", "1000000"]) as server:
        yield server


def get(server: ReplayServer, path: str = TRADES, timeout: float = 10) -> requests.Response:
    return requests.get(f"{server.url}/api/v3/{path}", timeout=timeout)


@contextmanager
def stream(server: ReplayServer, name: str = "btcusdt@aggTrade") -> Iterator[ClientConnection]:
    with connect(f"{server.ws_url}/ws/{name}", close_timeout=0.2) as ws:
        ws.recv(timeout=30)
        yield ws


def ending(ws: ClientConnection) -> ConnectionClosed:
    with pytest.raises(ConnectionClosed) as ended:
        read_on(ws, 10)
    return ended.value


def read_on(ws: ClientConnection, timeout: float) -> NoReturn:
    while True:
        ws.recv(timeout=timeout)


def some(ws: ClientConnection, count: int) -> list[int]:
    return [json.loads(ws.recv(timeout=30))["a"] for _ in range(count)]


def met(server: ReplayServer, kind: str) -> dict[str, Any]:
    """The newest fault of this kind, once it has met something."""
    deadline = time.monotonic() + 30
    while True:
        fault: dict[str, Any] = [fault for fault in server.faults() if fault["kind"] == kind][-1]
        if fault["hits"] or time.monotonic() > deadline:
            return fault
        time.sleep(0.02)


@pytest.mark.parametrize("kind", ["disconnect", "rotate"])
def test_a_disconnect_is_an_orderly_close(live: ReplayServer, kind: str) -> None:
    with stream(live) as one, stream(live) as two:
        live.fault(kind)
        codes = [end.rcvd.code for end in (ending(one), ending(two)) if end.rcvd]
    assert [1001, 1001] == codes
    assert ("done", 2) == (met(live, kind)["state"], met(live, kind)["hits"])


def test_a_reset_comes_without_a_close_frame(live: ReplayServer) -> None:
    with stream(live) as ws:
        live.fault("reset")
        assert ending(ws).rcvd is None


def test_silence_keeps_the_connection_and_delivers_nothing(live: ReplayServer) -> None:
    with stream(live) as ws:
        live.fault("silence")
        met(live, "silence")
        with pytest.raises(TimeoutError):
            read_on(ws, 0.7)
        assert 200 == get(live).status_code
        with stream(live) as other:
            assert some(other, 1)


def test_a_shutdown_is_announced_and_then_carried_out(live: ReplayServer) -> None:
    with connect(f"{live.ws_url}/ws") as raw, connect(f"{live.ws_url}/stream") as combined:
        live.fault("shutdown", 0.3)
        plain, wrapped = (json.loads(ws.recv(timeout=30)) for ws in (raw, combined))
        assert ("serverShutdown", {"e", "E"}) == (plain["e"], set(plain))
        assert ("!serverShutdown", "serverShutdown") == (wrapped["stream"], wrapped["data"]["e"])
        assert ending(raw).rcvd is not None


def test_refused_connections_are_accepted_again_after_a_while(live: ReplayServer) -> None:
    live.fault("refuse", 1.0)
    met(live, "refuse")
    with pytest.raises(requests.ConnectionError):
        get(live)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            assert 200 == get(live).status_code
            return
        except requests.ConnectionError:
            time.sleep(0.05)
    pytest.fail("connections were refused for ever")


@pytest.mark.parametrize(("kind", "code"), [("429", 429), ("418", 418)])
def test_a_limit_fault_lasts_as_long_as_it_says(live: ReplayServer, kind: str, code: int) -> None:
    live.fault(kind, 1)
    first = get(live)
    assert (code, -1003, "1") == (first.status_code, first.json()["code"], first.headers["Retry-After"])
    assert 200 == get(live, "ping").status_code
    time.sleep(1.05)
    assert 200 == get(live).status_code


@pytest.mark.parametrize(
    ("kind", "status", "text"),
    [
        ("403html", 403, "The request could not be satisfied"),
        ("451", 451, '"code": 0'),
        ("500", 500, '"code":-1000'),
        ("502html", 502, "502 Bad Gateway"),
    ],
)
def test_a_status_fault_meets_the_next_requests(live: ReplayServer, kind: str, status: int, text: str) -> None:
    live.fault(kind, 2)
    replies = [get(live) for _ in range(3)]
    assert [status, status, 200] == [reply.status_code for reply in replies]
    assert text in replies[0].text
    assert ("html" in kind) == ("text/html" in replies[0].headers["Content-Type"])
    assert "done" == met(live, kind)["state"]


def test_a_hanging_request_is_never_answered_and_others_are(live: ReplayServer) -> None:
    live.fault("hang", 20)
    with pytest.raises(requests.Timeout):
        get(live, timeout=0.5)
    assert 200 == get(live).status_code


def test_a_hanging_request_is_dropped_at_last(live: ReplayServer) -> None:
    live.fault("hang", 0.2)
    with pytest.raises(requests.ConnectionError):
        get(live)


def test_a_truncated_body_is_shorter_than_announced(live: ReplayServer) -> None:
    live.fault("truncate")
    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.ConnectionError)):
        get(live)
    assert get(live).json()


def test_a_gap_drops_that_many_events(live: ReplayServer) -> None:
    with stream(live) as ws:
        before = some(ws, 1)
        live.fault("gap", 5)
        ids = before + some(ws, 60)
    assert [6] == [b - a for a, b in itertools.pairwise(ids) if b != a + 1]


def test_a_duplicate_sends_the_last_events_again(live: ReplayServer) -> None:
    with stream(live) as ws:
        before = some(ws, 10)
        live.fault("duplicate", 4)
        ids = before + some(ws, 60)
    assert [-3] == [b - a for a, b in itertools.pairwise(ids) if b != a + 1]
    assert 4 == len(ids) - len(set(ids))


def test_a_reorder_delivers_events_backwards(live: ReplayServer) -> None:
    with stream(live) as ws:
        before = some(ws, 1)
        live.fault("reorder", 3)
        ids = before + some(ws, 60)
    assert [3, -1, -1, 3] == [b - a for a, b in itertools.pairwise(ids) if b != a + 1]


def test_a_lagging_store_is_behind_on_agg_trades_and_not_on_trades(live: ReplayServer) -> None:
    live.clock(pause=True)
    path = "aggTrades?symbol=BTCUSDT&limit=1"
    newest, depth = get(live, path).json()[0]["a"], get(live, "depth?symbol=BTCUSDT").json()
    live.fault("lag", "1/0.5")
    assert 50 == newest - get(live, path).json()[0]["a"]
    assert depth == get(live, "depth?symbol=BTCUSDT").json()
    time.sleep(0.6)
    assert newest == get(live, path).json()[0]["a"]
    live.clock(resume=True)


def test_a_stale_snapshot_is_an_old_book(live: ReplayServer) -> None:
    live.clock(pause=True)
    fresh = get(live, "depth?symbol=BTCUSDT").json()["lastUpdateId"]
    live.fault("stale", "1/0.5")
    assert 20 == fresh - get(live, "depth?symbol=BTCUSDT").json()["lastUpdateId"]
    live.clock(resume=True)


def test_a_silent_subscription_is_acknowledged_and_comes_alive_later(live: ReplayServer) -> None:
    live.fault("acksilent", 1)
    with connect(f"{live.ws_url}/ws") as ws:
        ws.send('{"method":"SUBSCRIBE","params":["btcusdt@aggTrade"],"id":1}')
        assert {"result": None, "id": 1} == json.loads(ws.recv(timeout=30))
        with pytest.raises(TimeoutError):
            ws.recv(timeout=0.6)
        assert some(ws, 1)


def test_a_fault_waits_for_something_to_meet(recording: Path) -> None:
    with ReplayServer(recording, faults=["disconnect@0", "500@0"]) as server:
        assert {"armed"} == {fault["state"] for fault in server.faults()}
        with connect(f"{server.ws_url}/ws") as ws:
            assert 1001 == getattr(ending(ws).rcvd, "code", None)
        assert [500, 200] == [get(server).status_code for _ in range(2)]


def test_a_fault_of_later_does_not_come_before_its_time(recording: Path) -> None:
    with ReplayServer(recording, faults=["500@1000"]) as server:
        assert 200 == get(server).status_code
        assert "waiting" == server.faults()[0]["state"]


def test_control_requests_meet_no_request_fault(live: ReplayServer) -> None:
    live.fault("500")
    assert "start" in live.status()
    assert [500, 200] == [get(live).status_code for _ in range(2)]


def test_an_unknown_fault_is_refused_with_what_there_is(live: ReplayServer) -> None:
    with pytest.raises(ReplayFailed, match="there are disconnect"):
        live.fault("earthquake")


def ends(ws: ClientConnection, count: int = 40) -> bool:
    """Whether the server closes it before so many messages have come."""
    try:
        for _ in range(count):
            ws.recv(timeout=30)
    except ConnectionClosed:
        return True
    return False


@pytest.mark.parametrize("kind", ["disconnect", "reset", "shutdown"])
def test_a_fault_of_connections_meets_those_that_carry_what_it_is_aimed_at(live: ReplayServer, kind: str) -> None:
    argument = "0.2" if kind == "shutdown" else None
    with stream(live, "btcusdt@aggTrade") as one, stream(live, "btcusdt@depth@100ms") as other:
        live.fault(kind, argument, which="*@depth*")
        assert 1 == met(live, kind)["hits"]
        assert ends(other, 1000)
        assert not ends(one)


def test_a_gap_is_aimed_at_one_stream_of_several_on_a_connection(live: ReplayServer) -> None:
    with connect(f"{live.ws_url}/stream?streams=btcusdt@aggTrade/btcusdt@depth@100ms") as ws:
        got: dict[str, list[tuple[int, int]]] = {"aggTrade": [], "depthUpdate": []}
        while min(map(len, got.values())) < 12:
            data = json.loads(ws.recv(timeout=30))["data"]
            got[data["e"]].append((data["a"], data["a"]) if data["e"] == "aggTrade" else (data["U"], data["u"]))
            if sum(map(len, got.values())) == 12:
                live.fault("gap", 3, which="btcusdt@depth@100ms")
    holes = {kind: [b[0] - a[1] - 1 for a, b in itertools.pairwise(ids)] for kind, ids in got.items()}
    assert {"aggTrade": {0}, "depthUpdate": {0, 6}} == {kind: set(each) for kind, each in holes.items()}


def test_requests_of_other_symbols_are_spared(live: ReplayServer) -> None:
    live.fault("500", which="ETHUSDT")
    assert 200 == get(live).status_code
    assert [500, 200] == [get(live, "aggTrades?symbol=ETHUSDT").status_code for _ in range(2)]


def test_a_stale_book_is_one_symbol_s(live: ReplayServer) -> None:
    live.clock(pause=True)
    fresh = get(live, "depth?symbol=BTCUSDT").json()["lastUpdateId"]
    live.fault("stale", "1/0.4/ETHUSDT")
    assert fresh == get(live, "depth?symbol=BTCUSDT").json()["lastUpdateId"]
    live.fault("stale", "1/0.4/BTCUSDT")
    assert 20 == fresh - get(live, "depth?symbol=BTCUSDT").json()["lastUpdateId"]
    live.clock(resume=True)


def test_one_subscription_of_several_is_silent(live: ReplayServer) -> None:
    live.fault("acksilent", 1, which="btcusdt@aggTrade")
    with connect(f"{live.ws_url}/stream?streams=btcusdt@aggTrade/btcusdt@depth@100ms") as ws:
        first = [json.loads(ws.recv(timeout=30))["stream"] for _ in range(3)]
        assert {"btcusdt@depth@100ms"} == set(first)
        while json.loads(ws.recv(timeout=30))["stream"] != "btcusdt@aggTrade":
            pass
