"""What plugins hand to the core: frozen records, checked when made, so that a mistake shows where it was made."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from attrs import Attribute, field, frozen
from attrs.validators import in_, matches_re

from bcore.errors import PluginError

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

    from bcore.computing import Access
    from bcore.events import Event
    from bcore.examining import Examine
    from bcore.protocols import Clock, Exchange, Reader, Server
    from bcore.query import Query
    from bcore.spans import Spans

T = TypeVar("T")
CHAIN = b"bcore.chain"  # in the metadata of a table that a derivation is given: its dataset's chain, as `first,last`
NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
SCHEME = re.compile(r"[a-z][a-z0-9+.-]*")


def _a_name(record: object, attribute: Attribute[str], value: str) -> None:
    if not isinstance(value, str) or not NAME.fullmatch(value):
        what = f"{type(record).__name__}.{attribute.name}"
        raise ValueError(f"{what} must be lower-case letters, digits and _ (at most 63), not {value!r}")


def _schemes(record: object, attribute: Attribute[tuple[str, ...]], value: tuple[str, ...]) -> None:
    for scheme in value:
        if not isinstance(scheme, str) or not SCHEME.fullmatch(scheme):
            raise ValueError(f"Transport.schemes: {scheme!r} is no scheme of an address: a-z, 0-9, + . and - only")


# Converters with concrete types: mypy cannot infer the item type of a bare `tuple`, and plugins would pay for it.
def _texts(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(values)


def _datasets(values: Iterable[Dataset]) -> tuple[Dataset, ...]:
    return tuple(values)


@frozen
class Dataset:
    """A kind of rows that a store keeps, one series per symbol.

    - `schema`: every column with its Arrow type; `symbol` (string) is one of them.
    - `key`: the columns whose values name a row, in sort order; a store holds each key once.
    - `time`: the column, `timestamp[us, tz=UTC]`, that time ranges speak of.
    - `sequence`: an int64 key column whose values are contiguous at the source, if there is one: a missing value
      is then a lost row.
    - `chain`: two int64 columns, the first and the last of a range of finer ids that a row sums up, where the ranges
      of consecutive rows tile: `first` is the `last` before it plus 1. Beside a sequence it is a second proof that no
      row is missing, without one the only one: rows that share a range are then one event's, and ranges may overlap.
      A row whose `first` is negative has none.
    - `facets`: columns of few values that requests may filter by (`tick_size`).
    - `highlight`: the column that a progress line shows of the newest row (`price`).
    """

    name: str = field(validator=_a_name)
    schema: pa.Schema = field(hash=False)
    key: tuple[str, ...] = field(converter=_texts)
    time: str = "timestamp"
    sequence: str | None = None
    chain: tuple[str, ...] = field(default=(), converter=_texts)
    facets: tuple[str, ...] = field(default=(), converter=_texts)
    highlight: str | None = None
    summary: str = field(default="", eq=False)

    def __attrs_post_init__(self) -> None:
        named = {*self.key, self.time, "symbol", *self.facets, *self.chain}
        named |= {name for name in (self.sequence, self.highlight) if name}
        missing = sorted(named - set(self.schema.names))
        if missing:
            raise ValueError(f"dataset {self.name}: the schema has no column {', '.join(missing)}")
        if not self.key:
            raise ValueError(f"dataset {self.name}: a key of at least one column is needed")
        if self.chain and len(self.chain) != 2:
            raise ValueError(f"dataset {self.name}: a chain is two columns, first and last")
        if self.sequence and self.sequence not in self.key:
            raise ValueError(f"dataset {self.name}: the sequence column {self.sequence} must be in the key")
        if str(self.schema.field(self.time).type) != "timestamp[us, tz=UTC]":
            raise ValueError(f"dataset {self.name}: {self.time} must be timestamp[us, tz=UTC]")

    @property
    def numbered(self) -> bool:
        """Whether ids tell that a row is missing: those of the sequence or, without one, of the chain."""
        return bool(self.sequence or self.chain)


@frozen
class Series:
    """One dataset of one symbol."""

    dataset: Dataset
    symbol: str

    def __str__(self) -> str:
        return f"{self.dataset.name}/{self.symbol}"


@frozen
class Rejected:
    """Rows that came from the exchange and do not fit the dataset: kept aside as text, counted, reported."""

    reason: str
    rows: tuple[str, ...] = field(converter=_texts)


FINDINGS = ("open", "filled", "unfillable", "broken")


@frozen
class Finding:
    """What a source found out about ids `first`..`last` (both inclusive) of a series' sequence; goes to the ledger.

    - `open`: they are missing, and will be asked for;
    - `filled`: they were missing, and have come;
    - `unfillable`: nobody whom the source can ask has them: `reason` is the evidence;
    - `broken`: the rows are there, but their chain does not tile (`Dataset.chain`).
    """

    first: int
    last: int
    state: str = field(validator=in_(FINDINGS))
    reason: str


@frozen
class Origin:
    """Where rows came from, kept with them: `kind` is "stream", "rest", "bulk" or "archive".

    `name` and `sha256` name a file that was taken whole, and `rows` says how many it holds: all of them are stored
    when as many rows of that origin are.
    """

    kind: str = field(validator=_a_name)
    name: str = ""
    sha256: str = ""
    rows: int | None = None


@frozen
class Batch:
    """Rows of one series on their way from a source to a store.

    `observed` is the exchange's clock when the rows were fetched (int us UTC), for measuring lag; `table` may be in
    any row order and is brought into the dataset's schema by `bcore.schema.conform`. `findings` are written to the
    ledger when the rows are stored; a batch may consist of findings only.
    """

    dataset: Dataset
    symbol: str
    table: pa.Table
    observed: int | None = None
    rejected: tuple[Rejected, ...] = ()
    findings: tuple[Finding, ...] = ()
    origin: Origin | None = None

    @property
    def series(self) -> Series:
        return Series(self.dataset, self.symbol)


@frozen
class Appended:
    """What a store did with a batch: `rows` were new and are durable now, `known` were held already."""

    rows: int
    known: int = 0


@frozen
class SeriesStats:
    """Cheap facts about a series, from metadata only. Times in int us UTC, None for an empty series.

    `gaps` counts the holes in the sequence; None for a dataset without one.
    """

    series: Series
    rows: int
    bytes: int
    first_time: int | None
    last_time: int | None
    first_key: tuple[Any, ...] | None = None
    last_key: tuple[Any, ...] | None = None
    files: int = 0
    gaps: int | None = None


@frozen
class DayProof:
    """What is provably held of one day (UTC) of a series.

    - `day`: midnight, int us UTC; `rows`: how many.
    - `spans`: the ids of the sequence; as many as rows where nothing is doubled. Of a dataset that has a chain and no
      sequence, the ids that its rows cover.
    - `chain`: the finer ids that rows of a sequence cover (`Dataset.chain`), else empty: unbroken where the rows tile.
    - `chained`: how long the rows' ranges of finer ids are in all: more than `chain` has where some overlap.
    - `fingerprint`: sum of 128-bit row hashes, modulo 2**128: the same for the same rows, in whatever files and order.
    """

    day: int
    rows: int
    spans: Spans
    chain: Spans
    fingerprint: int
    chained: int = 0


@frozen
class FileProof:
    """What a store says of one of its files: its days, the origins of its rows with how many each gave, and `problems`,
    empty where the file holds what it claims to hold."""

    name: str
    rows: int
    bytes: int
    days: tuple[DayProof, ...] = ()
    origins: tuple[tuple[Origin, int], ...] = ()
    problems: tuple[str, ...] = ()


@frozen
class Disagreement:
    """Something that two accounts of the same time say differently. `time` is in int us UTC."""

    time: int
    what: str
    ours: str
    theirs: str


@frozen
class Compared:
    """`count` things (`what`: "1h candles") of [start, end), int us UTC, were compared, with these `disagreements`.

    `skipped` more could not be compared: the rows below them are not complete, or their time is not over.
    """

    what: str
    start: int
    end: int
    count: int
    skipped: int = 0
    disagreements: tuple[Disagreement, ...] = ()


@frozen
class Context:
    """What a factory may use to build its product.

    `section` is the config path ("sources.trades"); `exchange()` gives the one exchange object that the section
    names, shared by all sources of the process; `plugins` is pluggy's manager, for plugins that own hooks.
    """

    section: str
    clock: Clock
    exchange: Callable[[], Exchange]
    emit: Callable[[Event], None]
    symbols: tuple[str, ...] = ()
    plugins: Any = None


@frozen
class Factory(Generic[T]):
    """Makes the product of one *kind* from its section of the configuration.

    `config` is an attrs class: its fields are the section's keys, their types, defaults and `metadata["help"]` feed
    parsing and documentation. `build(config, context)` makes the product. `datasets` is what a source of this kind
    writes, so that views can be listed before anything is stored. `examine` says what else there is to say for or
    against what such a source recorded, where ids do not tell everything (`bcore.examining.Examine`). `on_request`: a
    configuration that names no kind means the others, such as of two venues, or of two stores, the one that is usual.
    `recognises(path)`, of stores: whether an archive of this kind lies there; where several kinds are installed and
    none is named, `--data PATH` and `bcore.open(PATH)` then mean this one. It is cheap, and changes nothing.
    """

    name: str = field(validator=_a_name)
    config: type
    build: Callable[[Any, Context], T]
    summary: str = ""
    datasets: tuple[Dataset, ...] = field(default=(), converter=_datasets)
    examine: Examine | None = None
    on_request: bool = False
    recognises: Callable[[Path], bool] | None = None


@frozen
class Transport:
    """A way to reach a reader on another machine (`remote`), to offer ours to others (`server`), or both.

    `schemes` are the URL schemes for which `bcore.open(url)` uses the remote.
    """

    name: str = field(validator=_a_name)
    remote: Factory[Reader] | None = None
    server: Factory[Server] | None = None
    schemes: tuple[str, ...] = field(default=(), converter=_texts, validator=_schemes)
    summary: str = ""


@frozen
class Derivation:
    """A view computed from a dataset when it is read: a pure function of a table.

    - `needs(query, params)`: the rows of `dataset` from which the asked-for rows can be computed. The query that
      comes in speaks of the *view's* rows ([start, end), limit, tail; `end` is always set when `tail` is), the one
      that goes out of the dataset's, without limit or tail. A wider answer than needed is allowed; one that turns
      out to hold too few rows is asked for again with a larger `limit` or `tail`.
    - `apply(table, params)`: all rows of the view that the table yields, in time order, with exactly `schema`.
      The metadata of the table's schema names the chain of the dataset it is of, under `CHAIN`: a renamed dataset need
      not have one where `dataset` has.
    - `context`: how far on either side of the window, by the dataset's sequence, `apply` wants to see besides
      (a candle needs its neighbours to know that nothing is missing between). With `context` the table also has
      every row whose sequence lies between those of the window, whatever its time.
    - `inputs`: for each column of the view the dataset's columns it is made of, if not all should be read for a
      request that names columns. `apply` then gets a table of only these and the dataset's time, sequence and symbol,
      and leaves out the columns of `schema` that it cannot make of it. Empty: everything is read, always.
    - `part` and `merge`: for views that are to be computed in bounded memory, both or neither. `part(table, params)`
      makes of some consecutive rows (at least one) anything small; `merge(parts, params)` makes of those, in order,
      what `apply` would have made of all rows at once.

    Law: a row may not depend on where the window starts. The reader cuts what `apply` returns to the window, and
    computes a long answer window by window.
    """

    name: str = field(validator=_a_name)
    dataset: str = field(validator=_a_name)
    schema: pa.Schema
    params: type
    needs: Callable[[Query, Any], Query]
    apply: Callable[[pa.Table, Any], pa.Table]
    time: str = "timestamp"
    context: int = 0
    summary: str = ""
    inputs: Mapping[str, tuple[str, ...]] = field(factory=dict, hash=False)
    part: Callable[[pa.Table, Any], Any] | None = None
    merge: Callable[[Sequence[Any], Any], pa.Table] | None = None

    def __attrs_post_init__(self) -> None:
        if (self.part is None) != (self.merge is None):
            raise ValueError(f"derivation {self.name}: part and merge belong together, give both or neither")
        missing = sorted(set(self.schema.names) - set(self.inputs))
        if self.inputs and missing:
            raise ValueError(f"derivation {self.name}: inputs does not say what {', '.join(missing)} is made of")


@frozen
class Computation:
    """A view computed from several datasets of a symbol when it is read: a book, from snapshots and the changes since.

    - `datasets`: what it reads. A symbol that has nothing of the first has nothing of the view; of the others, what is
      not held reads as empty.
    - `answer(access, query, params)`: tables with exactly `schema`, in time order, that together hold at least the rows
      the query selects; it reads what it needs from `access`, as it goes. The query speaks of the *view's* rows (its
      dataset is the first), and the reader cuts the answer to it: bounds and counts may be used to compute no more than
      is asked for, or be ignored. An endless answer is fine where the query has a `limit`.
    - `sized_by`: for a view whose rows are one thing at one instant, as the levels of a book are: the parameter that
      says how much of it to show. Such a view has no range of time, and a `limit` counts from its first row.
    - `grows`: the newest row changes until there is a later one, as an interval that has not ended does. Others are
      final when rows of a later time are stored.

    Law: a row may not depend on where the query's window starts.
    """

    name: str = field(validator=_a_name)
    datasets: tuple[str, ...] = field(converter=_texts)
    schema: pa.Schema = field(hash=False)
    params: type
    answer: Callable[[Access, Query, Any], Iterator[pa.Table]]
    time: str = "timestamp"
    sized_by: str | None = None
    grows: bool = False
    summary: str = ""

    def __attrs_post_init__(self) -> None:
        if not self.datasets:
            raise ValueError(f"computation {self.name}: it must read at least one dataset")
        if self.time not in self.schema.names:
            raise ValueError(f"computation {self.name}: the schema has no column {self.time}")


@frozen
class Deferred:
    """A view whose `Derivation` or `Computation` is imported when it is asked for, and costs others nothing.

    - `name` and `datasets` are the record's own, and say what the view is and whether it can be had.
    - `where` is where the record is, as an entry point would say it: "bc_x.candles:CANDLES".
    """

    name: str = field(validator=_a_name)
    datasets: tuple[str, ...] = field(converter=_texts)
    where: str = field(validator=matches_re(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*"))

    @property
    def record(self) -> Derivation | Computation:
        """Raises `PluginError` where there is none, or not the one that was promised."""
        module, _, attribute = self.where.partition(":")
        try:
            found = getattr(import_module(module), attribute)
        except Exception as error:
            raise PluginError(f"{self._fault}: {type(error).__name__}: {error}") from error
        if not isinstance(found, (Derivation, Computation)):
            raise PluginError(f"{self._fault}: it is a {type(found).__name__}, and not a Derivation or a Computation")
        if (found.name, datasets_of(found)) != (self.name, self.datasets):
            told, promised = (f"{each.name!r} of {', '.join(datasets_of(each))}" for each in (found, self))
            raise PluginError(f"{self._fault}: it is {told}, and {promised} was promised")
        return found

    @property
    def _fault(self) -> str:
        return f"the view {self.name!r} cannot be had from {self.where}, which is a fault of the plugin that offers it"


def datasets_of(view: Derivation | Computation | Deferred) -> tuple[str, ...]:
    """The names of the datasets that it is made of."""
    return (view.dataset,) if isinstance(view, Derivation) else view.datasets
