from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from math import nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bc_orderbook.exactlevels import book_of, bucketed
from bc_orderbook.pricelevels import PriceLevels

Texts = dict[str, str]


def levels_of(bids: Texts, asks: Texts) -> PriceLevels:
    keys = [-float(price) for price in bids] + [float(price) for price in asks]
    quantities = [float(quantity) for quantity in (*bids.values(), *asks.values())]
    return PriceLevels.of(np.array(keys, np.float64), np.array(quantities, np.float64))


def slow_buckets(side: Texts, tick: Decimal, *, up: bool) -> list[tuple[float, float]]:
    """In decimals, one level after the other."""
    sums: dict[Decimal, Decimal] = {}
    for price, quantity in side.items():
        bucket = (Decimal(price) / tick).to_integral_value(ROUND_CEILING if up else ROUND_FLOOR) * tick
        sums[bucket] = sums.get(bucket, Decimal(0)) + Decimal(quantity)
    return [(float(price), float(sums[price])) for price in sorted(sums, reverse=not up)]


def pairs(side: tuple[np.ndarray, np.ndarray]) -> list[tuple[float, float]]:
    return list(zip(side[0].tolist(), side[1].tolist(), strict=True))


def decimals(least: str, most: str, places: int) -> st.SearchStrategy[str]:
    return st.decimals(least, most, places=places).map(str)


@given(
    st.dictionaries(decimals("0.01", "49.99", 2), decimals("0.00000001", "99.99999999", 8), max_size=12),
    st.dictionaries(decimals("50", "99.99", 2), decimals("0.00000001", "99.99999999", 8), max_size=12),
    st.sampled_from(["0.01", "0.1", "0.3", "1", "7", "100"]),
    st.none() | st.integers(1, 4),
)
def test_buckets_are_what_decimals_make_of_the_texts(bids: Texts, asks: Texts, tick: str, count: int | None) -> None:
    expected = slow_buckets(bids, Decimal(tick), up=False), slow_buckets(asks, Decimal(tick), up=True)
    found = bucketed(levels_of(bids, asks), float(tick), count)
    assert (expected[0][:count], expected[1][:count]) == (pairs(found[0]), pairs(found[1]))


def test_a_bucket_at_price_zero_is_a_bid() -> None:
    bids, asks = bucketed(levels_of({"3": "1"}, {"4": "2"}), 10.0, None)
    assert ([(0.0, 1.0)], [(10.0, 2.0)]) == (pairs(bids), pairs(asks))


def test_numbers_beyond_what_floats_hold_exactly_are_their_shortest_decimals() -> None:
    bids, _ = bucketed(levels_of({"0.1": "92233720368.54775807", "0.2": "0.1"}, {}), 1.0, None)
    assert [(0.0, float(Decimal(repr(92233720368.54775807)) + Decimal("0.1")))] == pairs(bids)


def test_a_crossed_book_has_buckets_too() -> None:
    assert 3.0 == float(book_of(levels_of({"3": "1"}, {"2": "1"})).bids.best or 0)


LEVELS = levels_of({"9": "1", "8": "2", "7": "3"}, {"10": "1", "11": "2", "12": "3"})


@pytest.mark.parametrize(
    ("horizon", "bids", "asks"),
    [
        ((nan, nan), [9.0, 8.0, 7.0], [10.0, 11.0, 12.0]),
        ((8.0, nan), [9.0, 8.0], [10.0, 11.0, 12.0]),
        ((7.5, 11.0), [9.0, 8.0], [10.0, 11.0]),
        ((20.0, 5.0), [], []),
    ],
)
def test_what_is_known_ends_at_the_horizon(horizon: tuple[float, float], bids: list[float], asks: list[float]) -> None:
    known = LEVELS.known(horizon)
    assert (bids, asks) == (known.bids[0].tolist(), known.asks[0].tolist())


@pytest.mark.parametrize(("count", "shown"), [(0, 0), (1, 1), (2, 2), (3, 3), (9, 3), (None, 3)])
def test_the_first_levels_are_the_best(count: int | None, shown: int) -> None:
    first = LEVELS.first(count)
    assert ([9.0, 8.0, 7.0][:shown], [10.0, 11.0, 12.0][:shown]) == (first.bids[0].tolist(), first.asks[0].tolist())


@pytest.mark.parametrize(("bids", "asks"), [({}, {"1": "1"}), ({"1": "1"}, {}), ({}, {}), ({"1": "1"}, {"2": "1"})])
def test_a_book_without_a_side_is_not_crossed(bids: Texts, asks: Texts) -> None:
    assert not levels_of(bids, asks).crossed
    assert levels_of({"2": "1"}, {"2": "1"}).crossed
