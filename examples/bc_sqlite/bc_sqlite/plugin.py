"""What this distribution offers. Heavy imports stand inside the hook: `bcore --help` loads this module."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bcore.hookspecs import hookimpl

if TYPE_CHECKING:
    from bcore.protocols import Store
    from bcore.records import Factory


@hookimpl
def bcore_stores() -> Iterator[Factory[Store]]:
    from bc_sqlite.store import SqliteConfig, SqliteStore
    from bcore.records import Factory

    yield Factory("sqlite", SqliteConfig, SqliteStore.build, summary="One database file, for SQL")
