"""The sources, imported when they are built: whoever only reads does not wait for what they import."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bc_orderbook.config import OrderBookConfig
    from bc_orderbook.depth_config import DepthConfig
    from bc_orderbook.depth_source import DepthSource
    from bc_orderbook.source import OrderBookSource
    from bcore.records import Context


def orderbook(config: OrderBookConfig, context: Context) -> OrderBookSource:
    from bc_orderbook.source import OrderBookSource

    return OrderBookSource.build(config, context)


def depth(config: DepthConfig, context: Context) -> DepthSource:
    from bc_orderbook.depth_source import DepthSource

    return DepthSource.build(config, context)
