"""Views that are wrong in one way each, and the tests of the kit that find it."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from attrs import evolve, field, frozen

from bcore.query import Query
from bcore.records import Derivation
from bcore.testing import DerivationTests
from bcore.testing.samples import trades

SCHEMA = pa.schema({"timestamp": pa.timestamp("us", tz="UTC"), "worth": pa.float64(), "up": pa.bool_()})


@frozen
class Params:
    times: int = field(default=1, metadata={"help": "multiplies"})


@frozen
class Unexplained:
    times: int = 1


def same_window(query: Query, params: Any) -> Query:
    return evolve(query, limit=None, tail=None, offset=0)


def worth(trades: pa.Table, params: Any) -> pa.Table:
    """One row for each trade that was not taken back, in order of time."""
    kept = trades.filter(pc.greater(trades["quantity"], 0))
    columns = [kept["timestamp"], pc.multiply(kept["price"], kept["quantity"]), pc.invert(kept["is_buyer_maker"])]
    return pa.Table.from_arrays(columns, schema=SCHEMA).sort_by("timestamp")


def changed(change: Callable[[pa.Table], pa.Table]) -> Callable[..., pa.Table]:
    return lambda trades, params: change(worth(trades, params))


RIGHT = Derivation("worth", "trades", SCHEMA, Params, same_window, worth, summary="What trades were worth")


class TestRight(DerivationTests):
    """What the others are made of is not what they fail for."""

    derivation = RIGHT

    @pytest.fixture
    def ignores_voided(self) -> bool:
        return True


def view(*tests: str, rows: Any = None, **wrong: Any) -> Any:
    """The test class of a view that differs from RIGHT, or is tested with other rows: it is to fail these tests."""
    excuses = {f"test_{name}": "wrong on purpose" for name in tests}
    body: dict[str, Any] = {"wrong": True, "derivation": evolve(RIGHT, **wrong), "excuses": excuses}
    body |= {"rows": rows} if rows else {}
    return type("Wrong", (TestRight,), {**body, "__module__": __name__})


def numbered(table: pa.Table) -> pa.Table:
    return table.set_column(1, "worth", pa.array(range(table.num_rows), pa.float64()))


def one_for_nothing(trades: pa.Table, params: Any) -> pa.Table:
    made = worth(trades, params)
    return made if made.num_rows else pa.table({"timestamp": [0], "worth": [0.0], "up": [True]}).cast(SCHEMA)


def two_at_least(trades: pa.Table, params: Any) -> pa.Table:
    if trades.num_rows == 1:
        raise IndexError("there is no second row")
    return worth(trades, params)


def first_chunk(trades: pa.Table, params: Any) -> pa.Table:
    return worth(pa.Table.from_batches(trades.to_batches()[:1], trades.schema), params)


def remembering() -> Callable[..., pa.Table]:
    calls: list[int] = []

    def apply(trades: pa.Table, params: Any) -> pa.Table:
        calls.append(1)
        return worth(trades, params).slice(len(calls) - 1)

    return apply


def every_other() -> Callable[..., pa.Table]:
    calls: list[int] = []

    def apply(trades: pa.Table, params: Any) -> pa.Table:
        calls.append(1)
        return worth(trades, params).slice(len(calls) % 2)

    return apply


def scribbling(trades: pa.Table, params: Any) -> pa.Table:
    """Writes into a column that it does not need, by a way around Arrow, which lets nobody."""
    for chunk in trades["first_trade_id"].chunks:
        ctypes.memset(chunk.buffers()[1].address, 0, 8)
    return worth(trades, params)


def renaming(when: Callable[[pa.Table], bool]) -> Callable[..., pa.Table]:
    """Has other columns for some rows."""

    def apply(trades: pa.Table, params: Any) -> pa.Table:
        made = worth(trades, params)
        return made.rename_columns(["timestamp", "value", "up"]) if when(trades) else made

    return apply


def guessing(trades: pa.Table, params: Any) -> pa.Table:
    """Takes a quantity that it was not given for 1."""
    if "quantity" in trades.column_names:
        return worth(trades, params)
    columns = [trades["timestamp"], trades["price"]]
    return pa.table(columns, names=["timestamp", "worth"])


def per_unit(trades: pa.Table, params: Any) -> pa.Table:
    columns = [trades["timestamp"], pc.divide(trades["price"], trades["quantity"]), trades["is_buyer_maker"]]
    return pa.Table.from_arrays(columns, schema=SCHEMA)


def every_row(trades: pa.Table, params: Any) -> pa.Table:
    columns = [trades["timestamp"], pc.multiply(trades["price"], trades["quantity"]), trades["is_buyer_maker"]]
    return pa.Table.from_arrays(columns, schema=SCHEMA)


TestEmpty = view("the_sample_makes_rows", apply=changed(lambda table: table.slice(0, 0)))
TestOtherColumns = view(
    "the_answer_has_the_declared_columns",
    "what_is_computed_has_the_declared_columns",
    "the_newest_rows_come_hot",
    apply=changed(lambda table: table.rename_columns(["timestamp", "value", "up"])),
)
TestSomethingOfNothing = view("nothing_makes_nothing", apply=one_for_nothing)
TestTwoAtLeast = view("one_row_is_enough", apply=two_at_least)
TestNewestFirst = view(
    "rows_are_in_the_order_of_time", apply=changed(lambda table: table.sort_by([("timestamp", "descending")]))
)
TestNumbered = view("a_row_does_not_depend_on_where_the_window_lies", apply=changed(numbered))
TestNarrow = view(
    "counts_count_rows_of_the_view",
    needs=lambda query, params: evolve(query, limit=None, tail=query.tail and 2, offset=0),
)
TestWrongInputs = view(
    "each_column_is_the_same_when_it_is_asked_for_alone",
    inputs={"timestamp": ("quantity",), "worth": ("quantity",), "up": ("is_buyer_maker", "quantity")},
)
TestRemembering = view(
    "a_scan_brings_the_same", "the_same_rows_make_the_same_again_and_stay_as_they_are", apply=remembering()
)
TestEveryOther = view("the_same_rows_make_the_same_again_and_stay_as_they_are", apply=every_other())
TestScribbling = view("the_same_rows_make_the_same_again_and_stay_as_they_are", apply=scribbling)
TestNothingHasOthers = view("nothing_makes_nothing", apply=renaming(lambda trades: trades.num_rows == 0))
TestOneHasOthers = view("one_row_is_enough", apply=renaming(lambda trades: trades.num_rows == 1))
TestGoneHaveOthers = view(
    "rows_that_were_taken_back_make_no_nonsense", apply=renaming(lambda trades: pc.sum(trades["quantity"]).as_py() == 0)
)
TestGuessing = view(
    "each_column_is_the_same_when_it_is_asked_for_alone",
    apply=guessing,
    inputs={"timestamp": ("price",), "worth": ("price",), "up": ("price", "quantity", "is_buyer_maker")},
)
TestFirstChunk = view("the_same_rows_make_the_same_again_and_stay_as_they_are", apply=first_chunk)
TestLastPart = view("parts_merge_to_the_whole_wherever_they_are_cut", part=worth, merge=lambda parts, params: parts[-1])
TestNoneTakenBack = view(
    "rows_that_were_taken_back_make_no_nonsense", rows=pytest.fixture(lambda self: trades(range(50), "AAA").table)
)
TestPerUnit = view("rows_that_were_taken_back_make_no_nonsense", apply=per_unit)
TestEveryRow = view("rows_that_were_taken_back_add_nothing", apply=every_row)
TestSilent = view("the_view_and_its_parameters_are_explained", summary="")
TestUnexplained = view("the_view_and_its_parameters_are_explained", params=Unexplained)


def test_each_test_of_the_kit_finds_something() -> None:
    wrong = [kind for kind in globals().values() if getattr(kind, "wrong", False)]
    found = {name for kind in wrong for name in kind.excuses}
    assert set() == {name for name in dir(DerivationTests) if name.startswith("test_")} - found
