"""Products made as bcore makes them: a section of the configuration, checked, and then built by its factory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import pluggy

from bcore import hookspecs
from bcore.clock import SystemClock
from bcore.errors import ConfigError
from bcore.events import Event
from bcore.fields import FieldsError, parse
from bcore.protocols import Clock, Exchange
from bcore.records import Context, Factory

T = TypeVar("T")


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
