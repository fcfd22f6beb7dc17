"""How an archive grows, beside what the page promises, on the bundled ten minutes of a busy market (BTCUSDT)."""

from __future__ import annotations

import pytest
from attrs import frozen

from bc_replay.testing import ReplayServer

BEGIN, END = 1_723_161_255, 1_723_161_905  # 2024-08-08 23:54:15 to 2024-08-09 00:05:05 UTC
INTERVAL = 30  # seconds between snapshots, the original's default
SNAPSHOTS = range(BEGIN + 60, END, 60)  # half as many are enough to tell what one takes
HOUR, MB = 3600, 1_000_000


@frozen
class Grown:
    """Rows and bytes of both datasets after the recording, and the snapshots as pandas writes them with snappy."""

    rows: dict[str, int]
    bytes: dict[str, int]
    snappy: int

    def each(self, dataset: str) -> float:
        return self.bytes[dataset] / self.rows[dataset]


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Grown:
    from binance_collector import OrderBookCollector, StorageEngine

    from bc_parquet import ParquetStore
    from bc_trades import TradesCollector

    folder = tmp_path_factory.mktemp("grown")
    storage = StorageEngine(folder / "data")
    options = ["--start-at", f"{BEGIN + 60}000000", "--weight-limit", "1000000"]
    with ReplayServer(options=options) as server:
        books = OrderBookCollector(["BTCUSDT"], None, 15, storage, server.url)
        for second in SNAPSHOTS:
            server.clock(seek=second * MB)
            assert 5 == books.update()["BTCUSDT"]["rows"]
        server.clock(seek=END * MB)
        with TradesCollector(["BTCUSDT"], folder / "data", start=f"{BEGIN}", rest_url=server.url) as trades:
            trades.update()
    storage.read("orderbook", "BTCUSDT").to_parquet(folder / "snappy.parquet", compression="snappy", index=False)
    store = ParquetStore(folder / "data")  # as a collector leaves it: small files are merged while it runs
    for series in store.series():
        store.compact(series)
    stats = {series.dataset.name: store.stats(series) for series in store.series()}
    store.close()
    rows, sizes = ({name: getattr(each, what) for name, each in stats.items()} for what in ("rows", "bytes"))
    return Grown(rows, sizes, (folder / "snappy.parquet").stat().st_size)


def test_bytes_of_a_trade(grown: Grown) -> None:
    """Parquet storage - ~20 bytes/trade, snappy compressed."""
    assert grown.rows["trades"] > 11_000
    assert grown.each("trades") <= 20


def test_bytes_of_a_snapshot(grown: Grown) -> None:
    """Of these the page promises nothing: no more than the snappy Parquet of all that it would write."""
    assert 5 * len(SNAPSHOTS) == grown.rows["orderbook"]
    assert grown.bytes["orderbook"] <= grown.snappy


def test_growth_rate(grown: Grown) -> None:
    """~3 MB/hour -> ~2.2 GB/month per symbol set; its sets are of two symbols, and BTCUSDT is the larger one."""
    trades = grown.bytes["trades"] * HOUR / (END - BEGIN)
    snapshots = grown.each("orderbook") * 5 * HOUR / INTERVAL
    assert trades + snapshots <= 3 * MB / 2
    assert (trades + snapshots) * 24 * 31 <= 2_200 * MB / 2
