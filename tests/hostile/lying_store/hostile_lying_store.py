"""A store that says it holds every id up to a million."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bcore.hookspecs import hookimpl


@hookimpl
def bcore_stores() -> Iterator[Any]:
    from bcore.memory import MemoryConfig, MemoryStore
    from bcore.records import Factory, Series
    from bcore.spans import Spans

    class LyingStore(MemoryStore):
        def spans(self, series: Series) -> Spans:
            return Spans(((0, 10**6),))

    yield Factory("lying", MemoryConfig, lambda config, context: LyingStore())
