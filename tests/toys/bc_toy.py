"""A complete toy plugin: an exchange, a source, a store that keeps a folder, a derivation and a command.

The tests of the core register it in-process, and find it as an installed plugin in subprocesses (tests/toysite holds
its dist-info). Heavy imports stand inside functions, as in every plugin.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import click
from attrs import define, evolve, field, frozen
from attrs import validators as check

from bcore.errors import UnreachableError
from bcore.hookspecs import hookimpl
from bcore.instants import SECOND
from bcore.memory import MemoryStore
from bcore.protocols import Key
from bcore.query import Query
from bcore.records import Appended, Batch, Context, Dataset, Derivation, Factory, Rejected, Transport
from bcore.secrets import Secret

T0 = 1_600_000_000_000_000
PAGE = 10


@cache
def ticks() -> Dataset:
    """Rows with a contiguous id, and a facet `lot`."""
    import pyarrow as pa

    return Dataset(
        "ticks",
        pa.schema(
            [
                pa.field("id", pa.int64(), nullable=False),
                pa.field("timestamp", pa.timestamp("us", tz="UTC"), nullable=False),
                ("symbol", pa.string()),
                ("price", pa.float64()),
                ("lot", pa.float64()),
            ]
        ),
        key=("id",),
        sequence="id",
        facets=("lot",),
        highlight="price",
        summary="Toy ticks",
    )


@cache
def quotes() -> Dataset:
    """Rows without a sequence, under a key of two columns."""
    import pyarrow as pa

    schema = pa.schema({"timestamp": pa.timestamp("us", tz="UTC"), "level": pa.int32(), "symbol": pa.string()})
    return Dataset("quotes", schema, key=("timestamp", "level"), facets=("level",), summary="Toy quotes")


def tick_table(ids: list[int], times: list[int] | None = None, symbol: str = "AAA") -> Any:
    """Rows with these ids; one a second from T0 on unless `times` (int us UTC) says otherwise."""
    import pyarrow as pa

    times = [T0 + number * SECOND for number in ids] if times is None else times
    columns = {
        "id": ids,
        "timestamp": times,
        "symbol": [symbol] * len(ids),
        "price": [float(100 + number) for number in ids],
        "lot": [float(number % 3) for number in ids],
    }
    return pa.table(columns, schema=ticks().schema)


def tick_batch(ids: list[int], times: list[int] | None = None, symbol: str = "AAA", **more: Any) -> Batch:
    return Batch(ticks(), symbol, tick_table(ids, times, symbol), **more)


@frozen
class ExchangeConfig:
    url: str = field(default="toy://", metadata={"help": "where it is"})


@define
class ToyExchange:
    """Remembers that it was closed."""

    url: str
    name: str = "toy"
    closed: bool = False

    @classmethod
    def build(cls, config: ExchangeConfig, context: Context) -> ToyExchange:
        return cls(config.url)

    def now(self) -> int:
        return T0

    def close(self) -> None:
        self.closed = True


@frozen
class SourceConfig:
    """`newest` is the highest id there is; `broken` makes each pass fail."""

    interval: float = field(default=5.0, validator=check.ge(0), metadata={"help": "pause between passes, seconds"})
    newest: int = field(default=25, validator=check.ge(0), metadata={"help": "the highest id"})
    mode: str = field(default="poll", validator=check.in_(("poll", "stream")))
    weights: Mapping[str, tuple[float, ...]] = field(factory=dict)
    key: Secret | None = None
    broken: bool = False


@define
class ToySource:
    """Pages of ids 0..newest for every symbol. `log` tells in which order things happened."""

    symbols: tuple[str, ...] = ("AAA",)
    interval: float = 0.0
    newest: int = 25
    error: Exception | None = None
    rejects: tuple[Rejected, ...] = ()
    exchange: Any = None
    before_page: Callable[[], object] = field(default=lambda: None)
    log: list[tuple[str, int]] = field(factory=list)

    @property
    def datasets(self) -> tuple[Dataset, ...]:
        return (ticks(),)

    @classmethod
    def build(cls, config: SourceConfig, context: Context) -> ToySource:
        error = UnreachableError("toy: no connection") if config.broken else None
        return cls(context.symbols, config.interval, config.newest, error, exchange=context.exchange())

    def catch_up(self, after: Mapping[str, Key]) -> Iterator[Batch]:
        for symbol in self.symbols:
            first = after[symbol][0] + 1 if symbol in after else 0
            for start in range(first, self.newest + 1, PAGE):
                self.before_page()
                if self.error:
                    raise self.error
                self.log.append(("fetched", start))
                ids = list(range(start, min(start + PAGE, self.newest + 1)))
                yield tick_batch(ids, symbol=symbol, observed=T0 + 60 * SECOND, rejected=self.rejects)
        if self.error:
            raise self.error


@frozen
class ShelfConfig:
    path: str = field(default="data", metadata={"help": "the archive's folder"})


@define
class ShelfStore(MemoryStore):
    """Keeps each series as one Arrow file in a folder: enough of a disk for the tests of the command line."""

    folder: Path = field(factory=Path)

    @classmethod
    def build(cls, config: Any, context: Context) -> ShelfStore:
        import pyarrow as pa

        store = cls(folder=Path(config.path))
        for file in sorted(store.folder.glob("*/*.arrow")):
            table = pa.ipc.open_file(file.read_bytes()).read_all()
            dataset = {"ticks": ticks(), "quotes": quotes()}.get(file.parent.name, ticks())
            MemoryStore.append(store, Batch(evolve(dataset, name=file.parent.name), file.stem, table))
        return store

    def append(self, batch: Batch) -> Appended:
        import pyarrow as pa

        done = MemoryStore.append(self, batch)
        file = self.folder / batch.dataset.name / f"{batch.symbol}.arrow"
        file.parent.mkdir(parents=True, exist_ok=True)
        table = self.read(Query(batch.dataset, batch.symbol))
        fresh = file.with_suffix(".new")
        with pa.ipc.new_file(str(fresh), table.schema) as writer:
            writer.write_table(table)
        fresh.replace(file)  # whoever is killed here leaves the old one
        return done


@frozen
class BarParams:
    seconds: int = field(default=60, validator=check.ge(1), metadata={"help": "length of a bar"})


def _needs(query: Query, params: BarParams) -> Query:
    bar = params.seconds * SECOND
    start = None if query.start is None else query.start // bar * bar
    end = None if query.end is None else -(-query.end // bar) * bar
    if query.tail is not None and end is not None:
        start = max(end - query.tail * bar, start if start is not None else end - query.tail * bar)
    if query.limit is not None and start is not None:
        end = min(start + query.limit * bar, end if end is not None else start + query.limit * bar)
    return evolve(query, start=start, end=end, limit=None, tail=None, offset=0)


def _apply(table: Any, params: BarParams) -> Any:
    """Bars by plain Python: slow, and easy to see through."""
    import pyarrow as pa

    bar, held = params.seconds * SECOND, set(table.column("id").to_pylist())
    groups: dict[int, list[tuple[int, float]]] = {}
    times = table.column("timestamp").cast("int64").to_pylist()
    ids, prices = table.column("id").to_pylist(), table.column("price").to_pylist()
    for number, time, price in zip(ids, times, prices, strict=True):
        groups.setdefault(time // bar * bar, []).append((number, price))
    rows = []
    for time, group in sorted(groups.items()):
        group.sort()
        low, high = group[0][0], group[-1][0]
        whole = all(number in held for number in range(low - 1, high + 2))
        rows.append(
            {"timestamp": time, "open": group[0][1], "close": group[-1][1], "count": len(group), "whole": whole}
        )
    return pa.Table.from_pylist(rows, schema=bar_schema())


@cache
def bar_schema() -> Any:
    import pyarrow as pa

    prices = {"open": pa.float64(), "close": pa.float64()}
    return pa.schema({"timestamp": pa.timestamp("us", tz="UTC"), **prices, "count": pa.int64(), "whole": pa.bool_()})


@cache
def bars() -> Derivation:
    """Bars that say whether their neighbours by id are there: an id is missing nowhere in and next to a whole one."""
    return Derivation("bars", "ticks", bar_schema(), BarParams, _needs, _apply, context=1, summary="Toy bars")


@click.command()
def hello() -> None:
    """Says hello."""
    click.echo("hello from toy")


@hookimpl
def bcore_exchanges() -> Iterator[Factory[Any]]:
    yield Factory("toyex", ExchangeConfig, ToyExchange.build, summary="The toy exchange")


@hookimpl
def bcore_sources() -> Iterator[Factory[Any]]:
    yield Factory("ticks", SourceConfig, ToySource.build, summary="Toy ticks", datasets=(ticks(),))


@hookimpl
def bcore_stores() -> Iterator[Factory[Any]]:
    yield Factory("shelf", ShelfConfig, ShelfStore.build, summary="One file per series")


@hookimpl
def bcore_derivations() -> Iterator[Derivation]:
    yield bars()


@hookimpl
def bcore_commands() -> Iterator[click.Command]:
    yield hello


@frozen
class RemoteConfig:
    url: str
    api_key: Secret | None = None


@hookimpl
def bcore_transports() -> Iterator[Transport]:
    from bcore.local import StoreReader

    def remote(config: RemoteConfig, context: Context) -> StoreReader:
        store = MemoryStore()
        store.append(tick_batch([1, 2, 3], symbol=config.url.removeprefix("toy://")))
        return StoreReader((store,), (ticks(),), (bars(),))

    yield Transport("toy", remote=Factory("toy", RemoteConfig, remote), schemes=("toy",))
