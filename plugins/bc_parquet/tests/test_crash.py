"""Killed, raced, restarted: what was acknowledged is there once, and readers never notice."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import polars as pl
import pyarrow.parquet as pq
import pytest
from conftest import TRADES, trades

from bc_parquet import ParquetStore
from bcore.query import Query
from bcore.records import Series
from bcore.spans import Spans

HERE = Path(__file__).parent
KILLS = int(os.environ.get("BCORE_KILLS", "20"))  # the session "nightly" asks for 200
BTC = Series(TRADES, "BTCUSDT")
# The background merges, the hot files are written, and the version changes while we kill.
# Acknowledges each append on its standard output: what is printed must survive.
WRITER = """
import sys; sys.path.insert(0, sys.argv[2])
from conftest import *
from bc_parquet import ParquetConfig
from bcore.records import Series
store = ParquetStore(sys.argv[1], ParquetConfig(hot_rows=100, hot_parquet=True))
last = store.last(Series(TRADES, "BTCUSDT"))
begin = last[0] + 1 if last else 0
while True:
    store.append(trades(range(max(begin - 7, 0), begin + 50)))  # overlaps what is held
    begin += 50
    print(begin, flush=True)
"""


def writer(folder: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), str(HERE)], stdout=subprocess.PIPE, text=True, env=environment
    )


def test_a_killed_writer_loses_nothing_it_acknowledged_and_doubles_nothing(tmp_path: Path) -> None:
    chance, acknowledged = random.Random(7), 0
    for _ in range(KILLS):
        process = writer(tmp_path)
        assert process.stdout is not None
        acknowledged = int(process.stdout.readline())
        time.sleep(chance.random() * 0.15)  # the instant of the kill is the point: any will do
        process.kill()
        rest = [int(line) for line in process.stdout.read().splitlines() if line.strip().isdigit()]
        process.wait()
        process.stdout.close()
        acknowledged = max([acknowledged, *rest])
        reader = ParquetStore(tmp_path)
        ids = reader.read(Query(TRADES, "BTCUSDT"))["agg_trade_id"].to_pylist()
        assert list(range(len(ids))) == ids
        assert len(ids) >= acknowledged
        hot = reader.hot(Query(TRADES, "BTCUSDT"))["agg_trade_id"].to_pylist()
        assert list(range(hot[0], hot[-1] + 1)) == hot
        assert hot[-1] < len(ids)
        pq.read_table(tmp_path / "trades" / "BTCUSDT_hot.parquet")
    store = ParquetStore(tmp_path)
    store.append(trades([0]))  # a new writer clears away what the killed ones left
    home = tmp_path / "trades" / ".BTCUSDT"
    assert [] == [path.name for path in (home / "staging").iterdir()]
    assert 1 == len([path for path in home.iterdir() if path.name.startswith("v")])
    print(f"{KILLS} kills: {acknowledged} rows acknowledged, 0 lost, 0 doubled")
    store.close()


@pytest.mark.parametrize("how", ["read", "scan"])
def test_readers_beside_a_writer_that_merges_see_an_unbroken_archive(tmp_path: Path, how: str) -> None:
    process = writer(tmp_path)
    assert process.stdout is not None
    process.stdout.readline()
    versions, reads, rows = set(), 0, 0
    try:
        deadline = time.monotonic() + 120
        while len(versions) < 8 and time.monotonic() < deadline:
            reader = ParquetStore(tmp_path)
            query = Query(TRADES, "BTCUSDT", columns=("agg_trade_id",))
            table = reader.read(query) if how == "read" else reader.scan(query).read_all()
            ids = table["agg_trade_id"].to_pylist()
            assert list(range(len(ids))) == ids
            assert len(ids) >= rows
            rows, reads = len(ids), reads + 1
            versions.add(os.readlink(tmp_path / "trades" / "BTCUSDT.parquet"))
            assert Spans() == reader.spans(BTC).gaps()
    finally:
        process.kill()
        process.stdout.close()
        process.wait()
    assert len(versions) >= 8, "the writer merged while we read"
    print(f"{reads} racing reads over {len(versions)} versions: 0 wrong, 0 errors")


def test_a_scan_goes_on_where_it_was_when_its_version_is_merged_away(tmp_path: Path) -> None:
    store = ParquetStore(tmp_path)
    for begin in range(0, 300, 30):
        store.append(trades(range(begin, begin + 30)))
    scan = ParquetStore(tmp_path).scan(Query(TRADES, "BTCUSDT", offset=5, limit=250, columns=("price", "agg_trade_id")))
    batches = [scan.read_next_batch()]
    store.compact(BTC)
    store.close()  # which also removes the version that the scan had listed
    batches += list(scan)
    assert list(range(5, 255)) == [id_ for batch in batches for id_ in batch["agg_trade_id"].to_pylist()]


# Compacts again and again what a child before it appended in many parts, some of which fall between others.
COMPACTER = """
import sys; sys.path.insert(0, sys.argv[2])
from conftest import *
from bcore.records import Series
store = ParquetStore(sys.argv[1])
print("open", flush=True)
begin = int(sys.argv[3])
while True:
    for shift in (20, 0, 10, 30):
        store.append(trades(range(begin + shift, begin + shift + 10)))
    begin += 40
    store.compact(Series(TRADES, "BTCUSDT"))
    print(begin, flush=True)
"""


def test_a_kill_amid_merges_and_version_changes_loses_and_doubles_nothing(tmp_path: Path) -> None:
    chance, acknowledged, versions = random.Random(11), 0, set()
    for number in range(KILLS):
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        words = [sys.executable, "-c", COMPACTER, str(tmp_path), str(HERE), str(acknowledged)]
        process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment)
        assert process.stdout is not None
        # Every other one is let get through a merge: on a slow machine none might, however long the others live.
        told = [process.stdout.readline() for _ in range(1 + number % 2)]
        time.sleep(chance.random() * 0.4)
        process.kill()
        done = [int(line) for line in [*told, *process.stdout.read().splitlines()] if line.strip().isdigit()]
        process.wait()
        process.stdout.close()
        acknowledged = max([acknowledged, *done])
        reader = ParquetStore(tmp_path)
        ids = reader.read(Query(TRADES, "BTCUSDT"))["agg_trade_id"].to_pylist()
        assert sorted(set(ids)) == ids, "in order, and none twice"
        assert list(range(acknowledged)) == ids[:acknowledged]
        assert len(ids) == reader.stats(BTC).rows
        if ids:
            assert ids == pd.read_parquet(tmp_path / "trades" / "BTCUSDT.parquet")["agg_trade_id"].tolist()
            versions.add(os.readlink(tmp_path / "trades" / "BTCUSDT.parquet"))
    assert len(versions) > 1
    print(f"{KILLS} kills amid merges: {acknowledged} rows acknowledged, 0 lost, 0 doubled")


def plain_ids(path: Path, how: str) -> list[int]:
    if how == "pandas":
        found: list[int] = pd.read_parquet(path, columns=["agg_trade_id"])["agg_trade_id"].tolist()
        return found
    return pl.scan_parquet(path).select("agg_trade_id").collect()["agg_trade_id"].to_list()


@pytest.mark.parametrize("how", ["pandas", "polars"])
def test_plain_readers_of_a_version_beside_a_writer_that_merges_are_never_wrong(tmp_path: Path, how: str) -> None:
    """Of the version folder that the link names (`os.path.realpath`), which outlives its end by a minute, a reader
    gets every row once. Through the link it never gets a row twice or out of order; what a merge takes away while the
    folder is being listed, a reader may be told to be gone, or may leave out without a word.
    """
    process = writer(tmp_path)
    assert process.stdout is not None
    process.stdout.readline()
    path, versions, reads, gone = tmp_path / "trades" / "BTCUSDT.parquet", set(), 0, 0
    short = 0
    try:
        deadline = time.monotonic() + 120
        while len(versions) < 6 and time.monotonic() < deadline:
            for where in (path, Path(os.path.realpath(path))):
                versions.add(os.readlink(path))
                try:
                    ids = plain_ids(where, how)
                except OSError:
                    assert where == path, "a version folder keeps its files"
                    gone += 1
                    continue
                reads += 1
                if where != path:
                    assert list(range(len(ids))) == ids
                assert sorted(set(ids)) == ids
                short += ids != list(range(len(ids)))
    finally:
        process.kill()
        process.stdout.close()
        process.wait()
    assert len(versions) >= 6, "the writer merged while we read"
    assert reads > 5 * (gone + short)
    print(f"{how}: {reads} reads over {len(versions)} versions; through the link {gone} refused, {short} short")
