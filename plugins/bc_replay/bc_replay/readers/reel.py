"""What a reader hands on: the records of one symbol from one file, as read, and those of a whole file by symbol."""

from __future__ import annotations

from attrs import define, field

from bc_replay.columns import Columns
from bc_replay.records import DepthUpdate, Snapshot, Ticker

UNTIMED = -1  # `at` of a snapshot whose file does not say when it was taken


@define(eq=False)
class Reel:
    agg_trades: Columns = field(factory=Columns)
    trades: Columns = field(factory=Columns)
    updates: list[DepthUpdate] = field(factory=list)
    snapshots: list[Snapshot] = field(factory=list)
    tickers: list[Ticker] = field(factory=list)

    def extend(self, other: Reel) -> None:
        self.agg_trades.extend(other.agg_trades)
        self.trades.extend(other.trades)
        self.updates += other.updates
        self.snapshots += other.snapshots
        self.tickers += other.tickers

    def __bool__(self) -> bool:
        return any((self.agg_trades, self.trades, self.updates, self.snapshots, self.tickers))


@define(eq=False)
class Footage:
    """`orphans` are snapshots that do not say whose they are; `ignored` counts what is no part of a tape, by kind.

    `markets` are those whose own way of writing was met: "spot", "um"; what both write alike tells nothing.
    """

    reels: dict[str, Reel] = field(factory=dict)
    orphans: list[Snapshot] = field(factory=list)
    ignored: dict[str, int] = field(factory=dict)
    markets: set[str] = field(factory=set)

    def reel(self, symbol: str) -> Reel:
        return self.reels.setdefault(symbol, Reel())

    def ignore(self, kind: str) -> None:
        self.ignored[kind] = self.ignored.get(kind, 0) + 1
