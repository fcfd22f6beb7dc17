"""What a view owes, whatever it is computed from: `DerivationTests` and `ComputationTests` add what is theirs."""

from __future__ import annotations

import random
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pyarrow as pa
import pytest

from bcore.fields import fields_of
from bcore.local import StoreReader
from bcore.query import Request, clip
from bcore.records import Computation, Derivation
from bcore.testing.agreeing import fields, same_rows
from bcore.testing.kit import Kit

Ask = Callable[..., pa.Table]
WINDOWS = 24


class ViewTests(Kit):
    """Asks a view as users do, through a reader of its rows. `parameters` (the defaults alone): several sets of
    parameters, as a user would type them."""

    @abstractmethod
    def view(self) -> Derivation | Computation:
        """What is tested."""

    @pytest.fixture
    def reader(self) -> StoreReader:
        """A reader that has the view and what it is made of."""
        raise NotImplementedError

    @pytest.fixture
    def symbol(self) -> str:
        """The symbol of the rows."""
        raise NotImplementedError

    @pytest.fixture
    def parameters(self) -> tuple[Mapping[str, Any], ...]:
        return ({},)

    @pytest.fixture
    def ask(self, reader: StoreReader, symbol: str) -> Ask:
        """What a reader answers, as a user asks."""

        def asked(typed: Mapping[str, Any], **bounds: Any) -> pa.Table:
            return reader.read(Request(self.view().name, symbol, params=typed, **bounds))

        return asked

    def test_the_sample_makes_rows(self, ask: Ask, parameters: Any) -> None:
        """Without rows the other tests would say nothing."""
        assert [] == [typed for typed in parameters if ask(typed).num_rows < 2], "parameters that make too few rows"

    def test_the_answer_has_the_declared_columns(self, ask: Ask, parameters: Any) -> None:
        for typed in parameters:
            assert fields(self.view().schema) == fields(ask(typed).schema), f"with {dict(typed)}"

    def test_rows_are_in_the_order_of_time(self, ask: Ask, parameters: Any) -> None:
        for typed in parameters:
            times = ask(typed)[self.view().time].cast("int64").to_pylist()
            assert sorted(times) == times, f"with {dict(typed)}"

    def test_a_row_does_not_depend_on_where_the_window_lies(self, ask: Ask, parameters: Any) -> None:
        """The law of views: what is computed for a window is what is computed for everything, cut to it."""
        if self._of_one_instant:
            pytest.skip("the view is of one instant and has no window")
        for typed in parameters:
            whole = ask(typed)
            for start, end in _windows(whole, self.view().time):
                expected = clip(whole, self.view().time, start, end)
                same_rows(expected, ask(typed, start=start, end=end), f"{dict(typed)} in [{start}, {end})")

    def test_counts_count_rows_of_the_view(self, ask: Ask, parameters: Any) -> None:
        for typed in parameters:
            whole = ask(typed)
            for count, skip in ((0, 0), (1, 0), (2, 1), (3, whole.num_rows), (whole.num_rows + 5, 0)):
                if self._of_one_instant:
                    found = ask(typed, limit=count, offset=skip)
                    same_rows(whole.slice(skip, count), found, f"{dict(typed)}, the first {count}")
                    continue
                stop = max(whole.num_rows - skip, 0)
                newest = whole.slice(max(stop - count, 0), min(count, stop))
                same_rows(newest, ask(typed, limit=count, offset=skip), f"{dict(typed)}, the newest {count}")
                start = whole[self.view().time].cast("int64")[whole.num_rows // 3].as_py()
                later = clip(whole, self.view().time, start, None)
                found = ask(typed, start=start, limit=count, offset=skip)
                same_rows(later.slice(skip, count), found, f"{dict(typed)}, {count} from {start} on")

    def test_a_scan_brings_the_same(self, reader: StoreReader, symbol: str, ask: Ask, parameters: Any) -> None:
        for typed in parameters:
            request = Request(self.view().name, symbol, params=typed)
            same_rows(ask(typed), reader.scan(request).read_all(), f"{dict(typed)}, scanned")

    def test_the_view_and_its_parameters_are_explained(self) -> None:
        assert self.view().summary, "a summary is what `bcore views` shows"
        unexplained = [each.name for each in fields_of(self.view().params) if not each.help]
        assert [] == unexplained, 'parameters without metadata={"help": "..."}'

    @property
    def _of_one_instant(self) -> bool:
        view = self.view()
        return isinstance(view, Computation) and view.sized_by is not None


def _windows(whole: pa.Table, time: str) -> Iterator[tuple[int | None, int | None]]:
    """Open and empty ones, some that begin and end on rows of the view, some that do not."""
    times = whole[time].cast("int64").to_pylist()
    low, high, chance = times[0], times[-1], random.Random(8)
    yield from [(None, low + 1), (high, None), (low, high), (low, low), (high + 1, None), (None, low)]
    for _ in range(WINDOWS):
        start, end = sorted(chance.choice([*times, chance.randint(low - 5, high + 5)]) for _ in range(2))
        yield start + chance.choice((0, 0, 1)), end + chance.choice((0, 0, 1)) + 1
