"""Which id a time is at: asked over REST by time, once for each time (protocol section 4.6)."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from attrs import define, field, frozen

from bc_binance.messages import micros
from bc_trades.parsing import read_records
from bc_trades.trade import Trade
from bc_trades.venue import Venue, rules_of
from bcore.errors import FaultyReplyError, RefusedError

log = logging.getLogger(__name__)


@frozen
class Landmark:
    """An aggregate's id and time (int us UTC)."""

    id: int
    time: int


@define
class Landmarks:
    """Of one symbol. Raises `ExchangeError`; a symbol that REST refuses is none to ask about, unless it is `needed`."""

    venue: Venue
    symbol: str
    needed: bool = True
    _known: dict[int, int | None] = field(factory=dict, init=False)
    _oldest: Landmark | None = field(default=None, init=False)

    @property
    def weight(self) -> int:
        """What a page of trades costs."""
        return rules_of(self.venue).trades_weight

    def first_from(self, time: int) -> int | None:
        """The id of the first aggregate at `time` or after it; where there is none, the id that comes next.

        None where REST does not go back so far, and cannot tell.
        """
        if time not in self._known:
            try:
                self._known[time] = self._asked(time)
            except RefusedError as error:
                if self.needed:
                    raise
                log.warning("%s: %s; going by files alone", self.symbol, error)
                self._known[time] = None
        return self._known[time]

    def oldest(self) -> Landmark | None:
        """The oldest aggregate that REST still has; None if the symbol has none at all."""
        if self._oldest is None:
            self._oldest = self._one(self.venue.agg_trades(self.symbol, from_id=0, limit=1, background=True))
        return self._oldest

    def _asked(self, time: int) -> int | None:
        found = self._one(self.venue.agg_trades(self.symbol, start=time, limit=1, background=True))
        if found is None:
            newest = self._one(self.venue.agg_trades(self.symbol, limit=1, background=True))
            return 0 if newest is None else newest.id + 1
        oldest = self.oldest()
        hidden = oldest is not None and oldest.id == found.id > 0 and time < found.time
        return None if hidden else found.id

    def _one(self, rows: list[bytes]) -> Landmark | None:
        if not rows:
            return None
        trades: Sequence[Trade] = read_records(rows[-1:]).trades
        if not trades:
            raise FaultyReplyError(f"{self.symbol}: an aggregate trade from which nothing can be told: {rows[-1]!r}")
        return Landmark(trades[0].a, micros(trades[0].T))
