"""What is made of REST's refusals and failures."""

from __future__ import annotations

from attrs import define, field

from bcore.backoff import Backoff
from bcore.errors import BannedError, RateLimitedError, RefusedError, SymbolsError, UnreachableError
from bcore.events import Event, SourceFailed, SourceRecovered
from bcore.troubles import Troubles


@define
class Told:
    events: list[Event] = field(factory=list)
    troubles: Troubles = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.troubles = Troubles("trades", self.events.append, Backoff(first=1.0, cap=8.0, draw=lambda: 1.0))


def test_a_refused_symbol_waits_ever_longer_and_the_others_do_not() -> None:
    told = Told()
    assert [1.0, 2.0, 4.0, 8.0, 8.0] == [told.troubles.failed("X", RefusedError("no"), n, 0.0) for n in range(1, 6)]
    assert 0.0 == told.troubles.resting
    assert all(isinstance(event, SourceFailed) and isinstance(event.error, SymbolsError) for event in told.events)


def test_one_request_that_fails_does_not_stop_all() -> None:
    told = Told()
    told.troubles.failed("X", UnreachableError("hangs"), 1, 100.0)
    assert 0.0 == told.troubles.resting
    told.troubles.failed("Y", UnreachableError("hangs"), 1, 100.0)
    assert 102.0 == told.troubles.resting


def test_an_exchange_that_asks_to_wait_is_left_alone_as_long_as_it_asks() -> None:
    for error in (RateLimitedError("slow down", retry_after=30.0), BannedError("banned", retry_after=30.0)):
        told = Told()
        told.troubles.failed("X", error, 1, 100.0)
        assert told.troubles.resting >= 130.0


def test_an_answer_ends_the_trouble_of_the_exchange_and_says_so_once() -> None:
    told = Told()
    told.troubles.failed("X", UnreachableError("nobody"), 1, 0.0)
    told.troubles.failed("X", UnreachableError("nobody"), 2, 0.0)
    told.troubles.answered("X")
    told.troubles.answered("X")
    assert [SourceRecovered("trades", 2)] == told.events[2:]


def test_the_last_symbol_that_recovers_ends_the_trouble_of_symbols() -> None:
    told = Told()
    told.troubles.failed("X", RefusedError("no"), 1, 0.0)
    told.troubles.failed("Y", RefusedError("no"), 1, 0.0)
    told.troubles.answered("Z")
    told.troubles.answered("X")
    assert 2 == len(told.events)
    told.troubles.answered("Y")
    assert isinstance(told.events[2], SourceRecovered)
