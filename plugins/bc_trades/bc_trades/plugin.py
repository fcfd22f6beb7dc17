"""What bc_trades offers to bcore: the source `trades` and the view `ohlcv`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bcore.hookspecs import hookimpl

if TYPE_CHECKING:
    from bcore.protocols import Source
    from bcore.records import Derivation, Factory


@hookimpl
def bcore_sources() -> Iterator[Factory[Source]]:
    from bc_trades.config import TradesConfig
    from bc_trades.datasets import TRADES
    from bc_trades.source import TradesSource
    from bcore.records import Factory

    summary = "Aggregate trades by id over REST, without a hole"
    yield Factory("trades", TradesConfig, TradesSource.build, datasets=(TRADES,), summary=summary)


@hookimpl
def bcore_derivations() -> Iterator[Derivation]:
    from bc_trades.ohlcv import OHLCV

    yield OHLCV
