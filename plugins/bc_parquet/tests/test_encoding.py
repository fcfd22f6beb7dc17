"""What the encodings are chosen by, and that whatever is chosen reads back bit for bit."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bc_parquet.encoding import AGAIN, ROW_GROUP, SMALL, Encoding, Suited, write
from bc_parquet.metadata import DATASET

KINDS = {
    "int": pa.int64(),
    "small": pa.int32(),
    "time": pa.timestamp("us", tz="UTC"),
    "price": pa.float64(),
    "flag": pa.bool_(),
    "symbol": pa.string(),
}


def table(rows: int, seed: int = 1) -> pa.Table:
    random = np.random.default_rng(seed)
    walk = np.round(100 + np.cumsum(random.integers(-3, 4, rows)) / 100, 2)
    walk[random.random(rows) < 0.01] = np.nan
    columns: dict[str, Any] = {
        "int": np.arange(rows),
        "small": random.integers(0, 9, rows),
        "time": np.cumsum(random.integers(0, 10**6, rows)),
        "price": walk,
        "flag": random.random(rows) < 0.5,
        "symbol": [f"name {number % 3}" for number in range(rows)],
    }
    return pa.table({name: pa.array(columns[name], kind) for name, kind in KINDS.items()})


def written(rows: pa.Table, path: Path, level: int = 3) -> pq.FileMetaData:
    write(rows, path, level)
    return pq.read_metadata(path)


def column(metadata: pq.FileMetaData, name: str) -> Any:
    names = metadata.schema.to_arrow_schema().names
    return metadata.row_group(0).column(names.index(name))


def bits(rows: pa.Table) -> list[pa.ChunkedArray]:
    return [each.combine_chunks().view(pa.int64()) if each.type == pa.float64() else each for each in rows.columns]


@settings(deadline=None, max_examples=20)
@given(st.sampled_from([1, 100, 5000, SMALL + 1, ROW_GROUP + 1]), st.integers(1, 22), st.integers(0, 9))
def test_what_is_written_reads_back_bit_for_bit(rows: int, level: int, seed: int) -> None:
    meant = table(rows, seed)
    with TemporaryDirectory() as folder:
        write(meant, Path(folder) / "rows", level)
        read = pq.read_table(Path(folder) / "rows", memory_map=False)
    assert meant.schema == read.schema
    assert all(one.equals(other) for one, other in zip(bits(meant), bits(read), strict=True))


def test_ids_in_a_row_are_written_without_zstd_where_that_saves_nothing(tmp_path: Path) -> None:
    metadata = written(table(SMALL + 1), tmp_path / "file")
    assert "LZ4" == column(metadata, "int").compression
    assert "DELTA_BINARY_PACKED" in column(metadata, "int").encodings


def test_zstd_is_kept_where_it_saves_much(tmp_path: Path) -> None:
    random = np.random.default_rng(2)
    rows = pa.table({"size": random.integers(1, 10**6, 4 * SMALL) / 10**5})
    assert "ZSTD" == column(written(rows, tmp_path / "file"), "size").compression


def test_a_small_file_is_zstd_throughout(tmp_path: Path) -> None:
    metadata = written(table(SMALL), tmp_path / "file")
    assert {"ZSTD"} == {column(metadata, name).compression for name in KINDS}


@pytest.mark.parametrize("rows", [1, 5000, SMALL, ROW_GROUP])
def test_a_file_that_will_be_merged_anyway_is_not_pondered(
    rows: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Encoding, "size", None)
    meant = table(rows)
    write(meant, tmp_path / "file", 3, lasting=False)
    metadata = pq.read_metadata(tmp_path / "file")
    assert {"LZ4"} == {column(metadata, name).compression for name in KINDS}
    read = pq.read_table(tmp_path / "file", memory_map=False)
    assert all(one.equals(other) for one, other in zip(bits(meant), bits(read), strict=True))


def test_and_takes_more_bytes_than_one_that_may_stay(tmp_path: Path) -> None:
    write(table(5000), tmp_path / "swift", 3, lasting=False)
    write(table(5000), tmp_path / "lasting", 3)
    assert (tmp_path / "swift").stat().st_size > (tmp_path / "lasting").stat().st_size


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The rows of every column that an encoding is tried out on."""
    sizes: list[int] = []
    size = Encoding.size
    monkeypatch.setattr(Encoding, "size", lambda self, sample: sizes.append(sample.num_rows) or size(self, sample))
    return sizes


@pytest.mark.parametrize(("rows", "again"), [(ROW_GROUP, False), (5 * ROW_GROUP, False), (SMALL + 1, True)])
def test_what_suited_a_file_suits_the_next_with_row_groups_of_about_that_size(
    rows: int, again: bool, tmp_path: Path, tried: list[int]
) -> None:
    suited = Suited()
    write(table(ROW_GROUP), tmp_path / "first", 3, suited=suited)
    assert tried
    tried.clear()
    write(table(rows, seed=2), tmp_path / "second", 3, suited=suited)
    assert again == bool(tried)
    tried.clear()
    write(table(ROW_GROUP, seed=3), tmp_path / "third", 3, suited=suited)
    assert not tried


@pytest.mark.parametrize("style", ["PLAIN", "DICTIONARY"])
def test_a_size_is_of_the_whole_however_much_of_it_was_tried(style: str) -> None:
    prices = table(4 * ROW_GROUP).select(["price"])
    whole, group = (Encoding(style, "zstd", 3).size(prices.slice(0, rows)) for rows in (4 * ROW_GROUP, ROW_GROUP))
    assert (3.5 if style == "PLAIN" else 1.5) < whole / group < 4.5


def test_what_suited_is_tried_out_again_before_long(tmp_path: Path, tried: list[int]) -> None:
    suited, rows = Suited(), table(SMALL + 1)
    before = []
    for _ in range(AGAIN + 1):
        write(rows, tmp_path / "file", 3, suited=suited)
        before.append(len(tried))
    assert before[0] == before[-2] < before[-1]


def test_what_suited_other_columns_suits_none(tmp_path: Path, tried: list[int]) -> None:
    suited = Suited()
    write(table(ROW_GROUP), tmp_path / "first", 3, suited=suited)
    tried.clear()
    write(table(ROW_GROUP).select(["int", "price"]), tmp_path / "second", 3, suited=suited)
    assert tried


def test_a_few_prices_are_a_dictionary_that_reads_fast(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    rows = pa.table({"price": random.integers(0, 50, ROW_GROUP) / 100})
    found = column(written(rows, tmp_path / "file"), "price")
    assert ("LZ4", True) == (found.compression, "RLE_DICTIONARY" in found.encodings)


@pytest.mark.parametrize(("rows", "told"), [(100, {"int", "time"}), (ROW_GROUP + 1, set(KINDS))])
def test_a_file_of_one_row_group_tells_the_extent_of_key_and_time_alone(
    rows: int, told: set[str], tmp_path: Path
) -> None:
    dataset = b'{"name": "ticks", "key": ["int"], "time": "time"}'
    metadata = written(table(rows).replace_schema_metadata({DATASET: dataset}), tmp_path / "file")
    assert told == {name for name in KINDS if column(metadata, name).is_stats_set}


def events(rows: int, each: int, columns: int = 4, seed: int = 6) -> pa.Table:
    """Rows of which `each` share an id, as the levels of an event of a book do, and prices of some thousand values."""
    random = np.random.default_rng(seed)
    numbers = {f"price {n}": np.rint(random.normal(60_000, 20, rows) * 100) / 100 for n in range(columns - 3)}
    ids = np.arange(rows) // each
    common = {"id": ids, "time": pa.array(ids, KINDS["time"]), "symbol": pa.repeat("AAA", rows)}
    dataset = b'{"name": "levels", "key": ["id", "price 0"], "time": "time"}'
    return pa.table({**common, **numbers}).replace_schema_metadata({DATASET: dataset})


@pytest.mark.parametrize(
    ("each", "columns", "groups"),
    [(1, 4, 5), (2, 4, 3), (12, 8, 2), (12, 17, 3), (12, 40, 5), (2000, 8, 5)],
    ids=["a row each", "two rows each", "many", "of many columns", "of very many columns", "a whole book"],
)
def test_where_several_rows_make_one_thing_row_groups_are_larger(
    each: int, columns: int, groups: int, tmp_path: Path
) -> None:
    rows = events(4 * ROW_GROUP + 8, each, columns)
    assert groups == written(rows, tmp_path / "file", 1).num_row_groups
    assert rows.equals(pq.read_table(tmp_path / "file"))


def test_and_speed_is_worth_fewer_bytes(tmp_path: Path) -> None:
    found = [column(written(events(4 * SMALL, each), tmp_path / "file"), "price 0").compression for each in (1, 30)]
    assert ["LZ4", "ZSTD"] == found


def test_a_higher_level_is_smaller(tmp_path: Path) -> None:
    random, sizes = np.random.default_rng(4), []
    rows = pa.table({"size": np.maximum(np.rint(random.lognormal(-4, 1.6, 4 * SMALL) * 1e5), 1) / 1e5})
    for level in (1, 19):
        write(rows, tmp_path / "file", level)
        sizes.append((tmp_path / "file").stat().st_size)
    assert sizes[1] < sizes[0]
