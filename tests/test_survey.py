from __future__ import annotations

from typing import Any

from attrs import define, field
from hand_clock import MovingClock

from bc_toy import ToySource, quotes, tick_batch, ticks
from bcore.board import Board
from bcore.collect import Job
from bcore.errors import CorruptFileError
from bcore.ledger import noted
from bcore.memory import MemoryStore
from bcore.records import Finding, Series
from bcore.spans import Spans
from bcore.status import SeriesStatus
from bcore.survey import Kept, Survey, stats_of

AAA = Series(ticks(), "AAA")


@define
class Slow(MemoryStore):
    """Takes a second to say what it holds; `broken` symbols cannot be told of."""

    clock: MovingClock = field(factory=MovingClock)
    broken: tuple[str, ...] = ()

    def spans(self, series: Series) -> Spans:
        self.clock.sleep(1.0)
        if series.symbol in self.broken:
            raise CorruptFileError("damaged")
        return MemoryStore.spans(self, series)


def holding(*symbols: str, ids: list[int], **more: Any) -> Slow:
    store = Slow(**more)
    for symbol in symbols:
        store.append(tick_batch(ids, symbol=symbol))
    return store


def surveyed(store: Slow, *symbols: str, budget: float = 100.0, rounds: int = 1) -> dict[str, SeriesStatus]:
    board = Board(store.clock)
    kept = Kept.of([Job("feed", ToySource(symbols), store)])
    survey = Survey(board, tuple(kept), store.clock, budget)
    for _ in range(rounds):
        survey.look()
    return board.series


def test_the_highest_id_and_the_gaps_are_the_stores() -> None:
    line = surveyed(holding("AAA", ids=[1, 2, 6, 7, 9]), "AAA")["ticks/AAA"]
    assert ("feed", 9, 2, 4) == (line.source, line.last_id, line.gaps, line.missing)


def test_what_the_ledger_calls_unfillable_is_no_open_gap() -> None:
    store = holding("AAA", ids=[1, 2, 6, 7, 9])
    store.append(noted([Finding(3, 4, "unfillable", "nobody has them")], AAA, 0))
    line = surveyed(store, "AAA")["ticks/AAA"]
    assert (2, 2) == (line.gaps, line.missing)


def test_a_series_that_holds_nothing_is_not_shown() -> None:
    assert {} == surveyed(Slow(), "AAA")


def test_one_round_takes_what_its_budget_allows_and_the_next_goes_on() -> None:
    store = holding("A", "B", "C", "D", "E", ids=[1])
    assert ["ticks/A", "ticks/B"] == sorted(surveyed(store, "A", "B", "C", "D", "E", budget=2.0))
    assert 4 == len(surveyed(store, "A", "B", "C", "D", "E", budget=2.0, rounds=2))
    assert 5 == len(surveyed(store, "A", "B", "C", "D", "E", budget=2.0, rounds=3))


def test_one_round_looks_at_nothing_twice() -> None:
    store = holding("AAA", ids=[1])
    surveyed(store, "AAA")
    assert 1.0 == store.clock.seconds


def test_a_damaged_series_costs_only_itself() -> None:
    store = holding("A", "B", ids=[1], broken=("A",))
    assert ["ticks/B"] == list(surveyed(store, "A", "B"))
    kept = [Kept(Series(ticks(), symbol), store, "feed") for symbol in ("A", "B")]
    assert ["ticks/B"] == [str(each.series) for each in stats_of(kept)]


def test_a_dataset_without_a_sequence_is_not_asked_for_ids() -> None:
    store = Slow()
    Survey(Board(store.clock), (Kept(Series(quotes(), "AAA"), store, "feed"),), store.clock).look()
    assert 0.0 == store.clock.seconds
