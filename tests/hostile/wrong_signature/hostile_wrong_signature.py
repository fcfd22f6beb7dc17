"""Asks for an argument that the hook does not have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bcore.hookspecs import hookimpl


@hookimpl
def bcore_sources(settings: Any) -> Iterator[Any]:
    yield from ()
