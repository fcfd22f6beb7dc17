"""A book kept up to date from a snapshot and the events after it, by protocol sections 7.1, 7.2 and 7.4.

Prices are keys as float64, which two spellings of one decimal share; quantities are absolute, so that many changes of a
level cost as much as the last one.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping
from math import isnan, nan

from attrs import define, field, frozen

from bc_orderbook.events import DepthEvent

Level = tuple[float, float]
MOST = 20_000  # levels kept on a side; what lies farther out is given up, and the horizon says so


class GapError(ValueError):
    """Updates `first`..`last` are missing before the event: the book cannot take it."""

    def __init__(self, first: int, last: int) -> None:
        super().__init__(f"gap {first}..{last}")
        self.first, self.last = first, last


@frozen(eq=False)
class Seed:
    """A whole book as the exchange showed it: price -> quantity. `received` in the exchange's int us UTC.

    `limit` is how many levels of a side were asked for: a side with fewer is wholly known.
    """

    last_update_id: int
    received: int
    bids: Mapping[float, float]
    asks: Mapping[float, float]
    limit: int

    @property
    def horizon(self) -> tuple[float, float]:
        """The lowest bid and the highest ask up to which every level is known; NaN: all are."""
        bid = min(self.bids) if len(self.bids) >= self.limit else nan
        ask = max(self.asks) if len(self.asks) >= self.limit else nan
        return bid, ask

    @property
    def crossed(self) -> bool:
        return bool(self.bids and self.asks) and max(self.bids) >= min(self.asks)


@define(eq=False)
class BookSide:
    """One side. `sign` is 1 for bids and -1 for asks: `sign * price` rises towards the best price.

    Changes are put aside and worked in when somebody looks, each level once.
    """

    sign: int
    horizon: float
    _quantities: dict[float, float]
    _order: list[float] = field(init=False)
    _changed: dict[float, float] = field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        self._order = sorted(self.sign * price for price in self._quantities)

    def __len__(self) -> int:
        self._settle()
        return len(self._order)

    def change(self, levels: Iterable[Level]) -> None:
        """Absolute quantities; 0 removes, also what is not there."""
        self._changed.update(levels)

    @property
    def best(self) -> float | None:
        self._settle()
        return self.sign * self._order[-1] if self._order else None

    @property
    def known(self) -> int:
        """How many levels lie within the horizon."""
        self._settle()
        return len(self._order) - self._beyond()

    def levels(self, count: int | None = None, *, known: bool = False) -> list[Level]:
        """The best `count` levels, best first; of those within the horizon only, if `known`."""
        self._settle()
        end = self._beyond() if known else 0
        start = end if count is None else max(len(self._order) - count, end)
        prices = [self.sign * key for key in reversed(self._order[start:])]
        return list(zip(prices, map(self._quantities.__getitem__, prices), strict=True))

    def adopt_beyond(self, other: BookSide) -> None:
        """Takes over the levels that `other` has beyond this side's horizon, and its horizon if that is farther."""
        if isnan(self.horizon):
            return
        self.change(level for level in other.levels() if self.sign * level[0] < self.sign * self.horizon)
        if isnan(other.horizon) or self.sign * other.horizon < self.sign * self.horizon:
            self.horizon = other.horizon

    def _beyond(self) -> int:
        return 0 if isnan(self.horizon) else bisect_left(self._order, self.sign * self.horizon)

    def _settle(self) -> None:
        if self._changed:
            changed, self._changed = self._changed, {}
            if len(changed) > len(self._order) // 4 + 64:
                self._rebuild(changed)
            else:
                self._work_in(changed)
            if len(self._order) > MOST:
                self._trim()

    def _work_in(self, changed: Mapping[float, float]) -> None:
        quantities, order, sign = self._quantities, self._order, self.sign
        for price, quantity in changed.items():
            if quantity:
                if price not in quantities:
                    insort(order, sign * price)
                quantities[price] = quantity
            elif quantities.pop(price, None) is not None:
                del order[bisect_left(order, sign * price)]

    def _rebuild(self, changed: Mapping[float, float]) -> None:
        """Where much has changed, sorting anew is cheaper."""
        self._quantities.update(changed)
        self._quantities = {price: quantity for price, quantity in self._quantities.items() if quantity}
        self._order = sorted(self.sign * price for price in self._quantities)

    def _trim(self) -> None:
        cut = len(self._order) - MOST + MOST // 8
        for key in self._order[:cut]:
            del self._quantities[self.sign * key]
        worst = self.sign * self._order[cut]
        if isnan(self.horizon) or self.sign * self.horizon < self.sign * worst:
            self.horizon = worst
        del self._order[:cut]


@define(eq=False)
class LocalBook:
    """Both sides as they were after update `id`; `time` is that of the snapshot or of the last event, int us UTC."""

    id: int
    time: int
    bids: BookSide
    asks: BookSide

    @classmethod
    def of(cls, seed: Seed, time: int | None = None) -> LocalBook:
        """`time` is when it stood so, where that is known better than by its receipt."""
        bid_horizon, ask_horizon = seed.horizon
        sides = BookSide(1, bid_horizon, dict(seed.bids)), BookSide(-1, ask_horizon, dict(seed.asks))
        return cls(seed.last_update_id, seed.received if time is None else time, *sides)

    def apply(self, event: DepthEvent) -> bool:
        """Whether the event had anything new: one whose u is not above the id is ignored.

        Raises `GapError`, and changes nothing, where updates before it are missing: its U is above the id + 1.
        """
        if event.last <= self.id:
            return False
        if event.first > self.id + 1:
            raise GapError(self.id + 1, event.first - 1)
        if event.bids:
            self.bids.change(event.bids)
        if event.asks:
            self.asks.change(event.asks)
        self.id, self.time = event.last, max(self.time, event.time)
        return True

    @property
    def horizon(self) -> tuple[float, float]:
        """The lowest bid and the highest ask up to which every level is known; NaN: all are."""
        return self.bids.horizon, self.asks.horizon

    @property
    def crossed(self) -> bool:
        """Whether the best bid is not below the best ask, which no book of an exchange is."""
        bid, ask = self.bids.best, self.asks.best
        return bid is not None and ask is not None and bid >= ask

    def levels(self, count: int | None = None, *, known: bool = False) -> tuple[list[Level], list[Level]]:
        """Bids and asks as (price, quantity), best first; only those within the horizon, if `known`."""
        return self.bids.levels(count, known=known), self.asks.levels(count, known=known)

    def differences(self, other: LocalBook) -> list[str]:
        """Where two books with one id say different things, within the horizons of both."""
        return [*_differing("bid", self.bids, other.bids), *_differing("ask", self.asks, other.asks)]

    def adopt_beyond(self, other: LocalBook) -> None:
        """What an older book with the same id knows beyond this one's horizon."""
        self.bids.adopt_beyond(other.bids)
        self.asks.adopt_beyond(other.asks)


def _differing(name: str, one: BookSide, other: BookSide) -> list[str]:
    ours, theirs = dict(one.levels(known=True)), dict(other.levels(known=True))
    keys = [one.sign * side.horizon for side in (one, other) if not isnan(side.horizon)]
    border = max(keys, default=float("-inf"))
    return [
        f"{name} {price}: {ours.get(price, 0.0)} and not {theirs.get(price, 0.0)}"
        for price in sorted(ours.keys() | theirs.keys())
        if one.sign * price >= border and ours.get(price) != theirs.get(price)
    ]
