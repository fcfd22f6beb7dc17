"""Products made as bcore makes them: a section of the configuration, checked, and then built by its factory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any, TypeVar

import pluggy

from bcore import __version__, builtin, hookspecs
from bcore.clock import SystemClock
from bcore.errors import ConfigError
from bcore.events import Event
from bcore.fields import FieldsError, parse
from bcore.protocols import Clock, Exchange
from bcore.records import Context, Factory
from bcore.registry import Plugin, Registry

T = TypeVar("T")


def registry_of(*hooks: Callable[..., Any]) -> Registry:
    """A registry of the core and one plugin that has these hook implementations, as if it were installed."""
    manager = pluggy.PluginManager("bcore")
    manager.add_hookspecs(hookspecs)
    manager.register(builtin, name="core")
    manager.register(SimpleNamespace(**{hook.__name__: hook for hook in hooks}), name="tested")
    plugins = [Plugin("core", "bcore", __version__, "bcore.builtin"), Plugin("tested", "tested", "0", "tested")]
    return Registry(manager, plugins)


def made(
    factory: Factory[T],
    section: Mapping[str, Any] | None = None,
    *,
    symbols: tuple[str, ...] = (),
    exchange: Exchange | None = None,
    clock: Clock | None = None,
    emit: Callable[[Event], None] = lambda event: None,
) -> T:
    """The product of a factory, from the keys of its section as a file would hold them.

    Raises `ConfigError` with every mistake in the section, as bcore does.
    """

    def own() -> Exchange:
        if exchange is None:
            raise ConfigError([f"{factory.name}: it asks for an exchange, and none was given: made(..., exchange=...)"])
        return exchange

    try:
        config = parse(factory.config, section or {})
    except FieldsError as error:
        raise ConfigError(f"{factory.name}.{name}: {sentence}" for name, sentence in error.problems) from error
    manager = pluggy.PluginManager("bcore")
    manager.add_hookspecs(hookspecs)
    return factory.build(config, Context(factory.name, clock or SystemClock(), own, emit, symbols, manager))
