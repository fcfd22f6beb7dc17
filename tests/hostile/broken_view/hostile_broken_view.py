"""Defers views that cannot be had: from no module, no record, another one's, and of other datasets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bcore.hookspecs import hookimpl


@hookimpl
def bcore_derivations() -> Iterator[Any]:
    from bcore.records import Deferred

    yield Deferred("no_module", ("beats",), "a_module_that_nobody_has:VIEW")
    yield Deferred("no_attribute", ("beats",), "hostile_broken_record:VIEW")
    yield Deferred("no_record", ("beats",), "hostile_broken_record:NOTHING")
    yield Deferred("other_name", ("beats",), "hostile_broken_record:OWN")
    yield Deferred("own", ("beats", "rows"), "hostile_broken_record:OWN")
