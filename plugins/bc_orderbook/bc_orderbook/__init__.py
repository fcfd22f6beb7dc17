"""bc_orderbook: order book snapshots for bcore.

`ORDERBOOK` is the dataset, `Book` and `Snapshot` make its rows from what an exchange shows. Importing this package
imports neither numpy nor pyarrow.
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
    from bc_orderbook.snapshot import Snapshot as Snapshot

_HOMES = {
    "ORDERBOOK": "datasets",
    "Book": "book",
    "MalformedBookError": "book",
    "OrderBookCollector": "collector",
    "Snapshot": "snapshot",
    "orderbook_dataset": "datasets",
}
__all__ = [
    "ORDERBOOK",
    "Book",
    "MalformedBookError",
    "OrderBookCollector",
    "Snapshot",
    "__version__",
    "orderbook_dataset",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'bc_orderbook' has no attribute {name!r}")
    return getattr(import_module(f"bc_orderbook.{_HOMES[name]}"), name)
