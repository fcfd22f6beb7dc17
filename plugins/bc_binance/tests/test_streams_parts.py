"""The parts of a feed by themselves: names, requests, limits, the queue to the consumer, and what a handshake says."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Coroutine
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bc_binance import BinanceConfig
from bc_binance.attempts import Attempts
from bc_binance.controls import Controls
from bc_binance.delivery import Delivery
from bc_binance.dialling import open_dialler
from bc_binance.oddities import KINDS, Oddities
from bc_binance.stream_messages import notice
from bc_binance.streamtesting import LocalStreams, Recorder
from bc_binance.subscriptions import packed, shared_out, stream_name
from bc_binance.testing import LocalVenue, ManualClock
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

NAMES = st.lists(st.text(min_size=1, max_size=60), unique=True, max_size=200)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("BTCUSDT@aggTrade", "btcusdt@aggTrade"),
        ("BTCUSDT@kline_1M", "btcusdt@kline_1M"),
        ("!miniTicker@arr", "!miniTicker@arr"),
        ("%E8%BF%99A@trade", "这a@trade"),
    ],
)
def test_a_stream_has_its_symbol_in_lower_case_and_the_rest_as_it_is(text: str, name: str) -> None:
    assert name == stream_name(text)


@given(NAMES, st.integers(150, 4000))
def test_packing_keeps_every_name_in_order_within_the_limit(names: list[str], limit: int) -> None:
    runs = list(packed(names, limit))
    assert names == [name for run in runs for name in run]
    for number, run in enumerate(runs, 1):
        request = msgspec.json.encode({"method": "UNSUBSCRIBE", "params": list(run), "id": number})
        assert len(run) == 1 or len(request) + 8 <= limit


@given(NAMES, st.integers(1, 50))
def test_sharing_out_loses_no_name_and_fills_no_group_beyond_the_limit(names: list[str], limit: int) -> None:
    groups = shared_out(names, limit)
    assert sorted(names) == sorted(name for group in groups for name in group)
    assert all(0 < len(group) <= limit for group in groups)
    assert -(-len(names) // limit) == len(groups)


def test_attempts_beyond_the_limit_wait_until_the_oldest_is_five_minutes_old() -> None:
    clock = ManualClock()
    attempts = Attempts(clock, limit=2)
    assert [0.0, 0.0] == [attempts.take(), attempts.take()]
    clock.at += 100_000_000
    assert [200.0, 200.0, 500.0] == [pytest.approx(attempts.take()) for _ in range(3)]


@given(st.lists(st.floats(0, 200), max_size=60))
def test_no_five_minutes_ever_hold_more_attempts_than_the_limit(pauses: list[float]) -> None:
    clock = ManualClock()
    attempts = Attempts(clock, limit=3)
    made = []
    for pause in pauses:
        clock.at += int(pause * 1e6)
        made.append(clock.monotonic() + attempts.take())
    assert all(later - earlier >= 300 - 1e-3 for earlier, later in zip(made, made[3:], strict=False))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('{"result":null,"id":1}', None),
        ('{"code":2,"msg":"Invalid request","id":1}', 2),
        ('{"error":{"code":3,"msg":"Invalid JSON"},"id":1}', 3),
        ('{"error":{"code":2,"msg":"x"}}', 2),
    ],
)
def test_an_answer_is_known_in_every_shape(text: str, code: int | None) -> None:
    reply = notice.decode(text)
    assert reply.is_answer
    assert code == (reply.refusal and reply.refusal.code)


def test_requests_are_sent_one_by_one_at_a_slow_pace() -> None:
    async def ask_three() -> list[float]:
        sent: list[float] = []

        async def send(text: bytes) -> None:
            sent.append(asyncio.get_running_loop().time())
            reply = notice.decode(msgspec.json.encode({"result": None, "id": msgspec.json.decode(text)["id"]}))
            asyncio.get_running_loop().call_soon(controls.answered, reply)

        controls = Controls("host", send, patience=5.0)
        await asyncio.gather(*(controls.ask("SUBSCRIBE", ["a@b"], lambda: None) for _ in range(3)))
        return sent

    first, second, third = asyncio.run(ask_three())
    assert second - first > 0.3
    assert third - second > 0.3


def test_a_request_that_nobody_answers_is_given_up() -> None:
    async def ask() -> None:
        async def send(text: bytes) -> None:
            pass

        await Controls("host", send, patience=0.05).ask("SUBSCRIBE", ["a@b"], lambda: None)

    with pytest.raises(UnreachableError, match=r"host did not answer a SUBSCRIBE of 1 streams within 0\.05 s"):
        asyncio.run(ask())


def delivered(limit: int, count: int, later: int = 0) -> tuple[Recorder, Delivery]:
    """What a sink is told of `count` messages that come at once, and of `later` ones after they were handed over."""
    sink = Recorder()
    delivery = Delivery(sink, limit, Oddities())

    async def fill() -> None:
        for number in range(count):
            delivery.message("s", msgspec.Raw(b"%d" % number), number)
        await until_empty()
        for number in range(count, count + later):
            delivery.message("s", msgspec.Raw(b"%d" % number), number)
        await until_empty()

    async def until_empty() -> None:
        while delivery.waiting:
            await asyncio.sleep(0)

    asyncio.run(fill())
    return sink, delivery


def test_up_to_the_limit_nothing_is_dropped() -> None:
    sink, delivery = delivered(limit=5, count=5)
    assert [0, 1, 2, 3, 4] == sink.messages
    assert (0, 5) == (delivery.dropped, delivery.received)


def test_what_a_full_queue_drops_is_told_in_its_place() -> None:
    sink, delivery = delivered(limit=4, count=7, later=2)
    assert [0, 1, 2, 3, 7, 8] == sink.messages
    assert ["message"] * 4 + ["lost", "joined"] + ["message"] * 2 == [each[0] for each in sink.told]
    assert ("lost", ("s",), "the consumer was 4 messages behind") == sink.told[4]
    assert 3 == delivery.dropped


def test_a_stream_that_is_lost_while_messages_are_dropped_is_not_joined_by_the_queue() -> None:
    sink = Recorder()
    delivery = Delivery(sink, 1, Oddities())

    async def fill() -> None:
        for number in range(3):
            delivery.message("s", msgspec.Raw(b"%d" % number), number)
        delivery.lost(["s"], "cut")
        while delivery.waiting:
            await asyncio.sleep(0)

    asyncio.run(fill())
    assert [("message", "s", 0), ("lost", ("s",), "cut")] == sink.told


def test_kinds_of_oddities_are_bounded() -> None:
    oddities = Oddities()
    for number in range(10 * KINDS):
        oddities.note(f"kind {number}", "x")
    assert KINDS + 1 == len(oddities.counts)
    assert 10 * KINDS == sum(oddities.counts.values())


def dialled(**settings: Any) -> ExchangeError:
    """The error of opening a connection with these settings."""

    async def dial() -> None:
        dialler = open_dialler(BinanceConfig(**settings), Attempts(ManualClock()))
        try:
            await dialler.dial()
        finally:
            await dialler.session.close()

    work: Coroutine[Any, Any, None] = dial()
    with pytest.raises(ExchangeError) as caught:
        asyncio.run(work)
    return caught.value


@pytest.mark.parametrize(
    ("status", "kind", "says"),
    [
        (403, BlockedError, "firewall"),
        (404, RefusedError, "is stream_url"),
        (418, BannedError, "banned"),
        (429, RateLimitedError, "stream_attempts"),
        (451, RestrictedError, "wss://data-stream.binance.vision"),
        (502, FaultyReplyError, "status 502"),
        (200, FaultyReplyError, "status 200"),
    ],
)
def test_a_refused_handshake_is_typed_and_says_what_to_do(
    streams: LocalStreams, status: int, kind: type[ExchangeError], says: str
) -> None:
    streams.refusals.append(status)
    error = dialled(stream_url=streams.url)
    assert kind is type(error)
    assert says in str(error)
    assert streams.url.removeprefix("ws://") in str(error)
    assert 0.0 == error.retry_after


def test_nobody_listening_says_so() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        error = dialled(stream_url=f"ws://127.0.0.1:{port}")
    assert f"no connection to 127.0.0.1:{port}: connect" in str(error).lower()


def test_a_handshake_that_never_ends_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        error = dialled(stream_url=f"ws://127.0.0.1:{held.getsockname()[1]}", timeout=0.2)
    assert UnreachableError is type(error)
    assert "opened no stream within 0.2 s" in str(error)


def test_a_host_that_speaks_no_tls_says_so(venue: LocalVenue) -> None:
    error = dialled(stream_url=venue.url.replace("http", "wss"))
    assert "no secure connection to 127.0.0.1" in str(error)


def test_a_name_that_does_not_resolve_says_so() -> None:
    error = dialled(stream_url="ws://nothing.invalid")
    assert "no connection to nothing.invalid: its name cannot be resolved" in str(error)


def test_a_proxy_that_is_not_there_is_named_as_the_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        monkeypatch.setenv("http_proxy", f"http://user:secret@127.0.0.1:{held.getsockname()[1]}")
        monkeypatch.setenv("no_proxy", "")
        error = dialled(stream_url="ws://exchange.invalid")
    assert "no connection to exchange.invalid through the environment's proxy" in str(error)
    assert "secret" not in str(error)
