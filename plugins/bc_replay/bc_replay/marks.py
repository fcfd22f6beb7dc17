"""Mark prices, which no recording has: worked out from what was recorded, by a rule of our own.

The mark price is the middle of the best bid and ask (without a book the last price), the index and the estimated
settlement price are the volume-weighted price of the last five minutes' trades, the funding rate is 0.01 % and the
premium of the one over the other, at most 0.05 %. Funding is due at 00:00, 08:00 and 16:00 UTC.
"""

from __future__ import annotations

from bc_replay.candles import HOUR
from bc_replay.decimals import SCALE, scaled, text
from bc_replay.records import Mark
from bc_replay.tape import Seen

INTEREST, MOST_PREMIUM = SCALE // 10_000, SCALE // 2_000
FUNDING = 8 * HOUR


def mark_of(seen: Seen) -> Mark | None:
    """As of the instant that is seen; None before anything has a price."""
    average, ticker = seen.average_price(), seen.ticker()
    if average is None:
        return None
    index = scaled(average[0])
    price = index if ticker is None else (scaled(ticker.bid) + scaled(ticker.ask)) // 2
    premium = (price - index) * SCALE // index if index else 0
    rate = INTEREST + max(-MOST_PREMIUM, min(premium, MOST_PREMIUM))
    return Mark(text(price), text(index), text(index), text(rate), (seen.now // FUNDING + 1) * FUNDING)
