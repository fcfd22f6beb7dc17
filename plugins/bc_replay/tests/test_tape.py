"""Tapes: what has happened by an instant, lookups, and the order of things."""

from __future__ import annotations

import pytest

from bc_replay.candles import SECOND
from bc_replay.columns import AggTrades, Columns, Trades
from bc_replay.decimals import scaled
from bc_replay.records import AggTrade, DepthUpdate, Ticker
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


def test_nothing_is_seen_before_it_happens(trades: Columns) -> None:
    seen = tape(trades).happened(BASE + SECOND)
    assert [1, 2, 3] == [trade.id for trade in seen.agg_trades]


def test_a_record_is_materialised_with_all_its_fields() -> None:
    columns = Columns()
    columns.add_agg(
        5, scaled("0.00000120"), scaled("92233720368.54775807"), 7, 9, BASE, True, False, BASE + 2, BASE + 1
    )
    expected = AggTrade(5, "0.00000120", "92233720368.54775807", 7, 9, BASE, True, False, BASE + 2, BASE + 1)
    assert expected == AggTrades(columns)[0]


def test_missing_ids_are_reported_as_gaps(trades: Columns) -> None:
    assert ((5, 6),) == tape(trades).gaps


def test_from_id_starts_at_the_next_id_held(trades: Columns) -> None:
    assert [7] == [trade.id for trade in AggTrades(trades).from_id(5, 10)]


def test_from_id_is_inclusive_and_limited(trades: Columns) -> None:
    assert [2, 3] == [trade.id for trade in AggTrades(trades).from_id(2, 2)]


def test_newest_is_ascending(trades: Columns) -> None:
    assert [4, 7] == [trade.id for trade in AggTrades(trades).newest(2)]


def test_time_bounds_are_inclusive_and_oldest_come_first(trades: Columns) -> None:
    found = AggTrades(trades).between(BASE + SECOND, BASE + 5 * SECOND, 2)
    assert [2, 3] == [trade.id for trade in found]


def test_an_end_alone_gives_the_newest_up_to_it(trades: Columns) -> None:
    assert [3, 4] == [trade.id for trade in AggTrades(trades).between(None, BASE + 5 * SECOND, 2)]


def test_slices_and_negative_indexes_look_through_the_window(trades: Columns) -> None:
    window = AggTrades(trades)[1:4]
    assert [2, 4, 3] == [window[0].id, window[-1].id, window[:2][1].id]


def test_an_index_outside_the_window_is_an_error(trades: Columns) -> None:
    with pytest.raises(IndexError):
        AggTrades(trades)[:2][2]


def test_settling_sorts_and_keeps_the_first_of_each_id() -> None:
    columns = Columns()
    for id, at, price in ((3, 30, "3"), (1, 10, "1"), (3, 31, "4"), (2, 5, "2")):
        agg(columns, id, at, price)
    settled = AggTrades(columns.settled())
    assert [(1, "1.00000000", 10), (2, "2.00000000", 10), (3, "3.00000000", 30)] == [
        (trade.id, trade.price, trade.at) for trade in settled
    ]


def test_events_come_in_happening_order(trades: Columns) -> None:
    ticker = Ticker(5, "1.00000000", "1.00000000", "2.00000000", "1.00000000", BASE + 2 * SECOND)
    whole = tape(trades, updates=[update(1, 2, BASE + 3 * SECOND)], tickers=[ticker])
    assert ["AggTrade"] * 3 + ["Ticker", "DepthUpdate"] + ["AggTrade"] * 2 == [
        type(event).__name__ for event in whole.events()
    ]


def test_an_empty_tape_is_refused() -> None:
    with pytest.raises(ValueError, match="empty"):
        tape(Columns())
