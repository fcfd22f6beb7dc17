"""What this distribution offers. Heavy imports stand inside the hook: `bcore --help` loads this module."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bcore.hookspecs import hookimpl

if TYPE_CHECKING:
    from bcore.protocols import Source
    from bcore.records import Factory


@hookimpl
def bcore_sources() -> Iterator[Factory[Source]]:
    from bc_csvfolder.source import CSVFOLDER, CsvfolderConfig, CsvfolderSource
    from bcore.records import Factory

    summary = "Rows of SYMBOL.csv files in a folder"
    yield Factory("csvfolder", CsvfolderConfig, CsvfolderSource.build, summary=summary, datasets=(CSVFOLDER,))
