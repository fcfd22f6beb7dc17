"""Merges beside the appends: bounded parts, no waiting, nothing merged twice, holes kept open for back-fills."""

from __future__ import annotations

import logging
import os
import time
from contextlib import nullcontext
from pathlib import Path
from threading import Event, Thread

import pytest
from attrs import evolve
from conftest import TRADES, trades

from bc_parquet import ParquetStore, background, merging, staging
from bc_parquet.names import Part
from bc_parquet.staging import Staging
from bc_parquet.writer import SeriesWriter
from bcore.errors import StoreError
from bcore.query import Query
from bcore.records import Origin, Series
from bcore.spans import Spans

BTC = Series(TRADES, "BTCUSDT")


def part(first: int, rows: int) -> Part:
    return Part(first, first + rows - 1, rows, 0, 0)


def files(store: ParquetStore) -> int:
    return store.stats(BTC).files


def fill(store: ParquetStore, appends: int, rows: int = 10) -> None:
    for begin in range(0, appends * rows, rows):
        store.append(trades(range(begin, begin + rows)))


def test_the_background_merges_without_being_asked(store: ParquetStore) -> None:
    fill(store, 30)
    deadline = time.monotonic() + 120
    while files(store) > merging.SOON and time.monotonic() < deadline:
        time.sleep(0.01)
    assert files(store) <= merging.SOON
    assert list(range(300)) == store.read(Query(TRADES, "BTCUSDT"))["agg_trade_id"].to_pylist()


def test_series_that_begin_together_are_not_all_merged_together() -> None:
    merged_at = [merging.first_merge(f"SYM{number}") for number in range(200)]
    assert set(range(merging.SOON // 2 + 1, merging.SOON + 1)) == set(merged_at)
    assert max(map(merged_at.count, merged_at)) < 40


def test_a_series_is_merged_at_its_own_time_first_and_then_at_the_same_distance(
    store: ParquetStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bc_parquet.writer.first_merge", lambda name: 5)
    monkeypatch.setattr(background.Compactor, "notice", lambda self, writer: writer.tidy())
    counts = []
    for begin in range(0, 400, 10):
        store.append(trades(range(begin, begin + 10)))
        counts.append(files(store))
    assert [1, 2, 3, 4, 5, 1] == counts[:6]
    assert [*range(2, merging.SOON + 1), 1] == counts[6 : 6 + merging.SOON]


def test_only_what_was_streamed_is_written_in_a_hurry(store: ParquetStore) -> None:
    """A back-fill may be all that a series ever gets."""
    sizes = {}
    for symbol, origin in (("LIVE", Origin("stream")), ("BULK", Origin("bulk")), ("UNTOLD", None)):
        store.append(evolve(trades(range(5000)), symbol=symbol, origin=origin))
        sizes[symbol] = store.stats(Series(TRADES, symbol)).bytes
    assert sizes["LIVE"] > 1.05 * max(sizes["BULK"], sizes["UNTOLD"])


class Pool:
    """Stands for malloc's: what it would give back nobody can count."""

    asked = 0

    def release_unused(self) -> None:
        self.asked += 1


@pytest.mark.parametrize(("pause", "given"), [(0.0, True), (3600.0, False)])
def test_memory_is_given_back_after_merges_but_not_all_the_time(
    pause: float, given: bool, store: ParquetStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = Pool()
    monkeypatch.setattr(background.pa, "system_memory_pool", lambda: pool)
    monkeypatch.setattr(background, "RELEASE", pause)
    fill(store, 30)
    store.close()  # which waits for the merge
    assert given == (pool.asked > 0)


def test_an_append_goes_through_while_a_merge_is_under_way(
    store: ParquetStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = Event(), Event()
    read_back = staging.assert_equal

    def held_up(*args: object) -> None:
        begun.set()
        assert go_on.wait(60)
        read_back(*args)  # type: ignore[arg-type]

    fill(store, 10)
    monkeypatch.setattr(staging, "assert_equal", held_up)
    merge = Thread(target=store.compact, args=[BTC])
    merge.start()
    assert begun.wait(60)
    assert 10 == store.append(trades(range(100, 110))).rows
    assert 11 == files(store), "stored while the merge was waiting"
    go_on.set()
    merge.join()
    assert list(range(110)) == store.read(Query(TRADES, "BTCUSDT"))["agg_trade_id"].to_pylist()


def test_a_merge_whose_parts_an_append_rewrote_meanwhile_is_dropped(
    store: ParquetStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.append(trades([*range(5), *range(6, 10)]))
    store.append(trades(range(10, 20)))
    read_back, rewritten = staging.assert_equal, []

    def rewrite(*args: object) -> None:
        if not rewritten:
            rewritten.append(True)
            store.append(trades([5]))  # falls into the first of the two parts that are being merged
        read_back(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(staging, "assert_equal", rewrite)
    store.compact(BTC)
    assert list(range(20)) == store.read(Query(TRADES, "BTCUSDT"))["agg_trade_id"].to_pylist()
    assert [] == list((store.path / "trades/.BTCUSDT/staging").iterdir())


@pytest.mark.parametrize(
    ("cuts", "right"),
    [([(0, 6), (6, 10)], True), ([(0, 6), (6, 9)], False), ([(0, 6), (6, 11)], False), ([(0, 6), (5, 9)], False)],
    ids=["all", "one less", "one more", "others"],
)
def test_what_was_written_must_read_back_as_it_was_meant(cuts: list[tuple[int, int]], right: bool) -> None:
    rows = trades(range(20)).table
    written = [rows.slice(begin, end - begin) for begin, end in cuts]
    with nullcontext() if right else pytest.raises(StoreError, match="the old files are kept"):
        merging.assert_equal(written, rows.slice(0, 10), Path("new"))


def test_an_append_merges_itself_when_the_background_has_fallen_behind(
    store: ParquetStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SeriesWriter, "tidy", lambda self: None)
    fill(store, 33)
    assert files(store) <= merging.MOST_PARTS


def test_a_merge_that_fails_leaves_the_parts_and_is_named(
    store: ParquetStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    failed = Event()

    def refuse(*_: object) -> None:
        failed.set()
        raise StoreError("no space")

    with caplog.at_level(logging.WARNING), monkeypatch.context() as patched:
        patched.setattr(Staging, "write_checked", refuse)
        fill(store, merging.SOON + 1)
        assert failed.wait(60)
        store.close()
    assert "merging is put off" in caplog.text
    assert list(range(250)) == ParquetStore(store.path).read(Query(TRADES, "BTCUSDT"))["agg_trade_id"].to_pylist()


def test_a_sealed_part_is_never_read_again_to_be_merged(store: ParquetStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merging, "SEALED_BYTES", 100 * 41)  # about 100 rows of the test's trades
    for begin in (0, 200, 400):
        store.append(trades(range(begin, begin + 200)))
    sealed = {path.name: path.stat().st_ino for path in (store.path / "trades/BTCUSDT.parquet").iterdir()}
    for begin in range(600, 700, 10):
        store.append(trades(range(begin, begin + 10)))
    store.compact(BTC)
    now = {path.name: path.stat().st_ino for path in (store.path / "trades/BTCUSDT.parquet").iterdir()}
    assert sealed == {name: inode for name, inode in now.items() if name in sealed}
    assert 4 == len(now)


def test_parts_on_either_side_of_a_hole_are_merged_apart() -> None:
    parts = [*(part(first, 10) for first in range(0, 100, 10)), *(part(first, 10) for first in range(500, 800, 10))]
    merged = merging.worth_merging(parts, row_bytes=50, whole=True)
    assert {500, 790} == {merged[0].first, merged[-1].first}


def test_parts_with_many_holes_are_merged_all_the_same() -> None:
    parts = [part(first, 10) for first in range(0, 33 * 100, 100)]
    assert len(merging.worth_merging(parts, row_bytes=50, whole=True)) > 1


@pytest.mark.parametrize(("flushes", "most"), [(300, 2.0), (1000, 3.1), (10_000, 4.0)])
def test_a_row_is_rewritten_a_few_times_until_its_part_is_sealed(flushes: int, most: float) -> None:
    """`flushes` make a sealed part; six of these are filled."""
    rows, bytes_ = 100, merging.SEALED_BYTES // (100 * flushes)
    parts: list[Part] = []
    rewritten = 0
    for number in range(6 * flushes):
        parts.append(part(number * rows, rows))
        while merged := merging.worth_merging(parts, bytes_, merging.SOON, whole=True):
            begin, size = parts.index(merged[0]), sum(each.rows for each in merged)
            parts[begin : begin + len(merged)] = [part(merged[0].first, size)]
            rewritten += size
        assert len(parts) <= merging.SOON + 6
    assert rewritten / (6 * flushes * rows) < most


def test_one_merge_holds_no_more_than_two_sealed_parts() -> None:
    half = merging.SEALED_BYTES // 50 // 2
    parts = [part(first, half) for first in range(0, 30 * half, half)]
    merged = merging.worth_merging(parts, row_bytes=50, whole=True, most=24)
    assert parts[:4] == merged


def test_a_merge_is_of_two_parts_however_large() -> None:
    almost = merging.SEALED_BYTES // 10 - 1
    parts = [part(first, almost) for first in range(0, 30 * almost, almost)]
    assert parts[:2] == merging.worth_merging(parts, row_bytes=10, whole=True, most=24)


def test_a_backfill_beside_the_newest_rows_rewrites_nothing(store: ParquetStore) -> None:
    for begin in range(10_000, 10_200, 10):
        store.append(trades(range(begin, begin + 10)))
    store.compact(BTC)
    (newest,) = os.listdir(store.path / "trades/BTCUSDT.parquet")
    for begin in range(0, 200, 10):
        store.append(trades(range(begin, begin + 10)))
        assert newest in os.listdir(store.path / "trades/BTCUSDT.parquet")
    assert Spans(((0, 199), (10_000, 10_199))) == store.spans(BTC)


def test_days_tell_rows_of_each_day_from_names_and_footers(store: ParquetStore) -> None:
    a_day = 24 * 3600 * 1000  # ids, at one a millisecond
    store.append(trades(range(0, 3 * a_day, a_day // 4)))
    store.append(trades(range(3 * a_day, 3 * a_day + 5)))
    found = store.days(BTC)
    times = store.read(Query(TRADES, "BTCUSDT"))["timestamp"].to_pylist()
    expected = sorted({time.date() for time in times})
    assert expected == [each.day for each in found]
    assert [sum(time.date() == day for time in times) for day in expected] == [each.rows for each in found]
    assert abs(store.stats(BTC).bytes - sum(each.bytes for each in found)) <= len(found)


def test_closing_twice_is_harmless(tmp_path: Path) -> None:
    store = ParquetStore(tmp_path)
    store.append(trades([1]))
    store.close()
    store.close()
