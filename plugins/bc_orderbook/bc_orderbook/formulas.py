"""What is measured of books, in numpy arrays of any one shape; NaN where there is nothing to say.

Sources are named in the README.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bc_orderbook.decimals import PLACES, to_units

Numbers = NDArray[np.float64]
BPS = 10_000.0  # basis points in the whole


def mid(bid: Numbers, ask: Numbers) -> Numbers:
    return (bid + ask) / 2


def spread(bid: Numbers, ask: Numbers) -> Numbers:
    """The ask less the bid: of the exchange's decimals, where these are such, so that it is rounded once."""
    units = to_units(np.concatenate((bid, ask)))
    if units is None:
        return ask - bid
    bids, asks = np.split(units, [len(bid)])
    between: Numbers = (asks - bids) / 10.0**PLACES
    return between


def spread_bps(bid: Numbers, ask: Numbers) -> Numbers:
    """The spread in hundredths of a percent of the mid."""
    return BPS * (ask - bid) / mid(bid, ask)


def microprice(bid: Numbers, bid_quantity: Numbers, ask: Numbers, ask_quantity: Numbers) -> Numbers:
    """Between bid and ask, the nearer to one the more stands on the other."""
    return (ask * bid_quantity + bid * ask_quantity) / (bid_quantity + ask_quantity)


def balance(bids: Numbers, asks: Numbers) -> Numbers:
    """(bids - asks) / (bids + asks): from -1, where there are only asks, to 1; NaN where there is neither."""
    total = bids + asks
    return np.divide(bids - asks, total, out=np.full_like(total, np.nan), where=total > 0)


def weighted(quantities: Numbers, decay: float) -> Numbers:
    """The sum over levels (the first axis, best first), each weighing e ** -decay times what the one before does.

    Summed up level by level: `sum` takes another order for one column than for several, and the last digit of a row
    would tell with how many others it was asked for.
    """
    if not len(quantities):
        return np.zeros(quantities.shape[1:])
    with np.errstate(over="ignore"):  # e ** -inf is the 0 that such a decay means
        weights = np.exp(-decay * np.arange(len(quantities))).reshape(-1, *[1] * (quantities.ndim - 1))
    total: Numbers = np.nancumsum(quantities * weights, axis=0)[-1]
    return total


def bounds(middle: Numbers, bps: float) -> tuple[Any, Any]:
    """The lowest bid and the highest ask that are within `bps` of the mid."""
    return middle * (1 - bps / BPS), middle * (1 + bps / BPS)
