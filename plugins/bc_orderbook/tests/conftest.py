"""What the tests share: a venue whose books and clock are set by hand, and the recorded books."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field, frozen

RECORDINGS = Path(__file__).parents[4] / "shared" / "data"
Levels = list[tuple[str, str]]


@frozen
class Shown:
    """A book as a venue shows it."""

    bids: Levels
    asks: Levels
    received: int = 0
    body: bytes = b"{}"


@frozen
class Rule:
    symbol: str
    tick_size: str | None


@frozen
class Rules:
    symbols: list[Rule]


@define
class FakeVenue:
    """Shows what it is given; an exception in place of a book is raised. Its clock goes on by a second per book."""

    books: dict[str, Any]
    grids: dict[str, str | None] = field(factory=dict)
    now: int = 1_700_000_000_000_000
    step: int = 1_000_000
    name: str = "fake"
    asked: list[tuple[Any, ...]] = field(factory=list)

    def measure_clock(self) -> int:
        self.asked.append(("clock",))
        return 0

    def depth(self, symbol: str, limit: int = 100) -> Shown:
        self.asked.append(("depth", symbol, limit))
        book = self.books[symbol]
        if isinstance(book, Exception):
            raise book
        self.now += self.step
        return Shown(book[0], book[1], self.now, json.dumps(book).encode())

    def exchange_info(self, symbols: tuple[str, ...] = ()) -> Rules:
        self.asked.append(("rules", *symbols))
        return Rules([Rule(symbol, self.grids.get(symbol)) for symbol in symbols])

    def asked_of(self, what: str) -> list[tuple[Any, ...]]:
        return [each[1:] for each in self.asked if each[0] == what]


@pytest.fixture
def fake_venue() -> Callable[..., FakeVenue]:
    return FakeVenue


def _bare_snapshots(path: Path) -> Iterator[Any]:
    """The REST replies in a file of raw stream lines: `<receive time> {"lastUpdateId": ...}`."""
    with gzip.open(path, "rt") as lines:
        for line in lines:
            if '"lastUpdateId"' in line[:60]:
                yield json.loads(line.partition(" ")[2])


def _fetched_snapshots(path: Path) -> Iterator[Any]:
    """`<url> -> <time>: <reply>` per line."""
    for line in path.read_text().splitlines():
        if "/depth?" in line[:80]:
            yield json.loads(line.partition(": ")[2])


@pytest.fixture(scope="session", params=["btcusdt", "nexousdt", "ethbtc", "fetched"])
def recorded_books(request: pytest.FixtureRequest) -> list[tuple[Levels, Levels]]:
    """Real books: 1000 levels of a large market, the whole of a thin one, small prices, 5000 levels of several."""
    file = {
        "btcusdt": "ws_raw_hftbacktest_spot/btcusdt_20240808.gz",
        "nexousdt": "ws_raw_nexo/nexousdt_20240723.dat.gz",
        "ethbtc": "deep_orderbook_20201101_09h/ETHBTC/2020-11-01T09-00-00_snapshot.json",
        "fetched": "cryptofeed/BINANCE.http.0.0_5000levels_2021-08-14",
    }[request.param]
    path = RECORDINGS / file
    if not path.exists():
        pytest.skip(f"the recording {file} is not here")
    if path.suffix == ".json":
        replies: list[Any] = [json.loads(path.read_text())]
    else:
        replies = list(_bare_snapshots(path) if path.suffix == ".gz" else _fetched_snapshots(path))
    return [([tuple(level) for level in each["bids"]], [tuple(level) for level in each["asks"]]) for each in replies]
