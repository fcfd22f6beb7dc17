"""The source: trades by id, so that nothing is fetched twice and a lost one shows as a missing id."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
from attrs import field, frozen, validators

from bc_venue.exchange import Venue
from bcore.errors import ConfigError, ExchangeError, FaultyReplyError, SymbolsError
from bcore.protocols import Key
from bcore.records import Batch, Context, Dataset, Origin

VENUE_TICKS = Dataset(
    "venue_ticks",
    pa.schema(
        [
            pa.field("id", pa.int64(), nullable=False),
            pa.field("timestamp", pa.timestamp("us", tz="UTC"), nullable=False),
            pa.field("symbol", pa.string(), nullable=False),
            pa.field("price", pa.float64(), nullable=False),
            pa.field("quantity", pa.float64(), nullable=False),
        ]
    ),
    key=("id",),
    sequence="id",
    highlight="price",
    summary="Trades by id",
)


@frozen
class VenueSourceConfig:
    interval: float = field(default=1.0, validator=validators.ge(0), metadata={"help": "pause between passes, seconds"})
    page: int = field(default=500, validator=validators.ge(1), metadata={"help": "trades that are asked for at once"})


@frozen
class VenueSource:
    config: VenueSourceConfig
    venue: Venue
    symbols: tuple[str, ...]
    datasets: tuple[Dataset, ...] = (VENUE_TICKS,)

    @classmethod
    def build(cls, config: VenueSourceConfig, context: Context) -> VenueSource:
        venue = context.exchange()
        if not isinstance(venue, Venue):
            raise ConfigError([f"{context.section}.exchange: {venue.name} serves no such ticks; name another"])
        return cls(config, venue, context.symbols)

    @property
    def interval(self) -> float:
        return self.config.interval

    def catch_up(self, after: Mapping[str, Key]) -> Iterator[Batch]:
        """Each page is asked for when the one before it is stored. A symbol that fails does not hold up the others."""
        failed: dict[str, ExchangeError] = {}
        for symbol in self.symbols:
            try:
                yield from self._pages(symbol, after[symbol][0] + 1 if symbol in after else 0)
            except ExchangeError as error:
                failed[symbol] = error
        if failed:
            raise SymbolsError(failed)

    def _pages(self, symbol: str, first: int) -> Iterator[Batch]:
        while page := self.venue.ticks(symbol, first, self.config.page):
            yield Batch(VENUE_TICKS, symbol, table_of(page, symbol), self.venue.now(), origin=Origin("rest"))
            first = int(page[-1]["id"]) + 1


def table_of(page: list[dict[str, Any]], symbol: str) -> pa.Table:
    try:
        columns = {
            "id": [int(row["id"]) for row in page],
            "timestamp": [int(row["time"]) for row in page],
            "symbol": [symbol] * len(page),
            "price": [float(row["price"]) for row in page],
            "quantity": [float(row["quantity"]) for row in page],
        }
    except (KeyError, TypeError, ValueError) as error:
        raise FaultyReplyError(f"{symbol}: this is no page of ticks: {error!r}") from error
    return pa.table(columns, schema=VENUE_TICKS.schema)
