"""What this distribution offers. Heavy imports stand inside the hook: `bcore --help` loads this module."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bcore.hookspecs import hookimpl

if TYPE_CHECKING:
    from bcore.records import Deferred


@hookimpl
def bcore_derivations() -> Iterator[Deferred]:
    from bcore.records import Deferred

    # Imported when somebody asks for the view.
    yield Deferred("notional", ("trades",), "bc_example.notional:NOTIONAL")
