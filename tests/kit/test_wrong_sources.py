"""Sources that are wrong in one way each, and the tests of the kit that find it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from itertools import count
from typing import Any

import pyarrow as pa
import pytest
from attrs import define, evolve, field, frozen

from bcore.errors import UnreachableError
from bcore.protocols import Key, Source
from bcore.records import Batch, Dataset, Factory, Origin
from bcore.spans import Spans
from bcore.testing import SourceTests
from bcore.testing.samples import BEGIN, TICKS, ticks

PAGE, NEWEST = 10, 44


@frozen
class Config:
    """A section without keys."""


@frozen
class Range:
    symbol: str
    first: int
    last: int
    summary: str = "some ids"
    bytes: int = 0
    rows: int = 0
    weight: int = 1


@define
class RightSource:
    """Ticks 0..44 of two symbols, by pages, live, as history and by id."""

    symbols: tuple[str, ...] = ("AAA", "BBB")
    datasets: tuple[Dataset, ...] = (TICKS,)
    interval: float = 1.0
    streaming: bool = True
    requests: list[int] = field(factory=list)
    broken: tuple[str, ...] = ()

    def page(self, symbol: str, first: int) -> Batch:
        self.requests.append(first)
        if symbol in self.broken:
            raise UnreachableError(f"{symbol}: nothing to be had")
        return ticks(range(first, min(first + PAGE, NEWEST + 1)), symbol)

    def catch_up(self, after: Mapping[str, Key]) -> Iterator[Batch]:
        failed: list[Exception] = []
        for symbol in self.symbols:
            try:
                for first in range(after[symbol][0] + 1 if symbol in after else 0, NEWEST + 1, PAGE):
                    yield self.page(symbol, first)
            except UnreachableError as error:
                failed.append(error)
        if failed:
            raise failed[0]

    def stream(self, held: Mapping[str, Spans]) -> Generator[Batch | None, None, None]:
        for symbol in self.symbols:
            known = held.get(symbol, Spans())
            for first, last in known.missing(0, NEWEST):
                for begin in range(first, last + 1, PAGE):
                    yield ticks(range(begin, min(begin + PAGE, last + 1)), symbol)
        while True:
            yield None

    def plan(self, symbol: str, start: int, end: int, done: Sequence[Origin], held: Spans) -> Sequence[Range]:
        return [Range(symbol, first, last) for first, last in held.missing(0, NEWEST)]

    def fetch(self, portion: Range) -> Iterator[Batch]:
        yield ticks(range(portion.first, portion.last + 1), portion.symbol)

    def fill(self, symbol: str, first: int, last: int) -> Iterator[Batch]:
        yield ticks(range(first, last + 1), symbol)


class TestRight(SourceTests):
    """What the others are made of is not what they fail for."""

    kind: Callable[..., Source] = RightSource
    declared: tuple[Dataset, ...] = (TICKS,)

    @pytest.fixture
    def asked(self) -> list[int]:
        return []

    @pytest.fixture
    def open_source(self, asked: list[int]) -> Callable[[], Source]:
        return lambda: type(self).kind(requests=asked)

    @pytest.fixture
    def requests(self, asked: list[int]) -> Callable[[], int]:
        return lambda: len(asked)

    @pytest.fixture
    def expected(self) -> Mapping[str, pa.Table]:
        return {f"ticks/{symbol}": ticks(range(NEWEST + 1), symbol).table for symbol in ("AAA", "BBB")}

    @pytest.fixture
    def factory(self) -> Factory[Any]:
        return Factory("ticks", Config, lambda config, context: RightSource(), "Sample ticks", self.declared)

    @pytest.fixture
    def partly_failing(self) -> tuple[Source, tuple[str, ...]]:
        return type(self).kind(broken=("AAA",)), ("BBB",)

    @pytest.fixture
    def history(self) -> tuple[str, int, int]:
        return "AAA", BEGIN, BEGIN + 10**9


def flawed(*tests: str, **more: Any) -> Any:
    """Makes the test class of a wrong source, which is to fail these tests."""

    def kit(kind: Any) -> type:
        excuses = {f"test_{name}": str(kind.__doc__ or "wrong on purpose") for name in tests}
        body = {"wrong": True, "kind": kind, "excuses": excuses, "__module__": __name__, **more}
        return type(kind.__name__, (TestRight,), body)

    return kit


def saying(**wrong: Any) -> Any:
    """The test class of a source that says something wrong of itself."""
    return flawed("it_says_what_it_brings")(lambda **given: evolve(RightSource(**given), **wrong))


@flawed("it_says_what_it_brings")
@define
class TestNothingSaid(RightSource):
    """Brings nothing by its own account."""

    datasets: tuple[Dataset, ...] = ()


@flawed("the_plugin_declares_what_the_source_brings")
@define
class TestOtherDataset(RightSource):
    """Brings another dataset than its plugin says."""

    datasets: tuple[Dataset, ...] = (evolve(TICKS, name="tocks"),)


@flawed("every_batch_fits_what_was_declared")
class TestOtherSymbol(RightSource):
    """Brings a symbol that nobody asked for."""

    def page(self, symbol: str, first: int) -> Batch:
        return super().page("CCC", first)


@flawed("a_pass_brings_everything")
class TestLosing(RightSource):
    """Leaves out the second page."""

    def catch_up(self, after: Mapping[str, Key]) -> Iterator[Batch]:
        return (batch for batch in super().catch_up(after) if batch.table["id"][0].as_py() != PAGE)


NUMBERS = count(1000)


@flawed("a_second_pass_brings_nothing_twice", "history_is_brought_once_and_within_its_bounds")
class TestRenumbering(RightSource):
    """Numbers rows itself."""

    def catch_up(self, after: Mapping[str, Key]) -> Iterator[Batch]:
        yield ticks([next(NUMBERS) for _ in range(PAGE)])

    def plan(self, symbol: str, start: int, end: int, done: Sequence[Origin], held: Spans) -> Sequence[Range]:
        number = next(NUMBERS)
        return [Range(symbol, number, number)]


@flawed("a_pass_may_be_cut_off_anywhere")
class TestBackwards(RightSource):
    """Brings the newest page first."""

    def catch_up(self, after: Mapping[str, Key]) -> Iterator[Batch]:
        return iter(list(super().catch_up(after))[::-1])


@flawed("pages_are_fetched_when_they_are_asked_for")
class TestGreedy(RightSource):
    """Fetches everything before it hands out anything."""

    def catch_up(self, after: Mapping[str, Key]) -> Iterator[Batch]:
        return iter(list(super().catch_up(after)))


@flawed("a_pass_can_be_left")
class TestSticky(RightSource):
    """Goes on when it is told to stop."""

    def catch_up(self, after: Mapping[str, Key]) -> Iterator[Batch]:
        for batch in super().catch_up(after):
            try:
                yield batch
            except GeneratorExit:
                yield batch


@flawed("a_symbol_that_fails_does_not_hold_up_the_others")
class TestGivingUp(RightSource):
    """Ends with the first symbol that fails."""

    def catch_up(self, after: Mapping[str, Key]) -> Iterator[Batch]:
        for symbol in self.symbols:
            for first in range(0, NEWEST + 1, PAGE):
                yield self.page(symbol, first)


@flawed("a_stream_joins_what_is_held_without_a_hole")
class TestFromNow(RightSource):
    """Streams what is new, whatever is held."""

    def stream(self, held: Mapping[str, Spans]) -> Generator[Batch | None, None, None]:
        for symbol in self.symbols:
            yield ticks([30 if symbol in held else 0], symbol)
        while True:
            yield None


@flawed("given_ids_are_brought_again")
class TestNoFill(RightSource):
    """Brings one of the ids it is asked for."""

    def fill(self, symbol: str, first: int, last: int) -> Iterator[Batch]:
        yield ticks([first], symbol)


TestNoDataset = saying(datasets=("ticks",))
TestTwiceTheSame = saying(datasets=(TICKS, evolve(TICKS, highlight=None)))
TestNoSymbol = saying(symbols=())
TestInThePast = saying(interval=-1.0)
DECLARES, FITS = "the_plugin_declares_what_the_source_brings", "every_batch_fits_what_was_declared"


@frozen
class Unexplained:
    page: int = 5


def factory_of(config: type, summary: str) -> Any:
    return pytest.fixture(lambda self: Factory("ticks", config, lambda *made: RightSource(), summary, (TICKS,)))


TestUnexplained = flawed(DECLARES, factory=factory_of(Unexplained, "Sample ticks"))(RightSource)
TestUnsummed = flawed(DECLARES, factory=factory_of(Config, ""))(RightSource)


def bringing(change: Callable[[Batch], Any], *tests: str, **more: Any) -> Any:
    """The test class of a source that brings something else in place of each batch."""

    class Bringing(RightSource):
        def page(self, symbol: str, first: int) -> Any:
            return change(super().page(symbol, first))

    return flawed(*tests, **more)(Bringing)


UNTOLD = pytest.fixture(lambda self: None)
TestTables = bringing(lambda batch: batch.table, FITS)
TestUndeclared = bringing(lambda batch: evolve(batch, dataset=evolve(TICKS, name="tocks")), FITS)
TestSeconds = bringing(lambda batch: evolve(batch, observed=1.5e9), FITS)
TestLooseRows = bringing(lambda batch: evolve(batch, rejected=("rubbish",)), FITS)
TestEmptyHanded = bringing(lambda batch: evolve(batch, table=batch.table.slice(0, 0)), FITS)
TestMixingUp = bringing(
    lambda batch: evolve(batch, table=batch.table.set_column(3, "price", batch.table["lot"])),
    "a_pass_brings_everything",
)
TestHoled = bringing(
    lambda batch: evolve(batch, table=batch.table.filter(pa.compute.not_equal(batch.table["id"], 7))),
    "a_pass_brings_everything",
    expected=UNTOLD,
)


@flawed(FITS, "a_pass_brings_everything")
class TestWithoutEnd(RightSource):
    """Never ends a pass."""

    def catch_up(self, after: Mapping[str, Key]) -> Iterator[Batch]:
        while True:
            yield ticks([1])


@flawed("a_stream_joins_what_is_held_without_a_hole")
class TestOneOfTwo(RightSource):
    """Says that all is stored when one symbol is."""

    def stream(self, held: Mapping[str, Spans]) -> Generator[Batch | None, None, None]:
        yield ticks(range(5, 10) if held else range(5), "AAA")
        while True:
            yield None


HISTORY = "history_is_brought_once_and_within_its_bounds"


@flawed(HISTORY)
class TestOthersHistory(RightSource):
    """Plans portions of another symbol besides."""

    def plan(self, symbol: str, start: int, end: int, done: Sequence[Origin], held: Spans) -> Sequence[Range]:
        return [*super().plan(symbol, start, end, done, held), *([] if held else [Range("BBB", 0, 1)])]


@flawed(HISTORY)
class TestSilentPlan(RightSource):
    """Does not say what it fetches."""

    def plan(self, symbol: str, start: int, end: int, done: Sequence[Origin], held: Spans) -> Sequence[Range]:
        return [evolve(each, summary="") for each in super().plan(symbol, start, end, done, held)]


@flawed(HISTORY)
class TestNoHistory(RightSource):
    """Knows of no history where there is some."""

    def plan(self, symbol: str, start: int, end: int, done: Sequence[Origin], held: Spans) -> Sequence[Range]:
        return []


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pass of so many batches is taken for endless."""
    monkeypatch.setattr("bcore.testing.sources.MOST", 200)


def test_each_test_of_the_kit_finds_something() -> None:
    wrong = [kind for kind in globals().values() if getattr(kind, "wrong", False)]
    found = {name for kind in wrong for name in kind.excuses}
    assert set() == {name for name in dir(SourceTests) if name.startswith("test_")} - found
