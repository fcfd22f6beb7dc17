"""How rows follow each other: what is new since a position, and positions as text that a client may come back with."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Generic, TypeVar

import pyarrow as pa
from attrs import frozen

from bc_http.formats import joined, objects

P = TypeVar("P")
PAGE_ROWS = 2000  # of one message, and
PAGE_CELLS = 20_000
BATCH_ROWS = 2**16


@frozen
class Shape:
    """How rows are written: which columns, and times as int us or as text."""

    columns: tuple[str, ...]
    micros: bool = False

    @property
    def page(self) -> int:
        """How many rows one message has at most."""
        return max(min(PAGE_ROWS, PAGE_CELLS // len(self.columns)), 1)

    def written(self, table: pa.Table | pa.RecordBatch) -> list[str]:
        """Each row as a JSON object."""
        table = table.select(list(self.columns))
        batches = [table] if isinstance(table, pa.RecordBatch) else table.to_batches()
        return [text for batch in batches for text in objects(batch, self.micros).to_pylist()]

    def listed(self, batch: pa.RecordBatch) -> bytes:
        """The rows as a JSON array."""
        return b"[" + joined(objects(batch.select(list(self.columns)), self.micros), ",") + b"]"


@frozen
class Page(Generic[P]):
    """Rows as a JSON array, and where one is after them."""

    rows: bytes
    position: P


class Feed(ABC, Generic[P]):
    """One view of one symbol with its parameters. The methods read, and are called in threads."""

    @abstractmethod
    def present(self) -> P:
        """The position of who has seen what is held now."""

    @abstractmethod
    def newest(self, position: P) -> P:
        """Where somebody begins who comes without a cursor while the channel is at `position`."""

    @abstractmethod
    def parsed(self, cursor: str) -> P:
        """The position that a cursor names. Raises `RequestError`."""

    @abstractmethod
    def cursor(self, position: P) -> str:
        """The position as text."""

    @abstractmethod
    def look(self, position: P) -> P:
        """Where everything held now has been seen; `position` itself if there is nothing new."""

    @abstractmethod
    def pages(self, begin: P, end: P) -> Iterator[Page[P]]:
        """What one has to be told to get from `begin` to `end`."""

    @abstractmethod
    def joined(self, position: P, begin: P) -> P:
        """`position` (of a channel), changed so that it knows of what a client that comes from `begin` still lacks."""

    @abstractmethod
    def beyond(self, one: P, other: P) -> bool:
        """Whether `one` has seen what `other` has not: a client may know more than a worker that looked earlier."""
