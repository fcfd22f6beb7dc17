"""A feed on a real socket: what it subscribes, what it hands over, and what it makes of what it does not understand."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

import pytest

from bc_binance.feed import Feed
from bc_binance.streamtesting import LocalStreams, Recorder
from bcore.errors import RequestError
from bcore.events import Event, StreamClosed, StreamOpened

Follow = Callable[..., Feed]
BTC, ETH, NEW = "btcusdt@aggTrade", "ethusdt@aggTrade", "这是测试币456@aggTrade"


def test_streams_are_subscribed_in_the_exchanges_spelling(
    follow: Follow, streams: LocalStreams, sink: Recorder
) -> None:
    follow("BTCUSDT@aggTrade", "%E8%BF%99%E6%98%AF%E6%B5%8B%E8%AF%95%E5%B8%81456@aggTrade", "btcusdt@aggTrade")
    sink.until(lambda: sink.told)
    assert [("joined", (BTC, NEW))] == sink.told
    assert [{"method": "SUBSCRIBE", "params": [BTC, NEW], "id": 1}] == streams.clients[0].commands


def test_times_are_asked_for_in_microseconds(follow: Follow, streams: LocalStreams, sink: Recorder) -> None:
    follow(BTC)
    sink.until(lambda: sink.told)
    assert {"timeUnit": "MICROSECOND"} == streams.clients[0].query


def test_events_come_in_order_with_their_stream_and_the_time_of_receipt(
    follow: Follow, streams: LocalStreams, sink: Recorder
) -> None:
    follow(BTC, NEW)
    sink.until(lambda: sink.told)
    before = time.time_ns() // 1000
    streams.send(BTC, {"a": 1, "p": "0.10"})
    streams.send(NEW, {"a": 7})
    sink.until(lambda: 2 == len(sink.messages))
    assert [("message", BTC, {"a": 1, "p": "0.10"}), ("message", NEW, {"a": 7})] == sink.told[1:]
    assert before - 1_000_000 <= sink.stamps[0] <= sink.stamps[1] <= time.time_ns() // 1000 + 1_000_000


def test_pings_are_answered_with_their_payload(follow: Follow, streams: LocalStreams, sink: Recorder) -> None:
    follow(BTC)
    sink.until(lambda: sink.told)
    streams.ping(b"1700000000000")
    sink.until(lambda: streams.clients[0].pongs)
    assert [b"1700000000000"] == streams.clients[0].pongs


def test_more_streams_than_a_connection_may_carry_are_shared_out(
    follow: Follow, streams: LocalStreams, sink: Recorder, events: list[Event]
) -> None:
    names = [f"s{number}usdt@aggTrade" for number in range(5)]
    feed = follow(*names, stream_limit=2)
    sink.until(lambda: 5 == feed.connections().joined and 3 == len(events))
    assert [1, 2, 2] == sorted(len(each.streams) for each in streams.clients)
    assert sorted(names) == sorted(name for each in streams.clients for name in each.streams)
    assert 3 == feed.connections().count
    assert [1, 2, 2] == sorted(each.streams for each in events if isinstance(each, StreamOpened))
    assert [1, 2, 3] == sorted(each.connection for each in events if isinstance(each, StreamOpened))


def test_many_streams_are_asked_for_in_small_requests_at_a_slow_pace(
    follow: Follow, streams: LocalStreams, sink: Recorder
) -> None:
    names = [f"averylongsymbolname{number:04}usdt@aggTrade" for number in range(250)]
    feed = follow(*names)
    sink.until(lambda: 250 == feed.connections().joined)
    assert max(streams.clients[0].sizes) + 8 < 4000
    assert 2 < len(streams.clients[0].commands)
    assert set(names) == streams.clients[0].streams


@pytest.mark.parametrize("shape", ["nested", "flat", "nested without id"])
def test_a_stream_that_is_refused_costs_the_others_nothing(
    follow: Follow, streams: LocalStreams, sink: Recorder, shape: str
) -> None:
    error = {"code": 2, "msg": "Invalid request: invalid stream"}

    def answer(command: dict[str, Any]) -> dict[str, Any]:
        if "bad@@" not in command["params"]:
            return {"result": None, "id": command["id"]}
        known = {} if "without" in shape else {"id": command["id"]}
        return {"error": error, **known} if "nested" in shape else {**error, **known}

    streams.answer = answer
    feed = follow(BTC, "bad@@", ETH)
    sink.until(lambda: 2 == feed.connections().joined and feed.connections().refused)
    assert {BTC, ETH} == streams.clients[0].streams
    assert "Invalid request: invalid stream (2)" in feed.connections().refused["bad@@"]
    assert 0 == feed.connections().reconnects


def test_what_is_not_understood_is_counted_and_logged_once_per_kind(
    follow: Follow, streams: LocalStreams, sink: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "bc_binance")
    feed = follow(BTC)
    sink.until(lambda: sink.told)
    for odd in ("no json", b"\x00\x01", "[1,2]", '{"e":"newThing","x":1}', '{"stream":"x@y","data":{"e":"odd"}}', "3"):
        streams.say(odd)
        streams.say(odd)
    streams.send(BTC, {"a": 1})
    sink.until(lambda: sink.messages)
    assert {
        "frames of another form": 6,
        "binary frames": 2,
        "messages 'newThing' of an unknown kind": 2,
        "events 'odd' of streams that nobody asked for": 2,
    } == feed.connections().oddities
    assert 4 == len(caplog.messages)


def test_an_answer_to_nothing_is_no_joining(follow: Follow, streams: LocalStreams, sink: Recorder) -> None:
    follow(BTC)
    sink.until(lambda: sink.told)
    streams.say('{"result":null,"id":77}')
    streams.send(BTC, {"a": 1})
    sink.until(lambda: sink.messages)
    assert 1 == sink.count("joined")


def test_a_sink_that_fails_keeps_its_connection(
    follow: Follow, streams: LocalStreams, sink: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    feed = follow(BTC)
    sink.until(lambda: sink.told)
    sink.on_message = lambda stream, data: 1 / 0
    for number in range(3):
        streams.send(BTC, {"a": number})
    sink.until(lambda: 3 == len(sink.messages) and 3 == feed.connections().oddities.get("a consumer that fails"))
    assert (0, 1) == (feed.connections().reconnects, feed.connections().count)
    assert 1 == sum("ZeroDivisionError" in text for text in caplog.messages)


def test_a_slow_sink_does_not_keep_pings_from_being_answered(
    follow: Follow, streams: LocalStreams, sink: Recorder
) -> None:
    feed = follow(BTC)
    sink.until(lambda: sink.told)
    sink.on_message = lambda stream, data: time.sleep(0.01)
    for number in range(300):
        streams.send(BTC, {"a": number})
    streams.ping(b"alive?")
    sink.until(lambda: streams.clients[0].pongs)
    assert 300 > len(sink.messages)
    assert 0 < feed.connections().waiting
    sink.until(lambda: 300 == len(sink.messages))
    assert list(range(300)) == [each["a"] for each in sink.messages]


def test_its_connections_are_told_to_observers_and_to_whoever_asks(
    follow: Follow, streams: LocalStreams, sink: Recorder, events: list[Event]
) -> None:
    feed = follow(BTC, ETH)
    sink.until(lambda: events)
    streams.send(BTC, {"a": 1})
    sink.until(lambda: sink.messages)
    facts = feed.connections()
    assert (2, 2, 1, 0, 0, 1, 0) == (
        facts.streams,
        facts.joined,
        facts.count,
        facts.reconnects,
        facts.rotations,
        facts.messages,
        facts.dropped,
    )
    assert (1, 2, 1) == (facts.connections[0].number, facts.connections[0].streams, facts.connections[0].messages)
    assert facts.since == facts.connections[0].since
    feed.close()
    assert [
        StreamOpened("binance", 1, 2),
        StreamClosed("binance", 1, "the feed was closed", planned=True),
    ] == events


def test_closing_takes_leave_and_ends_the_thread(follow: Follow, streams: LocalStreams, sink: Recorder) -> None:
    feed = follow(BTC)
    sink.until(lambda: sink.told)
    feed.close()
    assert feed.wait_closed(0)
    sink.until(lambda: not streams.live)
    assert 1000 == streams.clients[0].close_code
    feed.close()
    feed.resubscribe([BTC])
    assert 0 == feed.connections().count


def test_a_sink_may_close_its_own_feed(follow: Follow, streams: LocalStreams, sink: Recorder) -> None:
    feed = follow(BTC)
    sink.until(lambda: sink.told)
    sink.on_message = lambda stream, data: feed.close()
    streams.send(BTC, {"a": 1})
    assert feed.wait_closed(5.0)
    assert [{"a": 1}] == sink.messages


def test_a_feed_that_never_connected_can_be_closed(follow: Follow, streams: LocalStreams) -> None:
    feed = follow(BTC, stream_url="ws://127.0.0.1:9")
    feed.close()
    assert feed.wait_closed(0)


@pytest.mark.parametrize("name", ["btcusdt", "@aggTrade", "btcusdt@", "btc usdt@aggTrade", "btc\nusdt@trade", ""])
def test_what_is_no_stream_is_refused_at_once(follow: Follow, name: str) -> None:
    with pytest.raises(RequestError, match="write SYMBOL@CHANNEL"):
        follow(BTC, name)


def test_a_feed_of_nothing_is_refused(follow: Follow) -> None:
    with pytest.raises(RequestError, match="at least one stream"):
        follow()
