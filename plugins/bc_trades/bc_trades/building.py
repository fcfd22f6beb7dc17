"""The source, imported when it is built: whoever only reads does not wait for what it imports."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bc_trades.config import TradesConfig
    from bc_trades.source import TradesSource
    from bcore.records import Context


def trades(config: TradesConfig, context: Context) -> TradesSource:
    from bc_trades.source import TradesSource

    return TradesSource.build(config, context)
