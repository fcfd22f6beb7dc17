"""Mark prices: rows of what the exchange says, live and over REST, with a feed and a clock that do as they are told."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest
from attrs import define, field

from bc_binance.testing import ManualClock
from bc_binance_um import MARK_PRICE, MarkPriceSource
from bc_binance_um.config import MarkPriceConfig
from bc_binance_um.inbox import Inbox
from bc_binance_um.messages import MarkEvent, PremiumIndex, fault
from bcore.collect import Job
from bcore.errors import SourceError, Stopped
from bcore.events import Event, RowsRejected
from bcore.memory import MemoryStore
from bcore.query import Query

START = 1_700_000_000_000
STREAM = "btcusdt@markPrice@1s"
FUNDING = START + 3_600_000


def event(second: int, **changes: Any) -> bytes:
    told = {"e": "markPriceUpdate", "E": START + second * 1000, "s": "BTCUSDT", "p": "100.5", "i": "100.25", "P": "100"}
    return json.dumps({**told, "r": "0.00010000", "T": FUNDING, **changes}).encode()


@define
class Feed:
    sink: Inbox
    again: list[tuple[str, ...]] = field(factory=list)
    closed: bool = False

    def resubscribe(self, streams: Sequence[str]) -> None:
        self.again.append(tuple(streams))

    def close(self) -> None:
        self.closed = True


@define
class Venue:
    """Says over streams what `script` says at each look, over REST what `index` is."""

    script: list[Callable[[Inbox], None]] = field(factory=list)
    index: PremiumIndex = field(factory=lambda: PremiumIndex(START, "BTCUSDT", "100.5", "100.25", "", "", 0))
    feeds: list[Feed] = field(factory=list)

    def now(self) -> int:
        return START * 1000

    def premium_index(self, symbol: str) -> PremiumIndex:
        return self.index

    def feed(self, streams: Sequence[str], sink: Inbox) -> Feed:
        assert (STREAM,) == tuple(streams)
        self.feeds.append(Feed(sink))
        return self.feeds[-1]


@define
class Ticking(ManualClock):
    """Plays the next line of the venue's script each time somebody waits; asks to stop when it is over."""

    venue: Venue = field(factory=Venue)

    def sleep(self, seconds: float) -> None:
        if not self.venue.script:
            raise Stopped("asked to stop")
        self.venue.script.pop(0)(self.venue.feeds[-1].sink)
        self.at += int(seconds * 1e6)


def lived(*script: Callable[[Inbox], None], **config: Any) -> tuple[MemoryStore, Venue, list[Event]]:
    venue, store, events = Venue(list(script)), MemoryStore(), list[Event]()
    source = MarkPriceSource(MarkPriceConfig(**config), venue, ("BTCUSDT",), Ticking(venue=venue))
    with pytest.raises(Stopped):
        Job("mark_price", source, store).run_live(events.append)
    return store, venue, events


def say(*messages: bytes) -> Callable[[Inbox], None]:
    return lambda sink: [sink.message(STREAM, each, START * 1000) for each in messages] and None


def join(sink: Inbox) -> None:
    sink.joined((STREAM,))


def quiet(sink: Inbox) -> None:
    pass


def rows(store: MemoryStore) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = store.read(Query(MARK_PRICE, "BTCUSDT")).to_pylist()
    return found


def test_an_event_becomes_a_row_with_everything_that_it_says() -> None:
    store, venue, _ = lived(join, say(event(0)))
    (row,) = rows(store)
    assert (100.5, 100.25, 100.0, 0.0001) == (
        row["mark_price"],
        row["index_price"],
        row["estimated_settle_price"],
        row["funding_rate"],
    )
    assert [START, FUNDING] == [int(row[name].timestamp() * 1000) for name in ("timestamp", "next_funding_time")]
    assert venue.feeds[0].closed


def test_what_a_contract_does_not_have_is_null() -> None:
    store, _, _ = lived(join, say(event(0, P="", r="", T=0)))
    (row,) = rows(store)
    assert [None] * 3 == [row[name] for name in ("estimated_settle_price", "funding_rate", "next_funding_time")]


def test_two_connections_that_overlap_double_nothing() -> None:
    store, _, _ = lived(join, say(event(0), event(1), event(0), event(1), event(2)))
    assert [0, 1, 2] == [int(row["timestamp"].timestamp()) - START // 1000 for row in rows(store)]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (event(1, p="x"), "no decimal number"),
        (event(1, p="-1"), "negative"),
        (event(1, E=5), "neither in ms nor in us"),
        (event(1, s="ETHUSDT"), "'ETHUSDT' and came as one of 'BTCUSDT'"),
        (b"[1]", "Expected `object`"),
    ],
)
def test_what_is_none_is_put_aside_and_costs_the_others_nothing(bad: bytes, reason: str) -> None:
    store, _, events = lived(join, say(event(0), bad, event(2)))
    assert 2 == len(rows(store))
    (rejected,) = [each for each in events if isinstance(each, RowsRejected)]
    assert (True, (bad.decode(),)) == (reason in rejected.reason, rejected.rows)


def test_a_negative_funding_rate_is_a_rate() -> None:
    mark = msgspec.json.decode(event(0, r="-0.0003"), type=MarkEvent)
    assert (None, "-0.0003") == (fault(mark, "BTCUSDT"), mark.rate)


def test_a_joined_stream_that_says_nothing_is_subscribed_again_ever_more_rarely() -> None:
    _, venue, _ = lived(join, *[quiet] * 80, patience=1.0)
    assert [(STREAM,)] * 3 == venue.feeds[0].again, "after 1, 2 and 4 seconds"


def test_one_that_speaks_again_is_missed_as_soon_as_before() -> None:
    _, venue, _ = lived(join, *[quiet] * 35, say(event(0)), *[quiet] * 12, patience=1.0)
    assert [(STREAM,)] * 3 == venue.feeds[0].again, "after 1 and 2 seconds, and after 1 once more"


def test_one_that_was_lost_is_waited_for() -> None:
    _, venue, _ = lived(join, lambda sink: sink.lost((STREAM,), "it broke"), *[quiet] * 25, patience=1.0)
    assert [] == venue.feeds[0].again


def test_what_exceeds_the_queue_is_dropped_and_the_rest_kept() -> None:
    store, _, _ = lived(join, say(*(event(second) for second in range(5))), queue=3)
    assert 3 == len(rows(store))


def test_over_rest_there_is_the_mark_as_it_stands() -> None:
    venue, store = Venue(), MemoryStore()
    source = MarkPriceSource(MarkPriceConfig(mode="poll"), venue, ("BTCUSDT",), ManualClock())
    assert (1, 0) == (Job("mark_price", source, store).run_once(print), Job("m", source, store).run_once(print))
    assert not source.streaming


def test_an_answer_that_is_none_is_an_error_of_the_exchange() -> None:
    venue = Venue(index=PremiumIndex(START, "BTCUSDT", "many", "1"))
    source = MarkPriceSource(MarkPriceConfig(mode="poll"), venue, ("BTCUSDT",), ManualClock())
    with pytest.raises(SourceError, match="the exchange's mark price is none"):
        Job("mark_price", source, MemoryStore()).run_once(lambda told: None)
