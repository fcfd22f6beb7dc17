"""What a source with further powers owes: a live stream that joins what is held, history, and given ids again."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from bcore.collect import Job
from bcore.events import BatchStored, Event, SourcePassed
from bcore.memory import MemoryStore
from bcore.protocols import Backfills, Fills, Resumes, Source, Streams
from bcore.records import Origin, Series
from bcore.spans import Spans
from bcore.testing.kit import Kit

PATIENCE = 60.0
History = tuple[str, int, int]


class Enough(Exception):
    """The test has seen what it wanted."""


class LiveTests(Kit):
    """The tests of `SourceTests` for sources that stream, back-fill, or fill."""

    @pytest.fixture
    def history(self) -> History | None:
        """Symbol, start and end (int us UTC) of a range that the exchange has."""
        return None

    def test_a_stream_joins_what_is_held_without_a_hole(self, open_source: Callable[[], Source]) -> None:
        source = open_source()
        if not isinstance(source, Streams) or not source.streaming:
            pytest.skip("the source follows nothing live")
        store = MemoryStore()
        follow(Job("first", source, store), batches=1)  # and cut off, as by a kill
        follow(Job("again", open_source(), store))
        for symbol in source.symbols:
            series = Series(source.datasets[0], symbol)
            assert store.stats(series).rows, f"{series}: it said that all is stored, and nothing is"
            assert [] == list(store.spans(series).gaps()), f"{series}: a hole where the stream was cut"

    def test_history_is_brought_once_and_within_its_bounds(
        self, open_source: Callable[[], Source], history: History | None
    ) -> None:
        source = open_source()
        if not isinstance(source, Backfills) or history is None:
            pytest.skip("the source has no history, or it was not said of which time")
        symbol, start, end = history
        store = MemoryStore()
        job, series = Job("past", source, store), Series(source.datasets[0], symbol)
        for portion in source.plan(symbol, start, end, [], Spans()):
            assert symbol == portion.symbol
            assert portion.summary, "people are shown what is fetched"
            for batch in source.fetch(portion):
                job.keep(batch, lambda event: None)
        stats = store.stats(series)
        assert stats.rows, "there is history in that range"
        again = Job("again", source, store)
        for portion in source.plan(symbol, start, end, _whole(store, series), store.spans(series)):
            for batch in source.fetch(portion):
                again.keep(batch, lambda event: None)
        assert 0 == again.rows, "what is held was brought again under new keys"

    def test_given_ids_are_brought_again(self, open_source: Callable[[], Source]) -> None:
        source = open_source()
        if not isinstance(source, Fills):
            pytest.skip("the source cannot bring given ids")
        held = _held_ids(source)
        symbol, (first, last) = next((symbol, run) for symbol, spans in held.items() for run in spans)
        last = min(last, first + 20)
        store = MemoryStore()
        job = Job("fill", source, store)
        for batch in source.fill(symbol, first, last):
            job.keep(batch, lambda event: None)
        assert [] == list(store.spans(Series(source.datasets[0], symbol)).missing(first, last))


def follow(job: Job, batches: int | None = None) -> None:
    """Follows live until everything is stored that the exchange has sent, or so many batches are."""
    deadline, stored = time.monotonic() + PATIENCE, 0

    def emit(event: Event) -> None:
        nonlocal stored
        assert time.monotonic() < deadline, f"nothing was caught up with within {PATIENCE:.0f} s"
        stored += isinstance(event, BatchStored) and event.rows > 0
        if batches is not None and stored >= batches:
            raise Enough
        if isinstance(event, SourcePassed) and batches is None and stored:
            raise Enough

    assert isinstance(job.source, Streams)
    if isinstance(job.source, Resumes):
        job.source.resume(job.held_stats())
    with pytest.raises(Enough):
        job.run_live(emit)


def _held_ids(source: Source) -> dict[str, Spans]:
    """The ids that a pass brings, by symbol."""
    store = MemoryStore()
    job = Job("look", source, store)
    job.run_once(lambda event: None)
    return job.held_ids()


def _whole(store: MemoryStore, series: Series) -> list[Origin]:
    """The origins of which every row is held."""
    return [origin for origin, rows in store.origins(series) if origin.rows is not None and rows >= origin.rows]
