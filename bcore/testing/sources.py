"""`SourceTests`: a source brings everything there is, once, wherever it is cut off."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from itertools import islice
from typing import Any, cast

import pyarrow as pa
import pytest

from bcore.collect import Job
from bcore.errors import BcoreError, Stopped
from bcore.fields import fields_of
from bcore.memory import MemoryStore
from bcore.protocols import Source
from bcore.query import Query
from bcore.records import Batch, Dataset, Factory, Rejected
from bcore.schema import conform
from bcore.testing.agreeing import same_rows
from bcore.testing.streams import LiveTests

OpenSource = Callable[[], Source]
CUTS = 6
UNLIKE = "what this source brings depends on when it is asked"
MOST = 10_000  # batches of one pass: more, and it is taken for endless


class SourceTests(LiveTests):
    """Inherit it, and give the fixture `open_source`: each call makes a source anew, onto the same exchange, as a
    collector does that is started again. Tests must be able to make two of them side by side. What else is told:

    - `expected`: "dataset/symbol" -> the rows that must be stored in the end; None where it cannot be said;
    - `factory`: the plugin's own `Factory`, to hold its declarations against the source;
    - `requests`: counts the requests so far, where a pass takes more than one batch: pages must be fetched when needed;
    - `partly_failing`: a source of which a symbol fails, and the symbols that must be served all the same;
    - `standing` (True): whether the exchange of the tests has the same to bring, whenever it is asked;
    - `unbroken` (True): whether the ids of each dataset with a sequence have no hole;
    - `history`: symbol, start and end (int us UTC) of a range that the exchange has, for a source that back-fills.
    """

    @pytest.fixture
    def expected(self) -> Mapping[str, pa.Table] | None:
        return None

    @pytest.fixture
    def factory(self) -> Factory[Any] | None:
        return None

    @pytest.fixture
    def requests(self) -> Callable[[], int] | None:
        return None

    @pytest.fixture
    def partly_failing(self) -> tuple[Source, tuple[str, ...]] | None:
        return None

    @pytest.fixture
    def standing(self) -> bool:
        return True

    @pytest.fixture
    def unbroken(self) -> bool:
        return True

    def test_it_says_what_it_brings(self, open_source: OpenSource) -> None:
        source = open_source()
        assert source.datasets, "a source has at least one dataset"
        assert all(isinstance(each, Dataset) for each in source.datasets)
        names = [dataset.name for dataset in source.datasets]
        assert len(set(names)) == len(names)
        assert source.symbols, "a source has at least one symbol"
        assert source.interval >= 0

    def test_the_plugin_declares_what_the_source_brings(
        self, open_source: OpenSource, factory: Factory[Any] | None
    ) -> None:
        if factory is None:
            pytest.skip("no factory was given to compare with")
        declared = {dataset.name: set(dataset.schema.names) for dataset in factory.datasets}
        brought = {dataset.name: set(dataset.schema.names) for dataset in open_source().datasets}
        assert declared.keys() == brought.keys(), "Factory(datasets=...) is what views are listed from"
        assert factory.summary, "a summary is what a configuration file is explained with"
        assert [] == [each.name for each in fields_of(factory.config) if not each.help], "keys without help"

    def test_every_batch_fits_what_was_declared(self, open_source: OpenSource) -> None:
        source, brought = open_source(), 0
        for batch in batches_of(source):
            assert isinstance(batch, Batch), f"a pass brings batches, not a {type(batch).__name__}"
            assert batch.dataset in source.datasets, f"dataset {batch.dataset.name} is not declared"
            assert batch.symbol in source.symbols, f"nobody asked for the symbol {batch.symbol!r}"
            assert batch.observed is None or isinstance(batch.observed, int)
            assert all(isinstance(each, Rejected) for each in batch.rejected)
            brought += conform(batch).table.num_rows
        assert brought, "the exchange of the tests must have something to bring"

    def test_a_pass_brings_everything(
        self, open_source: OpenSource, expected: Mapping[str, pa.Table] | None, unbroken: bool
    ) -> None:
        source = open_source()
        store = collected(source)
        for series in store.series():
            if unbroken and series.dataset.sequence:
                assert [] == list(store.spans(series).gaps()), f"{series}: ids are missing"
        for name, rows in (expected or {}).items():
            same_rows(rows, held_of(store, source, name), name)

    def test_a_second_pass_brings_nothing_twice(self, open_source: OpenSource, standing: bool) -> None:
        source = open_source()
        if source.datasets[0].sequence is None or not standing:
            pytest.skip(UNLIKE)
        store = collected(source)
        before = store_rows(store)
        job = Job("again", open_source(), store)
        job.run_once(lambda event: None)
        assert before == store_rows(store), "rows came twice, under new keys"

    def test_a_pass_may_be_cut_off_anywhere(self, open_source: OpenSource, standing: bool) -> None:
        source = open_source()
        if source.datasets[0].sequence is None or not standing:
            pytest.skip(UNLIKE)
        whole = collected(source)
        count = sum(1 for _ in batches_of(open_source()))
        for cut in sorted({max(count * number // CUTS, 1) for number in range(1, CUTS)}):
            store = MemoryStore()
            cut_off(open_source(), store, cut)
            Job("on", open_source(), store).run_once(lambda event: None)
            for series in whole.series():
                rows = whole.read(Query(series.dataset, series.symbol))
                same_rows(rows, store.read(Query(series.dataset, series.symbol)), f"{series}, cut after {cut} batches")

    def test_pages_are_fetched_when_they_are_asked_for(
        self, open_source: OpenSource, requests: Callable[[], int] | None
    ) -> None:
        if requests is None:
            pytest.skip("nobody counts the requests of this source")
        before = requests()
        batches = open_source().catch_up({})
        next(batches)
        first = requests() - before
        list(batches)
        assert first < requests() - before, "all pages were fetched before the first was handed out"

    def test_a_pass_can_be_left(self, open_source: OpenSource) -> None:
        batches = cast(Any, open_source().catch_up({}))
        next(batches, None)
        if hasattr(batches, "close"):
            batches.close()

    def test_a_symbol_that_fails_does_not_hold_up_the_others(
        self, partly_failing: tuple[Source, tuple[str, ...]] | None
    ) -> None:
        if partly_failing is None:
            pytest.skip("no source was given of which a symbol fails")
        source, good = partly_failing
        store = MemoryStore()
        with pytest.raises(BcoreError):
            Job("partly", source, store).run_once(lambda event: None)
        served = {series.symbol for series in store.series()}
        assert set(good) <= served, "these were not served"


def batches_of(source: Source) -> Iterator[Batch]:
    """Those of one pass from nothing, which must end."""
    batches = list(islice(source.catch_up({}), MOST))
    assert len(batches) < MOST, f"a pass is finite; this one had brought {MOST} batches"
    return iter(batches)


def collected(source: Source) -> MemoryStore:
    """What a collector stores in one pass from nothing."""
    store = MemoryStore()
    job = Job("kit", source, store)
    for number, batch in enumerate(source.catch_up(job.held())):
        assert number < MOST, "a pass is finite"
        job.keep(batch, lambda event: None)
    return store


def cut_off(source: Source, store: MemoryStore, after: int) -> None:
    """A pass that ends, as by a kill, when so many batches are stored."""
    job = Job("cut", source, store)
    with suppress(Stopped):
        for batch in islice(source.catch_up(job.held()), after):
            job.keep(batch, lambda event: None)


def store_rows(store: MemoryStore) -> dict[str, int]:
    return {str(series): store.stats(series).rows for series in store.series()}


def held_of(store: MemoryStore, source: Source, name: str) -> pa.Table:
    dataset, _, symbol = name.partition("/")
    (record,) = (each for each in source.datasets if each.name == dataset)
    return store.read(Query(record, symbol))
