"""One pass of a source, into an archive or only into memory: what both collectors are made of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING

from attrs import define, evolve

from bcore.errors import SourceError
from bcore.protocols import Key
from bcore.schema import conform
from bcore.scripting import SymbolJobs
from binance_collector.config import Config
from binance_collector.frames import frame_of

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from bcore.config import Tree
    from binance_collector.storage.engine import StorageEngine


@define
class Passes:
    """The sources of some symbols, each by itself, and the archive they fill."""

    work: SymbolJobs
    storage: StorageEngine

    @classmethod
    def of(cls, sections: Mapping[str, Tree], base_url: str | None, storage: StorageEngine) -> Passes:
        """`base_url`: the exchange, else as the configuration says. Raises `ConfigError` for what cannot be used."""
        url = base_url or Config.load().binance.base_url
        return cls(SymbolJobs.of(sections, {"binance": {"rest_url": url}}, storage.base_path), storage)

    def stored(self, symbol: str) -> Iterator[pa.Table]:
        """Everything new since what the archive holds, batch by batch, each durable before the next is asked for."""
        with self.storage.store() as store:
            job = evolve(self.work.jobs[symbol], store=store)
            for batch in job.source.catch_up(job.held()):
                job.keep(batch, self.work.app.emit)
                if batch.table.num_rows:
                    yield conform(batch).table
                elif batch.rejected:
                    raise SourceError(f"{symbol}: put aside what the exchange sent: {batch.rejected[0].reason}")

    def fetched(self, symbol: str, after: Mapping[str, Key], requests: int | None = None) -> Iterator[pa.Table]:
        """Everything new since `after`, stored nowhere; at most so many requests' worth."""
        for batch in islice(self.work.jobs[symbol].source.catch_up(after), requests):
            if batch.table.num_rows:
                yield conform(batch).table

    def held(self, symbol: str) -> dict[str, Key]:
        """The last key that the archive holds."""
        return self.work.jobs[symbol].held()


def joined(tables: Iterable[pa.Table]) -> pd.DataFrame:
    """All tables as one frame; an empty one for none."""
    import pandas as pd
    import pyarrow as pa

    found = list(tables)
    return frame_of(pa.concat_tables(found)) if found else pd.DataFrame()
