"""What bc_orderbook offers to bcore: the source kinds `orderbook` and `depth`, and views of order books."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bcore.hookspecs import hookimpl

if TYPE_CHECKING:
    from bcore.protocols import Source
    from bcore.records import Deferred, Factory


@hookimpl
def bcore_sources() -> Iterator[Factory[Source]]:
    from bc_orderbook import building
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
        examine=building.examine,
    )


@hookimpl
def bcore_derivations() -> Iterator[Deferred]:
    from bcore.records import Deferred

    rebuilt, shown = ("depth_snapshots", "depth", "depth_states"), ("orderbook",)
    for name in ("book", "book_states", "orderbook_rebuilt"):
        yield Deferred(name, rebuilt, f"bc_orderbook.bookviews:{name.upper()}")
    yield Deferred("book_quotes", rebuilt, "bc_orderbook.quotes:BOOK_QUOTES")
    yield Deferred("book_measures", rebuilt, "bc_orderbook.bookmeasures:BOOK_MEASURES")
    yield Deferred("book_proofs", rebuilt, "bc_orderbook.bookproofs:BOOK_PROOFS")
    yield Deferred("book_intervals", rebuilt[2:] + rebuilt[:2], "bc_orderbook.bookproofs:BOOK_INTERVALS")
    yield Deferred("depth_breaks", ("depth",), "bc_orderbook.bookproofs:DEPTH_BREAKS")
    for name in ("spread", "microprice", "imbalance", "depth_within", "book_pressure"):
        yield Deferred(name, shown, f"bc_orderbook.measures:{name.upper()}")
