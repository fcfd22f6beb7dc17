"""Every way in which the exchange, or the way to it, can say no: the error's type, and what it tells the user."""

from __future__ import annotations

import gzip
import socket
from collections.abc import Callable

import pytest

from bc_binance import Binance, BinanceConfig
from bc_binance.testing import Answer, LocalVenue, ManualClock, answer, page
from bcore.clock import SystemClock
from bcore.errors import (
    BannedError,
    BlockedError,
    ExchangeError,
    FaultyReplyError,
    RateLimitedError,
    RefusedError,
    RestrictedError,
    UnreachableError,
)

Open = Callable[..., Binance]
BAN = {"code": -1003, "msg": "Way too much request weight used; IP banned until 1700000300000. Please use WebSocket."}
ELIGIBLE = b'{\n  "code": 0,\n  "msg": "Service unavailable from a restricted location"\n}'


def refusal(exchange: Binance, venue: LocalVenue, reply: Answer) -> ExchangeError:
    venue.once("aggTrades", reply)
    with pytest.raises(ExchangeError) as caught:
        exchange.agg_trades("BTCUSDT")
    assert "Traceback" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "symbol=" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    ("reply", "kind", "says"),
    [
        (answer({"code": -1003, "msg": "Too much"}, 429, Retry_After="7"), RateLimitedError, "budget"),
        (answer(BAN, 418, Retry_After="120"), BannedError, "banned this IP address until"),
        (page(403), BlockedError, "firewall"),
        (Answer(ELIGIBLE, 451), RestrictedError, "https://data-api.binance.vision"),
        (answer({"code": -1000, "msg": "An unknown error occurred."}, 500), FaultyReplyError, "status 500"),
        (page(502), FaultyReplyError, "web page, status 502"),
        (Answer(b"", 503), FaultyReplyError, "status 503"),
        (Answer(b"", 404, kind=""), RefusedError, "is rest_url"),
        (
            Answer(b"", 302, {"Location": "http://portal.example/login?token=1"}),
            FaultyReplyError,
            "portal.example/login,",
        ),
        (page(200), FaultyReplyError, "web page instead of data"),
        (Answer(b"[{"), FaultyReplyError, "not JSON"),
        (Answer(b'{"code":1}'), FaultyReplyError, "another form"),
        (Answer(b"\xff\xfe"), FaultyReplyError, "not JSON"),
        (answer({"code": -1007, "msg": "Timeout waiting"}, 408), FaultyReplyError, "Timeout waiting"),
        (answer({"code": -1008, "msg": "Busy"}, 400), FaultyReplyError, "Busy"),
        (answer({"code": -1003, "msg": "Too many requests queued."}, 400), RateLimitedError, "queued"),
        (answer({"code": -1102, "msg": "Mandatory parameter"}, 400), RefusedError, "Mandatory parameter"),
        (page(400), FaultyReplyError, "no reason"),
    ],
)
def test_a_refusal_is_typed_and_says_what_to_do(
    exchange: Binance, venue: LocalVenue, reply: Answer, kind: type[ExchangeError], says: str
) -> None:
    error = refusal(exchange, venue, reply)
    assert kind is type(error)
    assert says in str(error)
    assert venue.url.removeprefix("http://") in str(error)


def test_a_body_shorter_than_announced_is_caught(exchange: Binance, venue: LocalVenue) -> None:
    error = refusal(exchange, venue, Answer(b"[1,2,3]" + b" " * 50, cut=7))
    assert FaultyReplyError is type(error)
    assert "cut short" in str(error)


def test_a_cut_body_without_an_announced_length_is_caught(exchange: Binance, venue: LocalVenue) -> None:
    assert FaultyReplyError is type(refusal(exchange, venue, Answer(b'[{"a":1},{"a"', measured=False)))


def test_a_cut_compressed_body_is_caught(exchange: Binance, venue: LocalVenue) -> None:
    body = gzip.compress(b"[" + b"1," * 500 + b"1]")
    error = refusal(exchange, venue, Answer(body, headers={"Content-Encoding": "gzip"}, cut=len(body) // 2))
    assert FaultyReplyError is type(error)


def test_a_damaged_compressed_body_is_caught(exchange: Binance, venue: LocalVenue) -> None:
    error = refusal(exchange, venue, Answer(b"no gzip at all", headers={"Content-Encoding": "gzip"}))
    assert FaultyReplyError is type(error)


def test_a_connection_that_is_reset_is_unreachable(exchange: Binance, venue: LocalVenue) -> None:
    error = refusal(exchange, venue, Answer(reset=True))
    assert UnreachableError is type(error)
    assert "closed the connection" in str(error)


def test_a_reply_that_never_comes_is_unreachable(open_exchange: Open, venue: LocalVenue) -> None:
    error = refusal(open_exchange(timeout=0.2), venue, Answer(hang=True))
    assert UnreachableError is type(error)
    assert "did not answer within 0.2 s" in str(error)


def test_nobody_listening_is_unreachable() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        exchange = Binance(BinanceConfig(rest_url=f"http://127.0.0.1:{port}"), SystemClock())
        with pytest.raises(UnreachableError, match=f"no connection to 127.0.0.1:{port}: connection refused"):
            exchange.server_time()


def test_a_name_that_does_not_resolve_is_unreachable() -> None:
    exchange = Binance(BinanceConfig(rest_url="http://nothing.invalid"), SystemClock())
    with pytest.raises(UnreachableError, match=r"no connection to nothing\.invalid: its name cannot be resolved"):
        exchange.server_time()


def test_a_host_that_speaks_no_tls_is_unreachable(venue: LocalVenue) -> None:
    exchange = Binance(BinanceConfig(rest_url=venue.url.replace("http:", "https:")), SystemClock())
    with pytest.raises(UnreachableError, match=r"no secure connection to 127\.0\.0\.1"):
        exchange.server_time()


def test_a_proxy_that_is_not_there_is_named_as_the_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        monkeypatch.setenv("http_proxy", f"http://user:secret@127.0.0.1:{held.getsockname()[1]}")
        monkeypatch.setenv("no_proxy", "")
        with pytest.raises(UnreachableError, match="through the proxy that the environment sets: connection") as caught:
            Binance(BinanceConfig(rest_url="http://exchange.invalid"), SystemClock()).server_time()
    assert "secret" not in str(caught.value)


def test_a_password_in_the_address_is_not_in_the_message(venue: LocalVenue) -> None:
    url = venue.url.replace("http://", "http://user:secret@")
    with pytest.raises(RefusedError) as caught:
        Binance(BinanceConfig(rest_url=url), SystemClock()).agg_trades("BTCUSDT")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("reply", "seconds"),
    [
        (answer({}, 429, Retry_After="35"), 35.0),
        (answer({}, 418, Retry_After="259200"), 259_200.0),
        (answer({}, 503, Retry_After="4"), 4.0),
        (page(403), None),
        (answer({}, 500), None),
        (answer({}, 500, Retry_After="soon"), None),
    ],
)
def test_the_error_carries_the_wait_that_was_asked_for(
    exchange: Binance, venue: LocalVenue, reply: Answer, seconds: float | None
) -> None:
    assert seconds == refusal(exchange, venue, reply).retry_after


def test_without_a_header_a_ban_ends_when_its_text_says(open_exchange: Open, venue: LocalVenue) -> None:
    clock = ManualClock(1_700_000_000_000_000)
    venue.on("time", lambda _: answer({"serverTime": clock.now()}))
    error = refusal(open_exchange(clock), venue, answer(BAN, 418))
    assert 300.0 == error.retry_after
    assert "until 2023-11-14T22:18:20Z" in str(error)


def test_without_a_header_a_rate_limit_ends_with_the_minute(open_exchange: Open, venue: LocalVenue) -> None:
    clock = ManualClock(1_700_000_040_000_000 + 12_000_000)
    error = refusal(open_exchange(clock), venue, answer({}, 429))
    assert 48.0 == error.retry_after


@pytest.mark.parametrize("code", [-1121, -1100])
def test_an_unknown_symbol_is_named_with_near_ones(exchange: Binance, venue: LocalVenue, code: int) -> None:
    venue.once("exchangeInfo", answer({"code": code, "msg": "Invalid symbol."}, 400))
    with pytest.raises(RefusedError, match=r"lists no symbol 'btcusd' \(did you mean BTCUSDT\?\)") as caught:
        exchange.agg_trades("btcusd")
    assert code == caught.value.code


def test_the_listing_is_asked_for_once(exchange: Binance, venue: LocalVenue) -> None:
    for _ in range(3):
        with pytest.raises(RefusedError):
            exchange.depth("BTCUSD")
    assert 1 == sum("symbol" not in asked.params for asked in venue.asked_of("exchangeInfo"))


def test_a_failing_listing_does_not_hide_the_refusal(exchange: Binance, venue: LocalVenue) -> None:
    venue.once("exchangeInfo", answer({"code": -1121, "msg": "Invalid symbol."}, 400), page(502))
    with pytest.raises(RefusedError, match="lists no symbol 'XXX'"):
        exchange.agg_trades("XXX")
