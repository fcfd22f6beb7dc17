"""A source's symbols: one that fails waits and is named, the others go on."""

from __future__ import annotations

import pytest
from attrs import define

from bcore.backoff import Backoff
from bcore.errors import FaultyReplyError, RefusedError, SymbolsError, UnreachableError
from bcore.roster import Roster


@define
class StillClock:
    seconds: float = 0.0

    def now(self) -> int:
        return int(self.seconds * 1e6)

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
def roster(clock: StillClock) -> Roster:
    return Roster(("A", "B", "C"), clock, Backoff(first=1.0, cap=8.0, draw=lambda: 1.0))


def test_a_symbol_that_is_refused_waits_twice_as_long_each_time(roster: Roster, clock: StillClock) -> None:
    waits = []
    for _ in range(5):
        with roster.asking("A"):
            raise RefusedError("no such symbol")
        began = clock.seconds
        while "A" not in roster.due():
            clock.sleep(0.5)
        waits.append(clock.seconds - began)
    assert [1.0, 2.0, 4.0, 8.0, 8.0] == waits


def test_the_others_are_due_meanwhile(roster: Roster) -> None:
    with roster.asking("B"):
        raise FaultyReplyError("a web page")
    assert ("A", "C") == roster.due()


def test_check_names_every_symbol_that_fails_until_it_is_served(roster: Roster) -> None:
    for symbol in ("A", "C"):
        with roster.asking(symbol):
            raise RefusedError("gone")
    with pytest.raises(SymbolsError, match="A: gone; C: gone"):
        roster.check()
    with roster.asking("A"):
        pass
    with pytest.raises(SymbolsError, match=r"^gone$"):
        roster.check()
    with roster.asking("C"):
        pass
    roster.check()


def test_what_the_exchange_asks_for_is_waited_for(roster: Roster, clock: StillClock) -> None:
    with roster.asking("A"):
        raise FaultyReplyError("busy", retry_after=30.0)
    clock.sleep(29.9)
    assert "A" not in roster.due()


def test_a_symbol_that_hangs_goes_to_the_end_and_stops_the_pass(roster: Roster) -> None:
    with pytest.raises(UnreachableError), roster.asking("A"):
        raise UnreachableError("no reply")
    assert ("B", "C", "A") == roster.due()
    roster.check()
