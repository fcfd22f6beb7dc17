"""What stands in a book, as two arrays: changed by many rows at once, without a loop over them."""

from __future__ import annotations

from math import isnan
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Levels = tuple[Floats, Floats]  # prices and quantities, best first


def keys_of(sides: NDArray[Any], prices: Floats) -> Floats:
    """A number for each level that rises from the best bid to the worst, then from the best ask to the worst.

    `sides` are 1 for bids, -1 for asks; of 0, which no level has, comes 0.
    """
    keys: Floats = np.negative(sides * prices)
    return keys


@frozen(eq=False)
class PriceLevels:
    """Both sides: `keys` (ascending) are minus the price of a bid and the price of an ask; `quantities` beside them."""

    keys: Floats
    quantities: Floats

    @classmethod
    def of(cls, keys: Floats, quantities: Floats) -> PriceLevels:
        """From rows in any order; of several for one level the last counts, and one of quantity 0 is none."""
        order = np.argsort(keys, kind="stable")
        keys, quantities = keys[order], quantities[order]
        stand = np.append(keys[1:] != keys[:-1], True)[: len(keys)] & (quantities > 0) & (keys != 0)
        return cls(keys[stand], quantities[stand])

    def after(self, keys: Floats, quantities: Floats) -> PriceLevels:
        """With these changes, in their order: each names the quantity that the level has from then on."""
        if not len(keys):
            return self
        return PriceLevels.of(np.concatenate((self.keys, keys)), np.concatenate((self.quantities, quantities)))

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def border(self) -> int:
        """How many bids there are, which come before the asks."""
        return int(np.searchsorted(self.keys, 0.0))

    @property
    def bids(self) -> Levels:
        """Prices and quantities, best first."""
        return np.negative(self.keys[: self.border]), self.quantities[: self.border]

    @property
    def asks(self) -> Levels:
        """Prices and quantities, best first."""
        return self.keys[self.border :], self.quantities[self.border :]

    def at(self, keys: Floats) -> Floats:
        """What stands there, 0 where nothing does."""
        padded = np.append(self.keys, np.nan)
        places = np.searchsorted(self.keys, keys)
        return np.where(padded[places] == keys, np.append(self.quantities, 0.0)[places], 0.0)

    def known(self, horizon: tuple[float, float]) -> PriceLevels:
        """Those up to the horizon: the lowest bid and the highest ask, NaN where a side has none."""
        bid, ask = horizon
        bids = self.border if isnan(bid) else int(np.searchsorted(self.keys, -bid, side="right"))
        end = len(self) if isnan(ask) else int(np.searchsorted(self.keys, ask, side="right"))
        return self._cut(bids, end)

    def first(self, count: int | None) -> PriceLevels:
        """The best so many of each side; all if None."""
        return self if count is None else self._cut(min(count, self.border), self.border + count)

    def _cut(self, bids: int, end: int) -> PriceLevels:
        """The first so many, and the asks up to there."""
        border = self.border
        if bids >= border and end >= len(self):
            return self
        keep = np.r_[0 : min(bids, border), border : max(end, border)]
        keep = keep[keep < len(self)]
        return PriceLevels(self.keys[keep], self.quantities[keep])

    @property
    def best(self) -> tuple[float, float]:
        """The best bid and the best ask, NaN for a side without any level."""
        keys, border = self.keys, self.border
        return (-float(keys[0]) if border else np.nan, float(keys[border]) if border < len(keys) else np.nan)

    @property
    def crossed(self) -> bool:
        """Whether the best bid is not below the best ask, which no book of an exchange is."""
        bid, ask = self.best
        return bid >= ask
