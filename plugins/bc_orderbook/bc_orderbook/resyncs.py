"""The queue of what is asked over REST, shared by all symbols, within what the exchange allows a minute."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from math import isfinite
from queue import Empty, SimpleQueue
from threading import Thread

from attrs import define, field, frozen

from bc_orderbook.localbook import Seed
from bc_orderbook.venue import BookVenue, Rules, rules_of
from bcore.errors import ExchangeError, FaultyReplyError, Stopped

log = logging.getLogger(__name__)
WEIGHT_PER_MINUTE = 6000  # 24 snapshots of 5000 levels (protocol section 3.1); the exchange's own budget may allow less
MINUTE = 60.0
THREADS = 3


class Purpose(Enum):
    """Why the book is asked for, what is most urgent first."""

    SEED = "a book to begin with"
    LOOK = "its id only"
    RECONCILE = "a book to compare with"


@frozen
class Ask:
    symbol: str
    purpose: Purpose
    limit: int


@frozen
class Reply:
    ask: Ask
    seed: Seed | None = None
    error: Exception | None = None


def fetch(venue: BookVenue, ask: Ask) -> Seed:
    """Asks once. Raises `ExchangeError`, `Stopped`."""
    depth = venue.depth(ask.symbol, ask.limit, background=ask.purpose is Purpose.RECONCILE)
    try:
        sides = _levels(depth.bids), _levels(depth.asks)
    except ValueError as error:
        raise FaultyReplyError(f"{ask.symbol}: the exchange's book is none: {error}") from error
    seed = Seed(depth.last_update_id, depth.received, *sides, ask.limit)
    if seed.crossed:
        raise FaultyReplyError(f"{ask.symbol}: the exchange's book is crossed")
    return seed


def _levels(side: Iterable[tuple[str, str]]) -> dict[float, float]:
    levels = {float(price): float(quantity) for price, quantity in side}
    wrong = [level for level in levels.items() if not all(isfinite(each) and each > 0 for each in level)]
    if wrong:
        raise ValueError(f"it has a level {wrong[0]}")
    return levels


@define(eq=False)
class Ration:
    """Weight spent in the last minute."""

    _spent: deque[tuple[float, int]] = field(factory=deque, init=False)

    def take(self, weight: int, now: float) -> bool:
        """Whether there was room for it."""
        while self._spent and now - self._spent[0][0] >= MINUTE:
            self._spent.popleft()
        if sum(each for _, each in self._spent) + weight > WEIGHT_PER_MINUTE:
            return False
        self._spent.append((now, weight))
        return True


@define(eq=False)
class Resyncs:
    """First come, first served within a purpose. `prepare` is called with each seed in the thread that fetched it."""

    venue: BookVenue
    prepare: Callable[[str, Seed], None]
    _queues: dict[Purpose, deque[Ask]] = field(init=False)
    _rules: Rules = field(init=False)
    _ration: Ration = field(factory=Ration, init=False)
    _busy: int = field(default=0, init=False)
    _asks: SimpleQueue[Ask | None] = field(factory=SimpleQueue, init=False)
    _replies: SimpleQueue[Reply] = field(factory=SimpleQueue, init=False)
    _threads: list[Thread] = field(factory=list, init=False)

    def __attrs_post_init__(self) -> None:
        self._queues = {purpose: deque() for purpose in Purpose}
        self._rules = rules_of(self.venue)

    @property
    def busy(self) -> bool:
        """Whether anything is asked or waits to be."""
        return bool(self._busy or any(self._queues.values()))

    def put(self, ask: Ask) -> None:
        self._queues[ask.purpose].append(ask)

    def dispatch(self, now: float, wanted: Callable[[Ask], bool]) -> None:
        """Sends what may be sent; what nobody wants any more goes unasked."""
        while self._busy < THREADS and (queue := next((each for each in self._queues.values() if each), None)):
            if not wanted(queue[0]):
                queue.popleft()
            elif self._ration.take(self._rules.depth_weight(queue[0].limit), now):
                self._send(queue.popleft())
            else:
                return

    def replies(self) -> Iterator[Reply]:
        """What has come since."""
        while True:
            try:
                reply = self._replies.get_nowait()
            except Empty:
                return
            self._busy -= 1
            yield reply

    def close(self) -> None:
        """The threads end when what they are asking is answered; nobody waits for that."""
        for _ in self._threads:
            self._asks.put(None)

    def _send(self, ask: Ask) -> None:
        if len(self._threads) < THREADS:
            self._threads.append(Thread(target=self._work, name=f"depth-rest-{len(self._threads)}", daemon=True))
            self._threads[-1].start()
        self._busy += 1
        self._asks.put(ask)

    def _work(self) -> None:
        while (ask := self._asks.get()) is not None:
            self._replies.put(self._answer(ask))

    def _answer(self, ask: Ask) -> Reply:
        try:
            seed = fetch(self.venue, ask)
            if ask.purpose is Purpose.SEED:
                self.prepare(ask.symbol, seed)
        except (ExchangeError, Stopped) as error:
            return Reply(ask, error=error)
        except Exception as error:
            log.exception("asking for the book of %s failed", ask.symbol)
            return Reply(ask, error=error)
        return Reply(ask, seed)
