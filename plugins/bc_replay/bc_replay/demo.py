"""`bcore demo`: the replay exchange and the collector side by side, and a comparison at the end.

Collecting goes through exactly the `App` and `Runner` of `bcore run`; all that differs is the address of the exchange.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

from attrs import define, field, frozen

from bc_replay.proof import Proof, prove
from bc_replay.testing import ReplayServer
from bcore.app import App
from bcore.cli.progress import Progress
from bcore.clock import SystemClock
from bcore.errors import ConfigError
from bcore.events import Event, SourcePassed, SourceStarted
from bcore.examining import Examined, examined
from bcore.instants import iso
from bcore.protocols import Compacts
from bcore.records import Dataset, Series, SeriesStats
from bcore.runner import Runner, stop_on_signals
from bcore.verify import audit_of

if TYPE_CHECKING:
    from bc_replay.recording import Recording
    from bcore.audits import Audit
    from bcore.protocols import Store
    from bcore.registry import Registry

NEEDED = {"exchanges": "binance", "sources": "trades", "stores": "parquet"}


@frozen
class Demo:
    """What to replay, where to keep it, and for how long; `seconds` None means to the end of the recording."""

    paths: tuple[str, ...]
    recording: Recording
    data: str
    speed: float
    seconds: float | None = None

    def run(self, registry: Registry) -> Outcome:
        """Collects until the time or the recording is over, or Ctrl-C, and compares. Raises `ConfigError`."""
        _require(registry)
        with ReplayServer(*self.paths, speed=self.speed, wait=True) as server:
            clock = SystemClock()
            app = App.of(self._tree(registry, server.url), registry, clock)
            try:
                self._refuse_other_data(app)
                return self._collected(app, clock, server)
            finally:
                app.close()

    def _collected(self, app: App, clock: SystemClock, server: ReplayServer) -> Outcome:
        deadline = Deadline(server, clock, self.seconds)
        progress = Progress(clock)
        app.listeners += [progress.on_event, deadline.on_event]
        with stop_on_signals(clock.stopping), progress:
            runner = Runner(app, clock)
            runner.run(app.jobs(), until=deadline.reached)
        store = store_of(app)
        proof = prove(self.recording, store, trades_dataset(app), happened=deadline.happened)
        if isinstance(store, Compacts):
            for series in store.series():
                store.compact(series)
        return Outcome(self, proof, tuple(_books(app)), tuple(app.reader().stats()), tuple(runner.left))

    def _tree(self, registry: Registry, url: str) -> dict[str, Any]:
        sources: dict[str, Any] = {"trades": {"interval": 0.5, "start": iso(self._beginning())}}
        with_books = [symbol for symbol, tape in self.recording.tapes.items() if tape.updates]
        if "orderbook" in registry.of("sources") and with_books:
            sources["orderbook"] = {"interval": 1.0, "symbols": sorted(with_books)}
        if "depth" in registry.of("sources") and with_books:  # each change of the books, for `bcore read book`
            sources["depth"] = {"symbols": sorted(with_books)}
        return {
            "symbols": sorted(self.recording.tapes),
            "exchanges": {"binance": {"rest_url": url, "stream_url": url.replace("http", "ws", 1)}},
            "stores": {"demo": {"kind": "parquet", "path": self.data}},
            "sources": sources,
        }

    def _beginning(self) -> int:
        """The first trade's own time: it lies before the instant at which the recording heard of it."""
        firsts = [tape.agg_trades[0].time for tape in self.recording.tapes.values() if tape.agg_trades]
        return min([*firsts, self.recording.start])

    def _refuse_other_data(self, app: App) -> None:
        """Recorded trades must not end up in the gaps of somebody's archive."""
        store, dataset = store_of(app), trades_dataset(app)
        for symbol, tape in self.recording.tapes.items():
            for first, last in store.spans(Series(dataset, symbol)):
                known = tape.agg_trades
                if not known or first < known[0].id or last > known[-1].id:
                    sentence = f"{self.data} holds trades of {symbol} that are not the demo's"
                    raise ConfigError([f"{sentence}: choose another folder with --data"])


@frozen
class Book:
    """What is proven of the changes of one symbol's book, as `bcore verify` has it."""

    audit: Audit
    examined: Examined | None

    def line(self) -> str:
        said = self.examined.sentences() if self.examined else []
        return "; ".join([f"{self.audit.series}: {self.audit.verdict}", *said])

    @property
    def instant(self) -> int | None:
        """The middle of the longest time for which nothing speaks against the book."""
        proven = [each for each in (self.examined.intervals if self.examined else ()) if each.proven]
        longest = max(proven, key=lambda each: each.seconds, default=None)
        return (longest.start + longest.end) // 2 if longest else None


@frozen
class Outcome:
    """How the demo ended: the comparison, what is in the archive, and the threads that did not end with it."""

    demo: Demo
    proof: Proof
    books: tuple[Book, ...]
    stats: tuple[SeriesStats, ...]
    left: tuple[Thread, ...] = ()

    def lines(self) -> Iterator[str]:
        """What is said at the end."""
        yield from self.proof.lines()
        yield from (book.line() for book in self.books)
        yield f"\nin {self.demo.data}:"
        for stats in self.stats:
            span = f"{iso(stats.first_time)} to {iso(stats.last_time)}" if stats.first_time and stats.last_time else "-"
            yield f"  {stats.series}: {stats.rows:,} rows, {stats.bytes:,} bytes, {span}"
        symbol, data = min(self.demo.recording.tapes), self.demo.data
        tools = Path(os.path.relpath(sys.executable)).parent  # this environment's, which may not be active
        yield "\nread it, and prove it:"
        yield f"  {tools}/bcore read trades {symbol} --limit 5 --data {data}"
        yield f"  {tools}/bcore read ohlcv {symbol} --timeframe 1m --data {data}"
        for book in self.books[:1]:
            if book.instant is not None:
                of = f"{book.audit.series.symbol} --at {iso(book.instant)}"
                yield f"  {tools}/bcore read book {of} --tick-size 5 --data {data}"
        yield f"  {tools}/bcore verify --data {data}"
        yield f"  {tools}/python -c \"import pandas as pd; print(pd.read_parquet('{data}/trades/{symbol}.parquet'))\""


@define
class Deadline:
    """Says when the demo is over: the time or the recording is, and a pass that began after that has ended well.

    `happened` is then the recorded instant up to which the archive must hold everything.
    """

    server: ReplayServer
    clock: SystemClock
    seconds: float | None
    happened: int | None = None
    _began: float | None = field(default=None, init=False)
    _passes: int = field(default=0, init=False)
    _asked: float = field(default=0.0, init=False)
    _over_at: int | None = field(default=None, init=False)

    def on_event(self, event: Event) -> None:
        if isinstance(event, SourceStarted) and self._began is None:
            self._began = self.clock.monotonic()
        if isinstance(event, SourcePassed) and event.source == "trades" and self._over_at is not None:
            self._passes += 1

    def reached(self) -> bool:
        if self._over_at is None:
            self._look()
        # The first pass to end may have begun before; the second cannot have.
        if self._passes < 2:
            return False
        self.happened = self._over_at
        return True

    def _look(self) -> None:
        now = self.clock.monotonic()
        timed_out = self.seconds is not None and self._began is not None and now - self._began >= self.seconds
        if not timed_out and now - self._asked < 0.5:
            return
        self._asked = now
        status = self.server.status()
        if timed_out or status["ended"]:
            self._over_at = min(int(status["now"]), int(status["end"]))


def store_of(app: App) -> Store:
    return next(iter(app.stores().values()))


def trades_dataset(app: App) -> Dataset:
    dataset: Dataset = app.registry.of("sources")["trades"].datasets[0]
    return dataset


def _books(app: App) -> Iterator[Book]:
    store = store_of(app)
    for series in store.series():
        if series.dataset.name == "depth":
            audit = audit_of(store, series)
            yield Book(audit, examined(store, audit, app.registry))


def _require(registry: Registry) -> None:
    missing = [f"{group.removesuffix('s')} {name}" for group, name in NEEDED.items() if name not in registry.of(group)]
    if missing:
        failed = [f"plugin {plugin} was left out: {plugin.problems[0]}" for plugin in registry.failures()]
        raise ConfigError([f"the demo needs {', '.join(missing)}: pip install 'bcore[demo]'", *failed])
