"""What this distribution offers. Heavy imports stand inside the hooks: `bcore --help` loads this module."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bcore.hookspecs import hookimpl

if TYPE_CHECKING:
    from bcore.protocols import Exchange, Source
    from bcore.records import Factory


@hookimpl
def bcore_exchanges() -> Iterator[Factory[Exchange]]:
    from bc_venue.exchange import Venue, VenueConfig
    from bcore.records import Factory

    yield Factory("venue", VenueConfig, Venue.build, summary="The exchange, over REST")


@hookimpl
def bcore_sources() -> Iterator[Factory[Source]]:
    from bc_venue.source import VENUE_TICKS, VenueSource, VenueSourceConfig
    from bcore.records import Factory

    summary = "Trades by id, page by page"
    yield Factory("venue_ticks", VenueSourceConfig, VenueSource.build, summary=summary, datasets=(VENUE_TICKS,))
