"""What the streams carry, to a real WebSocket client (protocol sections 5 and 6)."""

from __future__ import annotations

import contextlib
import itertools
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from websockets.exceptions import ConnectionClosed, ConnectionClosedError
from websockets.sync.client import ClientConnection, connect

from bc_replay.recording import read_recording
from bc_replay.sample import paths
from bc_replay.testing import ReplayServer

START = 1_704_067_200_000


def drained(ws: ClientConnection, quiet: float = 1.0) -> Iterator[Any]:
    """Every message until none comes for a while: at speed 0, the end of the recording."""
    while True:
        try:
            yield json.loads(ws.recv(timeout=quiet))
        except TimeoutError:
            return


def asked(ws: ClientConnection, message: object) -> Any:
    """The reply to a control message, past any events before it."""
    ws.send(message if isinstance(message, str) else json.dumps(message))
    while True:
        reply = json.loads(ws.recv(timeout=30))
        if "result" in reply or "error" in reply:
            return reply


@pytest.fixture
def held(recording: Path) -> Iterator[ReplayServer]:
    """A server of speed 0, so that each stream client gets all of the recording."""
    with ReplayServer(recording, speed=0) as server:
        yield server


def test_streams_carry_the_recording_event_for_event(recording: Path, held: ReplayServer) -> None:
    lines = (recording / "btcusdt.dat").read_text().splitlines()
    recorded = [event for line in lines if "stream" in (event := json.loads(line.split(" ", 1)[1]))]
    with connect(f"{held.ws_url}/stream?streams=btcusdt@aggTrade/btcusdt@depth@100ms") as ws:
        got = list(drained(ws))
    for name in ("btcusdt@aggTrade", "btcusdt@depth@100ms"):
        assert [e["data"] for e in recorded if e["stream"] == name] == [e["data"] for e in got if e["stream"] == name]
    assert held.status()["ended"]


def test_the_sample_streams_every_trade_once_with_its_fields() -> None:
    recorded = read_recording(paths()).tapes["BTCUSDT"].trades
    with ReplayServer(speed=0) as server, connect(f"{server.ws_url}/ws/btcusdt@trade?timeUnit=MICROSECOND") as ws:
        got = list(drained(ws))
    assert [(t.id, t.price, t.quantity, t.time, t.buyer_maker) for t in recorded] == [
        (event["t"], event["p"], event["q"], event["T"], event["m"]) for event in got
    ]


def test_depth_at_1000_ms_folds_the_updates_of_each_second(held: ReplayServer) -> None:
    with connect(f"{held.ws_url}/ws/btcusdt@depth") as ws:
        folded = list(drained(ws))
    assert 60 == len(folded)
    assert [(101, 120), (121, 140)] == [(event["U"], event["u"]) for event in folded[:2]]
    assert [["200.00000000", "10.00000000"]] == folded[0]["a"]
    assert 5 == len(folded[0]["b"])
    assert all(a["u"] + 1 == b["U"] for a, b in itertools.pairwise(folded))


def test_klines_end_with_the_final_bar(held: ReplayServer) -> None:
    with connect(f"{held.ws_url}/ws/btcusdt@kline_1s") as ws:
        bars = [event["k"] for event in drained(ws)]
    final = [bar for bar in bars if bar["x"]]
    assert [START + 1000 * n for n in range(59)] == [bar["t"] for bar in final]
    assert {100} == {bar["n"] for bar in final}
    assert {"0.50000000"} == {bar["v"] for bar in final}


def test_partial_depth_has_no_event_type_and_few_levels(held: ReplayServer) -> None:
    with connect(f"{held.ws_url}/ws/btcusdt@depth5") as ws:
        books = list(drained(ws))
    assert {"lastUpdateId", "bids", "asks"} == set(books[-1])
    assert (1300, 5) == (books[-1]["lastUpdateId"], len(books[-1]["bids"]))


def test_a_subscription_is_acknowledged_listed_and_given_up(over: ReplayServer) -> None:
    with connect(f"{over.ws_url}/ws") as ws:
        names = ["btcusdt@aggTrade", "BTCUSDT@trade", "nope@depth"]
        assert {"result": None, "id": 1} == asked(ws, {"method": "SUBSCRIBE", "params": names, "id": 1})
        assert {"result": names, "id": "a1"} == asked(ws, {"method": "LIST_SUBSCRIPTIONS", "id": "a1"})
        asked(ws, {"method": "UNSUBSCRIBE", "params": names[:2], "id": None})
        assert {"result": names[2:], "id": 3} == asked(ws, {"method": "LIST_SUBSCRIPTIONS", "id": 3})


def test_the_combined_form_can_be_switched(held: ReplayServer) -> None:
    with connect(f"{held.ws_url}/ws") as ws:
        assert {"result": False, "id": 1} == asked(ws, {"method": "GET_PROPERTY", "params": ["combined"], "id": 1})
        asked(ws, {"method": "SET_PROPERTY", "params": ["combined", True], "id": 2})
        asked(ws, {"method": "SUBSCRIBE", "params": ["ethusdt@aggTrade"], "id": 3})
        assert ["ethusdt@aggTrade"] * 10 == [event["stream"] for event in drained(ws)]


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        ("{nope", {"code": 3, "msg": "Invalid JSON: expected value at line 1 column 2"}),
        ('{"method":"SUBSCRIBE","params":["garbage"],"id":1}', {"code": 2, "msg": "Invalid request: invalid stream"}),
        ('{"id":1}', {"code": 2, "msg": "Invalid request: missing field `method`"}),
        ('{"method":"GET_PROPERTY","params":["x"],"id":1}', {"code": 0, "msg": "Unknown property"}),
        (
            '{"method":"SET_PROPERTY","params":["combined",1],"id":1}',
            {"code": 1, "msg": "Invalid value type: expected Boolean"},
        ),
    ],
)
def test_a_bad_control_message_is_answered_with_a_nested_error(
    over: ReplayServer, sent: str, error: dict[str, Any]
) -> None:
    with connect(f"{over.ws_url}/ws") as ws:
        reply = asked(ws, sent)
    assert error == reply["error"]
    assert ("id" in reply) == (error["code"] != 3)


def test_a_subscribe_frame_beyond_4096_bytes_gets_no_answer(over: ReplayServer) -> None:
    names = [f"symbol{n:04d}@aggTrade" for n in range(220)]
    with connect(f"{over.ws_url}/ws") as ws:
        ws.send(json.dumps({"method": "SUBSCRIBE", "params": names, "id": 1}))
        assert {"result": [], "id": 2} == asked(ws, {"method": "LIST_SUBSCRIPTIONS", "id": 2})


def test_more_than_five_messages_a_second_close_with_1008(over: ReplayServer) -> None:
    with connect(f"{over.ws_url}/ws") as ws:
        for _ in range(6):
            ws.pong()
        with pytest.raises(ConnectionClosedError) as closed:
            ws.recv(timeout=30)
    assert (1008, "Too many requests") == (closed.value.rcvd.code, closed.value.rcvd.reason)  # type: ignore[union-attr]


def test_a_client_that_answers_pings_stays_and_one_that_does_not_is_dropped(recording: Path) -> None:
    options = ["--ping-interval", "0.3", "--pong-timeout", "0.8"]
    with ReplayServer(recording, speed=0.001, options=options) as server:
        with connect(f"{server.ws_url}/ws") as ws, pytest.raises(TimeoutError):
            ws.recv(timeout=2.5)
        pings = until_dropped(server)
    assert (0x89, 13) == (pings[0], pings[1])
    assert pings[2:15].isdigit()


def until_dropped(server: ReplayServer) -> bytes:
    """What a client that never pongs receives as frames before it is dropped."""
    address = urlsplit(server.url)
    head = (
        "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=30) as raw:
        raw.sendall(head.encode())
        return received(raw).partition(b"\r\n\r\n")[2]


def received(raw: socket.socket) -> bytes:
    got = b""
    with contextlib.suppress(ConnectionResetError):
        while data := raw.recv(4096):
            got += data
    return got


def test_two_clients_of_one_stream_get_the_same(held: ReplayServer) -> None:
    url = f"{held.ws_url}/ws/ethusdt@aggTrade"
    with connect(f"{held.ws_url}/ws") as one, connect(f"{held.ws_url}/ws") as two:
        held.clock(pause=True)
        for ws in (one, two):
            asked(ws, {"method": "SUBSCRIBE", "params": [url.rpartition("/")[2]], "id": 1})
        held.clock(resume=True)
        assert list(drained(one)) == list(drained(two)) != []


def test_a_client_that_leaves_is_forgotten(over: ReplayServer) -> None:
    with connect(f"{over.ws_url}/ws/btcusdt@aggTrade") as ws:
        asked(ws, {"method": "LIST_SUBSCRIPTIONS", "id": 1})
        assert {"btcusdt@aggTrade": 1} == over.status()["subscriptions"]
    with pytest.raises(ConnectionClosed):
        ws.recv(timeout=30)
    assert gone(over)


def gone(server: ReplayServer) -> bool:
    deadline = time.monotonic() + 30
    while server.status()["subscriptions"] and time.monotonic() < deadline:
        time.sleep(0.02)
    return not server.status()["subscriptions"]


def test_a_client_that_does_not_read_holds_a_clock_of_speed_0() -> None:
    streams = "btcusdt@depth@100ms/btcusdt@bookTicker/btcusdt@depth20@100ms"
    with ReplayServer(speed=0) as server, connect(f"{server.ws_url}/stream?streams={streams}", close_timeout=0.2):
        deadline, before = time.monotonic() + 60, -1
        while (now := server.status()["market"]) != before:
            assert time.monotonic() < deadline, "the clock never came to rest"
            before = now
            time.sleep(0.5)
        assert not server.status()["ended"]
