"""One case of the fault matrix: a collector and an exchange that misbehaves, and the archive against the recording."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import recorded
from attrs import define, field, frozen
from processes import Collector

from bc_replay.testing import ReplayServer

SYMBOLS = ("BTCUSDT", "ETHUSDT")
START = "2024-08-08T23:54:00"


@frozen
class Counts:
    """What became of the trades that the recording has."""

    sent: int
    lost: int
    doubled: int
    different: int

    def __add__(self, other: Counts) -> Counts:
        pairs = ((getattr(self, name), getattr(other, name)) for name in ("sent", "lost", "doubled", "different"))
        return Counts(*(one + two for one, two in pairs))

    @property
    def exact(self) -> bool:
        return (self.lost, self.doubled, self.different) == (0, 0, 0)


@define
class Truth:
    """The truth of the recording by symbol, without the aggregate ids that the exchange makes for BTCUSDT."""

    btc: list[recorded.Row]
    eth: list[recorded.Row]

    @classmethod
    def of(cls, recording: Path) -> Truth:
        eth = recorded.agg_trade_events(recording / "ETHUSDT" / "trades.json")
        return cls(recorded.aggregates([recording / "btcusdt.gz"]), eth)

    @property
    def sizes(self) -> Mapping[str, int]:
        return dict(zip(SYMBOLS, (len(self.btc), len(self.eth)), strict=True))

    def compared(self, data: Path) -> Counts:
        """By trade id for BTCUSDT, by aggregate id for ETHUSDT; doubles are doubled aggregate ids."""
        btc, eth = (recorded.archived(data, symbol) for symbol in SYMBOLS)
        return _compared([row[1:] for row in btc], self.btc, [row[0] for row in btc]) + _compared(
            eth, self.eth, [row[0] for row in eth]
        )


def _compared(held: list[recorded.Row], truth: list[recorded.Row], ids: list[int]) -> Counts:
    there, true = set(held), set(truth)
    return Counts(
        sent=len(truth),
        lost=len(true - there),
        doubled=len(ids) - len(set(ids)),
        different=len(there - true),
    )


@define
class Case:
    """A collector in `folder` against an exchange; `wait` is the test's patience."""

    folder: Path
    exchange: ReplayServer
    truth: Truth
    collector: Collector
    wait: Callable[..., None]
    mode: str = "stream"
    extra: str = ""
    data: Path = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.data = self.folder / "archive"
        (self.folder / "bcore.toml").write_text(
            f"""
symbols = ["BTCUSDT", "ETHUSDT"]
[exchanges.binance]
rest_url = "{self.exchange.url}"
stream_url = "{self.exchange.ws_url}"
bulk_url = "{self.exchange.url}"
timeout = 1.0
stream_silence = 1.5
stream_overlap = 0.3
[stores.main]
kind = "parquet"
path = "archive"
[sources.trades]
mode = "{self.mode}"
start = "{START}"
interval = 0.1
flush = 0.1
{self.extra}
"""
        )

    def start(self) -> None:
        self.collector.start("run")

    def kill(self) -> None:
        self.collector.stop(signal.SIGKILL)

    def meet(self, kind: str, amount: float | None = None) -> None:
        """Asks for a fault and waits until something has met it."""
        before = len(self.exchange.faults())
        self.exchange.fault(kind, amount)
        self.wait(lambda: self.exchange.faults()[before]["hits"] or self.ended(), f"{kind} met")

    def ended(self) -> bool:
        return bool(self.exchange.status()["ended"])

    def held(self) -> int:
        try:
            return sum(len(recorded.archived(self.data, symbol)) for symbol in SYMBOLS)
        except FileNotFoundError:
            return 0

    def finish(self) -> Counts:
        """Waits until as many rows are there as the recording has, stops the collector, and compares."""
        expected = sum(self.truth.sizes.values())
        deadline = time.monotonic() + 60
        while self.held() < expected and time.monotonic() < deadline:
            time.sleep(0.05)
        assert 0 == self.collector.stop(signal.SIGTERM), self.collector.said()
        assert "Traceback" not in self.collector.said(), self.collector.said()
        return self.truth.compared(self.data)
