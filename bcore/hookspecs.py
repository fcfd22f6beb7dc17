"""The seven hooks that a plugin may implement. A hook declares; the protocols in `bcore.protocols` do.

Every hook collects from all plugins; none is `firstresult`, because choosing among kinds is the user's job, in
the configuration, and install order must never decide. Import heavy modules inside the hook's body: `bcore --help`
loads every plugin module.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    import click

    from bcore.events import Event
    from bcore.protocols import Exchange, Source, Store
    from bcore.records import Computation, Deferred, Derivation, Factory, Transport

hookspec = pluggy.HookspecMarker("bcore")
hookimpl = pluggy.HookimplMarker("bcore")


@hookspec
def bcore_exchanges() -> Iterable[Factory[Exchange]]:  # type: ignore[empty-body]
    """Kinds for `[exchanges.*]`: a connection to a venue, shared by all sources that name it.

    ```python
    @hookimpl
    def bcore_exchanges():
        from bc_example.exchange import Config, Exchange
        yield Factory("example", Config, Exchange, summary="The Example exchange")
    ```
    """


@hookspec
def bcore_sources() -> Iterable[Factory[Source]]:  # type: ignore[empty-body]
    """Kinds for `[sources.*]`: what brings batches from an exchange.

    ```python
    @hookimpl
    def bcore_sources():
        from bc_example.source import TICKS, Config, TickSource
        yield Factory("ticks", Config, TickSource, datasets=(TICKS,), summary="Ticks of the Example exchange")
    ```
    """


@hookspec
def bcore_stores() -> Iterable[Factory[Store]]:  # type: ignore[empty-body]
    """Kinds for `[stores.*]`: what keeps series.

    ```python
    @hookimpl
    def bcore_stores():
        from bc_example.store import Config, SqliteStore
        yield Factory("sqlite", Config, SqliteStore, summary="One SQLite file")
    ```
    """


@hookspec
def bcore_transports() -> Iterable[Transport]:  # type: ignore[empty-body]
    """Kinds for `[remotes.*]` and `[servers.*]`, and the URL schemes that `bcore.open` understands.

    ```python
    @hookimpl
    def bcore_transports():
        from bc_example.transport import remote
        yield Transport("example", remote=remote, schemes=("example",), summary="Reads over Example")
    ```
    """


@hookspec
def bcore_derivations() -> Iterable[Derivation | Computation | Deferred]:  # type: ignore[empty-body]
    """Views that are computed when they are read: from one dataset (`Derivation`), or several (`Computation`).

    The record itself does; `Deferred` says where it is, so that what the view computes with is imported by those only
    who ask for it.

    ```python
    @hookimpl
    def bcore_derivations():
        from bcore.records import Deferred
        yield Deferred("spread", ("orderbook",), "bc_example.derivations:SPREAD")
    ```
    """


@hookspec
def bcore_commands() -> Iterable[click.Command]:  # type: ignore[empty-body]
    """Further commands: `bcore <name>`. Import only click at the top of the command's module.

    ```python
    @hookimpl
    def bcore_commands():
        from bc_example.cli import hello
        yield hello
    ```
    """


@hookspec
def bcore_event(event: Event) -> None:
    """Told of every event (`bcore.events`), in the thread where it happens: be quick, never block.

    An observer that raises is logged and otherwise ignored.

    ```python
    @hookimpl
    def bcore_event(event):
        if isinstance(event, SourceFailed):
            page_someone(event.error)
    ```
    """
