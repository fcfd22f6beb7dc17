"""Exchanges that are wrong in one way each, and the tests of the kit that find it."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from attrs import define, field, frozen

from bcore.errors import ExchangeError, FaultyReplyError, RateLimitedError, RefusedError, UnreachableError
from bcore.protocols import Clock, Exchange
from bcore.records import Context, Factory
from bcore.testing import ExchangeTests, made

AHEAD = 86_400_000_000


@frozen
class Config:
    url: str = field(default="https://venue.example", metadata={"help": "where it is"})


@frozen
class Unexplained:
    url: str = "https://venue.example"


@frozen
class Needing:
    url: str = field(metadata={"help": "where it is"})


@define(eq=False)
class Desk:
    """Answers what it is asked, without a wire."""

    clock: Clock
    name: str = "desk"
    ahead: int = 0
    open: bool = True
    spoiled: bool = False

    @classmethod
    def build(cls, config: Any, context: Context) -> Desk:
        return cls(context.clock)

    def now(self) -> int:
        return self.clock.now() + self.ahead

    def close(self) -> None:
        self.open = False

    def ask(self, what: str) -> object:
        self.ahead = AHEAD
        if what == "limited":
            raise RateLimitedError("too many", retry_after=7.0)
        if what != "ticks":
            raise {"faulty": FaultyReplyError, "nobody": UnreachableError}.get(what, RefusedError)(f"{what}!")
        return [1, 2, 3]


def asks(what: str) -> Callable[[Any], object]:
    return lambda desk: desk.ask(what)


class TestRight(ExchangeTests):
    """What the others are made of is not what they fail for."""

    kind: type[Desk] = Desk
    config: type = Config
    summary = "A desk"
    provoked: Mapping[type[ExchangeError], str] = {
        RateLimitedError: "limited",
        RefusedError: "refused",
        FaultyReplyError: "faulty",
        UnreachableError: "nobody",
    }

    @pytest.fixture
    def factory(self) -> Factory[Any]:
        return Factory("desk", self.config, self.kind.build, summary=self.summary)

    @pytest.fixture
    def open_exchange(self, factory: Factory[Any]) -> Callable[[], Exchange]:
        return lambda: made(factory, {"url": "here"})

    @pytest.fixture
    def asking(self) -> Callable[[Any], object]:
        return asks("ticks")

    @pytest.fixture
    def failing(self) -> Mapping[type[ExchangeError], Callable[[Any], object]]:
        return {kind: asks(what) for kind, what in self.provoked.items()}

    @pytest.fixture
    def ahead(self) -> int:
        return AHEAD


def flawed(*tests: str, **more: Any) -> Callable[[type], Any]:
    """Makes the test class of a wrong exchange, which is to fail these tests."""

    def kit(kind: type) -> type:
        excuses = {f"test_{name}": str(kind.__doc__) for name in tests}
        body = {"wrong": True, "kind": kind, "excuses": excuses, "__module__": __name__, **more}
        return type(kind.__name__, (TestRight,), body)

    return kit


NAMES = "what_goes_wrong_has_its_name"
TestSilent = flawed("the_plugin_explains_it", summary="")(Desk)
TestUnexplained = flawed("the_plugin_explains_it", config=Unexplained)(Desk)
TestNeeding = flawed("the_plugin_explains_it", "nobody_is_asked_before_a_source_asks", config=Needing)(Desk)
TestNoProof = flawed(NAMES, provoked={RefusedError: "refused"})(Desk)


@flawed("it_has_a_name_and_a_clock")
class TestNameless(Desk):
    """Has no name."""

    @classmethod
    def build(cls, config: Any, context: Context) -> Desk:
        return cls(context.clock, "")


@flawed("it_has_a_name_and_a_clock", "its_clock_is_the_exchange_s")
class TestSeconds(Desk):
    """Tells seconds."""

    def now(self) -> int:
        return super().now() // 1_000_000


@flawed("it_has_a_name_and_a_clock")
class TestFloating(Desk):
    """Tells parts of microseconds."""

    def now(self) -> Any:
        return float(super().now())


@flawed("nobody_is_asked_before_a_source_asks")
class TestEager(Desk):
    """Asks the venue when it is made."""

    @classmethod
    def build(cls, config: Any, context: Context) -> Desk:
        socket.create_connection(("venue.example", 443)).close()
        return cls(context.clock)


@flawed("it_may_be_closed_twice")
class TestOnce(Desk):
    """Cannot be closed when it is closed."""

    def close(self) -> None:
        if not self.open:
            raise ValueError("closed already")
        super().close()


@flawed("it_answers_several_sources_at_once")
class TestMixed(Desk):
    """Gives the answer of one to another."""

    waiting: int = 0

    def ask(self, what: str) -> object:
        self.waiting += 1
        time.sleep(0.02)
        answer = [1, 2, 3][: 4 - self.waiting]
        self.waiting -= 1
        return answer


@flawed("its_clock_is_the_exchange_s")
class TestOwnClock(Desk):
    """Tells this machine's time."""

    def now(self) -> int:
        return self.clock.now()


@flawed(NAMES)
class TestRaw(Desk):
    """Hands on what its library raises."""

    def ask(self, what: str) -> object:
        try:
            return super().ask(what)
        except ExchangeError as error:
            raise ConnectionError("refused") from error


@flawed(NAMES)
class TestOneForAll(Desk):
    """Has one error for everything."""

    def ask(self, what: str) -> object:
        try:
            return super().ask(what)
        except FaultyReplyError as error:
            raise RefusedError(str(error)) from error


@flawed(NAMES)
class TestMute(Desk):
    """Says nothing of what went wrong."""

    def ask(self, what: str) -> object:
        if what == "nobody":
            raise UnreachableError("")
        return super().ask(what)


@flawed("how_long_to_wait_comes_with_the_refusal")
class TestPushing(Desk):
    """Does not say how long to wait."""

    def ask(self, what: str) -> object:
        if what == "limited":
            raise RateLimitedError("too many")
        return super().ask(what)


@flawed("how_long_to_wait_comes_with_the_refusal")
class TestAtOnce(Desk):
    """Says to ask again at once."""

    def ask(self, what: str) -> object:
        if what == "limited":
            raise RateLimitedError("too many", retry_after=0.0)
        return super().ask(what)


@flawed("it_goes_on_after_what_went_wrong")
class TestSulking(Desk):
    """Answers otherwise after a mistake."""

    def ask(self, what: str) -> object:
        if what == "refused":
            self.spoiled = True
        return [] if self.spoiled and what == "ticks" else super().ask(what)


def test_each_test_of_the_kit_finds_something() -> None:
    wrong = [kind for kind in globals().values() if isinstance(kind, type) and getattr(kind, "wrong", False)]
    found = {name for kind in wrong for name in kind.excuses}
    assert set() == {name for name in dir(ExchangeTests) if name.startswith("test_")} - found
