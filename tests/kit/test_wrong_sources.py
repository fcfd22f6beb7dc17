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


def flawed(*tests: str) -> Any:
    """Makes the test class of a wrong source, which is to fail these tests."""

    def kit(kind: type) -> type:
        excuses = {f"test_{name}": str(kind.__doc__) for name in tests}
        return type(
            kind.__name__, (TestRight,), {"wrong": True, "kind": kind, "excuses": excuses, "__module__": __name__}
        )

    return kit


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


def test_each_test_of_the_kit_finds_something() -> None:
    wrong = [kind for kind in globals().values() if getattr(kind, "wrong", False)]
    found = {name for kind in wrong for name in kind.excuses}
    assert set() == {name for name in dir(SourceTests) if name.startswith("test_")} - found
