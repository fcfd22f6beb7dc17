"""What bc_orderbook offers to bcore: the source kinds `orderbook` and `depth`, and views of order books."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bcore.hookspecs import hookimpl

if TYPE_CHECKING:
    from bcore.protocols import Source
    from bcore.records import Computation, Derivation, Factory


@hookimpl
def bcore_sources() -> Iterator[Factory[Source]]:
    from bc_orderbook import building
    from bc_orderbook.bookchecks import examine
    from bc_orderbook.config import OrderBookConfig
    from bc_orderbook.datasets import ORDERBOOK
    from bc_orderbook.depth_config import DepthConfig
    from bc_orderbook.diffs import DEPTH, DEPTH_SNAPSHOTS, DEPTH_STATES, DEPTH_TICKERS
    from bcore.records import Factory

    yield Factory(
        "orderbook",
        OrderBookConfig,
        building.orderbook,
        summary="Order book snapshots at several tick sizes, at an interval, from a live book or over REST",
        datasets=(ORDERBOOK,),
    )
    yield Factory(
        "depth",
        DepthConfig,
        building.depth,
        summary="Every change of the order books, with snapshots and how sure they are",
        datasets=(DEPTH, DEPTH_SNAPSHOTS, DEPTH_STATES, DEPTH_TICKERS),
        examine=examine,
    )


@hookimpl
def bcore_derivations() -> Iterator[Derivation | Computation]:
    from bc_orderbook.bookmeasures import BOOK_MEASURES
    from bc_orderbook.bookproofs import BOOK_INTERVALS, BOOK_PROOFS, DEPTH_BREAKS
    from bc_orderbook.bookviews import BOOK, BOOK_STATES, ORDERBOOK_REBUILT
    from bc_orderbook.measures import BOOK_PRESSURE, DEPTH_WITHIN, IMBALANCE, MICROPRICE, SPREAD
    from bc_orderbook.quotes import BOOK_QUOTES

    yield from (BOOK, BOOK_STATES, BOOK_QUOTES, ORDERBOOK_REBUILT, BOOK_MEASURES)
    yield from (BOOK_INTERVALS, BOOK_PROOFS, DEPTH_BREAKS)
    yield from (SPREAD, MICROPRICE, IMBALANCE, DEPTH_WITHIN, BOOK_PRESSURE)
