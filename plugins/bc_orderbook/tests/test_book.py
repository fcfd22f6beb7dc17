"""A book in exact integers, and what is no book."""

from __future__ import annotations

from fractions import Fraction

import pytest

from bc_orderbook.book import Book, Levels, MalformedBookError

BIDS = [("100.50", "1.0"), ("100.00", "2.5")]
ASKS = [("101.00", "0.5"), ("102.50", "4.0")]


def test_prices_and_quantities_are_counted_in_the_steps_of_their_grids() -> None:
    book = Book.of(BIDS, ASKS)

    assert (Fraction(1, 2), Fraction(1, 2)) == (book.price_step, book.quantity_step)
    assert [201, 200] == book.bids.prices.tolist()
    assert [202, 205] == book.asks.prices.tolist()


def test_quantities_and_notionals_are_running_totals() -> None:
    book = Book.of(BIDS, ASKS)

    assert [2, 7] == book.bids.quantities.tolist()
    assert [2 * 201, 2 * 201 + 5 * 200] == book.bids.notionals.tolist()


def test_totals_beyond_int64_are_exact() -> None:
    most, next_to_it = Fraction("92233720368.54775807"), Fraction("92233720368.54775806")
    levels = [("3.00000001", "92233720368.54775807"), ("2.00000001", "92233720368.54775806")]
    book = Book.of(levels, [])

    assert most + next_to_it == int(book.bids.quantities[-1]) * book.quantity_step
    assert Fraction("3.00000001") * most + Fraction("2.00000001") * next_to_it == (
        int(book.bids.notionals[-1]) * book.price_step * book.quantity_step
    )


def test_the_mid_lies_halfway_between_the_best_prices() -> None:
    assert Fraction(403, 4) == Book.of(BIDS, ASKS).mid


def test_the_mid_of_one_side_is_its_best_price() -> None:
    assert 101 == Book.of([], ASKS).mid
    assert Fraction("100.5") == Book.of(BIDS, []).mid


def test_an_empty_book_is_a_book_without_a_mid() -> None:
    assert Book.of([], []).mid is None


@pytest.mark.parametrize(
    ("bids", "asks", "reason"),
    [
        ([("101.00", "1.0")], ASKS, "crossed: the best bid, 101.0, is not below the best ask, 101.0"),
        ([("105.00", "1.0")], ASKS, "crossed"),
        ([BIDS[1], BIDS[0]], ASKS, "bids do not fall"),
        ([BIDS[0], BIDS[0]], ASKS, "bids do not fall"),
        (BIDS, [ASKS[1], ASKS[0]], "asks do not rise"),
        (BIDS, [ASKS[0], ASKS[0]], "asks do not rise"),
        ([*BIDS, ("0.00", "1.0")], ASKS, "price or the quantity 0"),
        (BIDS, [("101.00", "0.0")], "price or the quantity 0"),
        (BIDS, [("101.00", "-1.0")], "'-1.0' is not"),
        ([("NaN", "1.0")], ASKS, "'NaN' is not"),
        (BIDS, [("101.00", "")], "'' is not"),
    ],
)
def test_what_cannot_be_a_book_is_refused_with_the_reason(bids: Levels, asks: Levels, reason: str) -> None:
    with pytest.raises(MalformedBookError, match=reason):
        Book.of(bids, asks)


def test_recorded_books_are_books(recorded_books: list[tuple[Levels, Levels]]) -> None:
    for bids, asks in recorded_books:
        book = Book.of(bids, asks)

        assert float(bids[0][0]) == float(int(book.bids.prices[0]) * book.price_step)
        assert (len(bids), len(asks)) == (len(book.bids.prices), len(book.asks.prices))
