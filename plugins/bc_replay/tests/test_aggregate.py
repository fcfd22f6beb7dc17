"""Aggregates made of raw trades."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bc_replay.aggregate import aggregated, single_fills
from bc_replay.columns import AggTrades, Columns, Trades


def fills(*rows: tuple[int, int, int, bool]) -> Columns:
    columns = Columns()
    for id, price, time, maker in rows:
        columns.add_trade(id, price, 3, time, maker, True, time + id)
    return columns


def spans(trades: Columns) -> list[tuple[int, int, int]]:
    return [(made.id, made.first, made.last) for made in AggTrades(aggregated(trades))]


def test_fills_of_one_price_side_and_time_are_one_aggregate() -> None:
    assert [(1, 7, 9)] == spans(fills((7, 5, 1, True), (8, 5, 1, True), (9, 5, 1, True)))


def test_another_price_side_or_time_begins_another() -> None:
    rows = ((7, 5, 1, True), (8, 6, 1, True), (9, 6, 1, False), (10, 6, 2, False))
    assert [(1, 7, 7), (2, 8, 8), (3, 9, 9), (4, 10, 10)] == spans(fills(*rows))


def test_a_hole_in_the_trade_ids_begins_another_but_ids_stay_contiguous() -> None:
    assert [(1, 7, 7), (2, 9, 9)] == spans(fills((7, 5, 1, True), (9, 5, 1, True)))


def test_an_aggregate_happens_with_its_last_fill() -> None:
    assert [1 + 8] == list(aggregated(fills((7, 5, 1, True), (8, 5, 1, True))).at)


def test_quantities_add_up_exactly() -> None:
    assert ["0.00000006"] == [made.quantity for made in AggTrades(aggregated(fills((7, 5, 1, True), (8, 5, 1, True))))]


def test_no_trades_make_no_aggregates() -> None:
    assert [] == spans(Columns())


ROW = st.tuples(st.integers(1, 2), st.integers(1, 2), st.integers(0, 1), st.booleans())


@given(st.lists(ROW, max_size=30))
def test_aggregates_tile_the_trades_without_loss(rows: list[tuple[int, int, int, bool]]) -> None:
    id, time, trades = 0, 0, Columns()
    for skip, price, step, maker in rows:
        id, time = id + skip, time + step
        trades.add_trade(id, price, id, time, maker, True, time)
    made = AggTrades(aggregated(trades))
    assert list(range(1, len(made) + 1)) == [one.id for one in made]
    assert list(trades.id) == [id for one in made for id in range(one.first, one.last + 1)]
    assert sum(trades.quantity) == sum(made.columns.quantity)
    keys = [(one.price, one.time, one.buyer_maker, one.first) for one in made]
    joined = [a for a, b, one in zip(keys, keys[1:], made, strict=False) if a[:3] == b[:3] and b[3] == one.last + 1]
    assert [] == joined


def test_single_fills_are_the_only_trades_an_aggregate_tape_proves() -> None:
    columns = Columns()
    for id, first, last in ((1, 5, 5), (2, 6, 7), (3, -1, -1), (4, 8, 8)):
        columns.add_agg(id, 1, 1, first, last, id, True, True, id)
    assert [5, 8] == [trade.id for trade in Trades(single_fills(columns))]
