"""What bc_parquet offers to bcore: the store kind "parquet" and the command `import`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bcore.hookspecs import hookimpl

if TYPE_CHECKING:
    import click

    from bcore.protocols import Store
    from bcore.records import Factory


@hookimpl
def bcore_stores() -> Iterator[Factory[Store]]:
    from bc_parquet.config import ParquetConfig
    from bc_parquet.folder import is_archive
    from bc_parquet.store import ParquetStore
    from bcore.records import Factory

    summary = "Parquet files that any tool can open"
    yield Factory("parquet", ParquetConfig, ParquetStore.build, summary=summary, recognises=is_archive)


@hookimpl
def bcore_commands() -> Iterator[click.Command]:
    from bc_parquet.cli import import_

    yield import_
