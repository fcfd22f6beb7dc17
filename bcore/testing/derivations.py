"""`DerivationTests`: a view is a pure function, and its rows do not depend on where the asked-for window lies."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

import pyarrow as pa
import pytest

from bcore.fields import fields_of, parse
from bcore.local import StoreReader
from bcore.memory import MemoryStore
from bcore.query import Request, clip
from bcore.records import Batch, Dataset, Derivation
from bcore.testing.agreeing import fields, same_rows
from bcore.testing.kit import Kit
from bcore.testing.samples import TRADES, trades

SYMBOL = "BTCUSDT"
WINDOWS = 24


class DerivationTests(Kit):
    """Inherit it, and name the derivation: `derivation = SPREAD`. Views of another dataset than `trades` say which.

    - `dataset` (the sample of `trades`): what the view is made of; `rows` must then give rows of it, of one symbol;
    - `parameters` (the defaults alone): several sets of parameters, as a user would type them;
    - `voided` (for `trades`): a column that is 0 or negative in rows that the exchange took back;
    - `ignores_voided` (False): whether those rows add nothing to any number of the view.
    """

    derivation: ClassVar[Derivation]
    dataset: ClassVar[Dataset] = TRADES

    @pytest.fixture
    def rows(self) -> pa.Table:
        """Rows of the dataset: by default trades with ids missing and some voided."""
        if self.dataset.name != TRADES.name:
            pytest.fail(f"{type(self).__name__} needs a fixture `rows`: a table of {self.dataset.name}, of one symbol")
        ids = [number for number in range(1000, 1400) if number not in (1050, 1051, 1200)]
        return trades(ids, SYMBOL, voided=(1003, 1100, 1101)).table

    @pytest.fixture
    def parameters(self) -> tuple[Mapping[str, Any], ...]:
        return ({},)

    @pytest.fixture
    def voided(self) -> str | None:
        """Only for datasets whose exchange takes rows back."""
        return "quantity" if self.dataset.name == TRADES.name else None

    @pytest.fixture
    def ignores_voided(self) -> bool:
        return False

    @pytest.fixture
    def ask(self, rows: pa.Table) -> Callable[..., pa.Table]:
        """What a reader answers for the rows, as a user asks."""
        reader = self.reader_of(rows)
        symbol = _symbol(rows)

        def asked(typed: Mapping[str, Any], **bounds: Any) -> pa.Table:
            return reader.read(Request(self.derivation.name, symbol, params=typed, **bounds))

        return asked

    def reader_of(self, rows: pa.Table) -> StoreReader:
        store = MemoryStore()
        store.append(Batch(self.dataset, _symbol(rows), rows))
        return StoreReader((store,), (self.dataset,), (self.derivation,))

    def applied(self, rows: pa.Table, typed: Mapping[str, Any]) -> pa.Table:
        return self.derivation.apply(rows, parse(self.derivation.params, typed))

    def test_the_sample_makes_rows(self, ask: Callable[..., pa.Table], parameters: Any) -> None:
        """Without rows the other tests would say nothing."""
        assert [] == [typed for typed in parameters if ask(typed).num_rows < 2], "parameters that make too few rows"

    def test_the_answer_has_the_declared_columns(
        self, rows: pa.Table, ask: Callable[..., pa.Table], parameters: Any
    ) -> None:
        for typed in parameters:
            for found in (self.applied(rows, typed), ask(typed)):
                assert fields(self.derivation.schema) == fields(found.schema), f"with {dict(typed)}"

    def test_nothing_makes_nothing(self, rows: pa.Table, parameters: Any) -> None:
        for typed in parameters:
            found = self.applied(rows.slice(0, 0), typed)
            assert fields(self.derivation.schema) == fields(found.schema)
            assert 0 == found.num_rows

    def test_one_row_is_enough(self, rows: pa.Table, parameters: Any) -> None:
        for typed in parameters:
            found = self.applied(rows.slice(0, 1), typed)
            assert fields(self.derivation.schema) == fields(found.schema)

    def test_rows_are_in_the_order_of_time(self, ask: Callable[..., pa.Table], parameters: Any) -> None:
        for typed in parameters:
            times = ask(typed)[self.derivation.time].cast("int64").to_pylist()
            assert sorted(times) == times, f"with {dict(typed)}"

    def test_a_row_does_not_depend_on_where_the_window_lies(
        self, ask: Callable[..., pa.Table], parameters: Any
    ) -> None:
        """The law of derivations: what is computed for a window is what is computed for everything, cut to it."""
        for typed in parameters:
            whole = ask(typed)
            for start, end in _windows(whole, self.derivation.time):
                expected = clip(whole, self.derivation.time, start, end)
                same_rows(expected, ask(typed, start=start, end=end), f"{dict(typed)} in [{start}, {end})")

    def test_counts_count_rows_of_the_view(self, ask: Callable[..., pa.Table], parameters: Any) -> None:
        for typed in parameters:
            whole = ask(typed)
            start = whole[self.derivation.time].cast("int64")[whole.num_rows // 3].as_py()
            later = clip(whole, self.derivation.time, start, None)
            for count, skip in ((0, 0), (1, 0), (2, 1), (3, whole.num_rows), (whole.num_rows + 5, 0)):
                stop = max(whole.num_rows - skip, 0)
                newest = whole.slice(max(stop - count, 0), min(count, stop))
                same_rows(newest, ask(typed, limit=count, offset=skip), f"{dict(typed)}, the newest {count}")
                found = ask(typed, start=start, limit=count, offset=skip)
                same_rows(later.slice(skip, count), found, f"{dict(typed)}, {count} from {start} on")

    def test_each_column_is_the_same_when_it_is_asked_for_alone(
        self, ask: Callable[..., pa.Table], parameters: Any
    ) -> None:
        for typed in parameters:
            whole = ask(typed)
            for name in self.derivation.schema.names:
                same_rows(whole.select([name]), ask(typed, columns=(name,)), f"{dict(typed)}, {name} alone")

    def test_a_scan_brings_the_same(self, rows: pa.Table, ask: Callable[..., pa.Table], parameters: Any) -> None:
        for typed in parameters:
            request = Request(self.derivation.name, _symbol(rows), params=typed)
            same_rows(ask(typed), self.reader_of(rows).scan(request).read_all(), f"{dict(typed)}, scanned")

    def test_the_same_rows_make_the_same_again_and_stay_as_they_are(self, rows: pa.Table, parameters: Any) -> None:
        before = rows.to_pylist()
        for typed in parameters:
            first = self.applied(rows, typed)
            same_rows(first, self.applied(rows, typed), f"{dict(typed)}, computed again")
            pieces = pa.concat_tables([rows.slice(begin, 7) for begin in range(0, rows.num_rows, 7)])
            same_rows(first, self.applied(pieces, typed), f"{dict(typed)}, of rows in pieces")
        assert before == rows.to_pylist()

    def test_parts_merge_to_the_whole_wherever_they_are_cut(self, rows: pa.Table, parameters: Any) -> None:
        part, merge = self.derivation.part, self.derivation.merge
        if part is None or merge is None:
            pytest.skip("the view is not computed in parts")
        for typed in parameters:
            params = parse(self.derivation.params, typed)
            for size in (1, 7, 100, rows.num_rows):
                pieces = [rows.slice(begin, size) for begin in range(0, rows.num_rows, size)]
                found = merge([part(piece, params) for piece in pieces], params)
                same_rows(self.applied(rows, typed), found, f"{dict(typed)}, merged of {size} rows each")

    def test_rows_that_were_taken_back_make_no_nonsense(
        self, rows: pa.Table, voided: str | None, parameters: Any
    ) -> None:
        if voided is None:
            pytest.skip("the dataset has no rows that are taken back")
        gone = rows.filter(pa.compute.less_equal(rows[voided], 0))
        assert gone.num_rows, "the sample needs rows that were taken back"
        for typed in parameters:
            for table in (gone, rows):
                found = self.applied(table, typed)
                assert fields(self.derivation.schema) == fields(found.schema)
                assert [] == list(_nonsense(found)), f"{dict(typed)}: neither infinite nor not a number"

    def test_rows_that_were_taken_back_add_nothing(
        self, rows: pa.Table, voided: str | None, ignores_voided: bool, parameters: Any
    ) -> None:
        if voided is None or not ignores_voided:
            pytest.skip("the view counts such rows, or there are none")
        kept = rows.filter(pa.compute.greater(rows[voided], 0))
        numbers = [each.name for each in self.derivation.schema if not pa.types.is_boolean(each.type)]
        for typed in parameters:
            expected, found = self.applied(kept, typed), self.applied(rows, typed)
            same_rows(expected.select(numbers), found.select(numbers), f"{dict(typed)}, with and without such rows")

    def test_the_newest_rows_come_hot(self, rows: pa.Table, parameters: Any) -> None:
        for typed in parameters:
            request = Request(self.derivation.name, _symbol(rows), params=typed, hot=True)
            assert fields(self.derivation.schema) == fields(self.reader_of(rows).read(request).schema)

    def test_the_view_and_its_parameters_are_explained(self) -> None:
        assert self.derivation.summary, "a summary is what `bcore views` shows"
        unexplained = [each.name for each in fields_of(self.derivation.params) if not each.help]
        assert [] == unexplained, 'parameters without metadata={"help": "..."}'


def _symbol(rows: pa.Table) -> str:
    return str(rows["symbol"][0].as_py())


def _windows(whole: pa.Table, time: str) -> Iterator[tuple[int | None, int | None]]:
    """Open and empty ones, some that begin and end on rows of the view, some that do not."""
    times = whole[time].cast("int64").to_pylist()
    low, high, chance = times[0], times[-1], random.Random(8)
    yield from [(None, low + 1), (high, None), (low, high), (low, low), (high + 1, None), (None, low)]
    for _ in range(WINDOWS):
        start, end = sorted(chance.choice([*times, chance.randint(low - 5, high + 5)]) for _ in range(2))
        yield start + chance.choice((0, 0, 1)), end + chance.choice((0, 0, 1)) + 1


def _nonsense(table: pa.Table) -> Iterator[tuple[int, str, float]]:
    for name in table.column_names:
        if pa.types.is_floating(table.schema.field(name).type):
            values = enumerate(table[name].to_pylist())
            yield from ((row, name, value) for row, value in values if value is not None and not math.isfinite(value))
