"""The sources and their witness, imported when they are wanted: whoever reads does not wait for what they import."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bc_orderbook.config import OrderBookConfig
    from bc_orderbook.depth_config import DepthConfig
    from bc_orderbook.depth_source import DepthSource
    from bc_orderbook.source import OrderBookSource
    from bcore.examining import Interval
    from bcore.protocols import Reader
    from bcore.records import Compared, Context


def orderbook(config: OrderBookConfig, context: Context) -> OrderBookSource:
    from bc_orderbook.source import OrderBookSource

    return OrderBookSource.build(config, context)


def depth(config: DepthConfig, context: Context) -> DepthSource:
    from bc_orderbook.depth_source import DepthSource

    return DepthSource.build(config, context)


def examine(symbol: str, reader: Reader, start: int, end: int, deep: bool) -> Iterator[Interval | Compared]:
    from bc_orderbook.bookchecks import examine

    return examine(symbol, reader, start, end, deep)
