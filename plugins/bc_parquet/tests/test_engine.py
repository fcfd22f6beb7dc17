"""`StorageEngine` by the original's names, and `bcore import` of a folder that the original wrote."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from bc_parquet import ParquetConfig, ParquetStore, StorageEngine
from bc_parquet.importing import Import, OldSeries
from bcore.cli import main
from bcore.errors import CorruptFileError, StoreError
from bcore.records import Origin, Series

BEGIN = pd.Timestamp("2026-02-15T23:59:00")


def prices(ids: list[int], first_price: float = 100.0) -> pd.DataFrame:
    """Rows of a data type that nothing installed describes, with naive times of nanoseconds."""
    return pd.DataFrame(
        {
            "agg_trade_id": ids,
            "timestamp": pd.Series([BEGIN + pd.Timedelta(seconds=id_) for id_ in ids]).astype("datetime64[ns]"),
            "symbol": "BTCUSDT",
            "price": [first_price + id_ / 8 for id_ in ids],
        }
    )


def depths(instants: int) -> pd.DataFrame:
    """Snapshots at two tick sizes, with NaN where a level is empty."""
    rows = [
        (BEGIN + pd.Timedelta(seconds=30 * number), "BTCUSDT", tick, float("nan") if number % 2 else tick + number)
        for number in range(instants)
        for tick in (10.0, 50.0)
    ]
    return pd.DataFrame(rows, columns=["timestamp", "symbol", "tick_size", "bid_price_1"])


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[StorageEngine]:
    with StorageEngine(tmp_path / "data", compression="snappy", config=ParquetConfig(hot_rows=8)) as opened:
        yield opened


def test_what_is_written_is_read_back_with_each_row_once(engine: StorageEngine) -> None:
    path = engine.write(prices([1, 2, 3]), "mine", "BTCUSDT", dedup_columns=["agg_trade_id"])
    assert engine.base_path / "mine" / "BTCUSDT.parquet" == path
    engine.write(prices([3, 4, 0]), "mine", "BTCUSDT")
    frame = engine.read("mine", "BTCUSDT")
    assert [0, 1, 2, 3, 4] == frame["agg_trade_id"].tolist()
    assert [100.0, 100.125, 100.25, 100.375, 100.5] == frame["price"].tolist()
    assert pd.Timestamp("2026-02-15T23:59:04", tz="UTC") == frame["timestamp"].iloc[-1]
    assert [0, 1, 2, 3, 4] == pd.read_parquet(path)["agg_trade_id"].tolist()


def test_both_ends_of_a_time_range_are_inside_as_in_the_original(engine: StorageEngine) -> None:
    engine.write(prices(list(range(10))), "mine", "BTCUSDT")
    start, end = BEGIN + pd.Timedelta(seconds=2), BEGIN + pd.Timedelta(seconds=5)
    assert [2, 3, 4, 5] == engine.read("mine", "BTCUSDT", start, end)["agg_trade_id"].tolist()
    assert [2, 3] == engine.read("mine", "BTCUSDT", start, limit=2)["agg_trade_id"].tolist()
    assert [[8.0], [9.0]] == engine.read("mine", "BTCUSDT", columns=["agg_trade_id"], limit=2).to_numpy().tolist()


def test_a_series_that_is_not_there_reads_as_nothing(engine: StorageEngine) -> None:
    assert engine.read("nothing", "BTCUSDT").empty
    assert engine.read_hot("nothing", "BTCUSDT").empty
    assert ({"exists": False}, None) == (
        engine.get_file_info("nothing", "X"),
        engine.get_latest_timestamp("nothing", "X"),
    )
    engine.maintain_hot_snapshot("nothing", "BTCUSDT")


def test_an_empty_frame_writes_nothing(engine: StorageEngine) -> None:
    assert engine.write(prices([]), "mine", "BTCUSDT") is None
    assert not (engine.base_path / "mine").exists()


def test_file_info_tells_rows_times_and_columns(engine: StorageEngine) -> None:
    engine.write(prices([5, 9]), "mine", "BTCUSDT")
    info = engine.get_file_info("mine", "BTCUSDT")
    assert (True, 2, ["agg_trade_id", "timestamp", "symbol", "price"]) == (
        info["exists"],
        info["rows"],
        info["columns"],
    )
    assert info["size_mb"] > 0
    assert pd.Timestamp("2026-02-15T23:59:05", tz="UTC") == info["start_time"]
    assert pd.Timestamp("2026-02-15T23:59:09", tz="UTC") == info["end_time"]
    assert info["end_time"] == engine.get_latest_timestamp("mine", "BTCUSDT")


def test_a_missing_column_of_the_schema_is_named(engine: StorageEngine) -> None:
    with pytest.raises(ValueError, match="mine/BTCUSDT: the frame has no column quantity"):
        engine.write(prices([1]), "mine", "BTCUSDT", schema={"price": "float64", "quantity": "float64"})


def test_hot_frames_are_the_callers_own_and_follow_every_write(engine: StorageEngine) -> None:
    engine.write(prices(list(range(20))), "mine", "BTCUSDT")
    first = engine.read_hot("mine", "BTCUSDT")
    assert list(range(12, 20)) == first["agg_trade_id"].tolist()
    first.loc[:, "price"] = 0.0
    first["extra"] = 1
    assert [101.5, 102.375] == engine.read_hot("mine", "BTCUSDT")["price"].iloc[[0, -1]].tolist()
    engine.write(prices([20]), "mine", "BTCUSDT")
    assert 20 == engine.read_hot("mine", "BTCUSDT")["agg_trade_id"].iloc[-1]


def test_the_hot_window_is_as_large_as_was_asked_for(engine: StorageEngine) -> None:
    engine.write(prices(list(range(40))), "mine", "BTCUSDT")
    engine.maintain_hot_snapshot("mine", "BTCUSDT", window_size=30)
    assert list(range(10, 40)) == engine.read_hot("mine", "BTCUSDT")["agg_trade_id"].tolist()
    engine.write(depths(50), "depths", "BTCUSDT")
    engine.maintain_hot_snapshot("depths", "BTCUSDT", window_size=20)
    assert {10.0: 10, 50.0: 10} == engine.read_hot("depths", "BTCUSDT")["tick_size"].value_counts().to_dict()


def original(folder: Path) -> Path:
    """A data folder as the original leaves it: single files, naive times, by time, a hot file beside."""
    for name, frame in (("mine", prices([3, 1, 2, *range(4, 900)])), ("depths", depths(40))):
        (folder / name).mkdir(parents=True)
        frame.to_parquet(folder / name / "BTCUSDT.parquet", compression="snappy", index=False)
        frame.tail(5).to_parquet(folder / name / "BTCUSDT_hot.parquet", compression="snappy", index=False)
    return folder


def imported(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(main, ["import", *words])
    return done.exit_code, done.output


def test_import_takes_every_row_over_and_leaves_the_old_files(tmp_path: Path) -> None:
    old, new = original(tmp_path / "old"), tmp_path / "new"
    before = {path: path.read_bytes() for path in old.rglob("*.parquet")}
    code, output = imported(str(old), "--data", str(new))
    assert (0, True, True) == (code, "899 rows verified" in output, "80 rows verified" in output), output
    assert before == {path: path.read_bytes() for path in old.rglob("*") if path.is_file()}
    store = ParquetStore(new)
    assert ["depths/BTCUSDT", "mine/BTCUSDT"] == [str(series) for series in store.series()]
    with StorageEngine(new) as engine:
        assert list(range(1, 900)) == engine.read("mine", "BTCUSDT")["agg_trade_id"].tolist()
        assert str(depths(40)["bid_price_1"].tolist()) == str(engine.read("depths", "BTCUSDT")["bid_price_1"].tolist())


def test_import_notes_the_file_that_the_rows_came_from(tmp_path: Path) -> None:
    old = original(tmp_path / "old") / "mine" / "BTCUSDT.parquet"
    imported(str(tmp_path / "old"), "--data", str(tmp_path / "new"))
    store = ParquetStore(tmp_path / "new")
    (series,) = [each for each in store.series() if each.dataset.name == "mine"]
    digest = sha256(old.read_bytes()).hexdigest()
    assert [(Origin("archive", "BTCUSDT.parquet", digest, 899), 899)] == store.origins(series)


def test_import_in_place_keeps_the_old_files_under_another_name_and_may_be_repeated(tmp_path: Path) -> None:
    original(tmp_path)
    assert 0 == imported(str(tmp_path), "--data", str(tmp_path))[0]
    assert 899 == len(pd.read_parquet(tmp_path / "mine" / "BTCUSDT.parquet"))
    assert 899 == len(pd.read_parquet(tmp_path / "mine" / "BTCUSDT.parquet.original"))
    code, output = imported(str(tmp_path), "--data", str(tmp_path))
    assert (0, True) == (code, "899 rows verified, 0 of them new" in output), output


def test_import_that_finds_other_values_says_so_and_touches_nothing(tmp_path: Path) -> None:
    old = original(tmp_path / "old")
    with StorageEngine(tmp_path / "new") as engine:
        engine.write(prices([7], first_price=1.0), "mine", "BTCUSDT")
    code, output = imported(str(old), "--data", str(tmp_path / "new"))
    assert (1, True) == (code, "holds other values than this file" in output), output
    assert "depths/BTCUSDT: 80 rows verified" in output


def test_a_file_that_is_cut_short_is_named_and_left_where_it_is(tmp_path: Path) -> None:
    path = original(tmp_path) / "mine" / "BTCUSDT.parquet"
    path.write_bytes(path.read_bytes()[:200])
    code, output = imported(str(tmp_path), "--data", str(tmp_path))
    assert (1, True) == (code, f"{path} is no Parquet file" in output.replace("\n", " ")), output
    assert path.is_file()
    with pytest.raises(CorruptFileError):
        Import(ParquetStore(tmp_path)).run(OldSeries(path, "mine", "BTCUSDT"), in_place=True)


def test_a_folder_without_series_is_misuse(tmp_path: Path) -> None:
    code, output = imported(str(tmp_path), "--data", str(tmp_path / "new"))
    assert (2, True) == (code, "holds no <dataset>/<SYMBOL>.parquet" in output)


def test_rows_that_do_not_fit_what_is_held_are_refused_before_anything_is_stored(engine: StorageEngine) -> None:
    engine.write(prices([1]), "mine", "BTCUSDT")
    with pytest.raises(StoreError, match="unknown column extra"):
        engine.write(prices([2]).assign(extra=1), "mine", "BTCUSDT")
    assert 1 == engine.store.stats(Series(engine.store.datasets()["mine"], "BTCUSDT")).rows
