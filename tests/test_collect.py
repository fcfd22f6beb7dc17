from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import Any

import pytest
from attrs import define, evolve, field

from bc_toy import T0, ToySource, quotes, tick_batch, ticks
from bcore.collect import Job
from bcore.errors import StoreError
from bcore.events import BatchStored, Event, GapFound, RowsRejected
from bcore.instants import SECOND
from bcore.ledger import Ledger
from bcore.memory import MemoryStore
from bcore.protocols import Key, Source
from bcore.records import Appended, Batch, Dataset, Finding, Rejected, Series, SeriesStats
from bcore.spans import Spans


@define
class PickyStore(MemoryStore):
    """Tells in a log when it stored, and fails when it is told to."""

    log: list[tuple[str, int]] = field(factory=list)
    failing: list[Exception] = field(factory=list)
    aside: list[Rejected] = field(factory=list)

    def append(self, batch: Batch) -> Appended:
        if self.failing:
            raise self.failing.pop()
        done = MemoryStore.append(self, batch)
        self.log.append(("stored", batch.table.column("id")[0].as_py()))
        return done

    def quarantine(self, series: Series, rejected: Rejected) -> None:
        self.aside.append(rejected)


@define
class TwoSource:
    """Two datasets, of which the second one's name begins with the first's."""

    symbols: tuple[str, ...] = ("AAA",)
    interval: float = 0.0
    third: Dataset | None = None

    @property
    def datasets(self) -> tuple[Dataset, ...]:
        return (ticks(), evolve(ticks(), name="ticks_raw"), quotes())

    def catch_up(self, after: Mapping[str, Key]) -> Iterator[Batch]:
        yield tick_batch([1])
        yield evolve(tick_batch([1, 2]), dataset=self.third or self.datasets[1])


@pytest.fixture
def events() -> list[Event]:
    return []


def run(source: Source, store: MemoryStore, events: list[Event], **more: Any) -> int:
    return Job("ticks", source, store, **more).run_once(events.append)


def held(store: MemoryStore, name: str = "ticks", symbol: str = "AAA") -> Spans:
    return store.spans(Series(evolve(ticks(), name=name), symbol))


def test_a_pass_stores_everything_and_returns_how_many_rows_were_new(events: list[Event]) -> None:
    store = MemoryStore()
    assert 52 == run(ToySource(symbols=("AAA", "BBB")), store, events)
    assert ((0, 25),) == held(store).runs == held(store, symbol="BBB").runs


def test_the_next_pass_goes_on_from_what_the_store_holds(events: list[Event]) -> None:
    store, source = MemoryStore(), ToySource(newest=12)
    run(source, store, events)
    source.newest = 30
    assert 18 == run(source, store, events)
    assert ("fetched", 13) == source.log[2]


def test_another_process_goes_on_from_there_too(events: list[Event]) -> None:
    store = MemoryStore()
    store.append(tick_batch(list(range(5))))
    source = ToySource(symbols=("AAA", "BBB"))
    assert {"AAA": (4,)} == Job("ticks", source, store).held()
    run(source, store, events)
    assert ("fetched", 5) == source.log[0]


def test_the_next_page_is_fetched_only_after_the_last_was_stored(events: list[Event]) -> None:
    log: list[tuple[str, int]] = []
    run(ToySource(log=log), PickyStore(log=log), events)
    assert [(what, start) for start in (0, 10, 20) for what in ("fetched", "stored")] == log


def test_a_page_that_could_not_be_stored_is_asked_for_again(events: list[Event]) -> None:
    source, store = ToySource(), PickyStore(failing=[OSError("disk full")])
    with pytest.raises(OSError, match="disk full"):
        run(source, store, events)
    assert [("fetched", 0)] == source.log
    assert 26 == run(source, store, events)
    assert [("fetched", 0), ("fetched", 0)] == source.log[:2]
    assert ((0, 25),) == held(store).runs


def test_what_was_stored_before_a_failure_stays(events: list[Event]) -> None:
    store, source = PickyStore(), ToySource()
    pages = iter([None, StoreError("no")])

    def fail_the_second() -> None:
        if error := next(pages, None):
            source.error = error

    source.before_page = fail_the_second
    with pytest.raises(StoreError):
        run(source, store, events)
    assert ((0, 9),) == held(store).runs


def test_rows_that_do_not_fit_stop_the_pass_before_they_reach_the_store(events: list[Event]) -> None:
    @define
    class Wrong(ToySource):
        def catch_up(self, after: Mapping[str, Key]) -> Iterator[Batch]:
            yield evolve(tick_batch([1]), symbol="BBB")

    store = PickyStore()
    with pytest.raises(StoreError, match="rows of another symbol"):
        run(Wrong(symbols=("AAA", "BBB")), store, events)
    assert ([], []) == (store.log, events)


def test_what_was_stored_is_told_with_its_newest_row(events: list[Event]) -> None:
    run(ToySource(newest=2), MemoryStore(), events)
    expected = BatchStored("ticks", "ticks", "AAA", 3, 0, T0 + 2 * SECOND, T0 + 60 * SECOND, "102.0")
    assert [expected] == events


def test_rows_known_already_are_told_apart(events: list[Event]) -> None:
    @define
    class Again(ToySource):
        def catch_up(self, after: Mapping[str, Key]) -> Iterator[Batch]:
            yield tick_batch([0, 1, 2])

    store = MemoryStore()
    store.append(tick_batch([0, 1]))
    assert 1 == run(Again(), store, events)
    (event,) = events
    assert isinstance(event, BatchStored)
    assert (1, 2) == (event.rows, event.known)


def test_an_empty_batch_is_fine(events: list[Event]) -> None:
    @define
    class Empty(ToySource):
        def catch_up(self, after: Mapping[str, Key]) -> Iterator[Batch]:
            yield tick_batch([])

    assert 0 == run(Empty(), MemoryStore(), events)
    assert [BatchStored("ticks", "ticks", "AAA", 0, 0)] == events


def test_rejected_rows_are_counted_told_and_kept_aside_and_the_others_stored(events: list[Event]) -> None:
    rejected = Rejected("price is no number", ("row 1", "row 2"))
    store = PickyStore()
    job = Job("ticks", ToySource(newest=2, rejects=(rejected,)), store)
    assert (3, 2) == (job.run_once(events.append), job.rejected)
    assert RowsRejected("ticks", "ticks", "AAA", "price is no number", ("row 1", "row 2")) == events[0]
    assert [rejected] == store.aside


def test_a_renamed_dataset_is_stored_and_told_under_its_new_name(events: list[Event]) -> None:
    store = MemoryStore()
    rejected = Rejected("why", ("row",))
    run(ToySource(newest=2, rejects=(rejected,)), store, events, rename="us_ticks")
    assert {"us_ticks"} == set(store.datasets())
    assert {"us_ticks"} == {event.dataset for event in events if isinstance(event, (BatchStored, RowsRejected))}
    assert {"AAA": (2,)} == Job("ticks", ToySource(), store, rename="us_ticks").held()


def test_further_datasets_of_a_source_follow_the_new_name(events: list[Event]) -> None:
    job = Job("ticks", TwoSource(), MemoryStore(), rename="us_ticks")
    assert ["us_ticks", "us_ticks_raw", "us_ticks_quotes"] == [dataset.name for dataset in job.datasets()]
    job.run_once(events.append)
    assert ((1, 2),) == held(job.store, "us_ticks_raw").runs  # type: ignore[arg-type]


@pytest.mark.parametrize("rename", [None, "us_ticks"])
def test_a_dataset_that_was_not_declared_is_refused(rename: str | None, events: list[Event]) -> None:
    source = TwoSource(third=evolve(ticks(), name="secret"))
    with pytest.raises(StoreError, match="brought dataset secret, which it does not declare"):
        run(source, MemoryStore(), events, rename=rename)


def test_findings_go_to_the_ledger_and_to_the_observers(events: list[Event]) -> None:
    store, lost = MemoryStore(), Finding(3, 4, "open", "the stream went on at 5")
    Job("ticks", ToySource(), store).keep(tick_batch([1, 2, 5], findings=(lost,)), events.append)
    assert [lost] == [entry.finding for entry in Ledger.read(store, Series(ticks(), "AAA")).entries]
    assert GapFound("ticks", "ticks", "AAA", 3, 4, "open", "the stream went on at 5") in events


def test_a_batch_may_consist_of_findings_only(events: list[Event]) -> None:
    store, gone = MemoryStore(), Finding(3, 4, "unfillable", "nobody has them")
    Job("ticks", ToySource(), store).keep(tick_batch([], findings=(gone,)), events.append)
    assert Spans(((3, 4),)) == Ledger.read(store, Series(ticks(), "AAA")).unfillable()


def test_a_renamed_dataset_has_its_ledger_under_its_own_name(events: list[Event]) -> None:
    store = MemoryStore()
    Job("ticks", ToySource(), store, "mine").keep(
        tick_batch([1], findings=(Finding(2, 2, "open", "x"),)), events.append
    )
    assert {"mine", "mine_gaps"} == set(store.datasets())


@define
class ResumingSource(TwoSource):
    """Follows live, and wants to know where it left off."""

    streaming: bool = True
    told: list[dict[str, list[int]]] = field(factory=list)

    def resume(self, held: Mapping[str, Sequence[SeriesStats]]) -> None:
        self.told.append({symbol: [each.rows for each in stats] for symbol, stats in held.items()})

    def stream(self, held: Mapping[str, Spans]) -> Generator[Batch | None, None, None]:
        yield tick_batch([3])


def test_a_source_that_resumes_is_told_of_each_of_its_series_before_it_goes_live() -> None:
    source = ResumingSource()
    job = Job("two", source, MemoryStore())
    job.run_once(lambda event: None)
    job.run_live(lambda event: None)

    assert [{"AAA": [1, 2, 0]}] == source.told
