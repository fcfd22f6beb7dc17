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
    from bc_sqlite.store import SqliteConfig, SqliteStore, is_archive
    from bcore.records import Factory

    # On request: beside another store this one is meant where it is named, or where --data is an archive of its.
    yield Factory(
        "sqlite",
        SqliteConfig,
        SqliteStore.build,
        summary="One database file, for SQL",
        on_request=True,
        recognises=is_archive,
    )
