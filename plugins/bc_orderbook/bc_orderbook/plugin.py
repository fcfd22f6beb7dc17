"""What bc_orderbook offers to bcore: the source kind `orderbook`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bcore.hookspecs import hookimpl

if TYPE_CHECKING:
    from bcore.protocols import Source
    from bcore.records import Factory


@hookimpl
def bcore_sources() -> Iterator[Factory[Source]]:
    from bc_orderbook.config import OrderBookConfig
    from bc_orderbook.datasets import ORDERBOOK
    from bc_orderbook.source import OrderBookSource
    from bcore.records import Factory

    yield Factory(
        "orderbook",
        OrderBookConfig,
        OrderBookSource.build,
        summary="Order book snapshots at several tick sizes, over REST at an interval",
        datasets=(ORDERBOOK,),
    )
