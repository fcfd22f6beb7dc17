"""From messages to events to rows of `depth`."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bc_orderbook.diffrows import DiffRows
from bc_orderbook.diffs import DEPTH
from bc_orderbook.events import Arrival, read_events
from bcore.records import Batch
from bcore.schema import conform

START = 1_700_000_000_000


def message(first: int, last: int, bids: Any = (), asks: Any = (), **changes: Any) -> Arrival:
    body = {"e": "depthUpdate", "E": START + last, "s": "X", "U": first, "u": last, "b": bids, "a": asks, **changes}
    return Arrival(json.dumps(body).encode(), 7)


def rows_of(*arrivals: Arrival) -> list[dict[str, Any]]:
    run, rows = read_events(arrivals, "X"), DiffRows()
    rows.extend(run.events, run.numbers)
    table = rows.table("X")
    return [
        {**row, "timestamp": time}
        for row, time in zip(table.to_pylist(), table["timestamp"].cast("int64"), strict=True)
    ]


def levels_of(*arrivals: Arrival) -> list[tuple[Any, ...]]:
    return [(row["last_update_id"], row["side"], row["price"], row["quantity"]) for row in rows_of(*arrivals)]


def test_every_level_is_a_row_asks_first_by_rising_price() -> None:
    first = message(5, 9, [["99.5", "1"], ["99.1", "0"]], [["100.1", "2"], ["100.2", "3"]])

    assert [(9, -1, 100.1, 2.0), (9, -1, 100.2, 3.0), (9, 1, 99.1, 0.0), (9, 1, 99.5, 1.0)] == levels_of(first)


def test_an_event_that_changes_nothing_is_a_row_too() -> None:
    assert [(9, 0, 0.0, 0.0), (10, 1, 99.0, 1.0)] == levels_of(message(5, 9), message(10, 10, [["99", "1"]]))


def test_times_are_microseconds_in_whichever_unit_they_come() -> None:
    stamps = [message(1, 1), message(2, 2, E=START * 1000 + 5)]
    run = read_events(stamps, "X")

    assert [(START + 1) * 1000, START * 1000 + 5] == [event.time for event in run.events]
    assert [7, 7] == [event.received for event in run.events]


def test_unsorted_levels_come_out_in_key_order_and_of_one_named_twice_the_last_counts() -> None:
    mixed = message(5, 9, [["98", "1"], ["99", "2"], ["98", "3"]], [["101", "1"], ["100", "1"]])

    assert [(9, -1, 100.0, 1.0), (9, -1, 101.0, 1.0), (9, 1, 98.0, 3.0), (9, 1, 99.0, 2.0)] == levels_of(mixed)


def test_late_events_are_sorted_in() -> None:
    late = [message(5, 5, [["99", "5"]]), message(7, 7, [["99", "7"]]), message(6, 6, [["99", "6"]])]

    assert [5, 6, 7] == [row[0] for row in levels_of(*late)]


def test_the_rows_are_what_the_dataset_wants() -> None:
    run, rows = read_events([message(5, 9, [["99.5", "1"]], [["100.1", "2"]])], "X"), DiffRows()
    rows.extend(run.events)

    assert rows.table("X").equals(conform(Batch(DEPTH, "X", rows.table("X"))).table)


@given(st.decimals("0.00000001", "99999999999.99999999", places=8))
def test_numbers_are_the_float_nearest_to_their_text(number: Any) -> None:
    assert [float(str(number))] == [row[3] for row in levels_of(message(1, 1, [["1", f"{number:f}"]]))]


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (Arrival(b"{", 1), "no depth event"),
        (Arrival(b'{"lastUpdateId": 5, "bids": [], "asks": []}', 1), "no depth event"),
        (message(1, 1, s="Y"), "no change of the book of X"),
        (message(2, 1), "no change of the book of X"),
        (message(1, 1, [["nan", "1"]]), "no number"),
        (message(1, 1, [["1", "inf"]]), "no number"),
        (message(1, 1, [["1", "-1"]]), "negative"),
        (message(1, 1, [["1", "x"]]), "no depth event"),
        (message(1, 1, [["1"]]), "no depth event"),
    ],
)
def test_what_cannot_be_used_is_put_aside_as_it_came_and_costs_the_others_nothing(wrong: Arrival, reason: str) -> None:
    good = [message(1, 1, [["99", "1"]]), message(2, 2, [["98", "1"]])]
    run = read_events([good[0], wrong, good[1]], "X")

    assert [1, 2] == [event.last for event in run.events]
    assert [(bytes(wrong.data).decode(),)] == [each.rows for each in run.rejected]
    assert reason in run.rejected[0].reason
    assert [99.0, 1.0, 98.0, 1.0] == list(run.numbers)


def test_fields_that_nobody_knows_yet_do_not_matter() -> None:
    assert [(9, 1, 99.0, 1.0)] == levels_of(message(5, 9, [["99", "1"]], T=5, received="x", pu=3))
