"""Average prices: exact sums divided, and rounded once."""

from __future__ import annotations

import numpy as np

from bc_trades.exact import EXACT, Floats, Scaled


def averages(quote: Scaled, volume: Scaled) -> Floats:
    """For each pair the float nearest to quote / volume; NaN where the volume is 0. Nothing is negative.

    So an average lies within the prices that it is made of, and is the same however many decimals the numbers beside it
    have.
    """
    shift = quote.decimals - volume.decimals
    up, down = 10 ** max(-shift, 0), 10 ** max(shift, 0)
    dividend, divisor = (numbers.units.astype(np.float64) for numbers in (quote, volume))
    dividend, divisor = dividend * up, divisor * down
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Floats = dividend / divisor  # correctly rounded where both are exact, which is below 2 ** 53
    found[divisor == 0] = np.nan
    long = np.flatnonzero((divisor > 0) & ((dividend >= EXACT) | (divisor >= EXACT)))
    # Division of Python ints is correctly rounded, whatever their length.
    pairs = zip(quote.units[long].tolist(), volume.units[long].tolist(), strict=True)
    found[long] = [price * up / (amount * down) for price, amount in pairs]
    return found
