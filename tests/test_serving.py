"""bcore serve: which server it starts, and with what."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any

import pytest
from attrs import define, frozen
from click.testing import CliRunner

import bc_toy
from bcore import builtin, hookspecs
from bcore.cli.options import Options
from bcore.cli.serving import serve
from bcore.protocols import Reader
from bcore.records import Context, Factory, Transport
from bcore.registry import Registry

STARTED: list[tuple[str, Any, list[str]]] = []


@frozen
class ServerConfig:
    host: str = "127.0.0.1"
    port: int = 80
    open: bool = False


@frozen
class Recorder:
    """A server that notes how it was started, and is over."""

    config: ServerConfig
    context: Context

    def serve(self, reader: Reader) -> None:
        STARTED.append((self.context.section, self.config, sorted(reader.views())))


def offering(name: str, *, readable: bool) -> ModuleType:
    """A plugin with a server kind of that name; with a remote if it is readable."""
    module = ModuleType(f"offers_{name}")

    def bcore_transports() -> list[Transport]:
        remote: Any = Factory(name, ServerConfig, Recorder) if readable else None
        return [Transport(name, remote=remote, server=Factory(name, ServerConfig, Recorder))]

    module.bcore_transports = hookspecs.hookimpl(bcore_transports)  # type: ignore[attr-defined]
    return module


@pytest.fixture(autouse=True)
def started() -> list[tuple[str, Any, list[str]]]:
    STARTED.clear()
    return STARTED


@define
class Given(Options):
    """Options with a tree and plugins of the test's own."""

    servers: Any = None
    plugins: Registry | None = None

    def tree(self) -> dict[str, Any]:
        return {"stores": {"main": {"kind": "memory"}}, "servers": {} if self.servers is None else self.servers}

    def registry(self) -> Registry:
        assert self.plugins is not None
        return self.plugins


@pytest.fixture
def run(registry_of: Callable[..., Registry]) -> Callable[..., Any]:
    """Runs the command with these sections of servers, plugins and words."""

    def invoked(servers: Any, plugins: Iterable[ModuleType], *args: str) -> Any:
        options = Given(servers=servers, plugins=registry_of(builtin, bc_toy, *plugins))
        return CliRunner().invoke(serve, list(args), obj=options)

    return invoked


API, FILES, METRICS = (
    offering("api", readable=True),
    offering("files", readable=True),
    offering("metrics", readable=False),
)


def test_the_only_server_that_a_remote_reads_is_started_with_defaults(run: Any, started: Any) -> None:
    run({}, (API, METRICS))
    assert [("servers.api", ServerConfig())] == [each[:2] for each in started]


def test_the_configured_one_is_started_with_what_the_command_line_adds(run: Any, started: Any) -> None:
    servers = {"mine": {"kind": "api", "port": 81}, "metrics": {}}
    run(servers, (API, FILES, METRICS), "--host", "10.0.0.1", "--open")
    assert [("servers.mine", ServerConfig("10.0.0.1", 81, open=True))] == [each[:2] for each in started]


def test_any_server_can_be_named(run: Any, started: Any) -> None:
    run({}, (API, METRICS), "metrics", "--port", "0")
    assert [("servers.metrics", ServerConfig(port=0))] == [each[:2] for each in started]


@pytest.mark.parametrize(
    ("plugins", "args", "said"),
    [
        ((METRICS,), (), "no server is installed"),
        ((API, FILES), (), "say which: bcore serve api or files"),
        ((API, METRICS), ("apo",), "there is no server 'apo' (did you mean api?); servers: api, metrics"),
    ],
)
def test_what_cannot_be_chosen_is_said(run: Any, plugins: Any, args: tuple[str, ...], said: str) -> None:
    assert said in str(run({}, plugins, *args).exception)


@pytest.mark.parametrize(
    ("servers", "said"), [({"api": 3}, "servers.api: must be a section"), ({"api": {"prot": 1}}, "did you mean port?")]
)
def test_a_wrong_section_is_named(run: Any, servers: Any, said: str) -> None:
    assert said in str(run(servers, (API,)).exception)
