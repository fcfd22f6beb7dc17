"""Exchange and source, through the tests that every one has to pass, over a real HTTP server that plays the venue."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pyarrow as pa
import pytest

from bc_venue.exchange import Venue
from bc_venue.plugin import bcore_exchanges, bcore_sources
from bc_venue.source import table_of
from bcore.clock import SystemClock
from bcore.errors import ConfigError, ExchangeError, FaultyReplyError, RateLimitedError, RefusedError, UnreachableError
from bcore.protocols import Source
from bcore.records import Factory
from bcore.registry import Registry
from bcore.testing import ExchangeTests, SourceTests, made
from bcore.testing.samples import BEGIN, time_of

NEWEST, DAY = 44, 86_400_000_000


def tick(number: int) -> dict[str, Any]:
    return {"id": number, "time": time_of(number), "price": str(100 + number / 4), "quantity": "1.5"}


class Playing(BaseHTTPRequestHandler):
    """Ticks 0..44 of AAA and BBB; other symbols tell which answer is wanted."""

    protocol_version = "HTTP/1.1"
    asked: list[str] = []

    def do_GET(self) -> None:
        asked = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        self.asked.append(self.path)
        symbol, first, limit = asked["symbol"], int(asked["from_id"]), int(asked["limit"])
        if symbol.isdigit():
            return self._reply(int(symbol), b"no")
        if symbol == "HTML":
            return self._reply(200, b"<html>")
        if symbol == "ODD":
            return self._reply(200, b'{"time": 1}')
        page = [tick(number) for number in range(first, min(first + limit, NEWEST + 1))]
        return self._reply(200, json.dumps({"time": BEGIN + DAY, "ticks": page}).encode())

    def _reply(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Retry-After", "7")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Tests are quiet."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Playing) as server:
        server.daemon_threads = True
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture
def open_exchange(url: str) -> Callable[..., Any]:
    (factory,) = bcore_exchanges()
    return lambda where=url: made(factory, {"rest_url": where, "timeout": 30.0})


@pytest.fixture
def venue(open_exchange: Callable[..., Any]) -> Iterator[Venue]:
    opened = open_exchange()
    yield opened
    opened.close()


@pytest.fixture
def source_of(venue: Venue) -> Callable[..., Source]:
    (factory,) = bcore_sources()
    return lambda *symbols: made(factory, {"page": 10}, symbols=symbols, exchange=venue)


class TestVenueExchange(ExchangeTests):
    @pytest.fixture
    def factory(self) -> Factory[Any]:
        (factory,) = bcore_exchanges()
        return factory

    @pytest.fixture
    def asking(self) -> Callable[[Any], object]:
        return lambda venue: venue.ticks("AAA", 0, 10)

    @pytest.fixture
    def ahead(self) -> int:
        """The clock of what plays the venue stands still; this machine's has gone on since."""
        return BEGIN + DAY - SystemClock().now()

    @pytest.fixture
    def failing(self, open_exchange: Callable[..., Any]) -> Mapping[type[ExchangeError], Callable[[Any], object]]:
        nowhere = open_exchange("http://127.0.0.1:1")
        return {
            RateLimitedError: lambda venue: venue.ticks("429", 0, 10),
            RefusedError: lambda venue: venue.ticks("404", 0, 10),
            FaultyReplyError: lambda venue: venue.ticks("503", 0, 10),
            UnreachableError: lambda venue: nowhere.ticks("AAA", 0, 10),
        }


class TestVenueSource(SourceTests):
    @pytest.fixture
    def open_source(self, source_of: Callable[..., Source]) -> Callable[[], Source]:
        return lambda: source_of("AAA", "BBB")

    @pytest.fixture
    def expected(self) -> Mapping[str, pa.Table]:
        page = [tick(number) for number in range(NEWEST + 1)]
        return {f"venue_ticks/{symbol}": table_of(page, symbol) for symbol in ("AAA", "BBB")}

    @pytest.fixture
    def factory(self) -> Factory[Any]:
        (factory,) = bcore_sources()
        return factory

    @pytest.fixture
    def requests(self) -> Callable[[], int]:
        return lambda: len(Playing.asked)

    @pytest.fixture
    def partly_failing(self, source_of: Callable[..., Source]) -> tuple[Source, tuple[str, ...]]:
        return source_of("404", "BBB"), ("BBB",)


@pytest.mark.parametrize("symbol", ["HTML", "ODD"])
def test_what_is_no_page_of_ticks_is_a_faulty_reply(venue: Venue, symbol: str) -> None:
    with pytest.raises(FaultyReplyError):
        venue.ticks(symbol, 0, 10)


def test_how_long_to_wait_is_what_the_exchange_says(venue: Venue) -> None:
    with pytest.raises(RateLimitedError) as caught:
        venue.ticks("429", 0, 10)
    assert 7.0 == caught.value.retry_after


def test_another_exchange_is_refused() -> None:
    class Other:
        name = "other"

    (factory,) = bcore_sources()
    with pytest.raises(ConfigError, match="other serves no such ticks"):
        made(factory, symbols=("AAA",), exchange=Other())  # type: ignore[arg-type]


def test_the_installed_plugin_offers_both() -> None:
    registry = Registry.load(environ={})
    assert "venue" in registry.of("exchanges")
    assert "venue_ticks" in registry.of("sources")
