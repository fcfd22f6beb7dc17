"""Offers a source whose name is none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bcore.hookspecs import hookimpl


@hookimpl
def bcore_sources() -> Iterator[Any]:
    from attrs import make_class

    from bcore.records import Factory

    yield Factory("Bad Name", make_class("Config", []), lambda config, context: None)
