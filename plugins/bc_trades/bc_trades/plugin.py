"""What bc_trades offers to bcore: the source `trades`, and views of trades: candles, averages, taker flow, bars."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bcore.hookspecs import hookimpl

if TYPE_CHECKING:
    from bcore.protocols import Source
    from bcore.records import Derivation, Factory


@hookimpl
def bcore_sources() -> Iterator[Factory[Source]]:
    from bc_trades import building
    from bc_trades.config import TradesConfig
    from bc_trades.datasets import TRADES
    from bcore.records import Factory

    summary = "Aggregate trades by id, live or over REST, without a hole"
    yield Factory("trades", TradesConfig, building.trades, datasets=(TRADES,), summary=summary)


@hookimpl
def bcore_derivations() -> Iterator[Derivation]:
    from bc_trades.bar_views import DOLLAR_BARS, IMBALANCE_BARS, TICK_BARS, VOLUME_BARS
    from bc_trades.ohlcv import OHLCV
    from bc_trades.taker_flow import TAKER_FLOW
    from bc_trades.vwap import VWAP

    yield from (OHLCV, VWAP, TAKER_FLOW, TICK_BARS, VOLUME_BARS, DOLLAR_BARS, IMBALANCE_BARS)
