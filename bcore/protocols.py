"""What the products of factories do. A hook declares; these protocols act.

Optional powers (`Backfills`, `Streams`, `Compacts`, `Quarantines`) are protocols of their own, found by isinstance,
so that nobody has to implement a method only to refuse it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from attrs import evolve

from bcore.records import Appended, Batch, Dataset, Rejected, Series, SeriesStats

if TYPE_CHECKING:
    import pyarrow as pa

    from bcore.query import Query, Request
    from bcore.spans import Spans

Key = tuple[Any, ...]
HOT_ROWS = 1024


class Clock(Protocol):
    """Time as the collector sees it; tests bring their own."""

    def now(self) -> int:
        """This machine's time in int us UTC."""

    def monotonic(self) -> float:
        """Seconds that never jump."""

    def sleep(self, seconds: float) -> None:
        """Waits; raises `bcore.errors.Stopped` as soon as the work is asked to stop."""


class Exchange(Protocol):
    """A connection to a venue, one per config section and process; the rest is between it and its sources."""

    @property
    def name(self) -> str: ...

    def now(self) -> int:
        """The exchange's own clock in int us UTC, as last measured."""

    def close(self) -> None:
        """Frees connections; requests under way may fail."""


class Source(Protocol):
    """Brings batches of its datasets. `interval` is the pause between passes in seconds."""

    @property
    def datasets(self) -> tuple[Dataset, ...]: ...
    @property
    def symbols(self) -> tuple[str, ...]: ...
    @property
    def interval(self) -> float: ...

    def catch_up(self, after: Mapping[str, Key]) -> Iterator[Batch]:
        """One finite pass: everything new since `after` (symbol -> last stored key of `datasets[0]`; absent if none).

        Lazy: the next page is fetched when the consumer comes back, that is when the last one is stored. A symbol
        that fails must not keep the others from being served; raise after they were.
        """


@runtime_checkable
class Streams(Protocol):
    """A source that can also follow the exchange live."""

    def stream(self, after: Mapping[str, Key]) -> Iterator[Batch]:
        """Batches until closed, joined to `after` without a hole."""


@runtime_checkable
class Backfills(Protocol):
    """A source that can bring history of any age."""

    def backfill(self, symbol: str, start: int, end: int) -> Iterator[Batch]:
        """Everything in [start, end), int us UTC, oldest first."""


class Store(ABC):
    """Keeps series. Safe to use from several threads; one process writes a series, any number read it."""

    @abstractmethod
    def append(self, batch: Batch) -> Appended:
        """Stores the rows whose keys are not held yet; durable and visible to every reader when it returns.

        All or nothing: on an error (`StoreError`, `OSError`) no part of the batch is visible, and it may be sent again.
        """

    @abstractmethod
    def read(self, query: Query) -> pa.Table:
        """The rows that the query selects, sorted by key; an empty table with the right schema if there are none."""

    def scan(self, query: Query) -> pa.RecordBatchReader:
        """As `read`, in batches. Override it where a series can be larger than memory."""
        return self.read(query).to_reader()

    @abstractmethod
    def last(self, series: Series) -> Key | None:
        """The highest key held."""

    @abstractmethod
    def spans(self, series: Series) -> Spans:
        """The unbroken runs of the dataset's sequence column; empty for a dataset without one."""

    @abstractmethod
    def datasets(self) -> Mapping[str, Dataset]:
        """The datasets of which anything is held, by name."""

    @abstractmethod
    def series(self) -> Iterable[Series]:
        """Every series held, sorted by dataset and symbol."""

    @abstractmethod
    def stats(self, series: Series) -> SeriesStats:
        """Row count, bytes and time range, without reading the data where the store can."""

    def hot(self, query: Query) -> pa.Table:
        """The newest rows that the query selects, as cheaply as the store can.

        `query.tail` says how many; without it, as many as the store keeps hot.
        """
        uncounted = query.tail is None and query.limit is None
        return self.read(evolve(query, tail=HOT_ROWS) if uncounted else query)

    def close(self) -> None:  # noqa: B027 - a store that holds nothing open has nothing to do here
        """Frees what is held; a later append raises `StoreError`."""


@runtime_checkable
class Compacts(Protocol):
    """A store that can merge its small parts."""

    def compact(self, series: Series) -> int:
        """Merges what is worth merging and returns how many files went; safe beside readers and writers."""


@runtime_checkable
class Quarantines(Protocol):
    """A store that can keep rejected rows aside."""

    def quarantine(self, series: Series, rejected: Rejected) -> None:
        """Keeps the rows, with the reason, where no reader of the series sees them."""


class Reader(Protocol):
    """Answers requests, from a store here or from another machine."""

    def views(self) -> Mapping[str, ViewInfo]:
        """Everything readable, by name."""

    def symbols(self, view: str | None = None) -> list[str]:
        """The symbols that a view has anything of; of all views if none is named."""

    def read(self, request: Request) -> pa.Table:
        """The answer as one table. Raises `RequestError`."""

    def scan(self, request: Request) -> pa.RecordBatchReader:
        """The answer in batches, in bounded memory where the view allows it."""

    def stats(self) -> list[SeriesStats]:
        """Row counts, bytes and time ranges of every series."""

    def close(self) -> None:
        """Frees what is held."""


class ViewInfo(Protocol):
    """What a consumer may know of a view: enough to ask, to document and to draw it."""

    @property
    def name(self) -> str: ...
    @property
    def summary(self) -> str: ...
    @property
    def schema(self) -> pa.Schema: ...
    @property
    def time(self) -> str: ...
    @property
    def facets(self) -> tuple[str, ...]: ...
    @property
    def params(self) -> type | None: ...


class Server(Protocol):
    """Offers a reader to others."""

    def serve(self, reader: Reader) -> None:
        """Serves until asked to stop."""
