"""The queue of snapshots: who comes first, how many a minute, and what counts as one."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Event as Flag
from typing import Any

import pytest
from attrs import define, field, frozen

from bc_orderbook.localbook import Seed
from bc_orderbook.resyncs import THREADS, Ask, Purpose, Ration, Reply, Resyncs, fetch
from bc_orderbook.venue import rules_of
from bcore.errors import FaultyReplyError, RefusedError

DEADLINE = 60.0
SEED, LOOK, RECONCILE = Purpose.SEED, Purpose.LOOK, Purpose.RECONCILE


@frozen
class Shown:
    bids: Any = (("99.5", "1"),)
    asks: Any = (("100.5", "1"),)
    last_update_id: int = 7
    received: int = 5
    body: bytes = b""


@define
class Venue:
    shown: Callable[[str], Shown] = lambda symbol: Shown()
    open: Flag = field(factory=Flag)
    asked: list[tuple[str, int, bool]] = field(factory=list)

    def depth(self, symbol: str, limit: int = 100, *, background: bool = False) -> Shown:
        self.asked.append((symbol, limit, background))
        self.open.wait(DEADLINE)
        return self.shown(symbol)


def ask(symbol: str, purpose: Purpose = SEED, limit: int = 5000) -> Ask:
    return Ask(symbol, purpose, limit)


def run(resyncs: Resyncs, now: float = 0.0) -> list[Reply]:
    """Until everything is answered."""
    come: list[Reply] = []
    deadline = time.monotonic() + DEADLINE
    while resyncs.busy and time.monotonic() < deadline:
        resyncs.dispatch(now, lambda asked: True)
        come += resyncs.replies()
        time.sleep(0.001)
    return come


@pytest.fixture
def venue() -> Venue:
    made = Venue()
    made.open.set()
    return made


def test_a_reply_is_a_book_by_price(venue: Venue) -> None:
    assert ({99.5: 1.0}, 7, 5, 5000) == (
        fetch(venue, ask("X")).bids,
        fetch(venue, ask("X")).last_update_id,
        fetch(venue, ask("X")).received,
        fetch(venue, ask("X")).limit,
    )


@pytest.mark.parametrize(
    "shown",
    [
        Shown(bids=[("100.5", "1")]),
        Shown(bids=[("x", "1")]),
        Shown(bids=[("nan", "1")]),
        Shown(asks=[("101", "-1")]),
        Shown(asks=[("101", "0")]),
    ],
)
def test_what_is_no_book_is_a_faulty_reply(shown: Shown, venue: Venue) -> None:
    venue.shown = lambda symbol: shown
    with pytest.raises(FaultyReplyError, match="X: the exchange's book is"):
        fetch(venue, ask("X"))


def test_only_comparisons_let_live_work_go_first(venue: Venue) -> None:
    for purpose in (SEED, LOOK, RECONCILE):
        fetch(venue, ask("X", purpose))

    assert [False, False, True] == [background for _, _, background in venue.asked]


@pytest.mark.parametrize(("limit", "weight"), [(1, 5), (100, 5), (101, 25), (500, 25), (1000, 50), (1001, 250)])
def test_an_exchange_that_says_nothing_costs_what_spot_does(limit: int, weight: int) -> None:
    assert weight == rules_of(object()).depth_weight(limit)


def test_a_minute_has_room_for_24_full_snapshots() -> None:
    ration = Ration()

    assert [True] * 24 + [False] * 2 == [ration.take(250, 0.1 * number) for number in range(26)]
    assert [True, False] == [ration.take(250, 60.0), ration.take(250, 60.05)]


def test_what_exceeds_the_ration_waits_and_is_served_in_turn(venue: Venue) -> None:
    resyncs, names = Resyncs(venue, lambda symbol, seed: None), [f"S{number}" for number in range(30)]
    for name in names:
        resyncs.put(ask(name))
    deadline = time.monotonic() + DEADLINE
    while len(venue.asked) < 24 and time.monotonic() < deadline:
        resyncs.dispatch(0.0, lambda asked: True)
        list(resyncs.replies())
    resyncs.dispatch(59.0, lambda asked: True)
    list(resyncs.replies())

    assert (24, True) == (len(venue.asked), resyncs.busy)
    run(resyncs, 60.0)
    assert sorted(names) == sorted(symbol for symbol, _, _ in venue.asked)
    assert set(names[:24]) == {symbol for symbol, _, _ in venue.asked[:24]}
    resyncs.close()


def test_books_to_begin_with_come_before_comparisons(venue: Venue) -> None:
    venue.open.clear()
    resyncs = Resyncs(venue, lambda symbol, seed: None)
    for number in range(THREADS):
        resyncs.put(ask(f"first{number}"))
    resyncs.dispatch(0.0, lambda asked: True)
    for purpose in (RECONCILE, LOOK, SEED):
        resyncs.put(ask(purpose.name, purpose, 1))
    resyncs.dispatch(0.0, lambda asked: True)
    venue.open.set()
    replies = run(resyncs)

    assert {"SEED", "LOOK", "RECONCILE"} == {reply.ask.symbol for reply in replies} - {"first0", "first1", "first2"}
    assert [True] * THREADS == [symbol.startswith("first") for symbol, _, _ in venue.asked[:THREADS]]
    resyncs.close()


def test_what_nobody_wants_any_more_is_not_asked(venue: Venue) -> None:
    resyncs = Resyncs(venue, lambda symbol, seed: None)
    resyncs.put(ask("X"))
    resyncs.put(ask("Y"))
    resyncs.dispatch(0.0, lambda asked: asked.symbol == "Y")
    run(resyncs)

    assert ["Y"] == [symbol for symbol, _, _ in venue.asked]
    resyncs.close()


def test_an_error_is_an_answer(venue: Venue) -> None:
    def refuse(symbol: str) -> Shown:
        raise RefusedError("no such symbol")

    venue.shown = refuse
    resyncs = Resyncs(venue, lambda symbol, seed: None)
    resyncs.put(ask("X"))
    [reply] = run(resyncs)

    assert (None, RefusedError) == (reply.seed, type(reply.error))
    resyncs.close()


def test_each_book_to_begin_with_is_prepared_where_it_was_fetched(venue: Venue) -> None:
    prepared: list[tuple[str, int]] = []

    def prepare(symbol: str, seed: Seed) -> None:
        prepared.append((symbol, seed.last_update_id))

    resyncs = Resyncs(venue, prepare)
    resyncs.put(ask("X"))
    resyncs.put(ask("Y", LOOK, 1))
    run(resyncs)

    assert [("X", 7)] == prepared
    resyncs.close()
