"""Parts that are known are not asked for their footers again; parts that are others of the same name are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import TRADES, trades

from bc_parquet import ParquetStore, opening
from bc_parquet import reading as reading_module
from bc_parquet.encoding import ROW_GROUP
from bc_parquet.opening import Footer, Openings
from bcore.errors import CorruptFileError
from bcore.query import Query


def part(path: Path, first: int, rows: int = 1000, groups: int = 10) -> Path:
    path.parent.mkdir(exist_ok=True)
    table = pa.table({"id": np.arange(first, first + rows), "price": np.arange(rows) / 8})
    staged = path.with_suffix(".staged")
    pq.write_table(table, staged, row_group_size=rows // groups)
    staged.replace(path)
    return path


def ids(openings: Openings, path: Path) -> list[int]:
    opened = openings.open(path)
    found: list[int] = opened.read(opened.footer.groups([]), ["id"], threads=False).column("id").to_pylist()
    return found


def test_a_footer_is_read_once_for_all_versions(tmp_path: Path) -> None:
    openings, one, other = Openings(), part(tmp_path / "v1" / "p.parquet", 0), tmp_path / "v2" / "p.parquet"
    other.parent.mkdir()
    other.hardlink_to(one)
    assert openings.open(one).footer is openings.open(other).footer


def test_another_file_of_the_same_name_is_read_anew(tmp_path: Path) -> None:
    openings, path = Openings(), tmp_path / "v1" / "p.parquet"
    assert list(range(1000)) == ids(openings, part(path, 0))
    assert list(range(5, 705)) == ids(openings, part(path, 5, rows=700, groups=7))


def test_only_the_row_groups_within_the_bounds_are_read(tmp_path: Path) -> None:
    footer = Openings().open(part(tmp_path / "v1" / "p.parquet", 0)).footer
    assert [2, 3] == footer.groups([("id", 299, 300)])
    assert [9] == footer.groups([("id", 900, None), ("price", 0, None)])
    assert [] == footer.groups([("id", 1000, None)])


def test_row_groups_that_tell_nothing_are_all_read(tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": range(100)}), tmp_path / "file", row_group_size=50, write_statistics=False)
    assert [0, 1] == Footer(pq.read_metadata(tmp_path / "file")).groups([("id", 0, 0)])


def test_a_part_that_is_gone_is_said_to_be(tmp_path: Path) -> None:
    openings, path = Openings(), part(tmp_path / "v1" / "p.parquet", 0)
    openings.open(path)
    path.unlink()
    with pytest.raises(FileNotFoundError):
        openings.open(path)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"no parquet file at all, whatever its name says"])
def test_what_is_no_parquet_file_is_corrupt(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "p.parquet"
    path.write_bytes(content)
    with pytest.raises(CorruptFileError, match=r"p\.parquet cannot be read"):
        Openings().open(path)


def test_a_page_that_is_not_what_was_written_is_corrupt(tmp_path: Path) -> None:
    path = tmp_path / "p.parquet"
    pq.write_table(
        pa.table({"id": range(1000)}), path, compression="none", use_dictionary=False, write_page_checksum=True
    )
    content = bytearray(path.read_bytes())
    content[content.index((500).to_bytes(8, "little"))] ^= 1
    path.write_bytes(content)
    with pytest.raises(CorruptFileError):
        ids(Openings(), path)


@pytest.mark.parametrize("size", [1, 2**20, 2**30])
def test_a_scan_brings_every_row_once_however_many_row_groups_it_takes_at_a_time(
    size: int, store: ParquetStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading_module, "GROUPS_BYTES", size)
    rows = 3 * ROW_GROUP + 5
    store.append(trades(range(rows)))
    query = Query(TRADES, "BTCUSDT", first=10, last=rows - 7)
    assert store.read(query) == store.scan(query).read_all()
    assert list(range(10, rows - 6)) == store.scan(query).read_all().column("agg_trade_id").to_pylist()


def test_footers_that_are_long_unused_are_forgotten_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "MOST", 60)  # three files of ten row groups and two columns
    openings = Openings()
    paths = [part(tmp_path / "v1" / f"{name}.parquet", 0) for name in "abcd"]
    footers = [openings.open(path).footer for path in paths[:3]]
    openings.open(paths[0])
    openings.open(paths[3])
    assert footers[0] is openings.open(paths[0]).footer
    assert footers[2] is openings.open(paths[2]).footer
    assert footers[1] is not openings.open(paths[1]).footer
