"""How much of the time may go into writing, and what is written in which round."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import pytest
from attrs import define, field

from bcore.pacing import Pace, Portion, Rounds
from bcore.records import Batch
from bcore.testing.samples import ticks


def writes(cost: float, seconds: float) -> list[float]:
    """When something that is always ready is written, if each write takes `cost` seconds."""
    made, now, at = Pace(0.0), 0.0, []
    while now < seconds:
        if made.may_write(now):
            at.append(now)
            now += cost
            made.wrote(cost, cost)
        else:
            now += 0.01
    return at


def test_writing_takes_a_tenth_of_the_time_and_no_more() -> None:
    for cost in (0.002, 0.005, 0.1):
        spent = cost * len(writes(cost, 60.0))
        assert 0.099 * 60 < spent < 0.101 * 60 + 0.5 + cost


def test_waiting_for_a_slow_disk_counts_too_but_less() -> None:
    made, quick = Pace(0.0), Pace(0.0)
    made.wrote(2.4, 0.01)
    quick.wrote(0.01, 0.01)
    assert (False, True) == (made.may_write(0.0), quick.may_write(0.0))
    assert made.may_write(1.1), "0.1 s are owed"


def test_a_few_writes_a_second_never_wait() -> None:
    made, now = Pace(0.0), 0.0
    for _ in range(100):
        assert made.may_write(now)
        made.wrote(0.0099, 0.0099)
        now += 0.1


def test_a_long_rest_saves_up_half_a_second_of_writing_at_most() -> None:
    made = Pace(0.0)
    written = 0
    while made.may_write(3600.0):
        made.wrote(0.01, 0.01)
        written += 1
    assert 48 <= written <= 52


def test_a_write_that_hung_is_not_paid_for_with_minutes_of_waiting() -> None:
    made = Pace(0.0)
    made.may_write(0.0)
    made.wrote(600.0)
    assert made.may_write(600.0), "what has piled up meanwhile is to be written"


@define
class StillClock:
    """Time passes only by being told to."""

    seconds: float = 0.0

    def now(self) -> int:
        return int(self.seconds * 1e6)

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


@define
class Rows:
    """What a source has: a batch for each of `waiting`, and whether that is everything."""

    waiting: list[int] = field(factory=list)
    sure: bool = True
    called: list[int] = field(factory=list)

    def gather(self) -> tuple[Sequence[Portion], bool]:
        waiting, self.waiting = self.waiting, []
        return [partial(self._portion, number) for number in waiting], self.sure

    def _portion(self, number: int) -> Iterator[Batch]:
        self.called.append(number)
        yield ticks([number])


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
def rows() -> Rows:
    return Rows()


def told(rounds: Rounds, *, crowded: bool = False) -> list[int | None]:
    """What is written by now: the id of each batch, or None where nothing waits."""
    found = rounds.batches(crowded=crowded)
    return [None if each is None else each.table.column("id")[0].as_py() for each in found]


def test_a_round_begins_when_its_time_has_come_and_writes_in_order(clock: StillClock, rows: Rows) -> None:
    rounds = Rounds(clock, 1.0, rows.gather)
    rows.waiting = [3, 1, 2]
    clock.sleep(0.9)
    assert [] == told(rounds)
    clock.sleep(0.1)
    assert [3, 1, 2, None] == told(rounds)
    assert [] == told(rounds), "the next one is not due"


def test_that_nothing_waits_is_said_once_a_second_at_most_and_only_where_it_is_so(
    clock: StillClock, rows: Rows
) -> None:
    rounds, words = Rounds(clock, 0.25, rows.gather), 0
    for _ in range(16):
        clock.sleep(0.25)
        words += len(told(rounds))
    assert 4 == words
    rows.sure = False
    clock.sleep(5.0)
    assert [] == told(rounds)


def test_what_the_allowance_does_not_let_through_comes_later_in_the_same_round(clock: StillClock, rows: Rows) -> None:
    rounds = Rounds(clock, 1.0, rows.gather)
    rows.waiting = [1, 2]
    clock.sleep(1.0)
    for batch in rounds.batches():
        assert batch is not None, "the second portion is still to come"
        clock.sleep(10.0)  # the disk hangs: this write is owed for
    assert [1] == rows.called
    rows.waiting = [3]
    assert [] == told(rounds)
    clock.sleep(30.0)
    assert [2, None] == told(rounds), "a round ends before the next begins"
    assert [3] == told(rounds)


def test_a_crowd_is_written_whatever_it_costs(clock: StillClock, rows: Rows) -> None:
    rounds = Rounds(clock, 1.0, rows.gather)
    rows.waiting = [1, 2, 3]
    clock.sleep(1.0)
    numbers = []
    for batch in rounds.batches(crowded=True):
        numbers.append(batch)
        clock.sleep(10.0)
    assert 4 == len(numbers)
    assert [1, 2, 3] == rows.called
