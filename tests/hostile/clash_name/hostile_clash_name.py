"""A distribution whose entry point has the name of another's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bcore.hookspecs import hookimpl


@hookimpl
def bcore_stores() -> Iterator[Any]:
    yield from ()
