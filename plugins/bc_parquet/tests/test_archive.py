"""What others see of the archive: plain readers, names, parts, quarantine, errors."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow.parquet as pq
import pytest
from conftest import BOOKS, TRADES, books, trades

from bc_parquet import ParquetConfig, ParquetStore
from bc_parquet.folder import SeriesFolder
from bc_parquet.names import Part
from bcore.errors import CorruptFileError, SeriesBusyError, StoreError
from bcore.query import Query
from bcore.records import Rejected, Series
from bcore.spans import Spans

BTC = Series(TRADES, "BTCUSDT")


def in_a_process(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-c", code, str(folder), str(Path(__file__).parent)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(words, capture_output=True, text=True, env=environment)


def version(store: ParquetStore, symbol: str = "BTCUSDT") -> Path:
    return (store.path / "trades" / f"{symbol}.parquet").resolve()


def test_pandas_polars_and_duckdb_see_each_row_once_sorted_by_key(store: ParquetStore) -> None:
    for begin in (500, 0, 1000, 250, 400):
        store.append(trades(range(begin, begin + 200)))
    expected = [*range(200), *range(250, 700), *range(1000, 1200)]
    path = store.path / "trades" / "BTCUSDT.parquet"
    assert expected == pd.read_parquet(path)["agg_trade_id"].tolist()
    assert expected == pl.scan_parquet(path).collect()["agg_trade_id"].to_list()
    assert expected == [row[0] for row in duckdb.sql(f"select agg_trade_id from '{path}/*.parquet'").fetchall()]


def test_the_number_of_parts_stays_bounded_and_no_row_is_lost(store: ParquetStore) -> None:
    for begin in range(0, 3000, 10):
        store.append(trades(range(begin, begin + 10)))
        assert len(list(version(store).glob("*.parquet"))) <= 33
    assert Spans(((0, 2999),)) == store.spans(BTC)
    assert list(range(3000)) == store.read(Query(TRADES, "BTCUSDT"))["agg_trade_id"].to_pylist()


def test_compact_leaves_one_part(store: ParquetStore) -> None:
    for begin in range(0, 100, 10):
        store.append(trades(range(begin, begin + 10)))
    assert 9 == store.compact(BTC)
    assert 1 == store.stats(BTC).files


def test_a_name_tells_what_its_file_holds() -> None:
    part = Part(-5, 17, 23, BEGIN := 1_700_000_000_000_000, BEGIN + 1)
    assert part == Part.parsed(part.name)


def test_names_sort_as_their_keys_do() -> None:
    keys = [-(2**63), -7, -1, 0, 1, 99, 10**18, 2**63 - 1]
    names = [Part(key, key, 1, 0, 0).name for key in keys]
    assert sorted(names) == names


@pytest.mark.parametrize("symbol", ["BTCUSDT", "这是测试币456", "A/B", "..", "a b%2F", ".hidden", "x.y-z_"])
def test_any_symbol_is_kept_under_its_own_name_inside_the_archive(store: ParquetStore, symbol: str) -> None:
    store.append(trades([1, 2], symbol))
    assert [symbol] == [series.symbol for series in store.series()]
    assert [1, 2] == store.read(Query(TRADES, symbol))["agg_trade_id"].to_pylist()
    inside = store.path.resolve()
    assert all(inside in path.resolve().parents for path in store.path.rglob("*.parquet"))


def test_an_empty_symbol_is_refused(store: ParquetStore) -> None:
    with pytest.raises(StoreError, match="must not be empty"):
        store.append(trades([1], ""))


def test_an_archive_can_be_read_without_the_plugin_that_wrote_it(store: ParquetStore) -> None:
    store.append(books([1, 2]))
    assert {"books": BOOKS} == dict(ParquetStore(store.path).datasets())


def test_a_missing_folder_reads_as_empty(tmp_path: Path) -> None:
    empty = ParquetStore(tmp_path / "nothing")
    assert ([], {}, None) == (empty.series(), dict(empty.datasets()), empty.last(BTC))
    assert 0 == empty.read(Query(TRADES, "BTCUSDT")).num_rows
    assert not (tmp_path / "nothing").exists()


def test_a_file_in_place_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("hello")
    with pytest.raises(StoreError, match=r"data is a file"):
        ParquetStore(tmp_path / "data")


def test_a_file_that_another_program_wrote_is_never_touched(store: ParquetStore) -> None:
    path = store.path / "trades" / "BTCUSDT.parquet"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"theirs")
    with pytest.raises(StoreError, match="written by another program"):
        store.append(trades([1]))
    assert b"theirs" == path.read_bytes()


def test_a_second_writer_is_refused_and_a_reader_is_not(store: ParquetStore) -> None:
    store.append(trades([1]))
    code = (
        "import sys; sys.path.insert(0, sys.argv[2]); from conftest import *\n"
        "from bcore.query import Query\n"
        "other = ParquetStore(sys.argv[1])\n"
        "print(other.read(Query(TRADES, 'BTCUSDT')).num_rows)\n"
        "other.append(trades([2]))\n"
    )
    words = [sys.executable, "-c", code, str(store.path), str(Path(__file__).parent)]
    ended = subprocess.run(
        words, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    )
    assert "1\n" == ended.stdout, ended.stderr
    assert SeriesBusyError.__name__ in ended.stderr
    assert f"another process is writing this series (process {os.getpid()}); stop it first" in ended.stderr


def test_a_truncated_part_is_named(store: ParquetStore) -> None:
    store.append(trades(range(100)))
    (part,) = version(store).glob("*.parquet")
    part.write_bytes(part.read_bytes()[:100])
    with pytest.raises(CorruptFileError, match=part.name):
        ParquetStore(store.path).read(Query(TRADES, "BTCUSDT"))


def test_a_stray_file_is_named_and_the_rest_is_read(store: ParquetStore, caplog: pytest.LogCaptureFixture) -> None:
    store.append(trades([1, 2]))
    (version(store) / "notes.txt").write_text("mine")
    assert 2 == store.read(Query(TRADES, "BTCUSDT")).num_rows
    assert "notes.txt does not belong" in caplog.text


def test_rejected_rows_are_kept_aside_with_the_reason(store: ParquetStore) -> None:
    store.quarantine(BTC, Rejected("no price", ('{"a":1}', '{"a":2}')))
    lines = (store.path / "quarantine" / "trades" / "BTCUSDT.ndjson").read_text().splitlines()
    assert [("no price", '{"a":1}'), ("no price", '{"a":2}')] == [
        (entry["reason"], entry["row"]) for entry in map(json.loads, lines)
    ]
    assert [] == store.series()


def test_a_disk_that_is_full_costs_nothing_that_was_stored(tmp_path: Path) -> None:
    """RLIMIT_FSIZE stands in for the full disk: the write of a large batch fails in the middle."""
    code = (
        "import resource, signal, sys; sys.path.insert(0, sys.argv[2]); from conftest import *\n"
        "from bcore.errors import StoreError\n"
        "from bcore.query import Query\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "store = ParquetStore(sys.argv[1])\n"
        "store.append(trades(range(10)))\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (3000, resource.RLIM_INFINITY))\n"
        "try:\n    store.append(trades(range(10, 100000)))\n"
        "except StoreError as error: print(error)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))\n"
        "staged = list((store.path / 'trades/.BTCUSDT/staging').iterdir())\n"
        "print(store.read(Query(TRADES, 'BTCUSDT')).num_rows, len(staged))\n"
        "print(store.append(trades(range(10, 100000))).rows)\n"
    )
    words = [sys.executable, "-c", code, str(tmp_path / "data"), str(Path(__file__).parent)]
    ended = subprocess.run(
        words, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    )
    assert 3 == len(ended.stdout.splitlines()), ended.stderr
    said, held, added = ended.stdout.splitlines()
    assert "nothing half-written is kept" in said
    assert ("10 0", "99990") == (held, added)


def test_a_hot_file_that_cannot_be_written_costs_no_row_and_is_not_believed(tmp_path: Path) -> None:
    code = (
        "import resource, signal, sys; sys.path.insert(0, sys.argv[2]); from conftest import *\n"
        "from bcore.query import Query\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "store = ParquetStore(sys.argv[1])\n"
        "store.append(trades(range(1000)))\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10000, resource.RLIM_INFINITY))\n"
        "print(store.append(trades([1000])).rows)\n"
        "print(store.hot(Query(TRADES, 'BTCUSDT', tail=1))['agg_trade_id'].to_pylist())\n"
    )
    ended = in_a_process(code, tmp_path / "data")
    assert "1\n[1000]\n" == ended.stdout, ended.stderr


def test_prices_come_back_bit_for_bit(store: ParquetStore) -> None:
    batch = books(range(200))
    store.append(batch)
    store.compact(Series(BOOKS, "BTCUSDT"))
    assert str(batch.table["bid"].to_pylist()) == str(store.read(Query(BOOKS, "BTCUSDT"))["bid"].to_pylist())


def test_hot_parquet_writes_the_newest_rows_beside_the_series(tmp_path: Path) -> None:
    store = ParquetStore(tmp_path, ParquetConfig(hot_rows=5, hot_parquet=True))
    store.append(trades(range(20)))
    assert [15, 16, 17, 18, 19] == pq.read_table(tmp_path / "trades" / "BTCUSDT_hot.parquet")[
        "agg_trade_id"
    ].to_pylist()
    assert ["BTCUSDT"] == [series.symbol for series in store.series()]
    store.close()


def test_hot_follows_every_append_and_survives_a_restart(tmp_path: Path) -> None:
    store = ParquetStore(tmp_path, ParquetConfig(hot_rows=50))
    for begin in (0, 100, 40, 160):
        store.append(trades(range(begin, begin + 60)))
        held = store.read(Query(TRADES, "BTCUSDT", tail=50))
        assert held.equals(store.hot(Query(TRADES, "BTCUSDT")))
    store.close()
    (tmp_path / "trades" / ".BTCUSDT" / "hot.arrow").unlink()
    again = ParquetStore(tmp_path, ParquetConfig(hot_rows=50))
    assert held.equals(again.hot(Query(TRADES, "BTCUSDT")))
    again.append(trades([500]))
    assert [500] == again.hot(Query(TRADES, "BTCUSDT", tail=1))["agg_trade_id"].to_pylist()
    again.close()


def test_hot_keeps_a_window_of_each_tick_size(tmp_path: Path) -> None:
    store = ParquetStore(tmp_path, ParquetConfig(hot_snapshots=3))
    store.append(books(range(10)))
    store.append(books(range(10, 20), ticks=(1.0,)))
    hot = store.hot(Query(BOOKS, "BTCUSDT", where={"tick_size": (10.0,)}, tail=3))
    assert [7 + 10.0, 8 + 10.0, 9 + 10.0] == hot["bid"].to_pylist()
    store.close()


def test_rows_far_apart_rewrite_only_the_parts_they_fall_into(store: ParquetStore) -> None:
    for begin in range(0, 5000, 1000):
        store.append(trades(range(begin, begin + 1000, 2)))
    before = {path.name for path in version(store).iterdir()}
    store.append(trades([1, 999, 4001, 7000]))
    assert 3 == len(before & {path.name for path in version(store).iterdir()})
    ids = [1, 999, 4001, 7000, *range(0, 5000, 2)]
    assert sorted(ids) == store.read(Query(TRADES, "BTCUSDT"))["agg_trade_id"].to_pylist()


def test_hot_answers_for_several_tick_sizes_as_the_parts_do(tmp_path: Path) -> None:
    store = ParquetStore(tmp_path, ParquetConfig(hot_snapshots=4))
    store.append(books(range(4), ticks=(10.0,)))
    store.append(books(range(100, 120), ticks=(1.0,)))
    newest = Query(BOOKS, "BTCUSDT", tail=8)
    assert str(store.read(newest).to_pylist()) == str(store.hot(newest).to_pylist())
    store.close()


def test_a_hot_file_that_is_behind_its_parts_is_not_believed(tmp_path: Path) -> None:
    store = ParquetStore(tmp_path)
    store.append(trades(range(10)))
    hot = tmp_path / "trades" / ".BTCUSDT" / "hot.arrow"
    behind = hot.read_bytes(), hot.stat()
    store.append(trades(range(10, 20)))
    hot.write_bytes(behind[0])  # as a writer leaves it that is killed between the part and the hot file
    os.utime(hot, ns=(behind[1].st_atime_ns, behind[1].st_mtime_ns - 10**9))
    assert [19] == ParquetStore(tmp_path).hot(Query(TRADES, "BTCUSDT", tail=1))["agg_trade_id"].to_pylist()
    store.close()


@pytest.mark.parametrize("merged", [False, True])
def test_nor_is_one_whose_writer_was_killed_within_a_tick_of_the_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, merged: bool
) -> None:
    store = ParquetStore(tmp_path)
    store.append(trades(range(10)))
    hot = tmp_path / "trades" / ".BTCUSDT" / "hot.arrow"
    tick = hot.stat().st_mtime_ns

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("bc_parquet.hot.HotFile.add", killed)
    with pytest.raises(KeyboardInterrupt):
        store.append(trades(range(10, 20)))
    if merged:
        folder = SeriesFolder.of(tmp_path, "trades", "BTCUSDT")
        folder.replace(version(store), (), ())
    os.utime(version(store), ns=(tick, tick))
    assert [19] == ParquetStore(tmp_path).hot(Query(TRADES, "BTCUSDT", tail=1))["agg_trade_id"].to_pylist()


def test_a_flipped_bit_is_never_read_as_another_row(store: ParquetStore) -> None:
    store.append(trades(range(2000)))
    (part,) = version(store).iterdir()
    whole, content = store.read(Query(TRADES, "BTCUSDT")), part.read_bytes()
    refused = 0
    for place in range(200, len(content) * 3 // 4, len(content) // 12):
        part.write_bytes(content[:place] + bytes([content[place] ^ 16]) + content[place + 1 :])
        try:
            assert whole.equals(ParquetStore(store.path).read(Query(TRADES, "BTCUSDT")))
        except CorruptFileError:
            refused += 1
    assert refused > 0
    part.write_bytes(content)


def test_a_symbol_named_like_a_hot_file_is_a_series_of_its_own(tmp_path: Path) -> None:
    store = ParquetStore(tmp_path, ParquetConfig(hot_parquet=True))
    for symbol, ids in (("S", [1]), ("S_hot", [7]), ("S", [2])):
        store.append(trades(ids, symbol))
    assert [7] == store.read(Query(TRADES, "S_hot"))["agg_trade_id"].to_pylist()
    store.close()


def test_a_merge_that_the_disk_refuses_costs_no_append(store: ParquetStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.append(trades([0]))

    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "symlink", refuse)
    for id_ in range(2, 160, 2):
        assert 1 == store.append(trades([id_])).rows
    assert list(range(0, 160, 2)) == store.read(Query(TRADES, "BTCUSDT"))["agg_trade_id"].to_pylist()
