"""Connections that end, fail to open, fall silent, are replaced: what the sink is told, and what it is not."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from bc_binance import Binance, BinanceConfig
from bc_binance.feed import Feed
from bc_binance.streamtesting import LocalStreams, Recorder, acknowledge
from bc_binance.testing import LocalVenue
from bcore.clock import SystemClock
from bcore.errors import RequestError
from bcore.events import Event, StreamClosed

Follow = Callable[..., Feed]
BTC, ETH = "btcusdt@aggTrade", "ethusdt@aggTrade"
SHUTDOWN = '{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1700000000000000}}'
RAW_SHUTDOWN = '{"e":"serverShutdown","E":1700000000000000}'


def kinds(sink: Recorder) -> list[str]:
    return [each[0] for each in sink.told if each[0] != "message"]


@pytest.mark.parametrize("how", ["reset", "close"])
def test_a_connection_that_ends_is_told_as_a_loss_and_replaced(
    follow: Follow, streams: LocalStreams, sink: Recorder, events: list[Event], how: str
) -> None:
    feed = follow(BTC, ETH)
    sink.until(lambda: sink.told)
    streams.reset(streams.clients[0]) if how == "reset" else streams.close(streams.clients[0], 1008, b"Too many")
    sink.until(lambda: 2 == sink.count("joined"))
    assert ["joined", "lost", "joined"] == kinds(sink)
    assert (BTC, ETH) == sink.told[1][1] == sink.told[2][1]
    assert ("broke" if how == "reset" else "closed the connection (1008: Too many)") in sink.told[1][2]
    streams.send(ETH, {"a": 5})
    sink.until(lambda: [{"a": 5}] == sink.messages)
    assert (1, 0) == (feed.connections().reconnects, feed.connections().rotations)
    assert [False] == [each.planned for each in events if isinstance(each, StreamClosed)]


def test_only_the_streams_of_the_connection_that_ended_are_lost(
    follow: Follow, streams: LocalStreams, sink: Recorder
) -> None:
    follow(BTC, ETH, stream_limit=1)
    sink.until(lambda: 2 == sink.count("joined"))
    streams.reset(next(each for each in streams.clients if BTC in each.streams))
    sink.until(lambda: 3 == sink.count("joined"))
    assert [(BTC,)] == [each[1] for each in sink.told if each[0] == "lost"]


def test_silence_is_taken_for_death(follow: Follow, streams: LocalStreams, sink: Recorder) -> None:
    follow(BTC, stream_silence=0.3)
    sink.until(lambda: sink.count("lost"))
    assert "silent for 0.3 s" in sink.told[1][2]


def test_pings_alone_are_a_sign_of_life(follow: Follow, streams: LocalStreams, sink: Recorder) -> None:
    feed = follow(BTC, stream_silence=1.0)
    sink.until(lambda: sink.told)
    end = time.monotonic() + 2.0
    while time.monotonic() < end:
        streams.ping(b"")
        time.sleep(0.05)
    assert (0, 1) == (feed.connections().reconnects, len(streams.clients))


@pytest.mark.parametrize("status", [429, 451, 503])
def test_a_handshake_that_is_refused_is_tried_again(
    follow: Follow, streams: LocalStreams, sink: Recorder, status: int
) -> None:
    streams.refusals.append(status)
    follow(BTC)
    sink.until(lambda: sink.told)
    assert [("joined", (BTC,))] == sink.told


def test_a_subscription_that_is_never_answered_is_tried_on_another_connection(
    follow: Follow, streams: LocalStreams, sink: Recorder
) -> None:
    answers = iter([None])
    streams.answer = lambda command: next(answers, acknowledge(command))
    follow(BTC, timeout=0.3)
    sink.until(lambda: sink.told)
    assert 2 == len(streams.clients)
    assert ["joined"] == kinds(sink)


@pytest.mark.parametrize("notice", [SHUTDOWN, RAW_SHUTDOWN])
def test_a_shutdown_that_is_announced_loses_nothing(
    follow: Follow, streams: LocalStreams, sink: Recorder, events: list[Event], notice: str
) -> None:
    feed = follow(BTC)
    sink.until(lambda: sink.told)
    streams.say(notice)
    sink.until(lambda: 1 == feed.connections().rotations)
    assert ["joined"] == kinds(sink)
    assert (2, 1) == (len(streams.clients), len(streams.live))
    assert 1000 == streams.clients[0].close_code
    assert [(1, True)] == [(each.connection, each.planned) for each in events if isinstance(each, StreamClosed)]


def test_both_connections_deliver_until_the_successor_takes_over(
    follow: Follow, streams: LocalStreams, sink: Recorder
) -> None:
    feed = follow(BTC, stream_overlap=30.0)
    sink.until(lambda: sink.told)
    streams.say(SHUTDOWN)
    # What is sent before the successor has subscribed reaches one of them: each attempt has a number of its own.
    to: list[int] = []
    sink.until(lambda: to.append(streams.send(BTC, {"a": len(to)})) or 2 == to[-1])
    sink.until(lambda: 2 == [each["a"] for each in sink.messages].count(len(to) - 1))
    assert 2 == feed.connections().count


def test_five_rotations_under_load_lose_nothing(follow: Follow, streams: LocalStreams, sink: Recorder) -> None:
    feed = follow(BTC, stream_lifetime=0.4, stream_overlap=0.1)
    sink.until(lambda: sink.told)
    sent = 0
    while feed.connections().rotations < 5:
        assert streams.send(BTC, {"a": sent}) > 0
        sent += 1
    sink.until(lambda: sent - 1 == sink.messages[-1]["a"])
    assert set(range(sent)) == {each["a"] for each in sink.messages}
    assert ["joined"] == kinds(sink)
    assert 0 == feed.connections().reconnects


def test_the_old_connection_goes_on_while_its_successor_fails_to_open(
    follow: Follow, streams: LocalStreams, sink: Recorder
) -> None:
    feed = follow(BTC)
    sink.until(lambda: sink.told)
    streams.refusals.extend([503, 503])
    streams.say(SHUTDOWN)
    sink.until(lambda: not streams.refusals)
    assert 1 == streams.send(BTC, {"a": 1})
    sink.until(lambda: 1 == feed.connections().rotations)
    assert ["joined"] == kinds(sink)
    assert [{"a": 1}] == sink.messages


def test_an_old_connection_that_ends_before_its_successor_is_there_is_a_loss(
    follow: Follow, streams: LocalStreams, sink: Recorder
) -> None:
    feed = follow(BTC)
    sink.until(lambda: sink.told)
    streams.refusals.extend([503, 503])
    streams.say(SHUTDOWN)
    sink.until(lambda: 1 == len(streams.refusals))
    streams.close(streams.clients[0])
    sink.until(lambda: 2 == sink.count("joined"))
    assert ["joined", "lost", "joined"] == kinds(sink)
    assert (1, 0) == (feed.connections().reconnects, feed.connections().rotations)


def test_streams_that_the_successor_carries_already_are_not_lost_by_an_orderly_end(
    follow: Follow, streams: LocalStreams, sink: Recorder
) -> None:
    names = [f"averylongsymbolname{number:04}usdt@aggTrade" for number in range(150)]
    feed = follow(*names)
    sink.until(lambda: 150 == feed.connections().joined)
    held = threading.Event()

    def answer(command: dict[str, Any]) -> dict[str, Any] | None:
        return None if held.is_set() and command["id"] > 1 else acknowledge(command)

    held.set()
    streams.answer = answer
    streams.say(SHUTDOWN)
    sink.until(lambda: 2 == len(streams.clients) and 2 == len(streams.clients[1].commands))
    carried = set(streams.clients[1].commands[0]["params"])
    streams.close(streams.clients[0])
    sink.until(lambda: sink.count("lost"))
    assert set(names) - carried == set(next(each for each in sink.told if each[0] == "lost")[1])


def test_a_connection_that_is_cut_while_both_deliver_is_told_as_a_loss(
    follow: Follow, streams: LocalStreams, sink: Recorder, events: list[Event]
) -> None:
    feed = follow(BTC, stream_overlap=30.0)
    sink.until(lambda: sink.told)
    streams.say(SHUTDOWN)
    sink.until(lambda: 2 == feed.connections().count and 2 == streams.send(BTC, {"a": 1}))
    streams.reset(streams.clients[0])
    sink.until(lambda: 2 == sink.count("joined"))
    assert ["joined", "lost", "joined"] == kinds(sink)
    sink.until(lambda: 1 == len(streams.live))
    assert [False] == [each.planned for each in events if isinstance(each, StreamClosed)]


def test_a_successor_that_is_cut_while_both_deliver_costs_nothing(
    follow: Follow, streams: LocalStreams, sink: Recorder
) -> None:
    feed = follow(BTC, stream_overlap=1.0)
    sink.until(lambda: sink.told)
    streams.say(SHUTDOWN)
    sink.until(lambda: 2 == feed.connections().count and 2 == streams.send(BTC, {"a": 1}))
    streams.reset(streams.clients[1])
    sink.until(lambda: 1 == feed.connections().rotations)
    assert ["joined"] == kinds(sink)
    assert 3 == len(streams.clients)


def test_a_silent_stream_is_subscribed_again_and_then_moved(
    follow: Follow, streams: LocalStreams, sink: Recorder
) -> None:
    feed = follow(BTC, ETH)
    sink.until(lambda: sink.told)
    feed.resubscribe(["BTCUSDT@aggTrade"])
    sink.until(lambda: 2 == sink.count("joined"))
    commands = streams.clients[0].commands
    assert [("UNSUBSCRIBE", [BTC]), ("SUBSCRIBE", [BTC])] == [(c["method"], c["params"]) for c in commands[1:]]
    assert [("lost", (BTC,)), ("joined", (BTC,))] == [each[:2] for each in sink.told[1:]]
    feed.resubscribe([BTC])
    sink.until(lambda: 1 == feed.connections().rotations)
    assert 1 == sink.count("lost")
    assert {BTC, ETH} == streams.live[0].streams


def test_a_stream_that_is_not_followed_cannot_be_subscribed_again(follow: Follow) -> None:
    with pytest.raises(RequestError, match="does not follow ethusdt@aggTrade"):
        follow(BTC).resubscribe([ETH])


def test_the_connections_of_several_feeds_have_different_numbers(
    venue: LocalVenue, streams: LocalStreams, sink: Recorder
) -> None:
    exchange = Binance(BinanceConfig(rest_url=venue.url, stream_url=streams.url), SystemClock())
    feeds = [exchange.feed([name], sink) for name in (BTC, ETH)]
    sink.until(lambda: 2 == sink.count("joined"))
    numbers = {each.number for feed in feeds for each in feed.connections().connections}
    exchange.close()
    assert {1, 2} == numbers
