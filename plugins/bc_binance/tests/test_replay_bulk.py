"""Bulk files of a replayed exchange, whole and damaged. Each damage meets a file of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bc_binance import BinanceConfig, BulkFile, BulkFiles, ChecksumError, MissingChecksumError
from bcore.clock import SystemClock
from bcore.errors import FaultyReplyError

replay = pytest.importorskip("bc_replay.testing", reason="bc_replay is not installed")
DAY = 86_400_000_000


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    with replay.ReplayServer(speed=0) as running:
        running.clock(seek=running.status()["end"])
        yield running


@pytest.fixture
def bulk(server: Any) -> Iterator[BulkFiles]:
    made = BulkFiles(BinanceConfig(bulk_url=server.url), SystemClock())
    yield made
    made.close()


def file_of(bulk: BulkFiles, server: Any, kind: str) -> BulkFile:
    now = server.status()["now"]
    (file,) = bulk.files(kind, "BTCUSDT", now - 3 * DAY, now)
    return file


def name_of(interval: str) -> str:
    return f"BTCUSDT-{interval}-*"


def test_a_days_trades_are_listed_fetched_and_opened(bulk: BulkFiles, server: Any, tmp_path: Path) -> None:
    file = file_of(bulk, server, "aggTrades")
    got = bulk.download(file, tmp_path)
    assert (file.size, file.etag) == (got.size, got.etag)
    with bulk.open_csv(got.path, file.name) as stream:
        ids = [int(line.split(b",")[0]) for line in stream]
    assert list(range(ids[0], ids[0] + len(ids))) == ids


@pytest.mark.parametrize(
    ("fault", "interval", "kind"),
    [("wrongsum", "1m", ChecksumError), ("nosum", "3m", MissingChecksumError)],
)
def test_a_file_that_cannot_be_checked_is_not_kept(
    bulk: BulkFiles, server: Any, tmp_path: Path, fault: str, interval: str, kind: type[Exception]
) -> None:
    server.fault(fault, f"1/{name_of(interval)}")
    with pytest.raises(kind):
        bulk.download(file_of(bulk, server, f"klines/{interval}"), tmp_path)
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize(("fault", "interval"), [("bomb:64", "5m"), ("pathtrick", "15m")])
def test_a_hostile_zip_is_refused_though_its_checksum_fits(
    bulk: BulkFiles, server: Any, tmp_path: Path, fault: str, interval: str
) -> None:
    kind, _, amount = fault.partition(":")
    server.fault(kind, f"{amount or 1}/{name_of(interval)}")
    file = file_of(bulk, server, f"klines/{interval}")
    path = bulk.download(file, tmp_path).path
    with pytest.raises(FaultyReplyError, match=file.name), bulk.open_csv(path, file.name) as stream:
        stream.read()


@pytest.mark.parametrize(("fault", "interval"), [("filecut", "30m"), ("filehalf", "1h")])
def test_a_download_that_ends_in_the_middle_is_fetched_again(
    bulk: BulkFiles, server: Any, tmp_path: Path, fault: str, interval: str
) -> None:
    file = file_of(bulk, server, f"klines/{interval}")
    server.fault(fault, f"1/{name_of(interval)}")
    assert file.size == bulk.download(file, tmp_path).size
    assert 1 == server.faults()[-1]["hits"]


def test_a_replaced_file_shows_in_its_published_sum(bulk: BulkFiles, server: Any, tmp_path: Path) -> None:
    before = bulk.download(file_of(bulk, server, "klines/2h"), tmp_path)
    server.fault("replaced", f"1/{name_of('2h')}")
    file = file_of(bulk, server, "klines/2h")
    assert before.sha256 != bulk.checksum(file)
    assert before.etag != file.etag
