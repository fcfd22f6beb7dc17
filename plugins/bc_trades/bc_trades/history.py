"""The past of a symbol: from bulk files, and over REST for what they do not have."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

from attrs import define, evolve, field

from bc_binance.bulk_files import BulkFile
from bc_binance.errors import MissingChecksumError, MissingFileError
from bc_trades.config import TradesConfig
from bc_trades.contents import Contents, Opener, nobody_has
from bc_trades.filling import Filler
from bc_trades.landmarks import Landmarks
from bc_trades.past import BulkVenue
from bc_trades.portions import FilePortion, IdsPortion, Planner, TradesPortion, file_of
from bc_trades.search import Search
from bc_trades.venue import Venue
from bcore.errors import RefusedError, RequestError
from bcore.protocols import Clock, Portion
from bcore.records import Batch, Origin
from bcore.spans import Spans

log = logging.getLogger(__name__)


@define
class History:
    """Safe to use from several threads. An exchange without bulk files has only what REST goes back to."""

    config: TradesConfig
    venue: Venue
    clock: Clock
    _opener: Opener | None = field(init=False)

    def __attrs_post_init__(self) -> None:
        venue: object = self.venue
        self._opener = Opener(self.config, venue.bulk) if isinstance(venue, BulkVenue) else None

    def plan(self, symbol: str, start: int, end: int, done: Sequence[Origin], held: Spans) -> list[TradesPortion]:
        """As `bcore.protocols.Backfills.plan`."""
        end = min(end, self.venue.now())
        if start >= end:
            return []
        bulk = None if self._opener is None else self._opener.bulk
        return Planner(symbol, start, end, Landmarks(self.venue, symbol), bulk).portions(done, held)

    def fetch(self, portion: Portion) -> Iterator[Batch]:
        """As `bcore.protocols.Backfills.fetch`, for portions of `plan`."""
        if isinstance(portion, FilePortion):
            yield from self._file_or_rest(portion)
        elif isinstance(portion, IdsPortion):
            yield from self._over_rest(portion.symbol, portion.first, portion.last)
        else:
            raise RequestError(f"{portion.summary} is no portion of trades")

    def fill(self, symbol: str, first: int, last: int) -> Iterator[Batch]:
        """Ids that REST does not have any more, from the daily files that have them; or why nobody has."""
        missing, looked = Spans(((first, last),)), []
        for contents in self._files_with(symbol, first, last):
            looked.append(contents.origin.name.rpartition("/")[2])
            for batch in contents.between(first, last):
                missing = missing.subtract(Spans.from_ids(batch.table.column("agg_trade_id")))
                yield batch
        for run in missing:
            yield nobody_has(*run, symbol, f"REST does not go back so far, and {_nor(symbol, looked)}")

    def revised(self, symbol: str, origins: Sequence[Origin]) -> Iterator[tuple[Origin, str]]:
        """As `bcore.protocols.Revises.revised`."""
        for origin in origins:
            file = None if self._opener is None else file_of(origin, symbol, self._opener.bulk)
            if self._opener is None or file is None:
                continue
            difference = self._difference(self._opener, origin, file)
            if difference:
                yield origin, difference

    def _file_or_rest(self, portion: FilePortion) -> Iterator[Batch]:
        """A file that is refused, of which then nothing has been stored, is no reason to go without its trades.

        REST brings those it still has. The refusal is raised after them if nobody can tell where the day begins.
        """
        try:
            yield from self._file(portion)
        except RefusedError as error:
            landmarks, file = Landmarks(self.venue, portion.symbol, needed=False), portion.file
            first, after, oldest = landmarks.first_from(file.start), landmarks.first_from(file.end), landmarks.oldest()
            if after is None or oldest is None:
                raise
            log.warning("%s", error)
            yield from self._over_rest(portion.symbol, oldest.id if first is None else first, after - 1)
            if first is None:
                raise

    def _file(self, portion: FilePortion) -> Iterator[Batch]:
        assert self._opener is not None
        symbol = portion.symbol
        with self._opener.opened(portion.file, symbol) as contents:
            yield from contents.batches()
            bound = contents.bound
        if bound is None:
            return
        if portion.head is not None and portion.head < bound.first:
            yield from self._over_rest(symbol, portion.head, bound.first - 1)
        if portion.tail is not None and portion.tail > bound.last:
            yield from self._over_rest(symbol, bound.last + 1, portion.tail)

    def _over_rest(self, symbol: str, first: int, last: int) -> Iterator[Batch]:
        """Nobody has missed them before, so nobody is to be told that they were filled."""
        for batch in Filler(self.venue, self.clock, self.config.page).fill(symbol, first, last):
            told = tuple(found for found in batch.findings if found.state != "filled")
            yield evolve(batch, findings=told)

    def _files_with(self, symbol: str, first: int, last: int) -> Iterator[Contents]:
        if self._opener is None:
            return
        for file in Search(self._opener, symbol, self.venue.now()).files(first):
            with self._opener.opened(file, symbol) as contents:
                yield contents
                bound = contents.bound
            if bound is not None and bound.last >= last:
                return

    def _difference(self, opener: Opener, origin: Origin, file: BulkFile) -> str:
        """What is published now instead of what rows came from; empty if that is still the same."""
        try:
            published = opener.sha256_now(file, origin.sha256)
        except MissingFileError:
            return "it is not published any more"
        except MissingChecksumError:
            return "its CHECKSUM is not published any more"
        if published == origin.sha256:
            return ""
        return f"SHA-256 {published} is published now, the rows are from a file with {origin.sha256}"


def _nor(symbol: str, looked: Sequence[str]) -> str:
    if not looked:
        return f"no bulk file of {symbol} is published for them"
    named = looked[0] if len(looked) == 1 else f"{looked[0]} to {looked[-1]}"
    return f"{named} does not have them" if len(looked) == 1 else f"the files {named} do not have them"
