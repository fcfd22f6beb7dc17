"""Requests that nobody means well: none is answered with 5xx, none reads a file, none costs the next client much."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

MANY = int(os.environ.get("BCORE_HOSTILE", "300"))
PROBES = ("..", "../../etc/passwd", "%00", "\x00", "%2e%2e%2f", "AAA", "ticks", "hot", "/", "\\", "|", "~", "CON")
NUMBERS = (
    "0",
    "-1",
    "1e9",
    "NaN",
    "inf",
    str(2**63),
    "9" * 400,
    "0x10",
    "\uff11\uff12",
    "",
    " ",
    "1_0",
    "true",
    "null",
    "5",
)
LIVE = ("/live/ticks/AAA", "/live/counts/AAA")
NAMES = (
    "limit",
    "offset",
    "tail",
    "after_id",
    "start_time",
    "end_time",
    "columns",
    "format",
    "time",
    "size",
    "seconds",
)
TIMES = (
    "2026-01-01",
    "0000-00-00",
    "9999-12-31T23:59:59.999999",
    "2026-13-01",
    "now",
    "-1",
    "2026-01-01T00:00:00+99:99",
)
HEADERS = (
    "Accept",
    "Accept-Encoding",
    "If-None-Match",
    "Range",
    "Origin",
    "X-API-Key",
    "Authorization",
    "Host",
    "Cookie",
)

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
segment = st.one_of(st.sampled_from(PROBES), text).map(lambda each: quote(each, safe="%"))
path = st.one_of(
    st.lists(segment, min_size=1, max_size=5).map(lambda each: "/" + "/".join(each)),
    st.sampled_from(
        ["/ticks/AAA", "/hot/ticks/AAA", "/quotes/AAA", "/counts/AAA", "/stats", "/symbols", "/ready", "/", *LIVE]
    ),
)
value = st.one_of(st.sampled_from(NUMBERS + TIMES + PROBES), st.integers().map(str), text)
pair = st.tuples(st.one_of(st.sampled_from(NAMES), text), value)
query = st.lists(pair, max_size=5).map(lambda pairs: "&".join(f"{quote(name)}={quote(each)}" for name, each in pairs))
method = st.sampled_from(["GET", "HEAD", "OPTIONS", "POST", "DELETE", "TRACE", "CONNECT", "BREW", "get"])
latin = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40)
headers = st.lists(st.tuples(st.sampled_from(HEADERS), latin), max_size=4)


def first_line(address: tuple[str, int], content: bytes) -> bytes:
    """The status line that a client sees; empty if the connection was closed without one."""
    with socket.create_connection(address, timeout=60) as caller:
        caller.sendall(content)
        caller.shutdown(socket.SHUT_WR)
        found = b""
        try:
            while b"\r\n" not in found and (piece := caller.recv(4096)):
                found += piece
        except ConnectionResetError:
            pass
        return found.split(b"\r\n")[0]


def memory(process: int) -> int:
    """Resident bytes of the workers."""
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    pages = sum(int(Path(f"/proc/{child}/statm").read_text().split()[1]) for child in children)
    return pages * os.sysconf("SC_PAGE_SIZE")


@pytest.fixture(scope="module")
def target(start: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    server = start(tmp_path_factory.mktemp("hostile"), {"fresh": 1.0})
    yield server
    assert 0 == server.stop()
    assert "Traceback" not in server.said(), server.said()


@settings(max_examples=MANY, deadline=None, suppress_health_check=list(HealthCheck))
@given(method, path, query, headers)
def test_no_request_is_the_servers_fault(
    target: Any, method: str, path: str, query: str, headers: list[tuple[str, str]]
) -> None:
    lines = [f"{method} {path}?{query} HTTP/1.1", "Host: x", *(f"{name}: {value}" for name, value in headers)]
    status = first_line(target.address, ("\r\n".join(lines) + "\r\nConnection: close\r\n\r\n").encode("latin-1"))
    told = status.split(b" ")
    # /ready says 503 of data that is years old, and 501 is for transfer codings that nobody knows.
    assert not status or told[1][:1] in b"1234" or path == "/ready" or told[1] == b"501", (lines, status)


@settings(max_examples=MANY // 2, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.binary(max_size=200))
def test_no_bytes_are_the_servers_fault(target: Any, content: bytes) -> None:
    status = first_line(target.address, content + b"\r\n\r\n")
    assert not status or status.split(b" ")[1][:1] == b"4" or b" 501 " in status, (content, status)


@pytest.mark.parametrize(
    "content",
    [
        b"GET /ticks/AAA HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        b"GET /ticks/AAA HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        b"GET /ticks/AAA HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"GET /" + b"a" * 40000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 70000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: y\r\n" % each for each in range(500)) + b"\r\n",
        b"GET /ticks/AAA HTTP/9.9\r\n\r\n",
        b"GET http://127.0.0.1/etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
def test_what_is_no_proper_request_is_refused(target: Any, content: bytes) -> None:
    status = first_line(target.address, content)
    assert not status or status.split(b" ")[1][:1] == b"4" or b" 505 " in status, status
    assert 200 == target.get("/ticks/AAA?limit=1").status


@pytest.mark.parametrize(
    "symbol", ["../ticks", "..%2F..%2F..%2F..%2Fetc%2Fpasswd", "%00", "AAA%00", "%2e%2e", "AAA/../../x"]
)
def test_no_symbol_leads_out_of_the_archive(target: Any, symbol: str) -> None:
    reply = target.get(f"/ticks/{symbol}")
    assert (404, False) == (reply.status, b"root:" in reply.body)


def test_a_flood_of_different_requests_leaves_memory_as_it_was(target: Any) -> None:
    def flood(word: str, count: int) -> None:
        for number in range(count):
            target.get(f"/ticks/{word}{number}?limit={number}&columns=id")
            target.get(f"/ticks/AAA?limit={number % 50}&{word}{number}=1")

    flood("warm", 150)
    before = memory(target.process.pid)
    flood("more", 300)
    assert memory(target.process.pid) - before < 20 * 2**20
    assert 200 == target.get("/ticks/AAA?limit=1").status
