"""`ComputationTests`: a view of several datasets is one of what is stored, and of nothing else."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, ClassVar

import pytest

from bcore.errors import NotFoundError, RequestError
from bcore.fields import fields_of
from bcore.local import StoreReader
from bcore.memory import MemoryStore
from bcore.query import Request
from bcore.records import Batch, Computation, Dataset
from bcore.testing.agreeing import same_rows
from bcore.testing.views import Ask, ViewTests


class ComputationTests(ViewTests):
    """Inherit it, name the computation (`computation = BOOK`) and the datasets that it reads, and give the fixture
    `batches`: rows of them, of one symbol, at least of the first.

    - `parameters` (the defaults alone): several sets of parameters, as a user would type them.
    """

    computation: ClassVar[Computation]
    datasets: ClassVar[tuple[Dataset, ...]]

    @pytest.fixture
    def batches(self) -> tuple[Batch, ...]:
        pytest.fail(f"{type(self).__name__} needs a fixture `batches`: rows of its datasets, of one symbol")

    @pytest.fixture
    def symbol(self, batches: tuple[Batch, ...]) -> str:
        return batches[0].symbol

    @pytest.fixture
    def reader(self, batches: tuple[Batch, ...]) -> StoreReader:
        return self.reader_of(*batches)

    def view(self) -> Computation:
        return self.computation

    def reader_of(self, *batches: Batch) -> StoreReader:
        store = MemoryStore()
        for batch in batches:
            store.append(batch)
        return StoreReader((store,), self.datasets, (self.computation,))

    def test_the_datasets_are_those_that_it_says_it_reads(self, batches: tuple[Batch, ...]) -> None:
        assert set(self.computation.datasets) <= {dataset.name for dataset in self.datasets}
        first = self.computation.datasets[0]
        assert first in {batch.dataset.name for batch in batches}, f"the sample needs rows of {first}"

    def test_what_is_not_held_reads_as_empty(self, batches: tuple[Batch, ...], symbol: str, parameters: Any) -> None:
        """With rows of the first dataset alone it answers, or says what is missing."""
        alone = self.reader_of(*(batch for batch in batches if batch.dataset.name == self.computation.datasets[0]))
        for typed in parameters:
            with suppress(NotFoundError):
                alone.read(Request(self.computation.name, symbol, params=typed))

    def test_the_same_rows_make_the_same_again(self, ask: Ask, parameters: Any) -> None:
        for typed in parameters:
            same_rows(ask(typed), ask(typed), f"{dict(typed)}, computed again")

    def test_an_answer_may_be_left(self, reader: StoreReader, symbol: str, ask: Ask, parameters: Any) -> None:
        for typed in parameters:
            left = reader.scan(Request(self.computation.name, symbol, params=typed))
            left.read_next_batch()
            left.close()
            assert ask(typed).num_rows, "it answers no more after an answer was left"

    def test_a_view_of_one_instant_has_no_range(self, ask: Ask, parameters: Any) -> None:
        if not self._of_one_instant:
            pytest.skip("the view has a range of time")
        assert self.computation.sized_by in {each.name for each in fields_of(self.computation.params)}
        for bounds in ({"start": 0}, {"end": 1}, {"tail": 1}):
            with pytest.raises(RequestError, match="one instant"):
                ask(parameters[0], **bounds)
