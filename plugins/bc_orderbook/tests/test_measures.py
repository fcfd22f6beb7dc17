from __future__ import annotations

from math import exp, isnan, nan
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from bc_orderbook.book import Book
from bc_orderbook.datasets import ORDERBOOK, orderbook_dataset
from bc_orderbook.formulas import spread, weighted
from bc_orderbook.measures import BOOK_PRESSURE, DEPTH_WITHIN, IMBALANCE, MICROPRICE, SPREAD
from bc_orderbook.snapshot import Snapshot
from bcore.client import Client
from bcore.errors import RequestError
from bcore.instants import SECOND
from bcore.local import StoreReader
from bcore.memory import MemoryStore
from bcore.query import Request
from bcore.records import Batch

T0 = 1_700_000_000 * SECOND
ALL = (SPREAD, MICROPRICE, IMBALANCE, DEPTH_WITHIN, BOOK_PRESSURE)
Texts = dict[str, str]
Row = dict[str, Any]

BIDS, ASKS = {"99": "1", "98.5": "2", "98": "4"}, {"100": "3", "101": "4"}


def snapshot(bids: Texts, asks: Texts, time: int = T0, ticks: tuple[float, ...] = (0.5,)) -> pa.Table:
    sides = (
        sorted(bids.items(), key=lambda level: -float(level[0])),
        sorted(asks.items(), key=lambda level: float(level[0])),
    )
    return Snapshot("AAA", time, Book.of(*sides)).table(ticks)


def reader_of(*tables: pa.Table) -> StoreReader:
    store = MemoryStore()
    for table in tables:
        store.append(Batch(ORDERBOOK, "AAA", table))
    return StoreReader((store,), (), ALL)


def read(view: str, bids: Texts = BIDS, asks: Texts = ASKS, **params: Any) -> Row:
    (row,) = reader_of(snapshot(bids, asks)).read(Request(view, "AAA", params=params)).to_pylist()
    found: Row = row
    return found


def numbers(row: Row, *names: str) -> list[float]:
    return [row[name] for name in names]


def test_the_spread_is_that_of_the_best_prices() -> None:
    row = read("spread")
    assert [99.0, 100.0, 99.5, 1.0] == numbers(row, "best_bid", "best_ask", "mid", "spread")
    assert 1e4 / 99.5 == pytest.approx(row["spread_bps"])


def test_the_microprice_leans_to_the_side_where_less_stands() -> None:
    assert [99.5, (100 * 1 + 99 * 3) / 4] == numbers(read("microprice"), "mid", "microprice")


@pytest.mark.parametrize(("levels", "bids", "asks"), [("1", 1, 3), ("2", 3, 7), ("3", 7, 7), (15, 7, 7), (None, 7, 7)])
def test_imbalance_is_of_the_first_levels(levels: Any, bids: float, asks: float) -> None:
    row = read("imbalance", **({} if levels is None else {"levels": levels}))
    expected = [bids, asks, (bids - asks) / (bids + asks)]
    assert expected == numbers(row, "bid_quantity", "ask_quantity", "imbalance")


def test_pressure_weighs_near_levels_more() -> None:
    w = [1.0, exp(-1), exp(-2)]
    bids, asks = 1 * w[0] + 2 * w[1] + 4 * w[2], 3 * w[0] + 4 * w[1]
    assert (bids - asks) / (bids + asks) == pytest.approx(read("book_pressure", decay=1)["pressure"])
    assert read("imbalance", levels=15)["imbalance"] == pytest.approx(read("book_pressure", decay=0)["pressure"])
    assert read("imbalance", levels=1)["imbalance"] == pytest.approx(read("book_pressure", decay=1e308)["pressure"])


def test_a_weighted_sum_is_the_same_to_the_last_digit_however_many_rows_it_is_made_for() -> None:
    """A row may not depend on the window that it is asked for in."""
    quantities = np.random.default_rng(3).random((15, 200)) * 9
    quantities[9:, 50:90] = np.nan
    alone = [weighted(quantities[:, [number]], 0.5)[0] for number in range(200)]
    assert alone == weighted(quantities, 0.5).tolist()
    assert 0.0 == weighted(np.empty(0), 0.5)


@pytest.mark.parametrize(
    ("bps", "expected"),
    [
        (60, [1.0, 3.0, 99.0, 300.0]),
        (101, [3.0, 3.0, 99.0 + 197.0, 300.0]),
        (160, [7.0, 7.0, 99.0 + 197.0 + 392.0, 704.0]),
        (1, [0.0, 0.0, 0.0, 0.0]),
    ],
)
def test_depth_is_what_stands_near_the_mid(bps: float, expected: list[float]) -> None:
    row = read("depth_within", bps=bps)
    assert expected == numbers(row, "bid_quantity", "ask_quantity", "bid_notional", "ask_notional")
    assert row["complete"]


def test_depth_is_a_lower_bound_where_the_levels_end_inside() -> None:
    bids = {str(100 - level): "1" for level in range(1, 21)}
    inside, beyond = (read("depth_within", bids, {"100": "1"}, bps=bps) for bps in (1400, 1600))
    assert [(14.0, True), (15.0, False)] == [(row["bid_quantity"], row["complete"]) for row in (inside, beyond)]


def test_an_empty_side_has_no_price_and_all_the_imbalance() -> None:
    assert [1.0, 1.0] == [read("imbalance", asks={})["imbalance"], read("book_pressure", asks={})["pressure"]]
    empty = [read("spread", asks={})["spread_bps"], read("microprice", asks={})["microprice"]]
    assert all(map(isnan, [*empty, read("imbalance", {}, {})["imbalance"]]))
    depth = read("depth_within", asks={})
    assert isnan(depth["bid_quantity"])
    assert not depth["complete"]


@pytest.mark.parametrize("view", ["imbalance", "book_pressure"])
def test_of_more_levels_than_there_are_all_are_measured(view: str) -> None:
    bids = {str(100 - level): "1" for level in range(1, 21)}
    fifteen, more = (read(view, bids, {"100": "1"}, levels=levels) for levels in (15, 2**61))
    assert fifteen == more != read(view, bids, {"100": "1"}, levels=14)


@pytest.mark.parametrize(
    ("view", "params", "says"),
    [
        ("depth_within", {"bps": 0}, "bps must be above 0 and at most 10000"),
        ("book_pressure", {"decay": -1}, "decay must be 0 or more"),
        ("imbalance", {"levels": 0}, "levels must be 1 or more"),
        ("spread", {"levels": 1}, "levels is not known"),
    ],
)
def test_a_wrong_parameter_is_told_in_a_sentence(view: str, params: Row, says: str) -> None:
    with pytest.raises(RequestError, match=says):
        read(view, **params)


@pytest.fixture
def reader() -> StoreReader:
    """Six snapshots at two tick sizes each."""
    steps = range(6)
    return reader_of(*(snapshot({"9": str(1 + step)}, {"10": "1"}, T0 + step * SECOND, (0.5, 1.0)) for step in steps))


@pytest.mark.parametrize("view", [each.name for each in ALL])
def test_rows_are_counted_as_those_of_the_snapshots(reader: StoreReader, view: str) -> None:
    everything = reader.read(Request(view, "AAA"))
    assert 12 == everything.num_rows
    assert everything.slice(9, 3) == reader.read(Request(view, "AAA", limit=3))
    assert everything.slice(6, 3) == reader.read(Request(view, "AAA", limit=3, offset=3))
    assert everything.slice(3, 2) == reader.read(Request(view, "AAA", start=T0 + SECOND, limit=2, offset=1))
    assert everything.slice(2, 4) == reader.read(Request(view, "AAA", start=T0 + SECOND, end=T0 + 3 * SECOND))
    assert 6 == reader.read(Request(view, "AAA", params={"tick_size": 1})).num_rows
    assert everything == reader.scan(Request(view, "AAA")).read_all()
    assert everything.select(["timestamp"]) == reader.read(Request(view, "AAA", columns=("timestamp",)))


def test_snapshots_of_more_levels_are_measured_too() -> None:
    dataset = orderbook_dataset(20)
    bids = {str(100 - level): "1" for level in range(1, 21)}
    table = Snapshot("AAA", T0, Book.of(list(bids.items()), [("100", "1")])).table([1.0], dataset)
    store = MemoryStore()
    store.append(Batch(dataset, "AAA", table))
    answer = StoreReader((store,), (), ALL).read(Request("imbalance", "AAA", params={"levels": 20}))
    assert [20.0] == answer.column("bid_quantity").to_pylist()


def slow(row: Row, decay: float, bps: float) -> tuple[float, float, float]:
    """Pressure, and quantities of both sides within the bounds, from a row's levels one by one."""
    middle = (row["best_bid"] + row["best_ask"]) / 2
    sums = {"bid": 0.0, "ask": 0.0}
    inside = {"bid": 0.0, "ask": 0.0}
    for side, sign in (("bid", 1), ("ask", -1)):
        for level in range(1, 16):
            price, quantity = row[f"{side}_price_{level}"], row[f"{side}_qty_{level}"]
            if not isnan(price):
                sums[side] += quantity * exp(-decay * (level - 1))
                inside[side] += quantity if sign * (middle - price) <= middle * bps / 1e4 else 0.0
    total = sums["bid"] + sums["ask"]
    pressure = (sums["bid"] - sums["ask"]) / total if total else nan
    return pressure, inside["bid"], inside["ask"]


SIDE = st.dictionaries(st.integers(1, 40), st.integers(1, 9), min_size=1, max_size=30)


@given(SIDE, SIDE, st.sampled_from([0.0, 0.3, 2.0]), st.sampled_from([3.0, 27.0, 333.0]))
def test_measures_are_what_a_loop_over_levels_makes(
    below: dict[int, int], above: dict[int, int], decay: float, bps: float
) -> None:
    table = snapshot(
        {str(1000 - step): str(quantity) for step, quantity in below.items()},
        {str(1000 + step): str(quantity) for step, quantity in above.items()},
        ticks=(1.0,),
    )
    reader, (row,) = reader_of(table), table.to_pylist()
    expected = slow(row, decay, bps)
    pressure = reader.read(Request("book_pressure", "AAA", params={"decay": decay})).column("pressure")[0].as_py()
    depth = reader.read(Request("depth_within", "AAA", params={"bps": bps})).to_pylist()[0]
    assert expected == (pytest.approx(pressure), depth["bid_quantity"], depth["ask_quantity"])


def test_only_the_columns_that_a_view_needs_are_read() -> None:
    seen: list[Any] = []

    class Noting(MemoryStore):
        def read(self, query: Any) -> pa.Table:
            seen.append(query.columns)
            return super().read(query)

    store = Noting()
    store.append(Batch(ORDERBOOK, "AAA", snapshot(BIDS, ASKS)))
    StoreReader((store,), (), (evolve(SPREAD),)).read(Request("spread", "AAA"))
    assert [("timestamp", "tick_size", "best_bid", "best_ask", "spread")] == seen


@pytest.mark.parametrize(("levels", "columns"), [(1, 17), (5, 49), (15, 129)])
def test_snapshots_show_as_many_levels_as_asked_for(levels: int, columns: int) -> None:
    client = Client(reader_of(snapshot(BIDS, ASKS)))
    shown = client.get_orderbook("AAA", levels=levels)
    assert ORDERBOOK.schema.names[:columns] == list(shown.columns)
    assert ORDERBOOK.schema.names == list(client.get_orderbook("AAA").columns)


@pytest.mark.parametrize(
    ("bid", "ask", "between"),
    [(61607.99, 61608.0, 0.01), (0.00001234, 0.00001236, 0.00000002), (1e9, 1e9 + 0.5, 0.5), (100.0, 99.0, -1.0)],
)
def test_a_spread_is_that_of_the_decimals(bid: float, ask: float, between: float) -> None:
    assert [between] == spread(np.array([bid]), np.array([ask])).tolist()


def test_there_is_no_spread_beside_an_empty_side() -> None:
    assert np.isnan(spread(np.array([np.nan]), np.array([1.0]))).all()
