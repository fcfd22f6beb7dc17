"""The replayed exchange: the recording, its clock, and all that serves it, put together."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Mapping, Sequence

from attrs import define, field

from bc_replay.clock import SECOND, Clock
from bc_replay.columns import AggTrades, Trades
from bc_replay.endpoints import Endpoint, Kind
from bc_replay.faults import Faults
from bc_replay.hub import Hub
from bc_replay.limits import WeightLimiter
from bc_replay.markets import SPOT, Market
from bc_replay.mischief import Mischief
from bc_replay.moment import Moment
from bc_replay.parameters import Parameters
from bc_replay.pump import Pump
from bc_replay.rest import LARGEST_PAGE, PAGE
from bc_replay.session import Session
from bc_replay.tape import AggTrade, Tape, Trade
from bc_replay.wire import Front
from bc_replay.wording import WORDINGS

log = logging.getLogger("bc_replay")


@define(eq=False)
class Exchange:
    """Composition only: each part does its own work."""

    tapes: Mapping[str, Tape]
    clock: Clock
    faults: Faults
    limiter: WeightLimiter
    front: Front
    hub: Hub
    floor: int = 0
    market: Market = SPOT
    sessions: set[Session] = field(factory=set)
    requests: Counter[str] = field(factory=Counter)
    weights: Counter[str] = field(factory=Counter)
    pump: Pump = field(init=False)
    mischief: Mischief = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.pump = Pump(self.tapes, self.clock, self.hub, self.room, WORDINGS[self.market.name])
        self.mischief = Mischief(self.faults, self.front, self.hub, self.sessions, self.clock.now)

    def moment(self, endpoint: Endpoint, parameters: Parameters, micros: bool) -> Moment:
        """The instant as of which a request is answered, faults included."""
        behind = self.faults.behind("lag", parameters.symbol) if endpoint.database else 0
        if endpoint.name == "depth":
            behind = self.faults.behind("stale", parameters.symbol)
        market = self.clock.market() - behind
        return Moment(self.tapes, market, self.clock.now(), micros, self.floor, self.limiter.limit)

    def session(self, connection: int, *, combined: bool, micros: bool, route: str) -> Session:
        session = Session(self.hub, combined, micros, self._mute_until, route=route, connection=connection)
        self.sessions.add(session)
        return session

    def leave(self, session: Session) -> None:
        self.sessions.discard(session)
        session.close()

    async def room(self) -> None:
        """Wait for the listeners: all of them where they pace the clock, else only so long as the loop needs."""
        if self.clock.speed == 0:
            for session in tuple(self.sessions):
                await session.room()
        await asyncio.sleep(0)

    def pace(self, endpoint: Endpoint, parameters: Parameters) -> None:
        """Let a market-data request start a held clock, and move one of speed 0 that no stream paces."""
        if not endpoint.market_data:
            return
        self.clock.begin()
        if self.clock.speed == 0 and not self.hub.listened:
            self.clock.advance(next_stop(endpoint, parameters, self.tapes, self.clock.market()))

    def _mute_until(self, stream: str) -> float | None:
        seconds = self.faults.silent_for(stream)
        return None if seconds is None else time.monotonic() + seconds


def next_stop(endpoint: Endpoint, parameters: Parameters, tapes: Mapping[str, Tape], now: int) -> int:
    """How far a request moves a clock of speed 0: to a full page of records, or by one second."""
    tape = tapes.get(parameters.symbol or "")
    if endpoint.kind is not Kind.PAGE or tape is None:
        return now + SECOND
    records: AggTrades | Trades
    records = tape.agg_trades if endpoint.name == "aggTrades" else tape.trades
    limit = parameters.page(PAGE, LARGEST_PAGE)
    page: Sequence[AggTrade | Trade]
    if parameters.from_id is not None:
        page = records.from_id(parameters.from_id, limit)
    elif parameters.start is not None:
        page = records.between(parameters.start, parameters.end, limit)
    else:
        page = records.from_id(_after(records.until(now)), limit)
    return page[-1].at if len(page) == limit else tape.end


def _after(held: AggTrades | Trades) -> int:
    return held[-1].id + 1 if held else 0
