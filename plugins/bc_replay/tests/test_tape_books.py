"""Order books at any instant of a tape."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bc_replay.candles import DAY, SECOND
from bc_replay.columns import AggTrades, Columns, Trades
from bc_replay.decimals import scaled
from bc_replay.records import DepthUpdate, Snapshot, Ticker
from bc_replay.tape import Tape

BASE = 1_700_000_040_000_000  # a whole minute


def agg(columns: Columns, id: int, at: int, price: str = "10", quantity: str = "1", **more: int) -> None:
    time, fills, maker = more.get("time", at), more.get("fills", 1), bool(more.get("maker", 0))
    columns.add_agg(id, scaled(price), scaled(quantity), id * 10, id * 10 + fills - 1, time, maker, True, at)


def tape(columns: Columns, **kinds: object) -> Tape:
    return Tape("BTCUSDT", AggTrades(columns.settled()), Trades(Columns()), **kinds)  # type: ignore[arg-type]


def update(first: int, last: int, at: int, bids: tuple = (), asks: tuple = ()) -> DepthUpdate:  # type: ignore[type-arg]
    return DepthUpdate(first, last, at, bids, asks, at)


@pytest.fixture
def trades() -> Columns:
    columns = Columns()
    for id, seconds in ((1, 0), (2, 1), (3, 1), (4, 5), (7, 9)):
        agg(columns, id, BASE + seconds * SECOND, str(10 + id))
    return columns


SEED = Snapshot(10, (("9.00000000", "1.00000000"),), (("11.00000000", "2.00000000"),), BASE)


def test_a_book_applies_what_is_newer_than_its_snapshot() -> None:
    stale = update(9, 10, BASE + 1, (("9.00000000", "5.00000000"),))
    fresh = update(10, 12, BASE + 2, (("9.50000000", "3.00000000"),), (("11.00000000", "0.00000000"),))
    book = tape(Columns(), updates=[stale, fresh], snapshots=[SEED]).happened(BASE + 2).book(5)
    assert book is not None
    assert (12, ("9.50000000", "9.00000000"), ()) == (book.last_update_id, tuple(p for p, _ in book.bids), book.asks)


def test_an_update_that_came_before_a_snapshot_behind_it_is_kept() -> None:
    early = update(11, 11, BASE - 1, (("9.50000000", "3.00000000"),))
    book = tape(Columns(), updates=[early], snapshots=[SEED]).happened(BASE).book(5)
    assert book is not None
    assert (11, "9.50000000") == (book.last_update_id, book.bids[0][0])


def test_a_hole_in_the_updates_leaves_the_book_unknown_until_the_next_snapshot() -> None:
    later = Snapshot(30, SEED.bids, SEED.asks, BASE + 5)
    holed = tape(Columns(), updates=[update(11, 12, BASE + 1), update(14, 15, BASE + 2)], snapshots=[SEED, later])
    known = [book and book.last_update_id for book in (holed.happened(BASE + n).book() for n in (1, 2, 4, 5))]
    assert [12, None, None, 30] == known


def test_a_snapshot_too_old_to_join_gives_way_to_the_updates() -> None:
    whole = tape(Columns(), updates=[update(20, 21, BASE + 1, (("8.00000000", "1.00000000"),))], snapshots=[SEED])
    before, after = whole.happened(BASE).book(), whole.happened(BASE + 1).book()
    assert before is not None
    assert after is not None
    assert (10, 21, (("8.00000000", "1.00000000"),)) == (before.last_update_id, after.last_update_id, after.bids)


def test_without_a_snapshot_the_book_is_what_the_updates_tell() -> None:
    told = tape(Columns(), updates=[update(5, 6, BASE, (("9.00000000", "1.00000000"),))])
    assert None is told.happened(BASE - 1).book()
    book = told.happened(BASE).book()
    assert book is not None
    assert (6, (("9.00000000", "1.00000000"),)) == (book.last_update_id, book.bids)


def test_without_depth_there_is_no_book(trades: Columns) -> None:
    seen = tape(trades).happened(BASE + DAY)
    assert (None, None) == (seen.book(), seen.ticker())


def test_a_limit_keeps_the_best_levels() -> None:
    bids = (("1.00000000", "1.00000000"), ("10.00000000", "1.00000000"), ("9.00000000", "1.00000000"))
    asks = (("100.00000000", "1.00000000"), ("20.00000000", "1.00000000"))
    book = tape(Columns(), snapshots=[Snapshot(1, bids, asks, BASE)]).happened(BASE).book(2)
    assert book is not None
    assert (["10.00000000", "9.00000000"], ["20.00000000", "100.00000000"]) == (
        [price for price, _ in book.bids],
        [price for price, _ in book.asks],
    )


def test_the_ticker_is_the_top_of_the_book_where_none_is_recorded() -> None:
    ticker = tape(Columns(), snapshots=[SEED]).happened(BASE).ticker()
    assert Ticker(10, "9.00000000", "1.00000000", "11.00000000", "2.00000000", BASE) == ticker


LEVEL = st.tuples(st.integers(1, 6).map(lambda n: f"{n}.00000000"), st.integers(0, 2).map(lambda n: f"{n}.00000000"))


@given(
    st.lists(st.lists(LEVEL, max_size=4), min_size=1, max_size=12),
    st.sets(st.integers(0, 11)),
    st.lists(st.integers(0, 12), min_size=1, max_size=12),
)
def test_books_in_any_order_of_asking_equal_the_rule_replayed_from_scratch(
    changes: list[list[tuple[str, str]]], lost: set[int], asked: list[int]
) -> None:
    updates = [update(n, n, n, tuple(levels)) for n, levels in enumerate(changes, 1) if n not in lost]
    snapshot = Snapshot(4, SEED.bids, (), 6)
    whole = tape(Columns(), updates=updates, snapshots=[snapshot])
    for now in asked:
        expected = slow_bids(updates, snapshot, now)
        book = whole.happened(now).book(99)
        assert expected == (None if book is None else (book.last_update_id, dict(book.bids)))


def slow_bids(updates: list[DepthUpdate], snapshot: Snapshot, now: int) -> tuple[int, dict[str, str]] | None:
    seen = [u for u in updates if u.at <= now]
    held: dict[str, str] = {}
    if snapshot.at <= now:
        id, held = snapshot.last_update_id, dict(snapshot.bids)
    elif seen:
        id, held = seen[0].first - 1, slow_told_back(updates, snapshot)
    else:
        return None
    for u in (u for u in seen if u.last > id):
        if u.first > id + 1:
            if u is not updates[0]:
                return None
            held = {}
        id, held = u.last, {**held, **dict(u.bids)}
    return id, {price: quantity for price, quantity in held.items() if Decimal(quantity)}


def slow_told_back(updates: list[DepthUpdate], snapshot: Snapshot) -> dict[str, str]:
    """The levels of a snapshot that stood since the first update, where no update is lost between."""
    ids = [u.first for u in updates if u.first <= snapshot.last_update_id]
    if not ids or ids != list(range(ids[0], snapshot.last_update_id + 1)):
        return {}
    touched = {price for u in updates if u.first <= snapshot.last_update_id for price, _ in u.bids}
    return {price: quantity for price, quantity in snapshot.bids if price not in touched}


def test_before_the_first_snapshot_the_book_is_told_back_from_it() -> None:
    moved = update(10, 10, BASE, (("8.00000000", "1.00000000"),))
    whole = tape(Columns(), updates=[moved], snapshots=[Snapshot(10, SEED.bids, SEED.asks, BASE + 5)])
    book = whole.happened(BASE).book()
    assert book is not None
    assert (("9.00000000", "1.00000000"), ("8.00000000", "1.00000000")) == book.bids
    assert SEED.asks == book.asks
