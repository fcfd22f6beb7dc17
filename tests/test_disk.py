from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from attrs import define, field
from hand_clock import MovingClock

from bc_toy import ticks
from bcore.disk import DiskWatch, Forecast, Space, is_low
from bcore.events import DiskLow, Event
from bcore.instants import DAY, HOUR
from bcore.records import Series, SeriesStats

GIB = 2**30
BIG = Space(500 * GIB, 1000 * GIB)


def holds(size: int, time: int = 0, symbol: str = "AAA") -> SeriesStats:
    """A series of `size` bytes whose rows span `time` us."""
    return SeriesStats(Series(ticks(), symbol), 10, size, 0, time)


@define
class Bench:
    """A disk and an archive that are what they are told to be."""

    space: Space = BIG
    held: list[SeriesStats] = field(factory=list)
    events: list[Event] = field(factory=list)
    clock: MovingClock = field(factory=MovingClock)
    looked: int = 0
    cost: float = 0.0

    def stats(self) -> Iterable[SeriesStats]:
        self.looked += 1
        self.clock.sleep(self.cost)
        return self.held

    def watch(self) -> DiskWatch:
        return DiskWatch("main", Path("data"), self.stats, self.clock, self.events.append, lambda path: self.space)


def test_free_space_is_that_of_the_disk_even_before_the_folder_is_there(tmp_path: Path) -> None:
    space = Space.at(tmp_path / "not" / "yet")
    assert 0 < space.total
    assert 0 <= space.free <= space.total


def test_a_relative_folder_is_on_the_disk_of_this_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Space.at(tmp_path).total == Space.at(Path("data")).total


@pytest.mark.parametrize(
    ("space", "days", "low"),
    [
        (BIG, None, False),
        (BIG, 7.0, False),
        (BIG, 6.9, True),
        (Space(49 * GIB, 1000 * GIB), None, True),
        (Space(51 * GIB, 1000 * GIB), None, False),
        (Space(GIB - 1, 10 * GIB), 1000.0, True),
        (Space(GIB + 1, 10 * GIB), 1000.0, False),
    ],
)
def test_low_is_a_week_a_twentieth_or_a_gibibyte(space: Space, days: float | None, low: bool) -> None:
    assert low is is_low(space, days)


def test_without_anything_held_there_is_no_forecast() -> None:
    assert None is Bench().watch().look().days_left


def test_before_hours_were_seen_the_archives_own_pace_counts() -> None:
    bench = Bench(held=[holds(GIB, 2 * DAY), holds(GIB, DAY, "BBB")])
    assert 500 / 1.5 == pytest.approx(bench.watch().look().days_left)


def test_a_series_of_minutes_tells_no_pace() -> None:
    assert None is Bench(held=[holds(GIB, HOUR - 1)]).watch().look().days_left


def test_after_half_an_hour_the_growth_that_was_seen_counts() -> None:
    bench = Bench(held=[holds(GIB, 365 * DAY)])
    watch = bench.watch()
    watch.look()
    bench.clock.sleep(6 * 3600)
    bench.held = [holds(2 * GIB, 365 * DAY)]
    assert 500 / 4 == pytest.approx(watch.look().days_left)


def test_what_others_write_counts_too() -> None:
    forecast = Forecast()
    forecast.add(0.0, 100 * GIB, [holds(GIB)])
    forecast.add(3600.0, 90 * GIB, [holds(GIB)])
    assert 240 * GIB == pytest.approx(forecast.pace())


def test_a_disk_that_becomes_emptier_lasts() -> None:
    forecast = Forecast()
    forecast.add(0.0, 10 * GIB, [holds(2 * GIB, DAY)])
    forecast.add(3600.0, 90 * GIB, [holds(GIB, DAY)])
    assert (0, None) == (forecast.pace(), forecast.days(GIB))


def test_growth_of_yesterday_is_forgotten() -> None:
    forecast = Forecast()
    for hour, size in enumerate([0, 100, 100, 100, 100, 100, 100, 100, 100, 100]):
        forecast.add(hour * 3600.0, 500 * GIB, [holds(size * GIB)])
    assert 0 == forecast.pace()


def test_a_warning_comes_at_most_once_an_hour() -> None:
    bench = Bench(space=Space(5, 1000 * GIB))
    watch = bench.watch()
    for _ in range(100):
        assert watch.look().low
        bench.clock.sleep(60)
    assert [DiskLow("main", "data", 5, None)] * 2 == bench.events


def test_a_disk_with_room_warns_of_nothing() -> None:
    bench = Bench()
    assert not bench.watch().look().low
    assert [] == bench.events


def test_the_archive_is_looked_at_once_a_minute_and_the_disk_always() -> None:
    bench = Bench()
    watch = bench.watch()
    for free in range(600):
        bench.space = Space(free + 100 * GIB, 1000 * GIB)
        assert free + 100 * GIB == watch.look().free
        bench.clock.sleep(1)
    assert 10 == bench.looked


def test_an_archive_that_is_slow_to_look_at_is_looked_at_less() -> None:
    bench = Bench(cost=6.0)
    watch = bench.watch()
    while bench.clock.seconds < 2000:
        watch.look()
        bench.clock.sleep(1)
    assert 4 == bench.looked
