"""For tests of whatever speaks to Binance: a real HTTP server on loopback that answers as it is told, and a clock.

The server knows no market: for one that behaves like the exchange, replay a recording with bc_replay.
"""

from __future__ import annotations

import json
import socket
import struct
import time
from collections import deque
from collections.abc import Callable, Mapping
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from attrs import define, field, frozen

from bcore.errors import Stopped

JSON_TYPE, PAGE_TYPE = "application/json;charset=UTF-8", "text/html"
PAGE = b"<html><head><title>ERROR: The request could not be satisfied</title></head></html>"


@frozen
class Asked:
    """A request as it reached the server."""

    path: str
    params: Mapping[str, str]
    headers: Message


@frozen
class Answer:
    """What to send back. `cut` sends only that many bytes of the body, and `stall` keeps the connection open after
    them; `reset` and `hang` send nothing at all.
    """

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(factory=dict)
    kind: str = JSON_TYPE
    cut: int | None = None
    stall: bool = False
    reset: bool = False
    hang: bool = False
    measured: bool = True


Behaviour = Callable[[Asked], Answer]


def answer(data: Any, status: int = 200, **headers: str) -> Answer:
    """`data` as JSON; header names with `_` for `-`."""
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False).encode()
    return Answer(text, status, {name.replace("_", "-"): value for name, value in headers.items()})


def page(status: int, body: bytes = PAGE) -> Answer:
    """A web page where data should be."""
    return Answer(body, status, kind=PAGE_TYPE)


def limits(weight: int = 6000) -> dict[str, Any]:
    """The entry of exchangeInfo that publishes the request weight per minute."""
    return {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": weight}


class LocalVenue:
    """A context manager; `url` is where it listens. `asked` lists every request in order.

    `time` and `exchangeInfo` are answered with this machine's time and with `symbols`; everything else is 404 until
    `on` says what to do.
    """

    def __init__(
        self, symbols: tuple[str, ...] = ("BTCUSDT", "ETHUSDT"), weight_limit: int = 6000, api: str = "/api/v3"
    ) -> None:
        self.asked: list[Asked] = []
        self.api = api
        self.symbols, self.weight_limit = symbols, weight_limit
        self.closing = Event()
        self._always: dict[str, Behaviour] = {"time": self._time, "exchangeInfo": self._info}
        self._once: dict[str, deque[Answer]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def on(self, endpoint: str, behaviour: Behaviour) -> None:
        """From now on, requests to `<api>/<endpoint>` are answered by `behaviour`."""
        self._always[endpoint] = behaviour

    def once(self, endpoint: str, *answers: Answer) -> None:
        """The next requests to the endpoint get these answers, one each."""
        self._once.setdefault(endpoint, deque()).extend(answers)

    def asked_of(self, endpoint: str) -> list[Asked]:
        """The requests to the endpoint so far."""
        return [each for each in self.asked if each.path == f"{self.api}/{endpoint}"]

    def respond(self, asked: Asked) -> Answer:
        """What this request gets."""
        self.asked.append(asked)
        endpoint = asked.path.removeprefix(f"{self.api}/")
        waiting = self._once.get(endpoint)
        if waiting:
            return waiting.popleft()
        behaviour = self._always.get(endpoint)
        return Answer(status=404) if behaviour is None else behaviour(asked)

    def __enter__(self) -> LocalVenue:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()

    def _time(self, _: Asked) -> Answer:
        return answer({"serverTime": time.time_ns() // 1000})

    def _info(self, asked: Asked) -> Answer:
        chosen = asked.params.get("symbol")
        if chosen is not None and chosen not in self.symbols:
            return answer({"code": -1121, "msg": "Invalid symbol."}, 400)
        symbols = [{"symbol": name, "status": "TRADING"} for name in self.symbols if chosen in (None, name)]
        return answer({"serverTime": 0, "rateLimits": [limits(self.weight_limit)], "symbols": symbols})


def _handler(venue: LocalVenue) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            reply = venue.respond(Asked(url.path, dict(parse_qsl(url.query)), self.headers))
            if reply.hang:
                venue.closing.wait()
            if reply.reset or reply.hang:
                self._reset()
            else:
                self._send(reply)

        def log_message(self, *_: object) -> None:
            pass

        def _reset(self) -> None:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True

        def _send(self, reply: Answer) -> None:
            self.send_response(reply.status)
            if reply.kind:
                self.send_header("Content-Type", reply.kind)
            if reply.measured:
                self.send_header("Content-Length", str(len(reply.body)))
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body[: reply.cut])
            if reply.stall:
                self.wfile.flush()
                venue.closing.wait()
            self.close_connection = reply.cut is not None or not reply.measured

    return Handler


@define
class ManualClock:
    """A clock that stands still: waiting moves it on at once, and every wait is noted in `slept`."""

    at: int = 1_700_000_000_000_000
    slept: list[float] = field(factory=list)
    stopping: bool = False

    def now(self) -> int:
        return self.at

    def monotonic(self) -> float:
        return self.at / 1e6

    def sleep(self, seconds: float) -> None:
        if self.stopping:
            raise Stopped("asked to stop")
        self.slept.append(seconds)
        self.at += int(max(seconds, 0.0) * 1e6) + 1
