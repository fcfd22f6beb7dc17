"""The process: how it starts, refuses to, reloads, and ends; and clients that keep it waiting."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


def dialled(server: Any) -> socket.socket:
    return socket.create_connection(server.address, timeout=60)


def told(connection: socket.socket) -> bytes:
    """Everything up to the end of the connection."""
    found = b""
    while piece := connection.recv(65536):
        found += piece
    return found


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_with_0_and_soon_although_a_connection_is_kept_open(serve: Any, number: int) -> None:
    server = serve()
    with dialled(server) as kept:
        kept.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        assert kept.recv(4096).startswith(b"HTTP/1.1 200")
        began = time.monotonic()
        assert 0 == server.stop(number), server.said()
        assert time.monotonic() - began < 5
    assert "Traceback" not in server.said()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_does_not_wait_for_connections_that_ask_nothing(serve: Any, number: int) -> None:
    server = serve({"GRACE": "600"}, header_timeout=600)
    with dialled(server), dialled(server) as kept:
        kept.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        assert kept.recv(4096).startswith(b"HTTP/1.1 200")
        assert 0 == server.stop(number)
    assert "stopping" not in server.said()


def test_it_says_that_it_waits_for_an_answer(serve: Any, until: Callable[..., None]) -> None:
    server = serve({"GRACE": "600"})
    with dialled(server) as slow:
        slow.sendall(b"GET /floor/20000000 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert slow.recv(1)
        server.process.terminate()
        until(lambda: "stopping: waits for 1 answer, at most 600 s" in server.said(), "that it waits")
        assert 20_000_000 < sum(len(piece) for piece in iter(lambda: slow.recv(1 << 20), b""))
    assert 0 == server.stop()


def test_a_reload_replaces_the_workers_and_loses_no_request(serve: Any, until: Callable[..., None]) -> None:
    server = serve()
    server.get("/health")
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
    before = set(children.read_text().split())
    server.process.send_signal(signal.SIGHUP)
    statuses: list[int] = []

    def replaced() -> bool:
        statuses.append(server.get("/ticks/AAA?limit=1").status)
        now = set(children.read_text().split())
        return bool(now) and not now & before

    until(replaced, "new workers")
    assert {200} == set(statuses)
    assert 200 == server.get("/ticks/AAA?limit=1").status


def test_a_worker_that_is_killed_is_replaced(serve: Any, until: Callable[..., None]) -> None:
    server = serve()
    server.get("/health")
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
    os.kill(int(children.read_text().split()[0]), signal.SIGKILL)

    def answers() -> bool:
        try:
            return bool(200 == server.get("/health").status)
        except (OSError, http.client.HTTPException):
            return False

    until(answers, "a new worker")


def test_a_taken_port_is_a_sentence(serve: Any, served: Any) -> None:
    server = serve(port=served.address[1])
    assert 2 == server.process.wait(20)
    assert f"servers.api: cannot listen on 127.0.0.1:{served.address[1]}: Address already in use" in server.said()


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 on this machine")
def test_an_ipv6_address_is_listened_on(serve: Any) -> None:
    server = serve(host="::1")
    assert server.url.startswith("http://[::1]:")
    assert 200 == server.get("/health").status


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_strangers_are_not_let_in_without_a_key(serve: Any, host: str) -> None:
    server = serve(host=host)
    assert 2 == server.process.wait(20)
    assert "no key is set: set api_key" in server.said()


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"certfile": "/nowhere.pem"}, "certfile: belongs together with keyfile"),
        ({"certfile": "/nowhere.pem", "keyfile": "/nowhere.key"}, "keyfile: /nowhere.key cannot be read"),
        ({"socket": "/nowhere/at/all"}, "cannot listen on /nowhere/at/all: No such file or directory"),
    ],
)
def test_what_cannot_work_is_said_before_it_starts(serve: Any, config: dict[str, str], said: str) -> None:
    server = serve(**config)
    assert 2 == server.process.wait(20)
    assert said in server.said()


def test_a_unix_socket_is_answered_and_put_away(serve: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path("api.sock")  # from the root it may have more than the 107 bytes that such an address may have
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))  # by a server that was killed
    server = serve(socket=str(path))
    assert f"unix:{path}" == server.url
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
        caller.settimeout(20)
        caller.connect(str(path))
        caller.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert told(caller).startswith(b"HTTP/1.1 200")
    assert 0 == server.stop()
    assert not path.exists()


def test_a_file_is_not_taken_for_a_socket(serve: Any, tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_text("mine")
    server = serve(socket=str(path))
    assert (2, "mine") == (server.process.wait(20), path.read_text())


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl to make a certificate with")
def test_tls_is_spoken_where_a_certificate_is_given(serve: Any, tmp_path: Path) -> None:
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*made, *names, "-keyout", key, "-out", cert], check=True, capture_output=True)
    server = serve(certfile=str(cert), keyfile=str(key))
    assert server.url.startswith("https://127.0.0.1:")
    context = ssl.create_default_context(cafile=str(cert))
    caller = http.client.HTTPSConnection(*server.address, context=context, timeout=60)
    caller.request("GET", "/ticks/AAA?format=csv")
    assert 3001 == caller.getresponse().read().count(b"\r\n")
    caller.close()


@pytest.mark.parametrize("sent", [b"", b"GET /health HT", b"GET /health HTTP/1.1\r\nHost: x\r\n"])
def test_a_request_that_does_not_come_is_not_waited_for(serve: Any, sent: bytes) -> None:
    server = serve(header_timeout=0.3)
    with dialled(server) as slow:
        slow.sendall(sent)
        assert told(slow).startswith(b"HTTP/1.1 408")
    assert 200 == server.get("/health").status


def test_an_idle_connection_is_closed(serve: Any) -> None:
    server = serve(keepalive=1)
    with dialled(server) as idle:
        idle.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"healthy" in told(idle)


def test_a_client_that_does_not_read_is_left(serve: Any, until: Callable[..., None]) -> None:
    server = serve(write_timeout=0.5)
    with socket.socket() as lazy:
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        lazy.settimeout(20)
        lazy.connect(server.address)
        lazy.sendall(b"GET /floor/50000000 HTTP/1.1\r\nHost: x\r\n\r\n")
        # The request is counted when it is over, which is long before anybody read the answer.
        until(lambda: b'route="floor"' in server.get("/metrics").body, "the answer is given up")
        assert len(told(lazy)) < 50_000_000
    assert 200 == server.get("/health").status


def test_one_connection_too_many_is_told_so(serve: Any) -> None:
    server = serve(max_connections=2, header_timeout=15.0)
    with dialled(server), dialled(server), dialled(server) as third:
        assert told(third).startswith(b"HTTP/1.1 503")
    assert 200 == server.get("/health").status


def test_many_silent_connections_leave_room_for_others(serve: Any) -> None:
    server = serve(header_timeout=1.0)
    silent = [dialled(server) for _ in range(200)]
    assert 200 == server.get("/ticks/AAA?limit=1").status
    for each in silent:
        assert told(each).startswith(b"HTTP/1.1 408")
        each.close()


def test_half_an_answer_cannot_be_taken_for_a_whole_one(serve: Any) -> None:
    server = serve()
    with dialled(server) as caller:
        caller.sendall(b"GET /half HTTP/1.1\r\nHost: x\r\n\r\n")
        found = told(caller)
    assert b"half of it" in found
    assert not found.endswith(b"0\r\n\r\n")
    assert "/half broke off: OSError: the disk is gone" in server.said()
    assert 200 == server.get("/health").status


def test_a_body_that_nobody_asked_for_does_no_harm(served: Any) -> None:
    with dialled(served) as caller:
        caller.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhelloGET /health HTTP/1.1\r\n")
        caller.sendall(b"Host: x\r\nConnection: close\r\n\r\n")
        assert told(caller).startswith(b"HTTP/1.1 200")
    assert 200 == served.get("/health").status


def test_several_workers_count_together(serve: Any, until: Callable[..., None]) -> None:
    server = serve(workers=2)
    for _ in range(30):
        assert 200 == server.get("/ticks/AAA?limit=1").status
    counted = b'bcore_http_requests_total{method="GET",route="ticks",status="200"} 30.0'
    until(lambda: counted in server.get("/metrics").body, "both workers' counts")
    assert 0 == server.stop()


def test_a_plugin_that_fails_costs_only_its_own_routes(serve: Any) -> None:
    server = serve()
    assert 5 == len(server.get("/floor/5").body)
    assert "bc_http_routes raised RuntimeError: no routes today" in server.said()
