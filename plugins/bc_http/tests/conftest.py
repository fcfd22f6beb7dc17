"""Fixtures: real server processes on free loopback ports, and a plain way to ask them."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
import pytest
from attrs import define, field, frozen

SCRIPT = Path(__file__).parent / "archive_server.py"
sys.path.insert(0, str(Path(__file__).parent))
PATIENCE = 60.0


@frozen
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    def arrow(self) -> pa.Table:
        return pa.ipc.open_stream(self.body).read_all()

    @property
    def type(self) -> str:
        return self.headers.get("content-type", "")


@define
class Server:
    """A server process; `url` is where it listens."""

    process: subprocess.Popen[str]
    log: Path
    url: str = ""
    status: int | None = field(default=None)

    @classmethod
    def started(cls, folder: Path, config: Mapping[str, Any], environ: Mapping[str, str] | None = None) -> Server:
        log = folder / f"server-{time.monotonic_ns()}.log"
        with log.open("w") as errors:
            process = subprocess.Popen(
                [sys.executable, str(SCRIPT), json.dumps({"port": 0, "fresh": 0.0, **config})],
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env={**os.environ, **(environ or {})},
            )
        server = cls(process, log)
        assert process.stdout is not None
        server.url = process.stdout.readline().strip().removeprefix("listening on ")
        return server

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.url)
        return str(parts.hostname), int(parts.port or 0)

    def get(self, path: str, headers: Mapping[str, str] | None = None, method: str = "GET") -> Reply:
        connection = http.client.HTTPConnection(*self.address, timeout=PATIENCE)
        try:
            connection.request(method, path, headers=dict(headers or {}))
            reply = connection.getresponse()
            return Reply(reply.status, {name.lower(): value for name, value in reply.getheaders()}, reply.read())
        finally:
            connection.close()

    def said(self) -> str:
        return self.log.read_text()

    def stop(self, number: int = signal.SIGTERM) -> int:
        """The exit code."""
        if self.status is None:
            self.process.send_signal(number)
            self.status = self.process.wait(PATIENCE)
            assert self.process.stdout is not None
            self.process.stdout.close()
        return self.status


@pytest.fixture(scope="session")
def start() -> Callable[..., Server]:
    """Starts a server that somebody else stops: (folder, config, environ)."""
    return Server.started


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with defaults, for tests that leave it as it is."""
    server = Server.started(tmp_path_factory.mktemp("served"), {})
    yield server
    assert 0 == server.stop(), server.said()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Starts servers of a test's own."""
    servers: list[Server] = []

    def start(environ: Mapping[str, str] | None = None, **config: Any) -> Server:
        servers.append(Server.started(tmp_path, config, environ))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def until() -> Callable[..., None]:
    """Waits for a condition, as long as it takes within reason."""

    def wait(condition: Callable[[], object], what: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, what
            time.sleep(0.02)

    return wait
