"""The promise of a feed: between `joined` and `lost` nothing of a stream is missing, whatever happens."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from bc_binance.feed import Feed
from bc_binance.streamtesting import LocalStreams, Recorder

Follow = Callable[..., Feed]
NAMES = ("a@aggTrade", "b@aggTrade", "c@aggTrade")
SHUTDOWN = '{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1}}'


def untold_holes(told: list[tuple[Any, ...]], stream: str) -> list[tuple[int, int]]:
    """Pairs of ids between which some never came, though the sink was not told of a loss.

    While one connection takes over from another, a message may come before an earlier one. Where the older breaks
    then, the loss is told after what the younger had brought: the last hole before a loss is told by it.
    """
    untold: list[tuple[int, int]] = []
    ids: set[int] = set()
    for kind, what, *rest in told:
        if kind == "message" and stream == what:
            ids.add(rest[0]["a"])
        elif kind == "lost" and stream in what:
            untold += holes(ids)[:-1]
        if kind != "message" and stream in what:
            ids.clear()  # what comes while no connection carries the stream is not promised
    return untold + holes(ids)


def holes(ids: set[int]) -> list[tuple[int, int]]:
    return [(before, after) for before, after in pairwise(sorted(ids)) if after > before + 1]


def test_the_check_sees_what_nobody_told() -> None:
    came: list[tuple[Any, ...]] = [("message", "s", {"a": number}) for number in (1, 2, 5, 6, 4, 9)]
    lost, joined = ("lost", ("s",), "it broke"), ("joined", ("s",))
    assert [(2, 4), (6, 9)] == untold_holes([joined, *came], "s")
    assert [(2, 4)] == untold_holes([joined, *came, lost, joined], "s")
    assert [] == untold_holes([joined, came[0], lost, joined, came[-1]], "s")


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
