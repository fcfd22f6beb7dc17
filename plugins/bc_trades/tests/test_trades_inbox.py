"""What waits between the feed's thread and the source's."""

from __future__ import annotations

import logging
from threading import Thread

import pytest

from bc_trades.inbox import Inbox, Turn

STREAMS = {"btcusdt@aggTrade": "BTCUSDT", "ethusdt@aggTrade": "ETHUSDT"}


def test_messages_wait_by_symbol_in_order_until_they_are_fetched() -> None:
    made = Inbox(STREAMS, 100)
    for number in range(3):
        made.message("btcusdt@aggTrade", b"%d" % number, 1000 + number)
    made.message("ethusdt@aggTrade", b"9", 2000)
    assert ({"BTCUSDT": [b"0", b"1", b"2"], "ETHUSDT": [b"9"]}, [], 2000) == made.empty()
    assert ({}, [], 2000) == made.empty()


def test_what_happens_to_streams_comes_after_their_messages() -> None:
    made = Inbox(STREAMS, 100)
    made.joined(("btcusdt@aggTrade", "other@aggTrade"))
    made.lost(("btcusdt@aggTrade",), "reset")
    assert [Turn("BTCUSDT", True), Turn("BTCUSDT", False, "reset")] == made.empty()[1]


def test_streams_that_nobody_asked_for_are_no_trouble() -> None:
    made = Inbox(STREAMS, 100)
    made.message("!serverShutdown", b"{}", 1)
    assert ({}, [], None) == made.empty()


def test_too_many_messages_cost_the_fullest_symbol_all_of_its_own_and_are_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    made = Inbox(STREAMS, 10)
    made.message("ethusdt@aggTrade", b"9", 1)
    with caplog.at_level(logging.WARNING):
        for number in range(25):
            made.message("btcusdt@aggTrade", b"%d" % number, 1)
    waiting, turns, _ = made.empty()
    assert [b"9"] == waiting["ETHUSDT"]
    assert 25 == made.dropped + len(waiting["BTCUSDT"])
    assert sum(map(len, waiting.values())) <= 10
    assert {("BTCUSDT", False), ("BTCUSDT", True)} == {(turn.symbol, turn.joined) for turn in turns}
    assert 1 == len(caplog.records)
    assert "more than 10 trades wait" in caplog.text


def test_the_next_overflow_is_said_again(caplog: pytest.LogCaptureFixture) -> None:
    made = Inbox(STREAMS, 1)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            made.message("btcusdt@aggTrade", b"0", 1)
            made.message("btcusdt@aggTrade", b"1", 1)
            made.empty()
    assert 2 == len(caplog.records)


def test_no_message_is_lost_between_two_threads() -> None:
    made, got = Inbox(STREAMS, 10**9), 0
    feeding = Thread(target=lambda: [made.message("btcusdt@aggTrade", b"", 1) for _ in range(50_000)])
    feeding.start()
    while feeding.is_alive():
        got += len(made.empty()[0].get("BTCUSDT", []))
    assert 50_000 == got + len(made.empty()[0].get("BTCUSDT", []))
