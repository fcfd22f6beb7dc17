"""bc_orderbook: order books for bcore.

`ORDERBOOK` is the dataset of snapshots, `Book` and `Snapshot` make its rows from what an exchange shows. `DEPTH`,
`DEPTH_SNAPSHOTS` and `DEPTH_STATES` hold every change; `LocalBook` is the book that is kept from them. Importing this
package imports neither numpy nor pyarrow.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from bc_orderbook.book import Book as Book
    from bc_orderbook.book import MalformedBookError as MalformedBookError
    from bc_orderbook.collector import OrderBookCollector as OrderBookCollector
    from bc_orderbook.datasets import ORDERBOOK as ORDERBOOK
    from bc_orderbook.datasets import orderbook_dataset as orderbook_dataset
    from bc_orderbook.diffs import DEPTH as DEPTH
    from bc_orderbook.diffs import DEPTH_SNAPSHOTS as DEPTH_SNAPSHOTS
    from bc_orderbook.diffs import DEPTH_STATES as DEPTH_STATES
    from bc_orderbook.localbook import GapError as GapError
    from bc_orderbook.localbook import LocalBook as LocalBook
    from bc_orderbook.localbook import Seed as Seed
    from bc_orderbook.snapshot import Snapshot as Snapshot

_HOMES = {
    "DEPTH": "diffs",
    "DEPTH_SNAPSHOTS": "diffs",
    "DEPTH_STATES": "diffs",
    "ORDERBOOK": "datasets",
    "Book": "book",
    "GapError": "localbook",
    "LocalBook": "localbook",
    "MalformedBookError": "book",
    "OrderBookCollector": "collector",
    "Seed": "localbook",
    "Snapshot": "snapshot",
    "orderbook_dataset": "datasets",
}
__all__ = [
    "DEPTH",
    "DEPTH_SNAPSHOTS",
    "DEPTH_STATES",
    "ORDERBOOK",
    "Book",
    "GapError",
    "LocalBook",
    "MalformedBookError",
    "OrderBookCollector",
    "Seed",
    "Snapshot",
    "__version__",
    "orderbook_dataset",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'bc_orderbook' has no attribute {name!r}")
    return getattr(import_module(f"bc_orderbook.{_HOMES[name]}"), name)
