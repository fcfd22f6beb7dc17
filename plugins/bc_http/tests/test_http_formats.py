"""Formats and codings: the same rows in each, whole or piece by piece."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bc_http.formats import FORMATS, Wanted

ARROW = "application/vnd.apache.arrow.stream"
SECOND_ROW = {"id": 2999, "timestamp": "2026-01-01T00:49:59.000000Z", "symbol": "AAA", "price": 749.75, "up": False}


def unzstd(content: bytes) -> bytes:
    with pa.CompressedInputStream(pa.BufferReader(content), "zstd") as stream:
        return bytes(stream.read())


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        ("*/*", "application/json"),
        ("application/json", "application/json"),
        ("text/html, */*;q=0.1", "application/json"),
        ("text/*", "text/csv"),
        ("text/csv;q=0.5, application/x-ndjson;q=0.9", "application/x-ndjson"),
        (ARROW, ARROW),
        ("application/vnd.apache.parquet", "application/vnd.apache.parquet"),
        ("application/vnd.bcore.columns+json", "application/vnd.bcore.columns+json"),
    ],
)
def test_accept_chooses_the_format(served: Any, accept: str, media: str) -> None:
    assert media == served.get("/ticks/AAA?limit=1", {"Accept": accept}).type


def test_a_named_format_goes_before_accept(served: Any) -> None:
    assert "text/csv" == served.get("/ticks/AAA?limit=1&format=csv", {"Accept": ARROW}).type


def test_what_nobody_offers_is_not_acceptable(served: Any) -> None:
    problem = served.get("/ticks/AAA", {"Accept": "image/png"})
    assert (406, "application/problem+json") == (problem.status, problem.type)
    assert "text/csv" in problem.json()["detail"]


def test_columns_hold_what_rows_hold(served: Any) -> None:
    rows = served.get("/ticks/AAA?limit=300").json()["data"]
    columns = served.get("/ticks/AAA?limit=300&format=columns").json()["columns"]
    assert rows == [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def test_ndjson_has_a_row_a_line(served: Any) -> None:
    lines = served.get("/ticks/AAA?format=ndjson").body.splitlines()
    assert (3000, SECOND_ROW) == (len(lines), json.loads(lines[-1]))


def test_csv_has_names_and_all_rows(served: Any) -> None:
    rows = list(csv.DictReader(io.StringIO(served.get("/ticks/AAA?format=csv").body.decode(), newline="")))
    assert (3000, "") == (len(rows), rows[100]["price"])
    assert {**SECOND_ROW, "id": "2999", "price": "749.75", "up": "false"} == rows[-1]


def test_arrow_and_parquet_hold_the_same_table(served: Any) -> None:
    table = served.get("/ticks/AAA?format=arrow").arrow()
    parquet = pq.read_table(io.BytesIO(served.get("/ticks/AAA?format=parquet").body))
    assert (3000, pa.timestamp("us", tz="UTC")) == (table.num_rows, table.schema.field("timestamp").type)
    assert table.drop_columns("price") == parquet.drop_columns("price")
    assert str(table.column("price").to_pylist()) == str(parquet.column("price").to_pylist())


@pytest.mark.parametrize("form", ["json", "columns", "ndjson", "csv", "arrow", "parquet"])
@pytest.mark.parametrize(("coding", "decoded"), [("gzip", gzip.decompress), ("zstd", unzstd)])
@pytest.mark.parametrize("query", ["limit=1000", "start_time=2026-01-01"])
def test_a_coding_changes_bytes_and_nothing_else(served: Any, form: str, coding: str, decoded: Any, query: str) -> None:
    path = f"/ticks/AAA?{query}&format={form}"
    coded = served.get(path, {"Accept-Encoding": coding})
    assert coding == coded.headers["content-encoding"]
    assert "Accept-Encoding" in coded.headers["vary"]
    plain = served.get(path).body
    assert plain == decoded(coded.body)
    assert len(coded.body) < len(plain) * (1.2 if form == "parquet" else 0.7)


@pytest.mark.parametrize(
    ("accept", "coding"),
    [
        ("gzip, zstd", "zstd"),
        ("gzip;q=1, zstd;q=0.5", "gzip"),
        ("identity", None),
        ("br", None),
        ("gzip;q=0", None),
        ("identity;q=1, gzip;q=0.5", None),
        ("*", "zstd"),
    ],
)
def test_the_coding_is_the_one_wanted_most(served: Any, accept: str, coding: str | None) -> None:
    reply = served.get("/ticks/AAA?limit=1000", {"Accept-Encoding": accept})
    assert coding == reply.headers.get("content-encoding")


@pytest.mark.parametrize("path", ["/openapi.json", "/docs", "/views?format=arrow", "/metrics"])
@pytest.mark.parametrize(("coding", "decoded"), [("gzip", gzip.decompress), ("zstd", unzstd)])
def test_lists_and_documents_are_compressed_too(served: Any, path: str, coding: str, decoded: Any) -> None:
    plain, packed = served.get(path), served.get(path, {"Accept-Encoding": coding})
    assert coding == packed.headers["content-encoding"]
    assert "accept-encoding" in plain.headers["vary"].lower()
    assert len(packed.body) < len(plain.body)
    assert path == "/metrics" or plain.body == decoded(packed.body)


def test_bytes_of_another_kind_are_left_as_they_are(served: Any) -> None:
    assert "content-encoding" not in served.get("/floor/9000", {"Accept-Encoding": "gzip"}).headers


def test_a_short_answer_is_not_compressed(served: Any) -> None:
    assert "content-encoding" not in served.get("/ticks/AAA?limit=1", {"Accept-Encoding": "gzip"}).headers


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "number": st.none() | st.integers(-(2**63), 2**63 - 1),
            "ratio": st.none() | st.floats(),
            "text": st.none() | TEXTS,
            "flag": st.none() | st.booleans(),
            "many": st.none() | st.lists(st.none() | st.floats(), max_size=3),
        }
    ),
    max_size=6,
)
SCHEMA = pa.schema(
    {"number": pa.int64(), "ratio": pa.float64(), "text": pa.string(), "flag": pa.bool_()}
    | {"many": pa.list_(pa.float64())}
)


def plain(value: Any) -> Any:
    if isinstance(value, list):
        return [plain(each) for each in value]
    return None if isinstance(value, float) and value - value != 0 else value


def encoded(name: str, table: pa.Table) -> bytes:
    wanted = Wanted(table.schema, head={"symbol": "X"}, count=table.num_rows)
    return b"".join(FORMATS[name].encode(wanted, table.to_batches(max_chunksize=2)))


@given(ROWS)
def test_json_gives_back_every_value_exactly(rows: list[dict[str, Any]]) -> None:
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    expected = [{name: plain(value) for name, value in row.items()} for row in rows]
    assert {"symbol": "X", "count": len(rows), "data": expected} == json.loads(encoded("json", table))
    assert expected == [json.loads(line) for line in encoded("ndjson", table).split(b"\n")[:-1]]
    columns = json.loads(encoded("columns", table))["columns"]
    assert {name: [row[name] for row in expected] for name in SCHEMA.names} == columns


@given(ROWS)
def test_csv_gives_back_texts_and_numbers(rows: list[dict[str, Any]]) -> None:
    table = pa.Table.from_pylist(rows, schema=SCHEMA).select(["number", "ratio", "text"])
    read = list(csv.reader(io.StringIO(encoded("csv", table).decode(), newline="")))
    assert ["number", "ratio", "text"] == read[0]
    for row, (number, ratio, text) in zip(rows, read[1:], strict=True):
        assert (row["number"], row["text"] or "") == (int(number) if number else None, text)
        assert plain(row["ratio"]) == (float(ratio) if ratio else None)


@given(ROWS)
def test_arrow_gives_back_the_table(rows: list[dict[str, Any]]) -> None:
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    assert str(table.to_pylist()) == str(pa.ipc.open_stream(encoded("arrow", table)).read_all().to_pylist())


def test_a_gzip_stream_is_one_member(served: Any) -> None:
    content = served.get("/ticks/AAA?format=csv", {"Accept-Encoding": "gzip"}).body
    whole = zlib.decompressobj(31)
    whole.decompress(content)
    assert (b"", True) == (whole.unused_data, whole.eof)
