"""Misspells a hook; its other hook is right, and goes with it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bcore.hookspecs import hookimpl


@hookimpl
def bcore_sorces() -> Iterator[Any]:
    yield from ()


@hookimpl
def bcore_stores() -> Iterator[Any]:
    raise AssertionError("a plugin that is left out is not asked")
