from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from attrs import define
from hypothesis import given
from hypothesis import strategies as st

from bc_orderbook.bookchecks import SIDES, examine
from bc_orderbook.bookproofs import BOOK_INTERVALS, BOOK_PROOFS, DEPTH_BREAKS
from bc_orderbook.booktesting import Event, HandWritten, Shown
from bc_orderbook.diffs import DEPTH, DEPTH_SNAPSHOTS, DEPTH_STATES, DEPTH_TICKERS
from bc_orderbook.quotes import BOOK_QUOTES
from bcore.examining import Interval
from bcore.instants import SECOND
from bcore.local import StoreReader
from bcore.memory import MemoryStore
from bcore.query import Query, Request
from bcore.records import Compared

T0 = 1_723_161_600 * SECOND
BIDS, ASKS = {99.0: 1.0, 98.0: 2.0, 97.0: 3.0}, {100.0: 1.5}
Row = dict[str, Any]


@define
class InSmallBatches(MemoryStore):
    def scan(self, query: Query) -> pa.RecordBatchReader:
        table = self.read(query).combine_chunks()
        return pa.RecordBatchReader.from_batches(table.schema, table.to_batches(max_chunksize=3))


def reader_of(archive: HandWritten) -> StoreReader:
    declared = (DEPTH, DEPTH_SNAPSHOTS, DEPTH_STATES, DEPTH_TICKERS)
    return StoreReader((archive.store,), declared, (DEPTH_BREAKS, BOOK_INTERVALS, BOOK_PROOFS, BOOK_QUOTES))


def rows(archive: HandWritten, view: str, **request: Any) -> list[Row]:
    found: list[Row] = reader_of(archive).read(Request(view, "AAA", **request)).to_pylist()
    return found


def events(*ids: tuple[int, int], bids: dict[float, float] | None = None) -> list[Event]:
    return [Event(*each, T0 + each[1] * SECOND, bids={99.0: float(each[1])} if bids is None else bids) for each in ids]


@pytest.fixture
def archive() -> HandWritten:
    """Verified from book 10 at second 10 on; events until 20, and snapshots of the right books at 15 and 20."""
    written = HandWritten(InSmallBatches())
    written.snapshot(Shown(10, T0 + 10 * SECOND, BIDS, ASKS))
    written.state(T0 + 10 * SECOND, 10, "verified")
    written.events(events((11, 12), (13, 13), (14, 15), (16, 18), (19, 20)))
    for last in (15, 20):
        written.snapshot(Shown(last, T0 + last * SECOND, {**BIDS, 99.0: float(last)}, ASKS))
    return written


def test_events_that_tile_have_no_break(archive: HandWritten) -> None:
    assert [] == rows(archive, "depth_breaks")


def test_a_break_is_told_with_what_is_missing(archive: HandWritten) -> None:
    archive.events(events((24, 25), (26, 26)))
    (found,) = rows(archive, "depth_breaks")
    assert (20, 24, 3) == (found["last_update_id"], found["next_update_id"], found["missing"])
    assert [found] == rows(archive, "depth_breaks", start=T0 + 25 * SECOND)
    assert [] == rows(archive, "depth_breaks", start=T0 + 26 * SECOND)


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 2), st.integers(1, 4)), max_size=15))
def test_breaks_are_those_that_a_loop_finds(steps: list[tuple[int, int, int]]) -> None:
    written, expected, made, last = HandWritten(InSmallBatches()), [], [], 0
    written.events(events((0, 0)))
    for ahead, more, levels in steps:
        first = last + ahead
        expected += [(last, first)] if ahead > 1 else []
        last = first + more
        made.append(Event(first, last, T0 + last * SECOND, bids={float(price): 1.0 for price in range(1, levels + 1)}))
    written.events(made)
    found = [(row["last_update_id"], row["next_update_id"]) for row in rows(written, "depth_breaks")]
    assert expected == found


def test_intervals_last_until_the_next(archive: HandWritten) -> None:
    archive.state(T0 + 13 * SECOND, 13, "suspect")
    archive.state(T0 + 16 * SECOND, 18, "verified")
    found = rows(archive, "book_intervals")
    assert [("verified", 3.0), ("suspect", 3.0), ("verified", 4.0)] == [(row["state"], row["seconds"]) for row in found]
    assert [("verified", True, 3.0), ("suspect", False, 3.0), ("verified", True, 4.0)] == [
        (each.state, each.proven, each.seconds) for each in intervals(archive)
    ]
    assert [1.0, 3.0, 3.0] == [each.seconds for each in intervals(archive, T0 + 12 * SECOND, T0 + 19 * SECOND)]
    assert found[1:] == rows(archive, "book_intervals", start=T0 + 13 * SECOND)


def test_a_doubt_that_was_none_is_not_held_against_the_book(archive: HandWritten) -> None:
    """The stream was lost, and the next event followed on the one before."""
    archive.state(T0 + 13 * SECOND, 13, "suspect")
    archive.state(T0 + 13 * SECOND + 1, 13, "verified")
    assert [("verified", 3.0), ("verified", 7.0)] == [
        (each.state, round(each.seconds, 3)) for each in intervals(archive)
    ]


def test_without_notes_all_is_unknown() -> None:
    written = HandWritten()
    written.snapshot(Shown(10, T0, BIDS, ASKS))
    written.state(T0 + 5 * SECOND, 10, "verified")
    assert ["unknown", "verified"] == [row["state"] for row in rows(written, "book_intervals")]


def proofs(archive: HandWritten, **request: Any) -> list[tuple[int, bool, int, int]]:
    return [
        (row["update_id"], row["joined"], row["compared"], row["differing"])
        for row in rows(archive, "book_proofs", **request)
    ]


def test_snapshots_are_the_books_rebuilt_from_the_ones_before(archive: HandWritten) -> None:
    assert [(15, True, 4, 0), (20, True, 4, 0)] == proofs(archive)
    assert [(20, True, 4, 0)] == proofs(archive, start=T0 + 16 * SECOND)


def test_levels_that_differ_are_counted(archive: HandWritten) -> None:
    archive.events(events((21, 21)))
    archive.snapshot(Shown(21, T0 + 21 * SECOND, {99.0: 21.0, 98.0: 7.0, 96.0: 1.0}, ASKS, "rest"))
    assert (21, True, 5, 3) == proofs(archive)[-1]


def test_levels_beyond_what_both_know_are_not_compared(archive: HandWritten) -> None:
    archive.events(events((21, 21)))
    archive.snapshot(Shown(21, T0 + 21 * SECOND, {99.0: 21.0, 98.0: 2.0}, ASKS, "rest", (98.0, 100.0)))
    assert (21, True, 3, 0) == proofs(archive)[-1]


def test_levels_that_the_snapshot_before_could_not_know_are_not_compared(archive: HandWritten) -> None:
    archive.events(events((21, 21), (22, 22)))
    archive.snapshot(Shown(21, T0 + 21 * SECOND, {99.0: 21.0, 98.0: 2.0}, ASKS, "rest", (98.0, 100.0)))
    far = {99.0: 22.0, 98.0: 2.0, 97.0: 3.0, 50.0: 1.0}
    archive.snapshot(Shown(22, T0 + 22 * SECOND, far, {**ASKS, 200.0: 1.0}, "rest"))
    assert (22, True, 3, 0) == proofs(archive)[-1]


def test_within_an_event_what_it_touched_is_not_compared(archive: HandWritten) -> None:
    archive.events([Event(21, 30, T0 + 30 * SECOND, bids={98.0: 0.0})])
    archive.snapshot(Shown(25, T0 + 30 * SECOND, {99.0: 20.0, 98.0: 1.0, 97.0: 3.0}, ASKS, "rest"))
    assert (25, True, 3, 0) == proofs(archive)[-1]


def test_over_a_break_nothing_is_compared(archive: HandWritten) -> None:
    archive.events(events((24, 25)))
    archive.snapshot(Shown(25, T0 + 25 * SECOND, {1.0: 1.0}, ASKS))
    assert (25, False, 0, 0) == proofs(archive)[-1]
    archive.snapshot(Shown(40, T0 + 40 * SECOND, {1.0: 1.0}, ASKS))
    assert (40, False, 0, 0) == proofs(archive)[-1]


def told(archive: HandWritten) -> dict[str, tuple[int, int, int]]:
    pieces = examine("AAA", reader_of(archive), T0, T0 + 100 * SECOND, True)
    compared = [each for each in pieces if isinstance(each, Compared)]
    return {each.what.split()[0].strip(","): (each.count, each.skipped, len(each.disagreements)) for each in compared}


def intervals(archive: HandWritten, start: int = T0, end: int = T0 + 100 * SECOND) -> list[Interval]:
    """All that is told without reading much."""
    told = list(examine("AAA", reader_of(archive), start, end, False))
    assert {Interval} == {type(each) for each in told}
    return [each for each in told if isinstance(each, Interval)]


def test_a_sound_archive_agrees_with_itself(archive: HandWritten) -> None:
    assert {"events": (5, 0, 0), "snapshots": (2, 0, 0), "books": (5, 0, 0)} == told(archive)


def test_a_break_that_nobody_noted_is_a_disagreement(archive: HandWritten) -> None:
    archive.events(events((24, 25)))
    assert (6, 0, 1) == told(archive)["events"]
    archive.state(T0 + 20 * SECOND + 1, 20, "unknown")
    assert (5, 1, 0) == told(archive)["events"]


def test_a_snapshot_that_differs_is_a_disagreement(archive: HandWritten) -> None:
    archive.events(events((21, 21)))
    archive.snapshot(Shown(21, T0 + 21 * SECOND, {1.0: 1.0}, ASKS, "rest"))
    assert (3, 0, 1) == told(archive)["snapshots"]


def test_a_crossed_book_is_a_disagreement(archive: HandWritten) -> None:
    archive.events([Event(21, 21, T0 + 29 * SECOND, bids={100.0: 1.0}), Event(22, 22, T0 + 29 * SECOND)])
    archive.events([Event(23, 23, T0 + 31 * SECOND, bids={100.0: 0.0})])
    assert (8, 0, 2) == told(archive)["books"]


def test_best_prices_that_the_exchange_told_otherwise_are_a_disagreement(archive: HandWritten) -> None:
    archive.ticker(12, T0 + 13 * SECOND, (99.0, 12.0, 100.0, 1.5))
    archive.ticker(17, T0 + 18 * SECOND, (1.0, 1.0, 2.0, 1.0))  # within an event
    assert (1, 0, 0) == told(archive)["best"]
    archive.ticker(18, T0 + 19 * SECOND, (99.0, 17.0, 100.0, 1.5))
    assert (2, 0, 1) == told(archive)["best"]
    archive.state(T0 + 17 * SECOND, 16, "suspect")
    assert (1, 0, 0) == told(archive)["best"]


def test_the_best_prices_after_every_event(archive: HandWritten) -> None:
    archive.events([Event(24, 25, T0 + 25 * SECOND)])
    archive.snapshot(Shown(28, T0 + 30 * SECOND, {}, {101.0: 1.0}))
    archive.events([Event(26, 27, T0 + 29 * SECOND), Event(28, 31, T0 + 31 * SECOND, bids={98.5: 2.0})])
    found = rows(archive, "book_quotes")
    assert [12, 13, 15, 18, 20, 31] == [row["update_id"] for row in found]
    assert (99.0, 20.0, 100.0, 1.5) == tuple(found[4][name] for name in SIDES)
    assert (98.5, 2.0, 101.0, 1.0) == tuple(found[5][name] for name in SIDES)
    assert found[-2:] == rows(archive, "book_quotes", tail=2)
    assert found[2:4] == rows(archive, "book_quotes", start=T0 + 14 * SECOND, end=T0 + 20 * SECOND)
