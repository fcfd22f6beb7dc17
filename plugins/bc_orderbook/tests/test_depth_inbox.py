"""What the streams bring: in order by symbol, and never more than there is room for."""

from __future__ import annotations

from bc_orderbook.events import Arrival
from bc_orderbook.inbox import Inbox, Turn

NAMES = {"aaa@depth": "AAA", "bbb@depth": "BBB"}


def test_messages_and_turns_stay_in_order() -> None:
    inbox = Inbox(NAMES, 10)
    inbox.joined(("aaa@depth", "bbb@depth"))
    inbox.message("aaa@depth", b"1", 5)
    inbox.lost(("aaa@depth",), "reset")
    inbox.message("aaa@depth", b"2", 6)
    waiting, newest = inbox.empty()

    assert [Turn(True), Arrival(b"1", 5), Turn(False, "reset"), Arrival(b"2", 6)] == waiting["AAA"]
    assert ([Turn(True)], 6) == (waiting["BBB"], newest)
    assert ({}, None) == inbox.empty()


def test_streams_of_others_are_left_alone() -> None:
    inbox = Inbox(NAMES, 10)
    inbox.joined(("ccc@depth",))
    inbox.message("ccc@depth", b"1", 5)

    assert ({}, None) == inbox.empty()


def test_too_many_messages_cost_the_symbol_that_has_most_and_it_is_told() -> None:
    inbox = Inbox(NAMES, 3)
    inbox.joined(("aaa@depth",))
    inbox.message("bbb@depth", b"1", 1)
    for _ in range(3):
        inbox.message("aaa@depth", b"x", 2)
    inbox.message("aaa@depth", b"y", 3)
    waiting, _ = inbox.empty()

    assert [True, False, True] == [turn.joined for turn in waiting["AAA"][:3] if isinstance(turn, Turn)]
    assert [Arrival(b"y", 3)] == waiting["AAA"][3:]
    assert ([Arrival(b"1", 1)], 3) == (waiting["BBB"], inbox.dropped)
