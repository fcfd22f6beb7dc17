"""verify and repair on real archives, beside a real exchange on loopback."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from processes import Collector

from bc_parquet.store import ParquetStore
from bc_replay.testing import ReplayServer
from bcore.query import Query
from bcore.records import Batch

Run = Callable[..., "subprocess.CompletedProcess[str]"]
Wait = Callable[..., None]
SYMBOLS = ("BTCUSDT", "ETHUSDT")


@pytest.fixture
def exchange(two_symbols: Path) -> Iterator[ReplayServer]:
    with ReplayServer(two_symbols, speed=0) as server:
        yield server


@pytest.fixture
def collected(exchange: ReplayServer, tmp_path: Path, bcore_run: Run) -> Path:
    """A folder with a configuration, and an archive of everything that the exchange has."""
    (tmp_path / "bcore.toml").write_text(
        f'symbols = ["BTCUSDT", "ETHUSDT"]\n[exchanges.binance]\nrest_url = "{exchange.url}"\n'
        '[stores.main]\nkind = "parquet"\npath = "whole"\n'
        '[sources.trades]\nmode = "poll"\nstart = "2024-08-08"\ninterval = 0.05\n'
    )
    assert 0 == (done := bcore_run("run", "--once")).returncode, done.stderr
    return tmp_path


def part_of(collected: Path, name: str, pieces: Iterable[slice]) -> None:
    """An archive beside the whole one that holds only some rows of each symbol."""
    whole, part = ParquetStore(collected / "whole"), ParquetStore(collected / name)
    for series in whole.series():
        if series.dataset.name == "trades":
            rows = whole.read(Query(series.dataset, series.symbol))
            table = pa.concat_tables([rows.slice(each.start, each.stop - each.start) for each in pieces])
            part.append(Batch(series.dataset, series.symbol, table))
    whole.close()
    part.close()


def verified(bcore_run: Run, archive: str, *options: str) -> tuple[int, dict[str, Any]]:
    done = bcore_run("verify", "--data", archive, "--format", "json", *options)
    told = json.loads(done.stdout)
    return done.returncode, {each["symbol"]: each for each in told["series"] if each["dataset"] == "trades"}


def fingerprints(told: dict[str, Any]) -> list[str]:
    return [told[symbol]["fingerprint"] for symbol in SYMBOLS]


def test_what_was_collected_is_proven_and_beside_a_collector_too(
    collected: Path, collector: Collector, bcore_run: Run, wait_until: Wait
) -> None:
    collector.start("run")
    wait_until(lambda: "rows" in collector.said() or "collecting" in collector.said(), "the collector is up")
    code, told = verified(bcore_run, "whole", "--deep")
    assert 0 == collector.stop()
    assert (0, ["complete", "complete"]) == (code, [told[symbol]["state"] for symbol in SYMBOLS])
    assert 600 == told["ETHUSDT"]["rows"]


def test_holes_are_filled_from_the_exchange_until_both_archives_prove_the_same(collected: Path, bcore_run: Run) -> None:
    part_of(collected, "part", [slice(0, 100), slice(150, 151), slice(400, 600)])
    code, told = verified(bcore_run, "part")
    assert (1, ["incomplete", "incomplete"]) == (code, [told[symbol]["state"] for symbol in SYMBOLS])
    assert [50, 249] == [gap["ids"] for gap in told["ETHUSDT"]["gaps"]]
    assert 0 == (done := bcore_run("repair", "--data", "part")).returncode, done.stderr
    code, told = verified(bcore_run, "part", "--deep")
    assert (0, 299) == (code, told["ETHUSDT"]["rows_by_origin"]["rest"])
    assert verified(bcore_run, "whole")[1]["ETHUSDT"]["fingerprint"] == told["ETHUSDT"]["fingerprint"]


def test_halves_merge_into_a_whole(collected: Path, bcore_run: Run) -> None:
    part_of(collected, "one", [slice(0, 200), slice(300, 350)])
    part_of(collected, "other", [slice(150, 320), slice(340, 10**6)])
    assert 0 == (done := bcore_run("repair", "trades", "--data", "one", "--from", "other")).returncode, done.stderr
    assert fingerprints(verified(bcore_run, "whole")[1]) == fingerprints(verified(bcore_run, "one")[1])


def test_a_byte_that_flipped_is_found_named_and_mended(collected: Path, bcore_run: Run) -> None:
    before = fingerprints(verified(bcore_run, "whole")[1])
    file = sorted((collected / "whole" / "trades" / "ETHUSDT.parquet").resolve().glob("*.parquet"))[-1]
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    code, told = verified(bcore_run, "whole", "--deep")
    assert (1, [file.name]) == (code, [each["file"] for each in told["ETHUSDT"]["problems"]])
    dry = bcore_run("repair", "--dry-run")
    assert (1, True) == (dry.returncode, f"would set aside, and ask for its ids too: {file.name}" in dry.stdout)
    assert 0 == (done := bcore_run("repair")).returncode, done.stderr
    assert f"set aside, damaged: {file.name}" in done.stdout
    code, told = verified(bcore_run, "whole", "--deep")
    assert (0, before) == (code, fingerprints(told))


def test_a_series_that_another_process_writes_is_left_to_it(collected: Path, bcore_run: Run) -> None:
    part_of(collected, "part", [slice(0, 100), slice(150, 600)])
    holder = ParquetStore(collected / "part")
    try:
        dataset = holder.datasets()["trades"]
        holder.append(Batch(dataset, "ETHUSDT", dataset.schema.empty_table()))
        done = bcore_run("repair", "trades/ETHUSDT", "--data", "part")
    finally:
        holder.close()
    assert (1, True) == (done.returncode, "another process writes it: stop that collector first" in done.stderr)
