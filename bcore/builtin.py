"""What the core itself offers, through the same hooks as everyone else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bcore.hookspecs import hookimpl

if TYPE_CHECKING:
    from bcore.protocols import Store
    from bcore.records import Factory


@hookimpl
def bcore_stores() -> Iterator[Factory[Store]]:
    from bcore.memory import MemoryConfig, MemoryStore
    from bcore.records import Factory

    yield Factory(
        "memory", MemoryConfig, MemoryStore.build, summary="Keeps everything in memory until the process ends"
    )
