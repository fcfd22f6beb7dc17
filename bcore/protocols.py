"""What the products of factories do. A hook declares; these protocols act.

Optional powers (`Backfills`, `Streams`, `Compacts`, `Quarantines`) are protocols of their own, found by isinstance,
so that nobody has to implement a method only to refuse it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from attrs import evolve

from bcore.records import Appended, Batch, Compared, Dataset, FileProof, Origin, Rejected, Series, SeriesStats

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

    from bcore.query import Query, Request
    from bcore.spans import Spans
    from bcore.status import Status

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

    @property
    def streaming(self) -> bool:
        """Whether it is to: a source may leave the choice to its configuration."""

    def stream(self, held: Mapping[str, Spans]) -> Generator[Batch | None, None, None]:
        """Batches until the generator is closed, joined to what is held without a hole.

        `held` has the ids of `datasets[0]` by symbol; absent if none. Holes in it that can be filled are filled, after
        what is live. A batch is durable when the next one is asked for. None in place of a batch says that everything
        that the exchange has sent so far is stored, of every symbol. Raises `Stopped` when the work is to stop.
        """


@runtime_checkable
class Resumes(Protocol):
    """A source that must know how its series end before it goes on live: from there on nobody was looking."""

    def resume(self, held: Mapping[str, Sequence[SeriesStats]]) -> None:
        """Called before each `stream`: symbol -> the stats of its series, one of each of `datasets`, in their order."""


@runtime_checkable
class Backfills(Protocol):
    """A source that can bring history of any age."""

    def plan(self, symbol: str, start: int, end: int, done: Sequence[Origin], held: Spans) -> Sequence[Portion]:
        """What to fetch for [start, end), int us UTC, in portions that may be fetched side by side, oldest first.

        `done` are the origins whose rows are all stored already: portions that would bring one of them are left out.
        `held` are the ids of `datasets[0]` that are stored: what is asked for by id leaves them out. Gaps that remain
        between rows of the range are filled afterwards, by `Fills`.
        """

    def fetch(self, portion: Portion) -> Iterator[Batch]:
        """The rows of a portion. Raises `SourceError`; it may be fetched again."""


@runtime_checkable
class Paced(Protocol):
    """A source that knows what it may spend on history."""

    @property
    def weight_per_minute(self) -> int:
        """The request weight a minute that work in the background gets at most."""


class Portion(Protocol):
    """A piece of history that is fetched in one go."""

    @property
    def symbol(self) -> str: ...
    @property
    def summary(self) -> str:
        """What it is, for people: a file's name, or the days and ids of a range."""

    @property
    def bytes(self) -> int:
        """How much is transferred, 0 where unknown."""

    @property
    def rows(self) -> int:
        """About how many rows it brings, 0 where unknown."""

    @property
    def weight(self) -> int:
        """The request weight that it costs."""


@runtime_checkable
class Fills(Protocol):
    """A source that can bring given ids again."""

    def fill(self, symbol: str, first: int, last: int) -> Iterator[Batch]:
        """The rows with the ids `first`..`last` of `datasets[0]`, from wherever they can be had, oldest first.

        What nobody has is told in the batches' findings (`unfillable`, with the evidence). Raises `SourceError` where
        asking again later may help.
        """


@runtime_checkable
class Checks(Protocol):
    """A source that can compare what is held with what its exchange says of the same time."""

    def check(self, symbol: str, reader: Reader, start: int, end: int) -> Iterator[Compared]:
        """What was compared in [start, end), int us UTC, piece by piece, and what disagrees in it.

        `reader` answers for the series under the names that the source itself gives its datasets.
        """


@runtime_checkable
class Revises(Protocol):
    """A source that can find out whether a file that rows came from has been replaced since."""

    def revised(self, symbol: str, origins: Sequence[Origin]) -> Iterator[tuple[Origin, str]]:
        """The origins that are no longer what they were, each with what is different now."""


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
class KeepsFolder(Protocol):
    """A store whose files lie in one folder of this machine, where collectors leave their heartbeats too."""

    @property
    def path(self) -> Path: ...


@runtime_checkable
class Stamps(Protocol):
    """A store that can tell at next to no cost whether a series has changed, whichever process writes it."""

    def stamp(self, series: Series) -> Hashable:
        """Something that is different as soon as the series has other rows; it may differ without that."""


@runtime_checkable
class Compacts(Protocol):
    """A store that can merge its small parts."""

    def compact(self, series: Series) -> int:
        """Merges what is worth merging and returns how many files went; safe beside readers and writers."""


@runtime_checkable
class Audits(Protocol):
    """A store that can prove what it holds."""

    def audit(self, series: Series, *, deep: bool = False) -> Iterator[FileProof]:
        """Each file of the series, in order. From names and footers; with `deep`, every byte is read and compared.

        A damaged file is a `FileProof` with problems, never an error.
        """

    def origins(self, series: Series) -> Sequence[tuple[Origin, int]]:
        """Where the rows came from, with how many rows of each are stored, of all files together; cheap."""


@runtime_checkable
class Mends(Protocol):
    """A store that can take damaged files out of a series, so that their rows are missing and can be fetched again."""

    def set_aside_damaged(self, series: Series) -> Sequence[str]:
        """Reads every file and moves the damaged ones to where no reader sees them; their names.

        Raises `SeriesBusyError` while another process writes the series.
        """


@runtime_checkable
class Remembers(Protocol):
    """A store that knows what it once held."""

    def lost(self, series: Series) -> Spans:
        """The ids of files that were set aside as damaged, as far as they are known and not held again.

        They are missing also where they lie before the first id that is held, or after the last: no gap shows them.
        """


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
    @property
    def sized_by(self) -> str | None:
        """For a view of one instant the parameter that says how much of it to show; None for one with a time range."""


class Server(Protocol):
    """Offers a reader to others."""

    def serve(self, reader: Reader) -> None:
        """Serves until asked to stop."""


@runtime_checkable
class Accompanies(Protocol):
    """A server that can run beside a collector, in its process: `bcore run` starts those that are configured."""

    def start(self, reader: Reader) -> None:
        """Begins to serve, in threads of its own. Raises `ConfigError` where it cannot, as on a taken port."""

    def close(self) -> None:
        """Ends serving."""


@runtime_checkable
class Watches(Protocol):
    """What wants to know how the collector is doing, beyond what its events tell."""

    def watch(self, status: Callable[[], Status]) -> None:
        """Is given what tells the collector's status at any time, from any thread; before `start`."""
