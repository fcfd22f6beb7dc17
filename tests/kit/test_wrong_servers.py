"""Servers that are wrong in one way each, and the tests of the kit that find it."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from attrs import define, field, frozen

from bcore.errors import ConfigError, Stopped
from bcore.protocols import Clock, Reader
from bcore.records import Context, Factory
from bcore.testing import ServerTests


@frozen
class Config:
    host: str = field(default="127.0.0.1", metadata={"help": "address"})
    port: int = field(default=7001, metadata={"help": "port"})


@frozen
class Unexplained:
    port: int = 7001


@frozen
class Everywhere:
    host: str = field(default="0.0.0.0", metadata={"help": "address"})
    port: int = field(default=7001, metadata={"help": "port"})


@define(eq=False)
class Door:
    """Takes connections, and says nothing."""

    config: Any
    clock: Clock
    _listening: socket.socket | None = field(default=None, init=False)

    @classmethod
    def build(cls, config: Any, context: Context) -> Door:
        return cls(config, context.clock)

    def start(self, reader: Reader) -> None:
        try:
            self._listening = self.listen()
        except OSError as error:
            raise ConfigError([str(error)]) from error

    def listen(self) -> socket.socket:
        return socket.create_server(("127.0.0.1", self.config.port))

    def close(self) -> None:
        if self._listening:
            self._listening.close()

    def serve(self, reader: Reader) -> None:
        self.start(reader)
        with suppress(Stopped):
            self.wait()
        self.close()

    def wait(self) -> None:
        while True:
            self.clock.sleep(3600)


class TestRight(ServerTests):
    """What the others are made of is not what they fail for."""

    kind: type[Door] = Door
    config: type = Config
    summary = "A door"

    @pytest.fixture
    def factory(self) -> Factory[Any]:
        return Factory("door", self.config, self.kind.build, summary=self.summary)


def flawed(*tests: str, **more: Any) -> Callable[[type], Any]:
    """Makes the test class of a wrong server, which is to fail these tests."""

    def kit(kind: type) -> type:
        excuses = {f"test_{name}": str(kind.__doc__) for name in tests}
        body = {"wrong": True, "kind": kind, "excuses": excuses, "__module__": __name__, **more}
        return type(kind.__name__, (TestRight,), body)

    return kit


TestSilent = flawed("the_plugin_explains_it", summary="")(Door)
TestUnexplained = flawed("the_plugin_explains_it", config=Unexplained)(Door)
TestEverywhere = flawed("it_listens_on_this_machine_alone_unless_it_is_told_otherwise", config=Everywhere)(Door)


@flawed("it_answers_from_its_start_to_its_close")
class TestStaying(Door):
    """Keeps its door open."""

    def close(self) -> None:
        if self._listening:
            HELD.append(self._listening)


@flawed("it_may_be_closed_twice_and_without_a_start")
class TestOnce(Door):
    """Closes what is not there."""

    def close(self) -> None:
        self._listening.close()  # type: ignore[union-attr]


@flawed("a_port_that_is_taken_is_a_mistake_of_the_configuration")
class TestRaw(Door):
    """Hands on what the system says."""

    def start(self, reader: Reader) -> None:
        self._listening = self.listen()


@flawed("it_serves_until_it_is_asked_to_stop")
class TestHasty(Door):
    """Comes back at once."""

    def wait(self) -> None:
        pass


@flawed("it_serves_until_it_is_asked_to_stop")
class TestDeaf(Door):
    """Waits with a clock of its own."""

    def wait(self) -> None:
        time.sleep(3600)


@flawed("it_answers_from_its_start_to_its_close")
class TestSleepy(Door):
    """Begins nothing."""

    def start(self, reader: Reader) -> None:
        pass


@flawed("it_serves_until_it_is_asked_to_stop")
class TestLeavingOpen(Door):
    """Ends, and leaves its door open."""

    def serve(self, reader: Reader) -> None:
        self.start(reader)
        with suppress(Stopped):
            self.wait()
        HELD.append(self._listening)  # type: ignore[arg-type]


@flawed("it_serves_until_it_is_asked_to_stop")
class TestClosingAndStaying(Door):
    """Closes its door and stays."""

    def wait(self) -> None:
        try:
            super().wait()
        except Stopped:
            self.close()
            time.sleep(3600)


HELD: list[socket.socket] = []


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bcore.testing.servers.PATIENCE", 2.0)


@pytest.fixture(autouse=True)
def _let_go() -> Any:
    yield
    while HELD:
        HELD.pop().close()


def test_each_test_of_the_kit_finds_something() -> None:
    wrong = [kind for kind in globals().values() if isinstance(kind, type) and getattr(kind, "wrong", False)]
    found = {name for kind in wrong for name in kind.excuses}
    assert set() == {name for name in dir(ServerTests) if name.startswith("test_")} - found
