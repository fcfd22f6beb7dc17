"""A collector of books whose exchange misbehaves, and what its archive then has."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise

import pyarrow as pa
import pyarrow.compute as pc
from attrs import define, field, frozen
from books import Told, Truth, comparable

from bc_replay.testing import ReplayServer
from bcore.client import Client
from bcore.errors import NotFoundError

PATIENCE = 90.0
Interval = tuple[int, int]
Fault = tuple[str, str | None, str]  # kind, argument, which


@frozen
class Met:
    """Between which two of the exchange's instants (us) faults came and all was well again; how often each met."""

    begun: int
    ended: int
    hits: dict[str, int]


@frozen
class Kept:
    """What the archive has of a symbol, and how it differs from the recording. `seeds` are the exchange's snapshots."""

    times: list[int]
    states: list[str]
    table: pa.Table
    seeds: list[tuple[int, int]]
    missing: list[list[Told]]

    @property
    def doubtful(self) -> list[Interval]:
        turns = zip(self.states, pairwise(self.times), strict=False)
        return [interval for state, interval in turns if state == "suspect"]

    def within(self, met: Met) -> tuple[list[Interval], list[tuple[int, int]], list[list[Told]]]:
        """Doubts, snapshots and what is missing from when a fault came until all was well again."""
        doubts = [each for each in self.doubtful if met.begun <= each[1] and each[0] <= met.ended]
        seeds = [each for each in self.seeds if met.begun <= each[1] <= met.ended]
        return doubts, seeds, [run for run in self.missing if met.begun <= run[-1].time and run[0].time <= met.ended]


@define
class Scene:
    """The collector of some symbols, its exchange and its archive, and what happened to them."""

    symbols: tuple[str, ...]
    server: ReplayServer
    client: Client
    met: list[Met] = field(factory=list)

    def states(self, symbol: str) -> list[str]:
        try:
            states: list[str] = self.client.read("depth_states", symbol).column("state").to_pylist()
        except NotFoundError:
            return []
        return states

    def stored_until(self, symbol: str) -> int:
        """The time of the newest event that is durable."""
        table = self.client.read("depth", symbol, tail=1, columns=("timestamp",))
        return int(table.column("timestamp").cast("int64")[-1].as_py())

    def until(self, what: Callable[[], object]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not what():
            assert time.monotonic() < deadline, {symbol: self.states(symbol) for symbol in self.symbols}
            assert not self.server.status()["ended"], "the recording was over first"
            time.sleep(0.05)

    def happen(self, faults: tuple[Fault, ...], hurt: tuple[str, ...]) -> None:
        """The faults at once, until all is well and stored again."""
        turned = {symbol: len(self.states(symbol)) + 2 for symbol in hurt}
        begun, first = self.server.status()["now"], len(self.server.faults())
        for kind, argument, which in faults:
            self.server.fault(kind, argument, which=which)
        self.until(lambda: all(each["state"] == "done" for each in self.server.faults()[first:]))
        self.until(lambda: all(len(self.states(symbol)) >= count for symbol, count in turned.items()))
        self.until(lambda: all(self.states(symbol)[-1] == "verified" for symbol in self.symbols))
        ended = self.server.status()["now"]
        self.until(lambda: all(self.stored_until(symbol) > ended for symbol in self.symbols))
        self.met.append(Met(begun, ended, {each["kind"]: each["hits"] for each in self.server.faults()[first:]}))

    def kept(self, symbol: str, truth: Truth) -> Kept:
        states, table = (self.client.read(name, symbol) for name in ("depth_states", "depth"))
        snapshots = self.client.read("depth_snapshots", symbol)
        rest = snapshots.filter(pc.equal(snapshots.column("kind"), "rest")).select(["last_update_id", "timestamp"])
        ids, times = (rest.column(number).cast("int64").to_pylist() for number in range(2))
        return Kept(
            states.column("timestamp").cast("int64").to_pylist(),
            states.column("state").to_pylist(),
            comparable(table),
            sorted(set(zip(ids, times, strict=True))),
            truth.missing(set(table.column("last_update_id").to_pylist())),
        )
