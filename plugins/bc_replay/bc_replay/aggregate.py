"""Aggregates made from raw trades by the exchange's own rule (protocol section 4.6).

Consecutive fills with one price, one taker side and one time are one aggregate. Ids are contiguous from 1: the
exchange's own cannot be known from its trades, and small numbers do not pass for them. `at` is that of the last fill:
an aggregate exists once it is whole.
"""

from __future__ import annotations

from collections.abc import Iterator

from bc_replay.columns import BEST, MAKER, Columns

FIRST_ID = 1


def aggregated(trades: Columns) -> Columns:
    """The aggregates of settled raw trades."""
    made = Columns()
    if not trades:
        return made
    for id, (low, high) in enumerate(_fills(trades), FIRST_ID):
        flags = trades.flags[low]
        made.add_agg(
            id,
            trades.price[low],
            sum(trades.quantity[low:high]),
            trades.id[low],
            trades.id[high - 1],
            trades.time[low],
            bool(flags & MAKER),
            bool(flags & BEST),
            trades.at[high - 1],
            trades.event[high - 1],
        )
    return made


def single_fills(aggregates: Columns) -> Columns:
    """The raw trades that settled aggregates prove: those that are one fill (f == l)."""
    known = Columns()
    for row in range(len(aggregates)):
        if aggregates.first[row] == aggregates.last[row] >= 0:
            flags = aggregates.flags[row]
            known.add_trade(
                aggregates.first[row],
                aggregates.price[row],
                aggregates.quantity[row],
                aggregates.time[row],
                bool(flags & MAKER),
                bool(flags & BEST),
                aggregates.at[row],
                aggregates.event[row],
            )
    return known.settled()


def _fills(trades: Columns) -> Iterator[tuple[int, int]]:
    """Row ranges of the fills of one aggregate each."""
    low = 0
    for row in range(1, len(trades) + 1):
        if row == len(trades) or not _continues(trades, row):
            yield low, row
            low = row


def _continues(trades: Columns, row: int) -> bool:
    before = row - 1
    return (
        trades.id[row] == trades.id[before] + 1
        and trades.time[row] == trades.time[before]
        and trades.price[row] == trades.price[before]
        and (trades.flags[row] ^ trades.flags[before]) & MAKER == 0
    )
