"""Views of several datasets that are wrong in one way each, and the tests of the kit that find it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import pyarrow as pa
import pytest
from attrs import evolve, field, frozen

from bcore.computing import Access
from bcore.query import Query
from bcore.records import Batch, Computation
from bcore.testing import ComputationTests
from bcore.testing.samples import QUOTES, TICKS, quotes, ticks

SCHEMA = pa.schema({"timestamp": pa.timestamp("us", tz="UTC"), "price": pa.float64(), "quotes": pa.int64()})
Tables = Iterator[pa.Table]


@frozen
class Params:
    times: int = field(default=1, metadata={"help": "multiplies"})


@frozen
class Sized:
    rows: int = field(default=9, metadata={"help": "how many"})


@frozen
class Unexplained:
    times: int = 1


def made(held: pa.Table, quotes_: int) -> pa.Table:
    """In order of time, with how many quotes there are."""
    held = held.sort_by("timestamp")
    columns = [held["timestamp"], held["price"], pa.array([quotes_] * held.num_rows, pa.int64())]
    return pa.Table.from_arrays(columns, schema=SCHEMA)


def priced(access: Access, query: Query, params: Any) -> Tables:
    """Prices of ticks, in two tables."""
    whole = made(access.read("ticks", start=query.start, end=query.end), access.read("quotes").num_rows)
    yield from (whole.slice(0, 5), whole.slice(5))


def best(access: Access, query: Query, params: Any) -> Tables:
    """The first so many."""
    yield made(access.read("ticks"), 0).slice(0, params.rows)


RIGHT = Computation("priced", ("ticks", "quotes"), SCHEMA, Params, priced, summary="Ticks, with how many quotes")
BEST = Computation("best", ("ticks",), SCHEMA, Sized, best, sized_by="rows", summary="The first ticks")


class TestRight(ComputationTests):
    """What the others are made of is not what they fail for."""

    computation, datasets = RIGHT, (TICKS, QUOTES)

    @pytest.fixture
    def batches(self) -> tuple[Batch, ...]:
        return ticks(range(40)), quotes(range(7))


class TestRightAndOfOneInstant(TestRight):
    computation = BEST


def view(*tests: str, right: Computation = RIGHT, more: Any = None, **wrong: Any) -> Any:
    """The test class of a view that differs from one that is right, which is to fail these tests."""
    excuses = {f"test_{name}": "wrong on purpose" for name in tests}
    body: dict[str, Any] = {"wrong": True, "computation": evolve(right, **wrong), "excuses": excuses, **(more or {})}
    return type("Wrong", (TestRight,), {**body, "__module__": __name__})


def nothing(access: Access, query: Query, params: Any) -> Tables:
    yield SCHEMA.empty_table()


def renamed(access: Access, query: Query, params: Any) -> Tables:
    yield from (table.rename_columns(["timestamp", "worth", "quotes"]) for table in priced(access, query, params))


def newest_first(access: Access, query: Query, params: Any) -> Tables:
    yield from (table.sort_by([("timestamp", "descending")]) for table in priced(access, query, params))


def from_the_window(access: Access, query: Query, params: Any) -> Tables:
    for table in priced(access, query, params):
        yield table.set_column(1, "price", pa.array(range(table.num_rows), pa.float64()))


def cut_already(access: Access, query: Query, params: Any) -> Tables:
    """Skips what the reader skips too."""
    yield from (table.slice(query.offset) for table in priced(access, query, params))


def best_cut_already(access: Access, query: Query, params: Any) -> Tables:
    yield from (table.slice(query.offset) for table in best(access, query, params))


def both_needed(access: Access, query: Query, params: Any) -> Tables:
    access.read("quotes")["size"][0]
    yield from priced(access, query, params)


def counting() -> Any:
    calls = count()

    def answer(access: Access, query: Query, params: Any) -> Tables:
        yield made(access.read("ticks"), next(calls))

    return answer


def holding() -> Any:
    """Does not let go what it holds, where it is not read to its end."""
    held: list[str] = []

    def answer(access: Access, query: Query, params: Any) -> Tables:
        if held:
            return
        held.append(access.symbol)
        yield from priced(access, query, params)
        held.clear()

    return answer


LAW = "a_row_does_not_depend_on_where_the_window_lies"
TestNothing = view("the_sample_makes_rows", answer=nothing)
TestRenamed = view("the_answer_has_the_declared_columns", answer=renamed)
TestNewestFirst = view("rows_are_in_the_order_of_time", answer=newest_first)
TestFromTheWindow = view(LAW, answer=from_the_window)
TestCutAlready = view("counts_count_rows_of_the_view", answer=cut_already)
TestCutAlreadyOfOne = view("counts_count_rows_of_the_view", right=BEST, answer=best_cut_already)
TestBothNeeded = view("what_is_not_held_reads_as_empty", answer=both_needed)
TestCounting = view("the_same_rows_make_the_same_again", "a_scan_brings_the_same", answer=counting())
TestHolding = view("an_answer_may_be_left", answer=holding())
TestSilent = view("the_view_and_its_parameters_are_explained", summary="")
TestUnexplained = view("the_view_and_its_parameters_are_explained", params=Unexplained)
TestSizedByNothing = view("a_view_of_one_instant_has_no_range", right=BEST, sized_by="levels")
TestOthers = view("the_datasets_are_those_that_it_says_it_reads", more={"datasets": (TICKS,)})
TestNoSample = view(
    "the_datasets_are_those_that_it_says_it_reads", more={"batches": pytest.fixture(lambda self: (quotes(range(7)),))}
)


def test_each_test_of_the_kit_finds_something() -> None:
    wrong = [kind for kind in globals().values() if getattr(kind, "wrong", False)]
    found = {name for kind in wrong for name in kind.excuses}
    assert set() == {name for name in dir(ComputationTests) if name.startswith("test_")} - found
