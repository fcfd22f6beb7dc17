"""From records to rows: exact, and strict row by row."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bc_trades import TRADES, to_table

Record = dict[str, Any]
Trade = Callable[..., Record]
Texts = Callable[[list[Record]], list[bytes]]


def test_a_record_becomes_a_row_with_every_field(texts: Texts) -> None:
    record = {"a": 7, "p": "0.01633102", "q": "4.70443515", "f": 27781, "l": 27790, "T": 1498793709153123}
    table = to_table(texts([{**record, "m": True, "M": False}]), "BTCUSDT").table
    assert TRADES.schema == table.schema
    row = table.to_pylist()[0]
    assert "2017-06-30T03:35:09.153123+00:00" == row.pop("timestamp").isoformat()
    assert {
        "agg_trade_id": 7,
        "symbol": "BTCUSDT",
        "price": 0.01633102,
        "quantity": 4.70443515,
        "first_trade_id": 27781,
        "last_trade_id": 27790,
        "is_buyer_maker": True,
        "is_best_match": False,
    } == row


def test_a_venue_that_only_knows_milliseconds_is_understood(trade: Trade, texts: Texts) -> None:
    table = to_table(texts([trade(1, T=1_700_000_000_123)]), "BTCUSDT").table
    assert [1_700_000_000_123_000] == table.column("timestamp").cast("int64").to_pylist()


def test_nothing_becomes_an_empty_table() -> None:
    parsed = to_table([], "BTCUSDT")
    assert TRADES.schema.empty_table() == parsed.table
    assert () == parsed.rejected


def test_a_voided_aggregate_is_a_row(trade: Trade, texts: Texts) -> None:
    parsed = to_table(texts([trade(5, price="0", quantity="0", f=-1, l=-1)]), "BTCUSDT")
    assert () == parsed.rejected
    assert [(5, 0.0, -1)] == [
        (row["agg_trade_id"], row["price"], row["first_trade_id"]) for row in parsed.table.to_pylist()
    ]


def test_a_missing_best_match_flag_loses_no_trade(trade: Trade, texts: Texts) -> None:
    record = trade(1)
    del record["M"]
    parsed = to_table(texts([record]), "BTCUSDT")
    assert ([True], ()) == (parsed.table.column("is_best_match").to_pylist(), parsed.rejected)


@pytest.mark.parametrize("name", ["a", "p", "q", "f", "l", "T", "m"])
def test_a_record_without_a_field_is_put_aside(trade: Trade, texts: Texts, name: str) -> None:
    record = trade(2)
    del record[name]
    rows = texts([trade(1), record, trade(3)])
    parsed = to_table(rows, "BTCUSDT")
    assert [1, 3] == parsed.table.column("agg_trade_id").to_pylist()
    assert (rows[1].decode(),) == parsed.rejected[0].rows
    assert f"`{name}`" in parsed.rejected[0].reason


@pytest.mark.parametrize(
    "change",
    [
        {"p": "-1.0"},
        {"p": "nan"},
        {"p": "inf"},
        {"p": "1e5"},
        {"p": "1_0"},
        {"p": ""},
        {"p": "1.0\n"},
        {"p": "٣"},
        {"p": "9" * 400},
        {"p": 1.5},
        {"q": "x"},
        {"q": None},
        {"a": -1},
        {"a": "1"},
        {"a": 2**63},
        {"f": 9, "l": 8},
        {"f": -1, "l": 8},
        {"l": 1.5},
        {"T": 0},
        {"T": 10**17},
        {"m": "true"},
    ],
)
def test_a_record_that_does_not_fit_is_put_aside(trade: Trade, texts: Texts, change: Record) -> None:
    parsed = to_table(texts([{**trade(8), **change}, trade(9)]), "BTCUSDT")
    assert [9] == parsed.table.column("agg_trade_id").to_pylist()
    assert 1 == sum(len(each.rows) for each in parsed.rejected)


@pytest.mark.parametrize("row", [b'"text"', b"null", b"[1]", b'{"a":1,"p":"\xff"}'])
def test_what_is_no_record_is_put_aside_as_text(row: bytes) -> None:
    assert (row.decode("utf-8", "replace"),) == to_table([row], "BTCUSDT").rejected[0].rows


def test_records_with_one_fault_share_one_reason(trade: Trade, texts: Texts) -> None:
    rejected = to_table(texts([trade(1, p="x"), trade(2, p="y"), trade(3, q="z")]), "BTCUSDT").rejected
    assert [2, 1] == [len(each.rows) for each in rejected]


@given(st.integers(0, 10**15 - 1), st.integers(0, 8))
def test_prices_print_as_the_exchange_wrote_them(units: int, decimals: int) -> None:
    text = f"{units // 10**decimals}.{units % 10**decimals:0{decimals}d}" if decimals else str(units)
    record = {"a": 1, "p": text, "q": text, "f": 1, "l": 1, "T": 10**15, "m": True, "M": True}
    table = to_table([json.dumps(record).encode()], "BTCUSDT").table
    assert [text, text] == [f"{table.column(name)[0].as_py():.{decimals}f}" for name in ("price", "quantity")]
