from __future__ import annotations

import io
from collections.abc import Callable
from threading import Event as Flag

import pytest
from attrs import define, field

from bc_toy import T0
from bcore.backoff import Backoff
from bcore.cli.meter import Meter, spoken
from bcore.errors import ExchangeError, SeriesBusyError, StoreError
from bcore.persistence import Persistence


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@define
class HandClock:
    """Moves when it is told to; notes how long it was slept."""

    seconds: float = 0.0
    slept: list[float] = field(factory=list)
    stopping: Flag = field(factory=Flag)

    def now(self) -> int:
        return T0

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds


def meter_on(stream: io.StringIO, **more: float) -> tuple[Meter, HandClock]:
    clock = HandClock()
    return Meter(clock, "ticks/AAA: reading", 4, 1000, stream=stream, **more), clock  # type: ignore[arg-type]


def test_a_line_tells_how_far_how_fast_and_how_long_still() -> None:
    meter, clock = meter_on(io.StringIO(), every=3600)
    with meter:
        meter.advance(rows=5000, size=250, parts=1)
        clock.seconds = 60
        assert "ticks/AAA: reading: 1/4 files, 5,000 rows, 83/s, 3 min left" == meter.line()


def test_the_last_line_stays_and_names_no_time_left() -> None:
    meter, clock = meter_on(io.StringIO(), every=3600)
    with meter:
        meter.advance(rows=5000, size=250, parts=1)
        clock.seconds = 10
    assert "ticks/AAA: reading: 1/4 files, 5,000 rows, 500/s\n" == meter.stream.getvalue()  # type: ignore[attr-defined]


def test_a_terminal_is_redrawn_in_place_and_wiped_for_what_is_said(wait_for: Callable[..., None]) -> None:
    stream = Terminal()
    meter, _ = meter_on(stream)
    with meter:
        meter.advance(rows=1, parts=1)
        wait_for(lambda: "1/4 files" in stream.getvalue())
        meter.say("something else")
    assert "\r\x1b[Kbcore: something else\n" in stream.getvalue()


def test_work_that_did_nothing_leaves_no_line() -> None:
    meter, _ = meter_on(io.StringIO(), every=3600)
    with meter:
        pass
    assert "" == meter.stream.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize(("seconds", "words"), [(0.4, "0 s"), (89, "89 s"), (600, "10 min"), (7200, "2.0 h")])
def test_lengths_of_time_are_spoken(seconds: float, words: str) -> None:
    assert words == spoken(seconds)


def test_what_may_work_later_is_tried_again_after_a_growing_while() -> None:
    clock, errors = HandClock(), [StoreError("disk full"), OSError("disk full"), ExchangeError("busy", retry_after=30)]
    told: list[str] = []

    def work() -> None:
        if errors:
            raise errors.pop(0)

    Persistence(clock, lambda error, seconds: told.append(str(error)), backoff=Backoff(draw=lambda: 1.0))(work)
    assert (["disk full", "disk full", "busy"], 3) == (told, len(clock.slept))
    assert clock.slept[0] < clock.slept[1] < 30 <= clock.slept[2]


def test_it_gives_up_after_so_many_failures_without_getting_further() -> None:
    clock, tries = HandClock(), [0]

    def work() -> None:
        tries[0] += 1
        raise StoreError("never")

    with pytest.raises(StoreError, match="never"):
        Persistence(clock, tries=3)(work)
    assert 3 == tries[0]
    tries[0] = 0
    with pytest.raises(StoreError):
        Persistence(clock, tries=3)(work, lambda: min(tries[0], 4))
    assert 6 == tries[0]


def test_what_another_writer_holds_is_not_tried_again() -> None:
    def work() -> None:
        raise SeriesBusyError("held")

    clock = HandClock()
    with pytest.raises(SeriesBusyError):
        Persistence(clock)(work)
    assert [] == clock.slept
