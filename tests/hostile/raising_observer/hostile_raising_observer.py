"""Raises at every event."""

from __future__ import annotations

from bcore.events import Event
from bcore.hookspecs import hookimpl


@hookimpl
def bcore_event(event: Event) -> None:
    raise RuntimeError(f"the observer fell over {type(event).__name__}")
