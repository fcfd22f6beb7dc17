"""Live push: what is stored is told, over Server-Sent Events and WebSockets, once, and from where one left off."""

from __future__ import annotations

import http.client
import itertools
import json
import logging
import socket
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

import pytest
from attrs import define, field
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

PATIENCE = 30.0
Row = dict[str, Any]
fresh = itertools.count(1)

logging.getLogger("websockets").setLevel(logging.WARNING)


@pytest.fixture(scope="module")
def live(start: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A server whose archive the tests let grow, each at a symbol of its own."""
    server = start(tmp_path_factory.mktemp("live"), {"live_interval": 0.01, "live_heartbeat": 0.3})
    yield server
    assert 0 == server.stop(), server.said()
    assert "Traceback" not in server.said()


@pytest.fixture
def symbol(live: Any) -> str:
    """A symbol with the ticks 0 to 59, the first minute."""
    name = f"LIVE{next(fresh)}"
    add(live, name, 0, 60)
    return name


def add(server: Any, symbol: str, first: int, count: int) -> None:
    assert 200 == server.get(f"/add/{symbol}/{first}/{count}").status


def opened(server: Any, path: str, **options: Any) -> ClientConnection:
    options = {"open_timeout": PATIENCE, "close_timeout": 1, "max_size": None} | options
    return connect(server.url.replace("http", "ws", 1) + path, **options)


def told(connection: ClientConnection) -> Any:
    return json.loads(connection.recv(timeout=PATIENCE))


def rows(connection: ClientConnection, count: int) -> tuple[list[Row], str]:
    """So many rows and the cursor after them; messages without rows only say where one is."""
    found: list[Row] = []
    last = ""
    while len(found) < count:
        message = told(connection)
        assert "rows" == message["type"], message
        found, last = found + message["data"], message["last"]
    return found, last


def ids(found: list[Row]) -> list[int]:
    return [row["id"] for row in found]


@define
class Events:
    """Server-Sent Events as they come: names, ids and data, comments under the name `:`."""

    reply: http.client.HTTPResponse
    connection: http.client.HTTPConnection = field(repr=False)

    def next(self) -> tuple[str, str, Any]:
        found: dict[str, str] = {}
        while line := self.reply.readline().decode().rstrip("\n"):
            name, _, value = line.partition(":")
            found[name] = value.strip()
        if "" in found:
            return ":", "", found[""]
        return found["event"], found.get("id", ""), json.loads(found["data"])

    def rows(self, count: int) -> tuple[list[Row], str]:
        got: list[Row] = []
        last = ""
        while len(got) < count:
            name, cursor, message = self.next()
            if name != ":":
                assert ("rows", cursor) == (name, message["last"])
                got, last = got + message["data"], cursor
        return got, last


@contextmanager
def events(server: Any, path: str, **headers: str) -> Iterator[Events]:
    connection = http.client.HTTPConnection(*server.address, timeout=PATIENCE)
    with closing(connection):
        sent = {"Accept": "text/event-stream"} | {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request("GET", path, headers=sent)
        reply = connection.getresponse()
        assert (200, "text/event-stream") == (reply.status, reply.getheader("content-type")), reply.read()
        yield Events(reply, connection)


def test_rows_come_over_a_websocket_as_they_are_stored(live: Any, symbol: str) -> None:
    with opened(live, f"/live/ticks/{symbol}") as connection:
        begun = told(connection)
        assert {"type": "rows", "view": "ticks", "symbol": symbol, "last": "59", "data": []} == begun
        add(live, symbol, 60, 5)
        found, last = rows(connection, 5)
        assert live.get(f"/ticks/{symbol}?after_id=59").json()["data"] == found
        assert "64" == last


def test_rows_come_as_server_sent_events_as_they_are_stored(live: Any, symbol: str) -> None:
    with events(live, f"/live/ticks/{symbol}?columns=id,timestamp&time=us") as followed:
        assert ("rows", "59") == followed.next()[:2]
        add(live, symbol, 60, 3)
        found, last = followed.rows(3)
        assert live.get(f"/ticks/{symbol}?after_id=59&columns=id,timestamp&time=us").json()["data"] == found
        assert "62" == last


def test_silence_is_told(live: Any, symbol: str) -> None:
    with events(live, f"/live/ticks/{symbol}") as followed:
        followed.next()
        assert (":", "", "still here") == followed.next()


def test_a_websocket_is_pinged(live: Any, symbol: str) -> None:
    with socket.create_connection(live.address, timeout=PATIENCE) as raw:
        raw.sendall(
            f"GET /live/ticks/{symbol} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
        )
        found = b""
        while found.count(b"\x89\x00") < 2:
            piece = raw.recv(4096)
            assert piece, found
            found += piece


@pytest.mark.parametrize("after", ["", "60"])
def test_it_goes_on_from_a_cursor_without_a_hole_and_without_a_double(live: Any, symbol: str, after: str) -> None:
    add(live, symbol, 60, 1)
    with opened(live, f"/live/ticks/{symbol}?after_id={after}" if after else f"/live/ticks/{symbol}") as connection:
        told(connection)
        add(live, symbol, 61, 9)
        found, last = rows(connection, 9)
    add(live, symbol, 70, 30)
    with opened(live, f"/live/ticks/{symbol}?after_id={last}") as connection:
        add(live, symbol, 100, 10)
        found += rows(connection, 40)[0]
    assert list(range(61, 110)) == ids(found)


def test_a_browser_goes_on_from_the_last_event_it_has_seen(live: Any, symbol: str) -> None:
    add(live, symbol, 60, 20)
    with events(live, f"/live/ticks/{symbol}", Last_Event_ID="70") as followed:
        assert list(range(71, 80)) == ids(followed.rows(9)[0])


def test_a_long_absence_is_told_page_by_page(live: Any) -> None:
    with opened(live, "/live/ticks/AAA?after_id=-1") as connection:
        sizes = [len(told(connection)["data"]) for _ in range(2)]
        assert [2000, 1000] == sizes


def test_ids_that_come_late_are_told_late(live: Any, symbol: str) -> None:
    with opened(live, f"/live/ticks/{symbol}") as connection:
        told(connection)
        add(live, symbol, 70, 5)
        _, last = rows(connection, 5)
        assert "74~60-69" == last
        add(live, symbol, 60, 4)
        late, last = rows(connection, 4)
        assert (list(range(60, 64)), "74~64-69") == (ids(late), last)
    add(live, symbol, 64, 6)
    with opened(live, f"/live/ticks/{symbol}?after_id={last}") as connection:
        assert list(range(64, 70)) == ids(rows(connection, 6)[0])


def test_what_a_client_still_lacks_reaches_it_on_a_channel_that_others_follow_already(live: Any, symbol: str) -> None:
    add(live, symbol, 70, 5)
    with (
        opened(live, f"/live/ticks/{symbol}") as other,
        opened(live, f"/live/ticks/{symbol}?after_id=59") as connection,
    ):
        assert (list(range(70, 75)), "74~60-69") == (ids((got := rows(connection, 5))[0]), got[1])
        told(other)
        add(live, symbol, 60, 10)
        assert list(range(60, 70)) == ids(rows(connection, 10)[0])


def test_the_bar_that_is_still_forming_comes_again_as_it_changes(live: Any, symbol: str) -> None:
    with opened(live, f"/live/counts/{symbol}?seconds=60") as connection:
        assert [60] == [row["count_of"] for row in rows(connection, 1)[0]]
        add(live, symbol, 60, 10)
        found, last = rows(connection, 1)
        assert [("2026-01-01T00:01:00.000000Z", 10)] == [(row["timestamp"], row["count_of"]) for row in found]
        add(live, symbol, 70, 60)
        assert [60, 10] == [row["count_of"] for row in rows(connection, 2)[0]]
    with opened(live, f"/live/counts/{symbol}?seconds=60&after_id={last}") as connection:
        assert [60, 10] == [row["count_of"] for row in rows(connection, 2)[0]]


def test_a_bar_that_is_over_comes_again_where_rows_come_late(live: Any, symbol: str) -> None:
    with opened(live, f"/live/counts/{symbol}?seconds=60") as connection:
        rows(connection, 1)
        add(live, symbol, 65, 120)
        assert [55, 60, 5] == [row["count_of"] for row in rows(connection, 3)[0]]
        add(live, symbol, 185, 5)
        assert [10] == [row["count_of"] for row in rows(connection, 1)[0]]
        add(live, symbol, 60, 5)
        found, _ = rows(connection, 1)
        assert [("2026-01-01T00:01:00.000000Z", 60)] == [(row["timestamp"], row["count_of"]) for row in found]


def test_rows_without_ids_go_on_by_time_and_key(live: Any) -> None:
    with opened(live, "/live/quotes/AAA?size=10") as connection:
        told(connection)
        live.get("/quote/600")
        found, last = rows(connection, 1)
        assert [(10.0, 610.0)] == [(row["size"], row["bid"]) for row in found]
    live.get("/quote/601")
    with opened(live, f"/live/quotes/AAA?after_id={last}") as connection:
        # The other size of that instant comes after the cursor, then both of the next.
        assert [(50.0, 650.0), (10.0, 611.0), (50.0, 651.0)] == [
            (row["size"], row["bid"]) for row in rows(connection, 3)[0]
        ]


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/live/nothing/AAA", 404, "there is no view 'nothing'"),
        ("/live/ticks/AAB", 404, "nothing is stored of ticks for the symbol 'AAB' (did you mean AAA?)"),
        ("/live/ticks/AAA?limit=5&columns=prize", 400, "limit is not known"),
        ("/live/ticks/AAA?after_id=x", 400, "after_id must be an id, or the last cursor"),
        ("/live/ticks/AAA?after_id=5~9-3", 400, "after_id is no cursor that was sent"),
        ("/live/ticks/AAA?after_id=99999999999999999999", 400, "after_id must be"),
        ("/live/quotes/AAA?after_id=1,2,3", 400, "after_id must be"),
        ("/live/quotes/AAA?after_id=1,x", 400, "after_id is no cursor that was sent"),
        ("/live/counts/AAA?after_id=x", 400, "after_id must be the time of a row"),
        ("/live/counts/AAA?seconds=0", 400, "seconds must be 1 or more"),
    ],
)
def test_what_cannot_be_followed_is_said_both_ways(live: Any, path: str, status: int, said: str) -> None:
    refused = live.get(path, {"Accept": "text/event-stream"})
    assert (status, "application/problem+json") == (refused.status, refused.type)
    with opened(live, path) as connection:
        message = told(connection)
        with pytest.raises(ConnectionClosed) as closed:
            connection.recv(timeout=PATIENCE)
    assert ("error", status) == (message["type"], message["status"])
    assert said in message["detail"]
    assert said in refused.json()["detail"]
    assert closed.value.rcvd is not None
    assert 4000 + status == closed.value.rcvd.code


def test_who_accepts_no_events_is_told_what_there_is(live: Any) -> None:
    assert 406 == live.get("/live/ticks/AAA", {"Accept": "application/json"}).status


@pytest.mark.parametrize("path", ["/health", "/ticks/AAA", "/nothing"])
def test_a_websocket_to_anything_else_is_refused(live: Any, path: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        opened(live, path).close()
    assert 403 == refused.value.response.status_code


def test_a_client_that_does_not_read_is_dropped_and_told_where_to_go_on(serve: Any, until: Any) -> None:
    server = serve(live_buffer=20_000, live_interval=0.01)
    add(server, "LIVE", 0, 60)
    with opened(server, "/live/ticks/LIVE", max_queue=1) as connection:
        told(connection)
        for first in (60, 60_060):  # more than the sockets between us hold
            add(server, "LIVE", first, 60_000)
        until(lambda: b"bcore_http_live_dropped_total 1.0" in server.get("/metrics").body, "it is dropped")
        messages = []
        with suppress(ConnectionClosed):
            while True:
                messages.append(told(connection))
        assert 1013 == connection.close_code
    found = [row["id"] for message in messages[:-1] for row in message["data"]]
    dropped = messages[-1]
    assert ("dropped", str(found[-1])) == (dropped["type"], dropped["last"])
    assert "more than 20000 bytes were waiting" in dropped["detail"]
    with opened(server, f"/live/ticks/LIVE?after_id={dropped['last']}") as connection:
        found += ids(rows(connection, 120_059 - found[-1])[0])
    assert list(range(60, 120_060)) == found


def test_a_key_comes_by_header_or_among_the_protocols_and_shows_nowhere(serve: Any) -> None:
    server = serve(api_key="a/key,with=signs", access_log=True)
    key = urlsafe_b64encode(b"a/key,with=signs").decode().rstrip("=")
    with opened(server, "/live/ticks/AAA", subprotocols=["bcore", f"bcore.key.{key}"]) as connection:
        assert "bcore" == connection.subprotocol
        assert "2999" == told(connection)["last"]
    with opened(server, "/live/ticks/AAA", additional_headers={"X-API-Key": "a/key,with=signs"}) as connection:
        assert "2999" == told(connection)["last"]
    for wrong in (None, ["bcore"], ["bcore", "bcore.key.d3Jvbmc"], ["bcore", "bcore.key.!"]):
        with pytest.raises(InvalidStatus) as refused:
            opened(server, "/live/ticks/AAA", subprotocols=wrong).close()
        assert 403 == refused.value.response.status_code
    assert 401 == server.get("/live/ticks/AAA", {"Accept": "text/event-stream"}).status
    server.stop()
    assert "WEBSOCKET '/live/ticks/AAA' 101" in server.said()
    assert key not in server.said()
    assert "with=signs" not in server.said()


def test_pages_of_other_origins_may_not_follow_unless_they_are_listed(serve: Any) -> None:
    server = serve(origins=["https://dash.example"])
    host = "{}:{}".format(*server.address)
    for origin in ("https://dash.example", f"http://{host}"):
        with opened(server, "/live/ticks/AAA", origin=origin) as connection:
            assert "2999" == told(connection)["last"]
    with pytest.raises(InvalidStatus) as refused:
        opened(server, "/live/ticks/AAA", origin="https://evil.example").close()
    assert 403 == refused.value.response.status_code


def test_who_follows_is_let_go_when_the_server_ends(serve: Any) -> None:
    server = serve()
    with opened(server, "/live/ticks/AAA") as connection, events(server, "/live/ticks/AAA") as followed:
        told(connection)
        followed.next()
        server.process.terminate()
        began = time.monotonic()
        with pytest.raises(ConnectionClosed) as closed:
            connection.recv(timeout=PATIENCE)
        assert b"" == followed.reply.read()
        assert 0 == server.stop()
        assert time.monotonic() - began < 5
    assert closed.value.rcvd is not None
    assert 1012 == closed.value.rcvd.code
    assert "Traceback" not in server.said()
