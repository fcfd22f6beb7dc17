"""What it costs to keep books: diff streams of many symbols, applied, checked and stored, on one core.

    python bench/diffs.py [--symbols 100] [--rate 20000] [--seconds 40]

The source `depth`, its store and its merges run as in `bcore run`, in this process. The messages (10 + 10 levels each)
are made in a thread of their own, whose processor time for making them is left out; the socket is not part of this. The
baseline reads the same messages into typed events and does nothing with them. Then the snapshots: a book of 1000 levels
from the exchange's text into buckets of five tick sizes, 15 levels each, against the plainest way in Python.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from pathlib import Path
from threading import Event, Thread
from typing import Any

import numpy as np
from attrs import define, field, frozen
from measuring import machine, median, seconds

from bc_orderbook.book import Book
from bc_orderbook.datasets import ORDERBOOK
from bc_orderbook.depth_config import DepthConfig
from bc_orderbook.depth_source import DepthSource
from bc_orderbook.diffs import DEPTH
from bc_orderbook.events import Arrival, read_events
from bc_orderbook.snapshot import Snapshot
from bc_orderbook.venue import Sink
from bc_parquet.config import ParquetConfig
from bc_parquet.store import ParquetStore
from bcore.clock import SystemClock
from bcore.collect import Job
from bcore.cycles import look_seldom_for_cycles
from bcore.errors import Stopped
from bcore.records import Series
from bcore.verify import audit_of

LEVELS, MID = 1000, 6_000_000  # of a side of a snapshot; the mid in cents
MESSAGES = 1009
WARM = 10.0
BOUND, SNAPSHOT_BOUND = 40e-6, 1.4e-3
TICKS = (1.0, 5.0, 10.0, 50.0, 100.0)


def price(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02}000000"


@frozen
class Shown:
    """A book as REST shows it."""

    last_update_id: int
    received: int
    bids: tuple[tuple[str, str], ...] = tuple((price(MID - 1 - each), "1.50000000") for each in range(LEVELS))
    asks: tuple[tuple[str, str], ...] = tuple((price(MID + each), "1.50000000") for each in range(LEVELS))
    body: bytes = b""


@define
class Market:
    """Makes messages at a rate, each symbol in turn. `making` is the processor time that making them took."""

    symbols: Sequence[str]
    rate: float
    name: str = "made"
    making: float = 0.0
    sent: int = 0
    _ids: dict[str, int] = field(factory=lambda: defaultdict(int))
    _ended: Event = field(factory=Event)
    _levels: list[tuple[str, str]] = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Changes near the best prices, of which three in ten remove a level; a message has ten in a row of each.

        A prime number of messages, so that each symbol has them all before one comes again.
        """
        chance, self._levels = np.random.default_rng(1), []
        for _ in range(MESSAGES):
            sides = []
            for sign in (-1, 1):
                away = np.sort(np.abs(chance.normal(0, 120, 10)).astype(int)) + np.arange(10)
                sizes = np.where(chance.random(10) < 0.3, 0.0, chance.exponential(0.5, 10) + 0.00001)
                pairs = zip((MID - 1 - away) if sign < 0 else (MID + away), sizes, strict=True)
                sides.append(",".join(f'["{price(int(cents))}","{size:.8f}"]' for cents, size in pairs))
            self._levels.append((sides[0], sides[1]))

    def message(self, symbol: str) -> bytes:
        first = self._ids[symbol] + 1
        self._ids[symbol] = last = first + 41
        bids, asks = self._levels[self.sent % MESSAGES]
        head = f'{{"e":"depthUpdate","E":{time.time_ns() // 1_000_000},"s":"{symbol}","U":{first},"u":{last}'
        return f'{head},"b":[{bids}],"a":[{asks}]}}'.encode()

    # A venue, as far as the source asks for it

    def now(self) -> int:
        return time.time_ns() // 1000

    def depth(self, symbol: str, limit: int = LEVELS, *, background: bool = False) -> Shown:
        return Shown(self._ids[symbol], self.now())

    def feed(self, streams: Sequence[str], sink: Sink) -> Market:
        sink.joined(tuple(streams))
        Thread(target=self._send, args=(list(zip(self.symbols, streams, strict=True)), sink), daemon=True).start()
        return self

    def resubscribe(self, streams: Sequence[str]) -> None:
        raise AssertionError("a stream was taken to be deaf")

    def close(self) -> None:
        self._ended.set()

    def _send(self, streams: list[tuple[str, str]], sink: Sink) -> None:
        began, sent = time.monotonic(), 0
        while not self._ended.wait(0.005):
            for _ in range(int((time.monotonic() - began) * self.rate) - sent):
                symbol, stream = streams[sent % len(streams)]
                used = time.thread_time()
                data = self.message(symbol)
                self.making += time.thread_time() - used
                sink.message(stream, data, self.now())
                sent, self.sent = sent + 1, self.sent + 1


@frozen
class Sample:
    """At one moment: the clock, processor time less that for making messages, events, and MB of memory."""

    at: float
    used: float
    events: int
    memory: float

    @classmethod
    def of(cls, market: Market) -> Sample:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        memory = pages * os.sysconf("SC_PAGE_SIZE") / 2**20
        return cls(time.monotonic(), usage.ru_utime + usage.ru_stime - market.making, market.sent, memory)


def kept(folder: Path, market: Market, during: float) -> tuple[list[Sample], ParquetStore]:
    """The books of all symbols, kept for so long after the start; a sample each second."""
    clock, store = SystemClock(), ParquetStore(folder, ParquetConfig())
    config = DepthConfig(snapshot_levels=LEVELS, checkpoint=300.0, reconcile=0.0)
    source: Any = DepthSource(config, market, tuple(market.symbols), clock)  # type: ignore[arg-type]
    job = Job("depth", source, store, clock=clock)

    def run() -> None:
        with suppress(Stopped):
            job.run_live(lambda event: None)

    look_seldom_for_cycles()  # as `bcore run` does
    thread = Thread(target=run, daemon=True)
    thread.start()
    time.sleep(WARM)
    samples = [Sample.of(market)]
    while samples[-1].at < samples[0].at + during:
        time.sleep(1.0)
        samples.append(Sample.of(market))
    clock.stopping.set()
    thread.join(60)
    return samples, store


def parse_only(market: Market, count: int = 20_000) -> float:
    """Seconds of the processor for a message that is read into an event, and no more."""
    arrivals = [Arrival(market.message("SYM"), 0) for _ in range(count)]
    used = time.process_time()
    for begin in range(0, count, 200):
        read_events(arrivals[begin : begin + 200], "SYM")
    return (time.process_time() - used) / count


def plainly(text: Shown, tick: Decimal) -> Iterator[list[Decimal]]:
    """The buckets of a tick size by decimals, one level after the other."""
    for side, rounding in ((text.bids, ROUND_FLOOR), (text.asks, ROUND_CEILING)):
        buckets: dict[Decimal, list[Decimal]] = {}
        for at, size in side:
            exact, quantity = Decimal(at), Decimal(size)
            bucket = buckets.setdefault((exact / tick).to_integral_value(rounding) * tick, [Decimal(0), Decimal(0)])
            bucket[0] += quantity
            bucket[1] += exact * quantity
        yield from list(buckets.values())[:15]


def snapshots() -> None:
    shown = Shown(1, 1_700_000_000_000_000)
    ours = median(lambda: Snapshot("SYM", shown.received, Book.of(shown.bids, shown.asks)).table(TICKS, ORDERBOOK), 50)
    theirs = median(lambda: [list(plainly(shown, Decimal(str(tick)))) for tick in TICKS], 5)
    what = f"{LEVELS} levels x {len(TICKS)} ticks x 15 levels, from text to a table"
    print(f"{what}: {seconds(ours)} (bound {seconds(SNAPSHOT_BOUND)}); plain decimals {seconds(theirs)}")


def report(samples: list[Sample], market: Market, baseline: float) -> None:
    first, last = samples[0], samples[-1]
    events = last.events - first.events
    cost, rate = (last.used - first.used) / events, events / (last.at - first.at)
    half = np.array([(each.at / 60, each.memory) for each in samples[len(samples) // 2 :]])
    slope = np.polyfit(half[:, 0], half[:, 1], 1)[0]
    print(f"{len(market.symbols)} symbols, {rate:,.0f} events/s of 10 + 10 levels for {last.at - first.at:.0f} s")
    print(f"processor time for an event, message to disk: {cost * 1e6:.1f} us (bound {BOUND * 1e6:.0f})")
    print(f"baseline, the message read into an event: {baseline * 1e6:.1f} us, ratio {cost / baseline:.1f}")
    least, most = half[:, 1].min(), half[:, 1].max()
    print(f"memory: {last.memory:.0f} MB at the end; second half {least:.0f} to {most:.0f}, {slope:+.1f} a minute")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--symbols", type=int, default=100)
    parser.add_argument("--rate", type=int, default=20_000, help="events a second, of all symbols together")
    parser.add_argument("--seconds", type=float, default=40.0)
    options = parser.parse_args()
    market = Market([f"SYM{number}" for number in range(options.symbols)], options.rate)
    with tempfile.TemporaryDirectory() as name:
        samples, store = kept(Path(name), market, options.seconds)
        report(samples, market, parse_only(Market(["SYM"], 1)))
        rows = sum(store.stats(Series(DEPTH, symbol)).rows for symbol in market.symbols)
        audits = [audit_of(store, Series(DEPTH, symbol)) for symbol in market.symbols]
        store.close()
    states = {state: sum(each.state == state for each in audits) for state in {each.state for each in audits}}
    print(f"stored: {rows:,} rows of {market.sent:,} events; series by verdict: {states}")
    snapshots()
    print(machine())


if __name__ == "__main__":
    main()
