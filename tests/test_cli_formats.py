"""Long answers are written as they come: nothing waits for the last row, and nothing half-written is left."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bcore.cli import formats
from bcore.cli.output import write

SCHEMA = pa.schema({"id": pa.int64(), "at": pa.timestamp("us", tz="UTC"), "name": pa.string()})
ROWS = 1000
FORMS = ("table", "json", "csv", "arrow", "parquet")


def batch(number: int) -> pa.RecordBatch:
    ids = range(number * ROWS, (number + 1) * ROWS)
    names = ["a" * (1 + number)] * ROWS
    return pa.record_batch([pa.array(ids), pa.array(ids, SCHEMA.types[1]), pa.array(names)], schema=SCHEMA)


def reader(count: int, seen: Callable[[int], None] = lambda number: None) -> pa.RecordBatchReader:
    def batches() -> Iterator[pa.RecordBatch]:
        for number in range(count):
            seen(number)
            yield batch(number)

    return pa.RecordBatchReader.from_batches(SCHEMA, batches())


def staged_size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


@pytest.mark.parametrize("form", FORMS)
def test_rows_are_on_their_way_before_the_last_ones_are_read(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(formats, "GROUP_ROWS", ROWS)
    sizes: list[int] = []
    write(reader(100, lambda number: sizes.append(staged_size(tmp_path))), form, tmp_path / "out")
    assert 100 == len(sizes)
    assert sizes[-1] > staged_size(tmp_path) / 2


@pytest.mark.parametrize("form", FORMS)
def test_an_answer_that_breaks_off_leaves_the_file_that_was_there(form: str, tmp_path: Path) -> None:
    def fail_at_the_end(number: int) -> None:
        if number == 2:
            raise OSError(5, "Input/output error")

    path = tmp_path / "out"
    path.write_text("before")
    with pytest.raises(OSError, match="Input/output error"):
        write(reader(3, fail_at_the_end), form, path)
    assert ("before", [path]) == (path.read_text(), list(tmp_path.iterdir()))


def test_parquet_is_written_to_what_cannot_tell_how_far_it_is() -> None:
    class Pipe(io.RawIOBase):
        content = b""

        def writable(self) -> bool:
            return True

        def write(self, content: bytes) -> int:  # type: ignore[override]
            self.content += bytes(content)
            return len(content)

    pipe = Pipe()
    formats.write_parquet(reader(3), pipe)  # type: ignore[arg-type]
    assert reader(3).read_all() == pq.read_table(io.BytesIO(pipe.content))


def test_small_batches_share_row_groups(tmp_path: Path) -> None:
    write(reader(10), "parquet", tmp_path / "out")
    assert 1 == pq.read_metadata(tmp_path / "out").num_row_groups


def test_json_of_several_batches_is_one_array(tmp_path: Path) -> None:
    write(reader(3), "json", tmp_path / "out")
    assert list(range(3 * ROWS)) == [row["id"] for row in json.loads((tmp_path / "out").read_text())]


def test_a_table_has_one_head_and_columns_that_widen_where_they_must(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(formats, "BLOCK_ROWS", ROWS)
    write(reader(3), "table", tmp_path / "out")
    head, *lines = (tmp_path / "out").read_text().splitlines()
    assert (["id", "at", "name"], 3 * ROWS) == (head.split(), len(lines))
    assert {1: "a", 2: "aa", 3: "aaa"} == {len(line.split()[-1]): line.split()[-1] for line in lines}


def test_what_is_no_plain_file_is_written_in_place() -> None:
    write(reader(1), "csv", Path("/dev/null"))
    assert not Path("/dev/null").is_file()
