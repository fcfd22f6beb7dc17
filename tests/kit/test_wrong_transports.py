"""Transports that are wrong in one way each, and the tests of the kit that find it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa
import pytest
from attrs import define, evolve, field

from bcore.catalogue import View
from bcore.errors import BcoreError, RequestError
from bcore.local import StoreReader
from bcore.protocols import Reader
from bcore.query import Request
from bcore.records import SeriesStats
from bcore.testing import TransportTests


@define
class Echo:
    """A remote without a wire: it hands on what a reader on the spot answers."""

    near: StoreReader
    failed: bool = field(default=False, init=False)

    def views(self) -> Mapping[str, Any]:
        return self.near.views()

    def symbols(self, view: str | None = None) -> list[str]:
        return self.near.symbols(view)

    def read(self, request: Request) -> pa.Table:
        return self.near.read(request)

    def scan(self, request: Request) -> pa.RecordBatchReader:
        return self.read(request).to_reader()

    def stats(self) -> list[SeriesStats]:
        return self.near.stats()

    def close(self) -> None:
        self.near.close()


def nobody() -> Reader:
    raise BcoreError("nobody answers at 127.0.0.1:1")


class TestRight(TransportTests):
    """What the others are made of is not what they fail for."""

    kind: Callable[[StoreReader], Reader] = Echo
    absent: Callable[[], Reader] = staticmethod(nobody)

    @pytest.fixture
    def remote(self, here: StoreReader) -> Reader:
        return type(self).kind(here)

    @pytest.fixture
    def unreachable(self) -> Callable[[], Reader]:
        return type(self).absent


def flawed(*tests: str) -> Any:
    """Makes the test class of a wrong remote, which is to fail these tests."""

    def kit(kind: type) -> type:
        excuses = {f"test_{name}": str(kind.__doc__) for name in tests}
        return type(
            kind.__name__, (TestRight,), {"wrong": True, "kind": kind, "excuses": excuses, "__module__": __name__}
        )

    return kit


@flawed("rows_are_those_that_are_read_on_the_spot", "the_sdk_reads_over_it")
class TestColumns(Echo):
    """Gives columns in another order."""

    def read(self, request: Request) -> pa.Table:
        table = super().read(request)
        return table.select(table.column_names[::-1])


@flawed("views_are_described_as_on_the_spot")
class TestMute(Echo):
    """Leaves out what views are about."""

    def views(self) -> Mapping[str, Any]:
        return {
            name: View(name, evolve(view.dataset, summary="")) for name, view in self.near._catalogue().views.items()
        }


@flawed("symbols_are_those_that_are_stored")
class TestAllSymbols(Echo):
    """Gives the symbols of all views for each of them."""

    def symbols(self, view: str | None = None) -> list[str]:
        return self.near.symbols()


@flawed("every_symbol_is_read_by_its_own_name")
class TestAscii(Echo):
    """Cannot write every letter."""

    def read(self, request: Request) -> pa.Table:
        return super().read(evolve(request, symbol=request.symbol.encode("ascii", "replace").decode()))


@flawed("stats_tell_rows_and_times")
class TestNoTimes(Echo):
    """Counts rows and says nothing of times."""

    def stats(self) -> list[SeriesStats]:
        return [evolve(each, first_time=None) for each in super().stats()]


@flawed("a_mistake_comes_back_as_the_same_error")
class TestPlainErrors(Echo):
    """Has one error for everything."""

    def read(self, request: Request) -> pa.Table:
        try:
            return super().read(request)
        except RequestError as error:
            raise BcoreError(str(error)) from error


@flawed("every_mistake_of_a_request_is_named")
class TestFirstMistake(Echo):
    """Says what is wrong one by one."""

    def read(self, request: Request) -> pa.Table:
        try:
            return super().read(request)
        except RequestError as error:
            raise RequestError(error.problems[0]) from error


@flawed("it_goes_on_after_a_mistake_and_after_an_answer_that_was_not_read_to_its_end")
class TestSulking(Echo):
    """Answers nothing after a mistake."""

    def read(self, request: Request) -> pa.Table:
        if self.failed:
            raise BcoreError("the connection is gone")
        try:
            return super().read(request)
        except RequestError:
            self.failed = True
            raise


@flawed("rows_are_those_that_are_read_on_the_spot")
class TestReadsOther(Echo):
    """Reads other rows than it scans."""

    def read(self, request: Request) -> pa.Table:
        table = super().read(request)
        return pa.concat_tables([table, table]) if table.num_rows else table.select(table.column_names[:1])

    def scan(self, request: Request) -> pa.RecordBatchReader:
        return super().read(request).to_reader()


@flawed("rows_are_those_that_are_read_on_the_spot")
class TestScansOther(Echo):
    """Scans other columns than it reads."""

    def scan(self, request: Request) -> pa.RecordBatchReader:
        table = self.read(request)
        return table.select(table.column_names[:-1]).to_reader()


@flawed("views_are_described_as_on_the_spot")
class TestHidingViews(Echo):
    """Lists one view of two."""

    def views(self) -> Mapping[str, Any]:
        return {"ticks": self.near.views()["ticks"]}


@flawed("views_are_described_as_on_the_spot")
class TestOtherTypes(Echo):
    """Describes a column that there is not."""

    def views(self) -> Mapping[str, Any]:
        views = self.near._catalogue().views
        schema = views["ticks"].dataset.schema.append(pa.field("more", pa.string()))
        return {**views, "ticks": View("ticks", evolve(views["ticks"].dataset, schema=schema))}


@flawed("symbols_are_those_that_are_stored")
class TestSomeSymbols(Echo):
    """Knows the symbols of each view, and of all views none."""

    def symbols(self, view: str | None = None) -> list[str]:
        return self.near.symbols(view) if view else []


@flawed("a_mistake_comes_back_as_the_same_error", "every_mistake_of_a_request_is_named")
class TestTight(Echo):
    """Says that there is a mistake, and not which."""

    def read(self, request: Request) -> pa.Table:
        try:
            return super().read(request)
        except RequestError as error:
            raise type(error)("no") from error


@flawed("every_mistake_of_a_request_is_named")
class TestLastMistake(Echo):
    """Says the last thing that is wrong."""

    def read(self, request: Request) -> pa.Table:
        try:
            return super().read(request)
        except RequestError as error:
            raise RequestError(error.problems[-1]) from error


@flawed("it_goes_on_after_a_mistake_and_after_an_answer_that_was_not_read_to_its_end")
class TestShort(Echo):
    """Answers less after a mistake."""

    def read(self, request: Request) -> pa.Table:
        try:
            table = super().read(request)
        except RequestError:
            self.failed = True
            raise
        return table.slice(0, 2) if self.failed else table


def speechless() -> Reader:
    raise BcoreError


class TestSpeechless(TestRight):
    """Does not say what it cannot reach."""

    wrong = True
    absent = staticmethod(speechless)
    excuses = {"test_where_nobody_answers_is_said_in_one_sentence": "says nothing"}


def refused() -> Reader:
    raise ConnectionRefusedError("[Errno 111] Connection refused")


class TestRaw(TestRight):
    """Hands on what the system says."""

    wrong = True
    absent = staticmethod(refused)
    excuses = {"test_where_nobody_answers_is_said_in_one_sentence": "hands on what the system says"}


def test_each_test_of_the_kit_finds_something() -> None:
    wrong = [kind for kind in globals().values() if getattr(kind, "wrong", False)]
    found = {name for kind in wrong for name in kind.excuses}
    assert set() == {name for name in dir(TransportTests) if name.startswith("test_")} - found
