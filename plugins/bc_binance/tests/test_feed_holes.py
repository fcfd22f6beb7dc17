"""The promise of a feed: between `joined` and `lost` nothing of a stream is missing, whatever happens."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from bc_binance.feed import Feed
from bc_binance.streamtesting import LocalStreams, Recorder

Follow = Callable[..., Feed]
NAMES = ("a@aggTrade", "b@aggTrade", "c@aggTrade")
SHUTDOWN = '{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1}}'


def untold_holes(told: list[tuple[Any, ...]], stream: str) -> list[tuple[int, int]]:
    """Pairs of ids between which some are missing though the sink was told of no loss."""
    holes: list[tuple[int, int]] = []
    highest: int | None = None
    for kind, what, *rest in told:
        if kind != "message" and stream in what:
            highest = None
        elif kind == "message" and stream == what:
            number = rest[0]["a"]
            if highest is not None and number > highest + 1:
                holes.append((highest, number))
            highest = number if highest is None else max(highest, number)
    return holes


def provoke(streams: LocalStreams, feed: Feed, choice: random.Random) -> None:
    """One of the things that exchanges do, to one of the connections."""
    what = choice.choice(["reset", "close", "shutdown", "refuse", "resubscribe"])
    if what == "shutdown":
        streams.say(SHUTDOWN)
    elif what == "refuse":
        streams.refusals.append(choice.choice([404, 429, 503]))
    elif what == "resubscribe":
        feed.resubscribe([choice.choice(NAMES)])
    elif streams.live:
        (streams.reset if what == "reset" else streams.close)(choice.choice(streams.live))


@pytest.mark.parametrize("seed", [1, 2])
def test_no_hole_goes_untold(follow: Follow, streams: LocalStreams, sink: Recorder, seed: int) -> None:
    choice = random.Random(seed)
    feed = follow(*NAMES, stream_limit=2, stream_lifetime=1.0, stream_overlap=0.1, timeout=1.0)
    sink.until(lambda: 3 == feed.connections().joined)
    for number in range(10_000):
        for stream in NAMES:
            streams.send(stream, {"a": number})
        if number % 1000 == 999:
            provoke(streams, feed, choice)
    streams.refusals.clear()
    sink.until(lambda: 3 == feed.connections().joined, 60)
    assert {name: [] for name in NAMES} == {name: untold_holes(sink.told, name) for name in NAMES}
    assert 0 < sink.count("lost")
    assert 0 < feed.connections().reconnects + feed.connections().rotations
