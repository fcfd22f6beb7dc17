"""Damaged and foreign files, odd file systems, refusing disks: named, put aside, and the rest goes on."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pandas as pd
import polars as pl
import pytest
from click.testing import CliRunner
from conftest import TRADES, trades

from bc_parquet import ParquetConfig, ParquetStore, folder, writer
from bcore.cli import main
from bcore.errors import CorruptFileError, StoreError
from bcore.query import Query
from bcore.records import Series
from bcore.spans import Spans

BTC = Series(TRADES, "BTCUSDT")


def ids(store: ParquetStore) -> list[int]:
    found: list[int] = store.read(Query(TRADES, "BTCUSDT"))["agg_trade_id"].to_pylist()
    return found


def archive(path: Path, appends: int = 3) -> list[Path]:
    """So many parts of ten rows; their paths, oldest first."""
    store = ParquetStore(path)
    for begin in range(0, appends * 10, 10):
        store.append(trades(range(begin, begin + 10)))
    store.close()
    return sorted((path / "trades/BTCUSDT.parquet").resolve().iterdir())


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


def rot(path: Path) -> None:
    """Flips bits where the first column's values stand: the footer stays as it was."""
    content = bytearray(path.read_bytes())
    for index in range(30, 60):
        content[index] ^= 0xFF
    path.write_bytes(content)


def overwrite(path: Path) -> None:
    pd.DataFrame({"x": [1]}).to_parquet(path)


def test_readers_name_a_truncated_part_and_what_to_do(tmp_path: Path) -> None:
    truncate(archive(tmp_path)[1])
    with pytest.raises(CorruptFileError, match="bcore compact"):
        ids(ParquetStore(tmp_path))
    assert [BTC] == ParquetStore(tmp_path).series()


@pytest.mark.parametrize("harm", [truncate, rot, overwrite])
def test_compact_moves_a_damaged_part_to_the_quarantine_and_the_rest_is_read(tmp_path: Path, harm: object) -> None:
    damaged = archive(tmp_path)[1]
    harm(damaged)  # type: ignore[operator]
    done = CliRunner().invoke(main, ["compact", "--data", str(tmp_path)])
    assert (0, True) == (done.exit_code, "trades/BTCUSDT" in done.output), done.output
    store = ParquetStore(tmp_path)
    assert [*range(10), *range(20, 30)] == ids(store)
    assert Spans(((10, 19),)) == store.spans(BTC).gaps()
    assert [damaged.name] == [path.name for path in store.quarantined(BTC)]


def test_a_writer_puts_aside_what_is_not_ours_and_goes_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    version = archive(tmp_path)[0].parent
    (version / "notes.txt").write_text("mine")
    truncate(sorted(version.glob("*.parquet"))[2])
    with closing(ParquetStore(tmp_path)) as store:
        store.append(trades(range(20, 40)))
        assert list(range(40)) == ids(store)
        assert 2 == len(store.quarantined(BTC))
    assert ("notes.txt was moved" in caplog.text, "bcore stats" in caplog.text) == (True, True)
    assert list(range(40)) == pd.read_parquet(tmp_path / "trades/BTCUSDT.parquet")["agg_trade_id"].tolist()


def test_a_disk_that_fails_is_no_reason_to_put_a_file_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive(tmp_path)

    def fail(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("pyarrow.parquet.read_metadata", fail)
    with closing(ParquetStore(tmp_path)) as store:
        with pytest.raises(StoreError, match="Input/output error"):
            store.append(trades([99]))
        assert [] == store.quarantined(BTC)


@pytest.mark.parametrize("begin", [30, 5])
def test_an_append_whose_fsync_fails_is_no_append(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begin: int) -> None:
    """EIO from fsync, of the file or of the folder, at each of its calls in turn; then the same batch once more."""
    archive(tmp_path)
    real, failures = os.fsync, 0
    for nth in range(12):
        calls = iter(range(100))

        def fsync(descriptor: int, calls: Iterator[int] = calls, nth: int = nth) -> None:
            if next(calls) == nth:
                raise OSError(errno.EIO, "Input/output error")
            real(descriptor)

        copy = tmp_path.with_name(f"copy{begin}_{nth}")
        shutil.copytree(tmp_path, copy, symlinks=True)
        with closing(ParquetStore(copy)) as store:
            monkeypatch.setattr(os, "fsync", fsync)
            try:
                store.append(trades(range(begin, begin + 40)))
            except StoreError as error:
                failures += "Input/output error" in str(error)
            monkeypatch.setattr(os, "fsync", real)
            store.append(trades(range(begin, begin + 40)))
            assert list(range(max(30, begin + 40))) == ids(store)
        assert list(range(max(30, begin + 40))) == ids(ParquetStore(copy))
    assert failures >= 2
    print(f"{failures} failed fsyncs: 0 rows lost, 0 doubled")


def test_a_full_file_system_costs_nothing_that_was_stored(tmp_path: Path) -> None:
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(tmp_path)], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting a small tmpfs is not permitted here")
    try:
        stored = refused = 0
        with closing(ParquetStore(tmp_path / "data")) as store:
            for begin in range(0, 10**7, 5000):
                try:
                    stored += store.append(trades(range(begin, begin + 5000))).rows
                except StoreError as error:
                    refused += "No space left" in str(error)
                    break
            assert list(range(stored)) == ids(store)
        assert (1, True) == (refused, stored > 0)
        assert list(range(stored)) == ids(ParquetStore(tmp_path / "data"))
        print(f"{stored} rows until the file system was full: 0 lost, 0 doubled")
    finally:
        subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)


def test_a_folder_that_may_not_be_written_is_named_and_can_be_read(tmp_path: Path) -> None:
    archive(tmp_path)
    if os.geteuid() == 0:
        bound = subprocess.run(["mount", "--bind", str(tmp_path), str(tmp_path)], capture_output=True)
        if bound.returncode:
            pytest.skip("root is stopped by no permission, and mounting read-only is not permitted here")
        subprocess.run(["mount", "-o", "remount,ro,bind", str(tmp_path)], check=True)
    else:
        (tmp_path / "trades/.BTCUSDT").chmod(0o500)
    try:
        with closing(ParquetStore(tmp_path)) as store:
            with pytest.raises(StoreError, match=r"BTCUSDT.parquet: (Read-only file system|Permission denied)"):
                store.append(trades([99]))
            assert list(range(30)) == ids(store)
    finally:
        if os.geteuid() == 0:
            subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)


def test_a_clock_that_jumps_back_changes_neither_order_nor_durability(tmp_path: Path) -> None:
    clock = iter([1000.0, -5.0, 500.0, -1e9] * 1000)
    store = ParquetStore(tmp_path, monotonic=lambda: next(clock))
    for begin in range(0, 400, 10):
        store.append(trades(range(begin, begin + 10)))
    store.close()
    assert list(range(400)) == ids(ParquetStore(tmp_path))


@pytest.fixture
def no_links(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system like FAT: neither symbolic nor hard links."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "symlink", refuse)
    monkeypatch.setattr(os, "link", refuse)


@pytest.mark.usefixtures("no_links")
def test_without_links_a_pointer_file_names_the_folder_that_plain_readers_open(tmp_path: Path) -> None:
    with closing(ParquetStore(tmp_path)) as store:
        for begin in range(0, 400, 10):
            store.append(trades(range(begin, begin + 10)))
        store.append(trades([*range(395, 405)]))
        store.compact(BTC)
        assert ([BTC], list(range(405))) == (store.series(), ids(store))
        current = tmp_path / "trades" / (tmp_path / "trades/BTCUSDT.current").read_text().strip()
        assert current == store.location(BTC)
        assert list(range(405)) == pd.read_parquet(current)["agg_trade_id"].tolist()
        assert list(range(405)) == pl.read_parquet(current)["agg_trade_id"].to_list()
    assert not os.path.lexists(tmp_path / "trades/BTCUSDT.parquet")


def test_a_series_keeps_the_layout_it_was_begun_with(tmp_path: Path) -> None:
    with closing(ParquetStore(tmp_path, ParquetConfig(layout="pointer"))) as store:
        store.append(trades([1]))
    with closing(ParquetStore(tmp_path)) as store:
        store.append(trades([0, 2]))
        store.compact(BTC)
        assert [0, 1, 2] == ids(store)
    assert ["BTCUSDT.current"] == [path.name for path in (tmp_path / "trades").iterdir() if path.name[0] != "."]


@pytest.mark.usefixtures("no_links")
def test_a_link_that_was_asked_for_and_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    with (
        closing(ParquetStore(tmp_path, ParquetConfig(layout="link"))) as store,
        pytest.raises(StoreError, match="not permitted"),
    ):
        store.append(trades([1]))


def test_compact_names_a_series_that_is_not_there(tmp_path: Path) -> None:
    archive(tmp_path)
    done = CliRunner().invoke(main, ["compact", "trades/BTCUSD", "--data", str(tmp_path)])
    assert 2 == done.exit_code
    assert "did you mean trades/BTCUSDT" in done.output


def test_compact_leaves_a_series_that_is_being_written_alone(tmp_path: Path) -> None:
    archive(tmp_path)
    with closing(ParquetStore(tmp_path)) as store:
        store.append(trades([99]))
        done = CliRunner().invoke(main, ["compact", "--data", str(tmp_path)])
    assert 1 == done.exit_code
    assert "another process is writing this series" in done.output


def test_a_file_is_never_put_aside_over_another(tmp_path: Path) -> None:
    first = folder.SeriesFolder.of(tmp_path, "trades", "BTCUSDT")
    for _ in range(2):
        (tmp_path / "x").write_text("x")
        first.set_aside(tmp_path / "x")
    assert ["x", "x.1"] == sorted(path.name for path in first.quarantine.iterdir())


def test_the_grace_of_an_old_version_ends_by_the_clock(tmp_path: Path) -> None:
    now = [0.0]
    store = ParquetStore(tmp_path, monotonic=lambda: now[0])
    store.append(trades([*range(5), *range(6, 9)]))
    store.append(trades([5]))
    home = tmp_path / "trades/.BTCUSDT"
    assert 2 == len(list(home.glob("v*")))
    now[0] += writer.GRACE + 1
    store.compact(BTC)
    store.append(trades([9]))
    store.close()
    assert 1 == len(list(home.glob("v*")))
