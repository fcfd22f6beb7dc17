"""A toy exchange with a history: deals of three days whose ids chain, given out as files, by id, and as candles.

Its plugin is an object made for each test, so that tests can look into the world behind it and spoil it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from threading import Lock
from typing import Any

from attrs import define, evolve, field, frozen

from bcore.errors import SeriesBusyError, UnreachableError
from bcore.hookspecs import hookimpl
from bcore.instants import DAY, MINUTE
from bcore.memory import MemoryStore
from bcore.proof import combined, day_proofs
from bcore.protocols import Key
from bcore.query import Query
from bcore.records import (
    Appended,
    Batch,
    Compared,
    Context,
    Dataset,
    Disagreement,
    Factory,
    FileProof,
    Finding,
    Origin,
    Series,
)
from bcore.spans import Spans

MONDAY = 1_704_067_200_000_000  # 2024-01-01
A_DAY = 100  # deals
DEALS = 3 * A_DAY
FIRST = 1000  # the id of the first deal; those before it are not of this world


@cache
def deals() -> Dataset:
    """Rows with a contiguous id, each summing up three finer ids."""
    import pyarrow as pa

    columns = {"id": pa.int64(), "timestamp": pa.timestamp("us", tz="UTC"), "symbol": pa.string()}
    columns |= {"price": pa.float64(), "first_part_id": pa.int64(), "last_part_id": pa.int64()}
    schema = pa.schema([pa.field(name, kind, nullable=False) for name, kind in columns.items()])
    chain = ("first_part_id", "last_part_id")
    return Dataset("deals", schema, key=("id",), sequence="id", chain=chain, summary="Toy deals")


def series(symbol: str = "AAA") -> Series:
    return Series(deals(), symbol)


def time_of(number: int) -> int:
    """A deal a minute, 100 a day."""
    since = number - FIRST
    return MONDAY + since // A_DAY * DAY + since % A_DAY * MINUTE


def deal(number: int, symbol: str = "AAA", **other: Any) -> dict[str, Any]:
    first = 3 * number
    told = {"id": number, "timestamp": time_of(number), "symbol": symbol, "price": float(number)}
    return {**told, "first_part_id": first, "last_part_id": first + 2, **other}


def batch(numbers: Iterable[int], symbol: str = "AAA", **more: Any) -> Batch:
    return rows_batch([deal(number, symbol) for number in numbers], symbol, **more)


def rows_batch(rows: list[dict[str, Any]], symbol: str = "AAA", **more: Any) -> Batch:
    import pyarrow as pa

    return Batch(deals(), symbol, pa.Table.from_pylist(rows, schema=deals().schema), **more)


def day(number: int) -> range:
    """The ids of the nth day."""
    return range(FIRST + number * A_DAY, FIRST + (number + 1) * A_DAY)


def everything() -> range:
    return range(FIRST, FIRST + DEALS)


@define
class Vault(MemoryStore):
    """Says of each day, as if it were a file, what it holds of it; a day can be damaged, and set aside."""

    busy: bool = False
    opened: int = 0
    spoiled: dict[Series, set[int]] = field(factory=dict)
    given: dict[Series, dict[Origin, int]] = field(factory=dict)
    _one: Any = field(factory=Lock, init=False)

    def append(self, batch: Batch) -> Appended:
        if self.busy:
            raise SeriesBusyError("the vault is locked by another process")
        with self._one:
            done = MemoryStore.append(self, batch)
            if batch.origin and done.rows:
                given = self.given.setdefault(batch.series, {})
                given[batch.origin] = given.get(batch.origin, 0) + done.rows
        return done

    def audit(self, series: Series, *, deep: bool = False) -> Iterator[FileProof]:
        origins = tuple(self.given.get(series, {}).items())
        for proof in combined(day_proofs(self.read(Query(series.dataset, series.symbol)), series.dataset)):
            damaged = proof.day in self.spoiled.get(series, ()) and deep
            told = ((), ("a byte is not what it was",)) if damaged else ((proof,), ())
            yield FileProof(f"{proof.day}.vault", proof.rows, 8 * proof.rows, told[0], origins, told[1])
            origins = ()

    def origins(self, series: Series) -> list[tuple[Origin, int]]:
        return list(self.given.get(series, {}).items())

    def set_aside_damaged(self, series: Series) -> list[str]:
        import pyarrow.compute as pc

        if self.busy:
            raise SeriesBusyError("the vault is locked by another process")
        days, table = sorted(self.spoiled.pop(series, ())), self.read(Query(series.dataset, series.symbol))
        for each in days:
            times = pc.field("timestamp").cast("int64")
            table = table.filter((times < each) | (times >= each + DAY))
        name = (series.dataset.name, series.symbol)
        self._held[name] = evolve(self._held[name], table=table)
        return [f"{each}.vault" for each in days]

    def close(self) -> None:
        """Stays open: the next command of a test finds what this one stored."""


@frozen
class VaultConfig:
    path: str = "data"


@frozen
class SourceConfig:
    """Nothing to set."""


@frozen
class Piece:
    """A portion: a file of one day, or a run of ids."""

    symbol: str
    summary: str
    ids: tuple[int, ...]
    origin: Origin
    bytes: int = 0
    rows: int = 0
    weight: int = 0


@define
class World:
    """What there is to be had, what goes wrong, and what was asked for."""

    files: int = 3  # days that are given out as files; later ones are asked for by id
    nobody: Spans = field(factory=Spans)  # ids that nobody has
    faults: dict[str, list[Exception]] = field(factory=dict)
    asked: list[str] = field(factory=list)
    differing: int = 0
    replaced: tuple[str, ...] = ()
    vaults: dict[str, Vault] = field(factory=dict)
    pace: float = 0.0
    compares: bool = True

    def vault(self, path: str) -> Vault:
        return self.vaults.setdefault(path, Vault())

    def ask(self, what: str) -> None:
        self.asked.append(what)
        if self.faults.get(what):
            raise self.faults[what].pop(0)


@define
class HistorySource:
    """Has every power that a source can have but to stream."""

    symbols: tuple[str, ...]
    world: World
    clock: Any = None
    interval: float = 0.0

    @property
    def datasets(self) -> tuple[Dataset, ...]:
        return (deals(),)

    @property
    def weight_per_minute(self) -> int:
        return 100

    def catch_up(self, after: Mapping[str, Key]) -> Iterator[Batch]:
        for symbol in self.symbols:
            start = after[symbol][0] + 1 if symbol in after else FIRST
            yield batch(range(start, FIRST + DEALS), symbol, origin=Origin("rest"))

    def plan(self, symbol: str, start: int, end: int, done: Sequence[Origin], held: Spans) -> list[Piece]:
        self.world.ask(f"plan {symbol}")
        days = [number for number in range(3) if start < MONDAY + (number + 1) * DAY and MONDAY + number * DAY < end]
        pieces = [self._piece(symbol, number, held) for number in days]
        return [piece for piece in pieces if piece.ids and piece.origin not in done]

    def _piece(self, symbol: str, number: int, held: Spans) -> Piece:
        name = f"{symbol}-day{number}"
        if number < self.world.files:
            origin = Origin("bulk", name=name, sha256="ab" * 32, rows=A_DAY)
            return Piece(symbol, name, tuple(day(number)), origin, bytes=3000, rows=A_DAY)
        missing = tuple(each for each in day(number) if each not in held)
        return Piece(symbol, f"{name} by id", missing, Origin("rest"), rows=len(missing), weight=4)

    def fetch(self, portion: Piece) -> Iterator[Batch]:
        self.world.ask(portion.summary)
        for begin in range(0, len(portion.ids), 25):
            if self.world.pace and self.clock:
                self.clock.sleep(self.world.pace)
            yield batch(self._had(portion.ids[begin : begin + 25]), portion.symbol, origin=portion.origin)
            self.world.ask(f"{portion.summary} after {begin}")

    def fill(self, symbol: str, first: int, last: int) -> Iterator[Batch]:
        self.world.ask(f"{symbol} {first}..{last}")
        ids = [number for number in everything() if first <= number <= last]
        nobody = Spans(((first, last),)).subtract(Spans(((first, last),)).subtract(self.world.nobody))
        findings = [Finding(*run, "unfillable", "asked twice, nobody has them") for run in nobody]
        yield batch(self._had(ids), symbol, origin=Origin("rest"), findings=tuple(findings))

    def check(self, symbol: str, reader: Any, start: int, end: int) -> Iterator[Compared]:
        self.world.ask("check")
        from bcore.query import Request

        rows = reader.read(Request("deals", symbol, start=start, end=end)).num_rows
        wrong = tuple(Disagreement(start, "close", "1", "2") for _ in range(self.world.differing))
        yield Compared("1h candles", start, end, rows, 1, wrong)

    def revised(self, symbol: str, origins: Sequence[Origin]) -> Iterator[tuple[Origin, str]]:
        self.world.ask("revised")
        for origin in origins:
            if origin.name in self.world.replaced:
                yield origin, "another checksum"

    def _had(self, ids: Iterable[int]) -> list[int]:
        return [number for number in ids if number not in self.world.nobody]


@define(eq=False)
class HistoryPlugin:
    """The plugin of one world, with vaults as the store unless real ones are wanted."""

    world: World
    stores: bool = True

    @hookimpl
    def bcore_sources(self) -> Iterator[Factory[Any]]:
        def build(config: SourceConfig, context: Context) -> HistorySource:
            return HistorySource(context.symbols, self.world, context.clock)

        yield Factory("deals", SourceConfig, build, summary="Toy deals", datasets=(deals(),))

    @hookimpl
    def bcore_stores(self) -> Iterator[Factory[Any]]:
        def build(config: VaultConfig, context: Context) -> Vault:
            return self.world.vault(config.path)

        if self.stores:
            yield Factory("vault", VaultConfig, build, summary="Days in memory")


def unreachable() -> Exception:
    return UnreachableError("toy: no connection")
