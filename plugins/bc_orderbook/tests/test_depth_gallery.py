"""Snapshots at several tick sizes from a maintained book: when they are taken, and what is in them."""

from __future__ import annotations

import logging
from array import array
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bc_orderbook import ORDERBOOK, Book, Snapshot
from bc_orderbook.book import Levels, MalformedBookError
from bc_orderbook.booktables import Turning
from bc_orderbook.events import DepthEvent, Run
from bc_orderbook.gallery import Gallery
from bc_orderbook.localbook import LocalBook, Seed
from bcore.records import Rejected

SECOND = 1_000_000
START = 1_700_000_000 * SECOND
BIDS, ASKS = {99.9: 3.0, 98.0: 2.0}, {100.4: 5.0, 102.0: 2.0}


def gallery(interval: float = 0.1, depth: int = 1000, ticks: tuple[float, ...] = (1.0, 10.0)) -> Gallery:
    return Gallery("X", ORDERBOOK, int(interval * SECOND), depth, lambda: ticks)


def book(limit: int = 5000) -> LocalBook:
    return LocalBook.of(Seed(10, START, BIDS, ASKS, limit))


def change(kept: LocalBook, bids: list[tuple[float, float]]) -> None:
    kept.apply(DepthEvent(START, "X", kept.id + 1, kept.id + 1, bids, []))


def times_of(made: Gallery) -> list[float]:
    times = [time for batch in made.batches(None) for time in batch.table["timestamp"].cast("int64").to_pylist()]
    return [(time - START) / SECOND for time in sorted(set(times))]


def verified(made: Gallery, after: float = 0.0) -> Gallery:
    made.turned(Turning(START + int(after * SECOND), 10, "verified", ""))
    return made


def test_snapshots_stand_at_the_multiples_of_the_interval() -> None:
    made = verified(gallery(0.1), after=0.03)
    made.take(book(), START + 350_000)

    assert [0.1, 0.2, 0.3] == times_of(made)


def test_a_multiple_at_which_the_book_becomes_verified_counts() -> None:
    made = verified(gallery(0.1))
    made.take(book(), START + 100_000)

    assert [0.0] == times_of(made)


def test_none_is_due_before_the_book_is_verified_or_while_it_is_suspect() -> None:
    made, never = gallery(), gallery().due
    verified(made).turned(Turning(START + 50_000, 10, "suspect", ""))

    assert (never, True) == (made.due, never > START * 1000)


def test_after_a_suspect_time_it_goes_on_at_the_next_multiple() -> None:
    made = verified(gallery(0.1))
    made.turned(Turning(START + 50_000, 10, "suspect", ""))
    verified(made, after=5.01).take(book(), START + 5_250_000)

    assert [5.1, 5.2] == times_of(made)


def test_rows_are_those_of_the_book_as_the_exchange_would_show_it() -> None:
    made = verified(gallery())
    made.take(book(), START + 100_000)
    text = Book.of([("99.90", "3.0"), ("98.00", "2")], [("100.40", "5.0"), ("102.00", "2")])
    [batch] = made.batches(None)

    assert repr(Snapshot("X", START, text).table((1.0, 10.0)).to_pylist()) == repr(batch.table.to_pylist())


def test_a_changed_book_is_looked_at_anew() -> None:
    made, kept = verified(gallery(0.1)), book()
    made.take(kept, START + 100_000)
    change(kept, [(99.9, 0.0)])
    made.take(kept, START + 200_000)
    [batch] = made.batches(None)

    assert [99.9, 99.9, 98.0, 98.0] == batch.table["best_bid"].to_pylist()


def test_only_as_many_levels_as_wanted_are_looked_at_and_none_beyond_the_horizon() -> None:
    narrow, seeded = verified(gallery(depth=1)), verified(gallery())
    narrow.take(book(), START + 1)
    kept = book(limit=2)
    change(kept, [(50.0, 1000.0)])
    seeded.take(kept, START + 1)

    sums = [[batch.table["bid_cum_qty_2"].to_pylist()[0] for batch in made.batches(None)] for made in (narrow, seeded)]
    assert [[True], [5.0]] == [[sums[0][0] != sums[0][0]], sums[1]]


def test_an_empty_gallery_hands_out_nothing() -> None:
    assert [] == list(gallery().batches(None))


def test_events_that_cannot_be_read_are_said(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        gallery().events([], Run([], array("d"), (Rejected("it is none", ("x",)),)))

    assert "it is none" in caplog.text


DECIMALS = st.decimals("0.00000001", "9999999.99999999", places=8)


@given(st.lists(st.tuples(DECIMALS, DECIMALS), min_size=2, max_size=30, unique_by=lambda level: level[0]))
def test_a_book_of_floats_is_the_book_of_their_texts(levels: list[tuple[Any, Any]]) -> None:
    levels = sorted(levels)
    middle = len(levels) // 2
    bids, asks = levels[:middle][::-1], levels[middle:]
    texts: list[Levels] = [[(f"{price:f}", f"{quantity:f}") for price, quantity in side] for side in (bids, asks)]
    floats = [[(float(price), float(quantity)) for price, quantity in side] for side in (bids, asks)]
    want, got = Book.of(*texts), Book.of_numbers(*floats)

    assert (want.price_step, want.quantity_step) == (got.price_step, got.quantity_step)
    assert want.bids.prices.tolist() == got.bids.prices.tolist()
    assert want.asks.notionals.tolist() == got.asks.notionals.tolist()


@pytest.mark.parametrize("quantity", ["92233720368.54775807", "123456789012345.00000000", "0.0000000001"])
def test_numbers_that_floats_hold_otherwise_are_taken_as_their_shortest_text(quantity: str) -> None:
    got = Book.of_numbers([(99.5, float(quantity))], [(100.5, 1.0)])

    assert float(quantity) == float(int(got.bids.quantities[0]) * got.quantity_step)


def test_a_level_of_nothing_is_no_book() -> None:
    with pytest.raises(MalformedBookError, match="quantity 0"):
        Book.of_numbers([(99.5, 0.0)], [(100.5, 1.0)])
