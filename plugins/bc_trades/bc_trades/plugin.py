"""What bc_trades offers to bcore: the source `trades`, and views of trades: candles, averages, taker flow, bars."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bcore.hookspecs import hookimpl

if TYPE_CHECKING:
    from bcore.protocols import Source
    from bcore.records import Deferred, Factory


@hookimpl
def bcore_sources() -> Iterator[Factory[Source]]:
    from bc_trades import building
    from bc_trades.config import TradesConfig
    from bc_trades.datasets import TRADES
    from bcore.records import Factory

    summary = "Aggregate trades by id, live or over REST, without a hole"
    yield Factory("trades", TradesConfig, building.trades, datasets=(TRADES,), summary=summary)


@hookimpl
def bcore_derivations() -> Iterator[Deferred]:
    from bcore.records import Deferred

    trades = ("trades",)
    yield Deferred("ohlcv", trades, "bc_trades.ohlcv:OHLCV")
    yield Deferred("vwap", trades, "bc_trades.vwap:VWAP")
    yield Deferred("taker_flow", trades, "bc_trades.taker_flow:TAKER_FLOW")
    for name in ("tick_bars", "volume_bars", "dollar_bars", "imbalance_bars"):
        yield Deferred(name, trades, f"bc_trades.bar_views:{name.upper()}")
