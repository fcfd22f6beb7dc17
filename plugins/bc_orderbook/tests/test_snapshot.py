"""Rows of the dataset, worked out by hand."""

from __future__ import annotations

from fractions import Fraction
from math import isnan
from typing import Any

import pytest

from bc_orderbook import ORDERBOOK, Book, Snapshot, orderbook_dataset

BIDS = [("100.3", "1.0"), ("100.1", "2.0"), ("99.9", "3.0"), ("97.0", "4.0")]
ASKS = [("100.4", "5.0"), ("100.5", "6.0"), ("101.0", "7.0"), ("101.2", "8.0")]
Row = dict[str, Any]


def rows(*ticks: float, bids: list[tuple[str, str]] = BIDS, asks: list[tuple[str, str]] = ASKS) -> list[Row]:
    found: list[Row] = Snapshot("BTCUSDT", 1_700_000_000_123_456, Book.of(bids, asks)).table(ticks).to_pylist()
    return found


def filled(row: Row, measure: str) -> list[float]:
    """The values of `bid_price` and so on, up to the first NaN."""
    values = [row[f"{measure}_{level}"] for level in range(1, 16)]
    count = next((index for index, value in enumerate(values) if isnan(value)), len(values))
    assert all(isnan(value) for value in values[count:])
    return values[:count]


def test_the_dataset_has_129_columns_in_the_promised_order() -> None:
    names = ORDERBOOK.schema.names

    assert 129 == len(names)
    assert ["timestamp", "symbol", "tick_size", "best_bid", "best_ask", "spread", "spread_pct"] == names[:7]
    assert ["imbalance", "depth_ratio", "bid_price_1", "bid_qty_1", "bid_cum_qty_1", "bid_cum_usd_1"] == names[7:13]
    assert ["ask_price_1", "ask_qty_1", "ask_cum_qty_1", "ask_cum_usd_1", "bid_price_2"] == names[13:18]
    assert "ask_cum_usd_15" == names[-1]


def test_the_key_is_the_time_and_the_tick_size() -> None:
    assert (("timestamp", "tick_size"), ("tick_size",), None) == (ORDERBOOK.key, ORDERBOOK.facets, ORDERBOOK.sequence)


@pytest.mark.parametrize(("levels", "columns"), [(1, 17), (5, 49), (20, 169)])
def test_other_numbers_of_levels_have_eight_columns_each(levels: int, columns: int) -> None:
    dataset = orderbook_dataset(levels)
    table = Snapshot("BTCUSDT", 0, Book.of(BIDS, ASKS)).table([1.0], dataset)

    assert columns == table.num_columns
    assert dataset.schema.equals(table.schema)


def test_a_snapshot_has_one_row_per_tick_size_all_of_one_time() -> None:
    table = Snapshot("BTCUSDT", 1_700_000_000_123_456, Book.of(BIDS, ASKS)).table([0.1, 1.0, 10.0])

    assert [0.1, 1.0, 10.0] == table.column("tick_size").to_pylist()
    assert [1_700_000_000_123_456] * 3 == table.column("timestamp").cast("int64").to_pylist()
    assert ["BTCUSDT"] * 3 == table.column("symbol").to_pylist()
    assert ORDERBOOK.schema.equals(table.schema)


def test_a_snapshot_at_no_tick_size_has_no_rows() -> None:
    assert 0 == Snapshot("BTCUSDT", 0, Book.of(BIDS, ASKS)).table([]).num_rows


def test_bids_round_down_to_the_tick() -> None:
    [row] = rows(1.0)

    assert [100.0, 99.0, 97.0] == filled(row, "bid_price")
    assert [3.0, 3.0, 4.0] == filled(row, "bid_qty")


def test_asks_round_up_to_the_tick() -> None:
    [row] = rows(1.0)

    assert [101.0, 102.0] == filled(row, "ask_price")
    assert [18.0, 8.0] == filled(row, "ask_qty")


def test_no_ask_bucket_lies_below_the_best_ask_nor_a_bid_bucket_above_the_best_bid() -> None:
    for row in rows(0.1, 0.3, 1.0, 2.5, 10.0, 1000.0):
        assert row["best_ask"] <= row["ask_price_1"]
        assert row["best_bid"] >= row["bid_price_1"]


def test_a_price_on_the_tick_stays_there_where_floats_would_move_it() -> None:
    [row] = rows(0.1, bids=[("0.3", "1.0")], asks=[("0.7", "1.0")])

    assert 0.3 // 0.1 == 2.0, "what floats make of it"
    assert ([0.3], [0.7]) == (filled(row, "bid_price"), filled(row, "ask_price"))


def test_a_tick_that_is_no_multiple_of_the_price_step_buckets_all_the_same() -> None:
    [row] = rows(0.15, bids=[("1.0", "1.0"), ("0.9", "2.0")], asks=[("1.1", "4.0"), ("1.2", "8.0"), ("1.3", "16.0")])

    assert ([0.9], [3.0]) == (filled(row, "bid_price"), filled(row, "bid_qty"))
    assert ([1.2, 1.35], [12.0, 16.0]) == (filled(row, "ask_price"), filled(row, "ask_qty"))


def test_a_bid_below_the_tick_falls_into_the_bucket_at_zero() -> None:
    [row] = rows(1000.0)

    assert ([0.0], [1000.0]) == (filled(row, "bid_price"), filled(row, "ask_price"))


@pytest.mark.parametrize("tick", [1e-30, 5e-324, 1e22, 1.7e308])
@pytest.mark.parametrize(
    "sides", [(BIDS, ASKS), ([], ASKS), (BIDS, []), ([], [])], ids=["both", "asks", "bids", "none"]
)
def test_ticks_out_of_all_proportion_are_bucketed_exactly_too(tick: float, sides: Any) -> None:
    [row] = rows(tick, bids=sides[0], asks=sides[1])

    assert len(sides[0]) == 0 or (100.3 if tick < 1 else 0.0) == row["bid_price_1"]
    assert len(sides[1]) == 0 or (100.4 if tick < 1 else tick) == row["ask_price_1"]


def test_cumulated_quantities_add_up_from_the_best_bucket_on() -> None:
    [row] = rows(1.0)

    assert [3.0, 6.0, 10.0] == filled(row, "bid_cum_qty")


def test_cumulated_money_values_each_level_at_its_own_price() -> None:
    [row] = rows(1.0)

    assert [300.5, 600.2, 988.2] == filled(row, "bid_cum_usd")


def test_all_money_of_a_side_is_the_same_at_every_tick_size() -> None:
    assert 1 == len({filled(row, "ask_cum_usd")[-1] for row in rows(0.1, 0.3, 1.0, 50.0)})


def test_best_prices_are_those_of_the_raw_book() -> None:
    [row] = rows(50.0)

    assert (100.3, 100.4) == (row["best_bid"], row["best_ask"])


def test_the_spread_is_exact_and_its_share_in_percent_of_the_mid() -> None:
    [row] = rows(1.0)

    assert (0.1, float(Fraction("0.1") / Fraction("100.35") * 100)) == (row["spread"], row["spread_pct"])


def test_imbalance_and_depth_ratio_compare_what_the_kept_buckets_hold() -> None:
    [row] = rows(1.0)

    assert ((10 - 26) / (10 + 26), 10 / 26) == (row["imbalance"], row["depth_ratio"])


def test_buckets_beyond_the_number_of_levels_do_not_count() -> None:
    table = Snapshot("BTCUSDT", 0, Book.of(BIDS, ASKS)).table([0.1], orderbook_dataset(2))

    assert [(1 + 2 - 5 - 6) / (1 + 2 + 5 + 6)] == table.column("imbalance").to_pylist()


def test_the_levels_of_one_side_end_without_the_other_s() -> None:
    [row] = rows(1.0, asks=[("100.4", "5.0")])

    assert (3, 1) == (len(filled(row, "bid_price")), len(filled(row, "ask_price")))


def test_without_asks_what_speaks_of_them_is_nan() -> None:
    [row] = rows(1.0, asks=[])

    assert (100.3, 1.0) == (row["best_bid"], row["imbalance"])
    assert all(isnan(row[name]) for name in ("best_ask", "spread", "spread_pct", "depth_ratio", "ask_price_1"))


def test_without_bids_what_speaks_of_them_is_nan() -> None:
    [row] = rows(1.0, bids=[])

    assert (100.4, -1.0, 0.0) == (row["best_ask"], row["imbalance"], row["depth_ratio"])
    assert all(isnan(row[name]) for name in ("best_bid", "spread", "spread_pct", "bid_price_1"))


def test_an_empty_book_is_a_row_of_nan() -> None:
    [row] = rows(1.0, bids=[], asks=[])

    assert 1.0 == row.pop("tick_size")
    assert all(isnan(value) for name, value in row.items() if name not in ("timestamp", "symbol"))


def test_there_are_no_nulls() -> None:
    table = Snapshot("BTCUSDT", 0, Book.of(BIDS, [])).table([1.0, 2.0])

    assert 0 == sum(column.null_count for column in table.columns)
