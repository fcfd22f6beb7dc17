"""The rows of bulk CSV files: exact, whatever their units, headers and order, and whatever is wrong with some."""

from __future__ import annotations

import io
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bc_trades import csvrows
from bc_trades.csvrows import SCHEMA, rows_of
from bcore.errors import FaultyReplyError

MS, US = 1_700_000_000_123, 1_700_000_000_123_456
DECIMALS = st.from_regex(r"\A[0-9]{1,12}\.[0-9]{1,12}\Z")


def line(number: int = 7, **changes: Any) -> str:
    row = {"price": "100.10000000", "quantity": "0.00001000", "first": number, "last": number, "time": US}
    row |= {"maker": "True", "match": "True", **changes}
    return ",".join(map(str, [number, *row.values()])) + "\n"


def read(
    text: str | bytes, block: int = csvrows.BLOCK
) -> tuple[list[dict[str, Any]], list[tuple[str, tuple[str, ...]]]]:
    data = text.encode() if isinstance(text, str) else text
    parsed = list(rows_of(io.BytesIO(data), "some.zip", block))
    rows = [row for each in parsed for row in each.table.to_pylist()]
    return rows, [(each.reason, each.rows) for part in parsed for each in part.rejected]


def ids(text: str | bytes, block: int = csvrows.BLOCK) -> list[int]:
    return [row["agg_trade_id"] for row in read(text, block)[0]]


def microseconds(row: dict[str, Any]) -> int:
    return int(pa.scalar(row["timestamp"], pa.timestamp("us", tz="UTC")).value)


def test_a_row_is_what_its_text_says() -> None:
    (row,), bad = read(line(3_800_397_495, first=5_723_703_861, last=5_723_703_863, maker="False"))
    assert not bad
    assert US == microseconds(row)
    del row["timestamp"]
    assert {
        "agg_trade_id": 3_800_397_495,
        "price": 100.1,
        "quantity": 0.00001,
        "first_trade_id": 5_723_703_861,
        "last_trade_id": 5_723_703_863,
        "is_buyer_maker": False,
        "is_best_match": True,
    } == row


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(DECIMALS, DECIMALS), min_size=1, max_size=20))
def test_prices_and_quantities_are_the_floats_nearest_to_their_text(texts: list[tuple[str, str]]) -> None:
    rows, bad = read("".join(line(n, price=price, quantity=quantity) for n, (price, quantity) in enumerate(texts)))
    assert not bad
    assert [(float(price), float(quantity)) for price, quantity in texts] == [
        (row["price"], row["quantity"]) for row in rows
    ]


def test_the_unit_of_a_time_is_told_by_its_size_value_by_value() -> None:
    rows, _ = read(line(1, time=MS) + line(2, time=US) + line(3, time=MS))
    assert [MS * 1000, US, MS * 1000] == [microseconds(row) for row in rows]


def test_a_header_is_told_by_its_first_byte_and_is_no_row() -> None:
    header = "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker,is_best_match\n"
    assert [5, 6] == ids(header + line(5) + line(6))
    assert [] == ids(header)


def test_seven_columns_are_a_file_without_best_match() -> None:
    rows, bad = read("1,2.0,3.0,4,5,1700000000123,true\n2,2.0,3.0,6,6,1700000000123,false\n")
    assert ([], [(True, True), (False, True)]) == (bad, [(r["is_buyer_maker"], r["is_best_match"]) for r in rows])


@pytest.mark.parametrize(
    ("text", "flag"), [("True", True), ("true", True), ("1", True), ("False", False), ("0", False)]
)
def test_flags_come_in_every_spelling(text: str, flag: bool) -> None:
    (row,), bad = read(line(maker=text, match=text))
    assert ([], flag, flag) == (bad, row["is_buyer_maker"], row["is_best_match"])


def test_a_voided_aggregate_is_a_row() -> None:
    (row,), bad = read(line(price="0", quantity="0", first=-1, last=-1))
    assert ([], 0.0, -1) == (bad, row["price"], row["last_trade_id"])


def test_line_ends_of_either_kind_empty_lines_and_none_at_the_end_are_fine() -> None:
    assert [1, 2, 3] == ids((line(1) + line(2)).replace("\n", "\r\n") + "\n" + line(3).rstrip("\n"))


BAD = [
    (line(2, price="x"), "the price is no decimal number"),
    (line(2, price="nan"), "the price is no decimal number"),
    (line(2, price="-1.0"), "the price is no decimal number"),
    (line(2, quantity="inf"), "the quantity is no decimal number"),
    (line(2, quantity=""), "the quantity is no decimal number"),
    (line(2, time="17000000"), "the time is neither in ms nor in us"),
    (line(2, time="NULL"), "the time is no whole number"),
    (line(2, last=1), "the ids are no ids, or no range"),
    (line(2, first=-1), "the ids are no ids, or no range"),
    (line(2, maker="maybe"), "a flag is neither true nor false"),
    ("2,100.1,0.5\n", "8 columns are due"),
    (line(2).replace("\n", ",1\n"), "8 columns are due"),
    (f"{2**63}{line(2)[1:]}", "the id is no whole number"),
]


@pytest.mark.parametrize(("wrong", "reason"), BAD)
def test_a_bad_row_is_put_aside_with_its_line_and_costs_no_other(wrong: str, reason: str) -> None:
    rows, bad = read(line(1) + wrong + line(3))
    assert [1, 3] == [row["agg_trade_id"] for row in rows]
    assert [(f"{reason} (line 2)", (wrong.rstrip("\n"),))] == bad


def test_lines_are_counted_over_blocks_and_with_the_header() -> None:
    text = "id,price\n" + "".join(line(n) for n in range(50)) + line(50, price="x") + line(51, price="y") + line(52)
    rows, bad = read(text, block=200)
    assert [*range(50), 52] == [row["agg_trade_id"] for row in rows]
    assert {"52", "53"} == {number for reason, _ in bad for number in reason.partition("line ")[2][:-1].split(", ")}


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 400), st.integers(0, 30), st.booleans())
def test_where_blocks_end_makes_no_difference(block: int, count: int, ended: bool) -> None:
    text = "".join(line(n, price=f"{n}.5" if n % 7 else "bad") for n in range(count))
    assert [n for n in range(count) if n % 7] == ids(text if ended else text.rstrip("\n"), block)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(DECIMALS, st.booleans(), st.sampled_from([MS, US])), min_size=1, max_size=10))
def test_the_careful_way_and_the_fast_one_read_the_same(rows: list[tuple[str, bool, int]]) -> None:
    text = "".join(line(n, price=price, maker=maker, time=time) for n, (price, maker, time) in enumerate(rows))
    fast, careful = read(text)[0], read(text + "broken\n")[0]
    assert len(rows) == len(fast)
    assert fast == careful


def test_every_table_has_the_columns_of_the_dataset_but_the_symbol() -> None:
    parsed = list(rows_of(io.BytesIO((line(1) + "x\n").encode()), "some.zip"))
    assert [SCHEMA] == [each.table.schema for each in parsed]
    assert "symbol" not in SCHEMA.names


def test_what_is_no_text_is_put_aside_too() -> None:
    rows, bad = read(line(1).encode() + b"2,\xff\xfe,1,2,3,4,True,True\n" + line(3).encode())
    assert ([1, 3], 1) == ([row["agg_trade_id"] for row in rows], len(bad))


def test_a_file_of_something_else_is_refused() -> None:
    with pytest.raises(FaultyReplyError, match=r"some\.zip is no file of aggregate trades: 8 columns are due"):
        read("1\n" * (csvrows.MOST_BAD + 1))
    with pytest.raises(FaultyReplyError, match="a line of more than"):
        read(b"0" * (csvrows.BLOCK + 1_000_000))


def test_an_empty_file_has_no_rows() -> None:
    assert ([], []) == read("")
