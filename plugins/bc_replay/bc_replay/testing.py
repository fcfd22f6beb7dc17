"""A replay exchange in a child process, for tests and demonstrations."""

from __future__ import annotations

import http.client
import json
import os
import platform
import shlex
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

BANNER = "listening on "
START, STOP, ANSWER = 60.0, 15.0, 10.0  # seconds


class ReplayFailed(RuntimeError):
    """The server did not come up, or did not answer; the message says which, and what it wrote to standard error."""


class ReplayServer:
    """`with ReplayServer(path, speed=0, faults=["reset@2"]) as server:` gives `server.url` and `server.ws_url`.

    No path serves the bundled sample; `bulk` is a folder of bulk files to serve besides. `options` are further
    command-line options, such as "--weight-limit", "50". The child ends with this process, whatever ends it.
    """

    def __init__(
        self,
        *paths: str | Path,
        speed: float = 1.0,
        faults: Sequence[str] = (),
        symbols: Sequence[str] = (),
        bulk: str | Path | None = None,
        options: Sequence[str] = (),
        port: int = 0,
        wait: bool = False,
        loop: bool = False,
        exit_at_end: bool = False,
    ) -> None:
        self._arguments = [*map(str, paths), "--speed", str(speed), "--port", str(port), "--die-with-parent"]
        self._arguments += [part for fault in faults for part in ("--fault", fault)]
        self._arguments += [part for symbol in symbols for part in ("--symbol", symbol)]
        flags = {"--wait": wait, "--loop": loop, "--exit-at-end": exit_at_end}
        self._arguments += [flag for flag, wanted in flags.items() if wanted]
        self._arguments += [] if bulk is None else ["--bulk", str(bulk)]
        self._arguments += options
        self._command = [sys.executable, "-m", "bc_replay", *self._arguments]
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 (closed by __exit__)
        self._process: subprocess.Popen[str] | None = None
        self._control: http.client.HTTPConnection | None = None
        self.url = ""

    @property
    def ws_url(self) -> str:
        return "ws" + self.url.removeprefix("http")

    @property
    def pid(self) -> int:
        return self._running().pid

    def start(self) -> Self:
        """Raises ReplayFailed where the server is not up within a minute."""
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            process_group=0,  # a Ctrl-C at the terminal is for the parent to act on
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        line = self._first_line(self._process)
        try:
            if not line.startswith(BANNER):
                raise self._failed(self._not_started())
            self.url = line.removeprefix(BANNER).strip()
            address = urlsplit(self.url)
            # Kept open from the start, so that a fault that refuses connections does not meet it.
            self._control = http.client.HTTPConnection(address.hostname or "", address.port, timeout=ANSWER)
            self.status()
        except BaseException:
            self.stop()
            self._errors.close()
            raise
        return self

    def stop(self) -> int:
        """End the server, where it has not ended; its exit status."""
        process = self._running()
        if self._control is not None:
            self._control.close()
        process.terminate()
        try:
            return self.wait(STOP)
        except subprocess.TimeoutExpired:
            process.kill()
            return self.wait(STOP)

    def wait(self, seconds: float) -> int:
        """The exit status of a server that ends by itself; subprocess.TimeoutExpired where it does not."""
        process = self._running()
        status = process.wait(seconds)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        return status

    def errors(self) -> str:
        """What the server has written to standard error."""
        self._errors.seek(0)
        return self._errors.read()

    def status(self) -> dict[str, Any]:
        """Where the replay stands: `now`, `end`, `ended`, `streams`, `sent`, `requests`... (times in us UTC)."""
        status: dict[str, Any] = self._call("GET", "/_replay/status")
        return status

    def faults(self) -> list[dict[str, Any]]:
        """Every fault asked for, with its `state`, `hits` and `fired_at`."""
        faults: list[dict[str, Any]] = self._call("GET", "/_replay/faults")
        return faults

    def fault(
        self, kind: str, arg: float | str | None = None, *, at: float | None = None, which: str | None = None
    ) -> dict[str, Any]:
        """Ask for a fault, due now or `at` seconds after the server came up, on `which` symbols, streams or files."""
        asked = {"kind": kind, "arg": arg, "at": at, "which": which}
        fault: dict[str, Any] = self._call(
            "POST", "/_replay/faults", {name: value for name, value in asked.items() if value is not None}
        )
        return fault

    def clock(self, **turn: float | bool) -> dict[str, Any]:
        """`clock(pause=True)`, `clock(resume=True)`, `clock(speed=10)`, `clock(seek=1723161600000000)`."""
        clock: dict[str, Any] = self._call("POST", "/_replay/clock", turn)
        return clock

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._errors.close()

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None:
            raise ReplayFailed("the replay server was not started")
        return self._process

    def _first_line(self, process: subprocess.Popen[str]) -> str:
        lines: list[str] = []
        if process.stdout is None:
            return ""
        pipe = process.stdout
        reader = threading.Thread(target=lambda: lines.append(pipe.readline()), daemon=True)
        reader.start()
        reader.join(START)
        return lines[0] if lines else ""

    def _not_started(self) -> str:
        try:
            return f"ended with exit code {self._running().wait(1)} before it listened"
        except subprocess.TimeoutExpired:
            return f"had not said in {START:g} s that it listens"

    def _failed(self, how: str) -> ReplayFailed:
        command, python = shlex.join(self._command), f"Python {platform.python_version()}"
        said = self.errors().strip() or "(nothing)"
        return ReplayFailed(f"the replay server {how}: `{command}` ({python}); it wrote to standard error:\n{said}")

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        if self._control is None:
            raise ReplayFailed("the replay server is not up")
        try:
            status, text = self._asked(self._control, method, path, body)
        except TimeoutError:
            self._control.close()  # what comes late must not be taken for the next answer
            raise self._failed(f"listens on {self.url}, and did not answer {method} {path} in {ANSWER:g} s") from None
        if status >= 400:
            raise ReplayFailed(f"{method} {path}: {status} {text.decode()}")
        return json.loads(text)

    def _asked(
        self, control: http.client.HTTPConnection, method: str, path: str, body: dict[str, Any] | None
    ) -> tuple[int, bytes]:
        payload = None if body is None else json.dumps(body)
        headers = {"Content-Type": "application/json"} if payload else {}
        try:
            control.request(method, path, payload, headers)
            reply = control.getresponse()
        except (http.client.HTTPException, ConnectionError):  # an idle connection may have been closed: once more, anew
            control.close()
            control.request(method, path, payload, headers)
            reply = control.getresponse()
        return reply.status, reply.read()
