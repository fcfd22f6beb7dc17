"""`DerivationTests`: a view is a pure function, and its rows do not depend on where the asked-for window lies."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import pyarrow as pa
import pytest

from bcore.fields import parse
from bcore.local import StoreReader
from bcore.memory import MemoryStore
from bcore.query import Request
from bcore.records import Batch, Dataset, Derivation
from bcore.testing.agreeing import fields, same_rows
from bcore.testing.samples import TRADES, trades
from bcore.testing.views import Ask, ViewTests

SYMBOL = "BTCUSDT"


class DerivationTests(ViewTests):
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
    def voided(self) -> str | None:
        """Only for datasets whose exchange takes rows back."""
        return "quantity" if self.dataset.name == TRADES.name else None

    @pytest.fixture
    def ignores_voided(self) -> bool:
        return False

    @pytest.fixture
    def symbol(self, rows: pa.Table) -> str:
        return str(rows["symbol"][0].as_py())

    @pytest.fixture
    def reader(self, rows: pa.Table, symbol: str) -> StoreReader:
        store = MemoryStore()
        store.append(Batch(self.dataset, symbol, rows))
        return StoreReader((store,), (self.dataset,), (self.derivation,))

    def view(self) -> Derivation:
        return self.derivation

    def applied(self, rows: pa.Table, typed: Mapping[str, Any]) -> pa.Table:
        return self.derivation.apply(rows, self.parsed(typed))

    def parsed(self, typed: Mapping[str, Any]) -> Any:
        """The view's own parameters: facets among what is typed choose rows, which is the reader's work."""
        own = {name: value for name, value in typed.items() if name not in self.dataset.facets}
        return parse(self.derivation.params, own)

    def test_what_is_computed_has_the_declared_columns(self, rows: pa.Table, parameters: Any) -> None:
        for typed in parameters:
            assert fields(self.derivation.schema) == fields(self.applied(rows, typed).schema), f"with {dict(typed)}"

    def test_each_column_is_the_same_when_it_is_asked_for_alone(self, ask: Ask, parameters: Any) -> None:
        for typed in parameters:
            whole = ask(typed)
            for name in self.derivation.schema.names:
                same_rows(whole.select([name]), ask(typed, columns=(name,)), f"{dict(typed)}, {name} alone")

    def test_the_newest_rows_come_hot(self, reader: StoreReader, symbol: str, parameters: Any) -> None:
        for typed in parameters:
            request = Request(self.derivation.name, symbol, params=typed, hot=True)
            assert fields(self.derivation.schema) == fields(reader.read(request).schema)

    def test_nothing_makes_nothing(self, rows: pa.Table, parameters: Any) -> None:
        for typed in parameters:
            found = self.applied(rows.slice(0, 0), typed)
            assert fields(self.derivation.schema) == fields(found.schema)
            assert 0 == found.num_rows

    def test_one_row_is_enough(self, rows: pa.Table, parameters: Any) -> None:
        for typed in parameters:
            found = self.applied(rows.slice(0, 1), typed)
            assert fields(self.derivation.schema) == fields(found.schema)

    def test_the_same_rows_make_the_same_again_and_stay_as_they_are(self, rows: pa.Table, parameters: Any) -> None:
        before = str(rows.to_pylist())  # as text: of numbers that are none, one is not the other
        for typed in parameters:
            first = self.applied(rows, typed)
            same_rows(first, self.applied(rows, typed), f"{dict(typed)}, computed again")
            pieces = pa.concat_tables([rows.slice(begin, 7) for begin in range(0, rows.num_rows, 7)])
            same_rows(first, self.applied(pieces, typed), f"{dict(typed)}, of rows in pieces")
        unchanged = before == str(rows.to_pylist())  # apart: a difference of such texts takes minutes to be drawn
        assert unchanged, "the rows were changed"

    def test_parts_merge_to_the_whole_wherever_they_are_cut(self, rows: pa.Table, parameters: Any) -> None:
        part, merge = self.derivation.part, self.derivation.merge
        if part is None or merge is None:
            pytest.skip("the view is not computed in parts")
        for typed in parameters:
            params = self.parsed(typed)
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


def _nonsense(table: pa.Table) -> Iterator[tuple[int, str, float]]:
    for name in table.column_names:
        if pa.types.is_floating(table.schema.field(name).type):
            values = enumerate(table[name].to_pylist())
            yield from ((row, name, value) for row, value in values if value is not None and not math.isfinite(value))
