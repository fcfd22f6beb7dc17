"""Live against the replay exchange: a real process, real sockets, real faults, and the recording in the end.

The source's own clock runs fast, so that what takes it minutes of silence takes the tests seconds.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from threading import Event as Flag
from threading import Thread
from typing import Any

import pytest
from attrs import define, field

from bc_binance import Binance, BinanceConfig
from bc_trades import TRADES, to_table
from bc_trades.config import TradesConfig
from bc_trades.source import TradesSource
from bcore.clock import SystemClock
from bcore.collect import Job
from bcore.errors import Stopped
from bcore.events import Event, GapFound
from bcore.memory import MemoryStore
from bcore.query import Query
from bcore.records import Series

replay = pytest.importorskip("bc_replay.testing", reason="the replay exchange (bc-replay) is not installed")

START = 1_700_000_000_000
SYMBOLS = {"BTCUSDT": 20, "ETHUSDT": 90, "XRPUSDT": 700}  # ms between trades
SECONDS = 80
SPEED = 20


def made_up(symbol: str) -> list[dict[str, Any]]:
    """Raw stream events, in part several at one time, one voided, with trade ids that tile."""
    events, fill, step = [], 500, SYMBOLS[symbol]
    for number in range(SECONDS * 1000 // step):
        voided, at = number == 37, START + number // 3 * 3 * step
        covered = {"f": -1, "l": -1} if voided else {"f": fill, "l": fill + number % 2}
        amounts = ("0", "0") if voided else (f"{100 + number % 50 / 100:.8f}", f"{(number % 9 + 1) / 1000:.8f}")
        head = {"e": "aggTrade", "E": at + 1, "s": symbol, "a": 7000 + number, "p": amounts[0], "q": amounts[1]}
        events.append({**head, **covered, "T": at, "m": number % 2 == 0, "M": True})
        fill = fill if voided else fill + number % 2 + 1
    return events


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recording")
    for symbol in SYMBOLS:
        (folder / symbol).mkdir()
        (folder / symbol / "trades.json").write_text(json.dumps(made_up(symbol)))
    return folder


@define
class FastClock:
    stopping: Flag = field(factory=Flag)

    def now(self) -> int:
        return time.time_ns() // 1000

    def monotonic(self) -> float:
        return time.monotonic() * 6

    def sleep(self, seconds: float) -> None:
        if self.stopping.wait(max(seconds, 0.0) / 6):
            raise Stopped("asked to stop")


@define
class Collector:
    """Collects live in a thread."""

    server: Any
    clock: FastClock = field(factory=FastClock)
    store: MemoryStore = field(factory=MemoryStore)
    events: list[Event] = field(factory=list)
    errors: list[Exception] = field(factory=list)
    exchange: Binance = field(init=False)
    thread: Thread = field(init=False)

    def __attrs_post_init__(self) -> None:
        config = BinanceConfig(
            rest_url=self.server.url, stream_url=self.server.ws_url, timeout=1.0, stream_silence=1.5, stream_overlap=0.2
        )
        self.exchange = Binance(config, SystemClock())
        self.thread = Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        source = TradesSource(TradesConfig(start=START * 1000, flush=0.5), self.exchange, tuple(SYMBOLS), self.clock)
        try:
            Job("trades", source, self.store, clock=self.clock).run_live(self.events.append)
        except Stopped:
            pass
        except Exception as error:
            self.errors.append(error)

    def stop(self) -> None:
        self.clock.stopping.set()
        self.thread.join(10.0)
        self.exchange.close()

    def missing(self) -> dict[str, int]:
        held = {symbol: len(self.store.spans(Series(TRADES, symbol))) for symbol in SYMBOLS}
        return {symbol: len(made_up(symbol)) - count for symbol, count in held.items() if count < len(made_up(symbol))}

    def complete(self, seconds: float = 60.0) -> None:
        deadline = time.monotonic() + seconds
        while missing := self.missing():
            assert not self.errors, self.errors
            assert time.monotonic() < deadline, f"missing: {missing}"
            time.sleep(0.05)
        self.stop()
        for symbol in SYMBOLS:
            events = [json.dumps(event).encode() for event in made_up(symbol)]
            assert to_table(events, symbol).table.equals(self.store.read(Query(TRADES, symbol)))

    def found(self, state: str) -> list[GapFound]:
        return [event for event in self.events if isinstance(event, GapFound) and event.state == state]


@pytest.fixture
def serve(recording: Path) -> Iterator[Callable[..., Collector]]:
    with ExitStack() as stack:

        def start(*faults: str) -> Collector:
            server = stack.enter_context(replay.ReplayServer(recording, speed=SPEED, faults=faults))
            collector = Collector(server)
            stack.callback(collector.stop)
            return collector

        yield start


def test_a_recording_is_followed_exactly_with_one_page_of_each_symbol(serve: Callable[..., Collector]) -> None:
    collector = serve()
    collector.complete()
    assert [] == collector.found("filled")
    assert [] == collector.found("broken")


@pytest.mark.parametrize(
    "faults",
    [
        ("reset@1", "lag@1:20/1"),
        ("disconnect@1", "429@1:1"),
        ("gap@1:30", "500@1:2", "truncate@1"),
        ("duplicate@1:30", "reorder@1.5:20"),
        ("silence@1",),
        ("acksilent@0:2", "gap@3:10"),
        ("reset@1", "refuse@1:1", "hang@1.5:3"),
    ],
    ids=" ".join,
)
def test_faults_cost_no_trade_and_double_none(serve: Callable[..., Collector], faults: tuple[str, ...]) -> None:
    collector = serve(*faults)
    collector.complete()
    assert [] == collector.found("unfillable")
    assert [] == collector.found("broken")
    assert {fault["kind"]: True for fault in collector.server.faults()} == {
        fault["kind"]: fault["hits"] > 0 for fault in collector.server.faults()
    }, "every fault met something"
