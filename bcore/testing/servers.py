"""`ServerTests`: a server answers from its start to its end, and ends when it is told to."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import Thread
from typing import Any

import pytest

from bcore.clock import SystemClock
from bcore.errors import ConfigError
from bcore.fields import fields_of
from bcore.local import StoreReader
from bcore.memory import MemoryStore
from bcore.protocols import Accompanies, Server
from bcore.records import Factory
from bcore.testing.kit import Kit
from bcore.testing.making import made
from bcore.testing.samples import QUOTES, TICKS, archive

PATIENCE = 60.0
Section = Callable[[int], Mapping[str, Any]]
Answers = Callable[[int], bool]


class ServerTests(Kit):
    """Inherit it, and give the fixture `factory`: the plugin's own `Factory` of the server. What else is told:

    - `section` (`{"port": port}`): what a configuration says for a server on this port of this machine;
    - `answers` (whether the port takes a connection): whether a server at this port answers;
    - `listens` (True): whether it listens on that port, which can be taken then: not where it leaves files somewhere;
    - `alone` (True): whether `serve` runs in a thread of the tests; not where it is processes of its own.
    """

    @pytest.fixture
    def factory(self) -> Factory[Any]:
        pytest.fail(f"{type(self).__name__} needs a fixture `factory`: the server of the plugin's transport")

    @pytest.fixture
    def section(self) -> Section:
        return lambda port: {"port": port}

    @pytest.fixture
    def answers(self) -> Answers:
        return connects

    @pytest.fixture
    def listens(self) -> bool:
        return True

    @pytest.fixture
    def alone(self) -> bool:
        return True

    @pytest.fixture
    def here(self) -> StoreReader:
        """A reader of the kit's archive, to be served."""
        store = MemoryStore()
        for batch in archive():
            store.append(batch)
        return StoreReader((store,), (TICKS, QUOTES))

    def test_the_plugin_explains_it(self, factory: Factory[Any]) -> None:
        assert factory.summary, "a summary is what a configuration file is explained with"
        assert [] == [each.name for each in fields_of(factory.config) if not each.help], "keys without help"

    def test_it_listens_on_this_machine_alone_unless_it_is_told_otherwise(self, factory: Factory[Any]) -> None:
        hosts = [each.default for each in fields_of(factory.config) if each.name in ("host", "bind", "address")]
        assert [] == [host for host in hosts if host not in ("127.0.0.1", "localhost", "::1")]

    def test_it_answers_from_its_start_to_its_close(
        self, factory: Factory[Any], section: Section, answers: Answers, here: StoreReader
    ) -> None:
        port = free_port()
        server = accompanying(factory, section(port))
        server.start(here)
        with closing(server):
            until(lambda: answers(port), "a started server does not answer")
        assert not answers(port), "a closed server still answers"

    def test_it_may_be_closed_twice_and_without_a_start(
        self, factory: Factory[Any], section: Section, here: StoreReader
    ) -> None:
        server = accompanying(factory, section(free_port()))
        server.close()
        server.start(here)
        server.close()
        server.close()

    def test_a_port_that_is_taken_is_a_mistake_of_the_configuration(
        self, factory: Factory[Any], section: Section, here: StoreReader, listens: bool
    ) -> None:
        if not listens:
            pytest.skip("the server listens on no port")
        with socket.create_server(("127.0.0.1", 0)) as taken:
            server = accompanying(factory, section(taken.getsockname()[1]))
            with pytest.raises(ConfigError), closing(server):
                server.start(here)

    def test_it_serves_until_it_is_asked_to_stop(
        self, factory: Factory[Any], section: Section, answers: Answers, here: StoreReader, alone: bool
    ) -> None:
        if not alone:
            pytest.skip("serving alone is processes of its own")
        port, clock = free_port(), SystemClock()
        server: Server = made(factory, section(port), clock=clock)
        thread = Thread(target=server.serve, args=(here,), daemon=True)
        thread.start()
        until(lambda: answers(port) or not thread.is_alive(), "it does not answer")
        assert thread.is_alive(), "it ended by itself"
        clock.stopping.set()
        thread.join(PATIENCE)
        assert not thread.is_alive(), "it was asked to stop and goes on: it must wait with context.clock.sleep"
        assert not answers(port), "it has ended and still answers"


def accompanying(factory: Factory[Any], section: Mapping[str, Any]) -> Accompanies:
    server = made(factory, section)
    if not isinstance(server, Accompanies):
        pytest.skip("the server does not run beside a collector")
    return server


@contextmanager
def closing(server: Accompanies) -> Iterator[None]:
    try:
        yield
    finally:
        server.close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def connects(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def until(true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)
