"""Trades of an exchange whose public tape leaves fills out: aggregate ids prove what is there, trade ids do not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bc_trades import TRADES, plugin
from bc_trades.config import TradesConfig
from bc_trades.datasets import UNTILED_TRADES
from bc_trades.landmarks import Landmarks
from bc_trades.source import TradesSource
from bcore.collect import Job
from bcore.local import StoreReader
from bcore.memory import MemoryStore
from bcore.query import Query, Request
from bcore.records import Batch, Dataset, Series
from bcore.verify import audit_of

SECOND = 1_000_000
MINUTE = 60 * SECOND
START = 1_700_000_040_000_000  # a whole minute
COUNT = 40


def row(number: int) -> bytes:
    """One each ten seconds, ids from 0; before every third a trade id is left out."""
    first = 2 * number + number // 3
    record = {"a": number, "p": "1.5", "q": "2", "f": first, "l": first + 1, "m": True}
    return json.dumps({**record, "T": (START + number * 10 * SECOND) // 1000}).encode()


class Exchange:
    """Serves rows page by page; says how its trades are where `trades_tile` is given."""

    name = "made up"

    def __init__(self, **rules: Any) -> None:
        for name, value in rules.items():
            setattr(self, name, value)

    def now(self) -> int:
        return START

    def measure_clock(self) -> int:
        return 0

    def agg_trades(self, symbol: str, **asked: Any) -> list[bytes]:
        first = asked.get("from_id") or 0
        return [row(number) for number in range(first, min(first + asked["limit"], COUNT))]


def collected(exchange: Exchange) -> tuple[MemoryStore, Dataset]:
    source, store = TradesSource(TradesConfig(mode="poll", start=START), exchange, ("BTCUSDT",)), MemoryStore()
    Job("trades", source, store, rename="um_trades").run_once(lambda event: None)
    (series,) = (each for each in store.series() if not each.dataset.name.endswith("_gaps"))
    return store, series.dataset


@pytest.fixture
def untiled() -> tuple[MemoryStore, Dataset]:
    return collected(Exchange(trades_tile=False, trades_weight=20))


def views(store: Any) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    reader = StoreReader((store,), (TRADES,), tuple(plugin.bcore_derivations()))
    for name, params in (("ohlcv", {}), ("vwap", {}), ("taker_flow", {}), ("tick_bars", {"size": "9"})):
        yield name, reader.read(Request(f"um_{name}", "BTCUSDT", params=params)).to_pylist()


def test_the_archive_says_that_its_trade_ids_do_not_tile(untiled: tuple[MemoryStore, Dataset]) -> None:
    assert () == untiled[1].chain
    assert (TRADES.key, TRADES.sequence, TRADES.schema) == (untiled[1].key, untiled[1].sequence, untiled[1].schema)
    _, usual = collected(Exchange())
    assert TRADES.chain == usual.chain


def test_bars_are_complete_though_trade_ids_are_left_out(untiled: tuple[MemoryStore, Dataset]) -> None:
    for name, bars in views(untiled[0]):
        assert [True] * (len(bars) - 1) == [bar["complete"] for bar in bars[:-1]], name
        assert len(bars) > 3


def test_where_they_should_tile_the_same_rows_are_not_complete() -> None:
    for name, bars in views(collected(Exchange())[0]):
        assert not any(bar["complete"] for bar in bars), name


def test_a_lost_aggregate_still_shows(untiled: tuple[MemoryStore, Dataset]) -> None:
    store, dataset = untiled
    holed = MemoryStore()
    rows = store.read(Query(dataset, "BTCUSDT"))
    for part in (rows.slice(0, 20), rows.slice(21)):
        holed.append(Batch(dataset, "BTCUSDT", part))
    (_, bars), *_ = views(holed)
    lost = START + 20 * 10 * SECOND
    assert [lost // MINUTE * MINUTE] == [_micros(bar) for bar in bars[:-1] if not bar["complete"]]
    audit = audit_of(holed, Series(dataset, "BTCUSDT"))
    assert [(20, 20)] == [(gap.first, gap.last) for gap in audit.gaps]


def test_verify_finds_nothing_broken(untiled: tuple[MemoryStore, Dataset]) -> None:
    audit = audit_of(untiled[0], Series(untiled[1], "BTCUSDT"))
    assert ((), (), COUNT) == (audit.breaks, audit.gaps, len(audit.spans))


def test_a_page_costs_what_the_exchange_says() -> None:
    source = TradesSource(TradesConfig(), Exchange(trades_tile=False, trades_weight=20), ("BTCUSDT",))
    assert [20, 4] == [Landmarks(venue, "BTCUSDT").weight for venue in (source.venue, Exchange())]
    assert source.datasets == (UNTILED_TRADES,)


def _micros(bar: dict[str, Any]) -> int:
    return int(bar["timestamp"].timestamp() * 1e6)


def test_an_archive_that_is_opened_again_knows_it_still(untiled: tuple[MemoryStore, Dataset], tmp_path: Path) -> None:
    parquet = pytest.importorskip("bc_parquet.store", reason="the archive (bc-parquet) is not installed")
    rows = untiled[0].read(Query(untiled[1], "BTCUSDT"))
    written = parquet.ParquetStore(tmp_path)
    for begin in range(0, COUNT, 8):
        written.append(Batch(untiled[1], "BTCUSDT", rows.slice(begin, 8)))
    written.compact(Series(untiled[1], "BTCUSDT"))
    written.close()
    for name, bars in views(parquet.ParquetStore(tmp_path)):
        assert [True] * (len(bars) - 1) == [bar["complete"] for bar in bars[:-1]], name
