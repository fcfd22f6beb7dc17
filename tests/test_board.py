from __future__ import annotations

from threading import Thread
from typing import Any

import pytest
from attrs import evolve
from hand_clock import START, MovingClock
from hypothesis import given
from hypothesis import strategies as st

from bcore.board import Board, Meter
from bcore.errors import UnreachableError
from bcore.events import (
    BatchStored,
    DiskLow,
    Event,
    GapFound,
    RowsRejected,
    SourceFailed,
    SourcePassed,
    SourceRecovered,
    SourceStarted,
    SourceStopped,
    StreamClosed,
    StreamOpened,
    WeightUsed,
)
from bcore.instants import SECOND
from bcore.spans import Spans
from bcore.status import DiskStatus, SeriesStatus, SourceStatus

STORED = BatchStored("ticks", "ticks", "AAA", 100, 0, START, START + 2 * SECOND, "101.5")
GAP = GapFound("ticks", "ticks", "AAA", 5, 9, "open", "missing from the stream")
FAILED = SourceFailed("ticks", UnreachableError("no network"), 1.5, 1)


def board_after(*events: Event | float) -> Board:
    """A board that heard the events; a number lets so many seconds pass."""
    board = Board(MovingClock())
    for event in events:
        if isinstance(event, Event):
            board.on_event(event)
        else:
            board.clock.sleep(event)
    return board


def line_after(*events: Event | float) -> SeriesStatus:
    (line,) = board_after(*events).status().series
    return line


def source_after(*events: Event | float) -> SourceStatus:
    (source,) = board_after(*events).status().sources
    return source


def test_rows_add_up() -> None:
    assert 150 == line_after(STORED, evolve(STORED, rows=50)).rows


def test_rejected_rows_are_counted_apart_from_stored_ones() -> None:
    line = line_after(STORED, RowsRejected("ticks", "ticks", "AAA", "why", ("a", "b")))
    assert (100, 2) == (line.rows, line.rejected)


def test_series_are_told_apart_and_sorted() -> None:
    board = board_after(evolve(STORED, symbol="BBB"), STORED)
    assert ["ticks/AAA", "ticks/BBB"] == [line.name for line in board.status().series]


def test_rates_look_back_ten_seconds_and_a_minute() -> None:
    line = line_after(100.0, evolve(STORED, rows=600), 30.0, evolve(STORED, rows=50), 5.0)
    assert (5.0, 650 / 60) == (line.rate_10s, line.rate_1m)


def test_rates_of_a_young_collector_are_over_its_own_time() -> None:
    line = line_after(STORED, 4.0)
    assert (25.0, 25.0) == (line.rate_10s, line.rate_1m)


def test_rates_fall_to_nothing_where_nothing_comes() -> None:
    line = line_after(STORED, 100.0)
    assert (0.0, 0.0) == (line.rate_10s, line.rate_1m)


@given(st.lists(st.tuples(st.floats(0.0, 5.0), st.integers(0, 1000)), min_size=1), st.integers(0, 10))
def test_a_meter_counts_what_a_list_would(steps: list[tuple[float, int]], since: int) -> None:
    meter, now, heard = Meter(), float(since), []
    for wait, rows in steps:
        now += wait
        meter.add(now, rows)
        heard.append((now, rows))
    first = int(now) - 60
    seconds = now - max(first, since)
    expected = sum(rows for at, rows in heard if int(at) >= first) / seconds if seconds > 0 else 0.0
    assert expected == pytest.approx(meter.rate(now, 60, since))


@pytest.mark.parametrize(
    ("change", "lag"),
    [({}, 2.0), ({"last_time": None}, None), ({"observed": None}, None), ({"observed": START - SECOND}, 0.0)],
)
def test_lag_is_the_newest_row_against_the_exchanges_clock(change: dict[str, Any], lag: float | None) -> None:
    assert lag == line_after(evolve(STORED, **change)).lag


def test_a_back_fill_changes_neither_lag_nor_the_newest_row() -> None:
    old = evolve(STORED, last_time=START - 500 * SECOND, highlight="7")
    line = line_after(STORED, old)
    assert (2.0, START, "101.5", 200) == (line.lag, line.last_time, line.last, line.rows)


def test_lag_grows_while_the_source_fails_and_not_while_the_series_is_quiet() -> None:
    passed = SourcePassed("ticks", 100)
    assert 2.0 == line_after(STORED, passed, 60.0).lag
    assert 62.0 == line_after(STORED, passed, 50.0, FAILED, 10.0).lag
    assert 12.0 == line_after(STORED, 50.0, passed, FAILED, 10.0).lag


def test_a_batch_of_findings_only_stores_nothing() -> None:
    line = line_after(STORED, 9.0, evolve(STORED, rows=0, last_time=None, observed=None))
    assert START == line.stored


def test_gaps_are_not_known_before_anybody_looked() -> None:
    assert (None, None) == (line_after(STORED).gaps, line_after(STORED).missing)


def test_an_open_gap_counts_until_it_is_filled() -> None:
    half = evolve(GAP, last=6, state="filled")
    assert (1, 5) == (line_after(GAP).gaps, line_after(GAP).missing)
    assert (1, 3) == (line_after(GAP, half).gaps, line_after(GAP, half).missing)
    rest = line_after(GAP, half, evolve(GAP, first=7, state="filled"))
    assert (0, 0) == (rest.gaps, rest.missing)


def test_what_nobody_has_is_no_open_gap_and_a_broken_chain_is_none() -> None:
    assert 0 == line_after(GAP, evolve(GAP, state="unfillable")).gaps
    broken = line_after(GAP, evolve(GAP, state="broken"))
    assert (1, 5) == (broken.gaps, broken.missing)


def test_a_gap_found_twice_is_one() -> None:
    assert (1, 5) == (line_after(GAP, GAP).gaps, line_after(GAP, GAP).missing)


def test_what_the_store_holds_settles_what_events_told() -> None:
    board = board_after(STORED, GAP)
    board.look_up("ticks", "AAA", "ticks", 42, Spans(((1, 2), (8, 8))))
    (line,) = board.status().series
    assert (42, 2, 3) == (line.last_id, line.gaps, line.missing)
    assert (2, 3) == (board.status().gaps, board.status().missing)


def test_a_source_starts_then_is_ok_since_it_caught_up() -> None:
    started = SourceStarted("ticks", ("AAA", "BBB"))
    assert SourceStatus("ticks", "starting", START, 2) == source_after(started)
    passed = SourcePassed("ticks", 1)
    ok = source_after(started, 3.0, passed, 5.0, passed)
    assert ("ok", START + 3 * SECOND, START + 8 * SECOND) == (ok.state, ok.since, ok.passed)


def test_a_failing_source_says_since_when_and_why_now() -> None:
    later = evolve(FAILED, error=ValueError("out of order"), failures=2, retry_in=3.0)
    source = source_after(SourceStarted("ticks", ("AAA",)), 2.0, FAILED, 5.0, later)
    assert ("failing", START + 2 * SECOND) == (source.state, source.since)
    assert ("out of order", 2, 3.0) == (source.reason, source.failures, source.retry_in)


def test_recovery_and_the_end_are_states_of_their_own() -> None:
    well = source_after(FAILED, 4.0, SourceRecovered("ticks", 1))
    assert ("ok", START + 4 * SECOND, "", 0) == (well.state, well.since, well.reason, well.failures)
    assert "stopped" == source_after(FAILED, SourceStopped("ticks")).state


def test_no_password_of_an_address_gets_onto_the_board() -> None:
    error = UnreachableError("proxy http://me:hush@proxy.example:8080 refused")
    assert "proxy http://***@proxy.example:8080 refused" == source_after(evolve(FAILED, error=error)).reason
    (exchange,) = board_after(StreamClosed("toy", 1, "wss://me:hush@toy said no", planned=False)).status().exchanges
    assert "wss://***@toy said no" == exchange.reason


def test_a_rotation_is_no_reconnect() -> None:
    events = [
        StreamOpened("toy", 1, 10),
        StreamOpened("toy", 2, 10),
        StreamClosed("toy", 1, "24 h", planned=True),
        StreamClosed("toy", 2, "reset by peer", planned=False),
        StreamOpened("toy", 3, 7),
    ]
    (exchange,) = board_after(*events).status().exchanges
    assert (1, 7) == (exchange.connections, exchange.streams)
    assert (1, 1, "reset by peer") == (exchange.reconnects, exchange.rotations, exchange.reason)


def test_the_end_of_the_collector_is_no_rotation() -> None:
    (exchange,) = (
        board_after(StreamOpened("toy", 1, 10), StreamClosed("toy", 1, "the end", planned=True)).status().exchanges
    )
    assert (0, 0, 0) == (exchange.connections, exchange.reconnects, exchange.rotations)


def test_weight_is_what_was_last_heard() -> None:
    (exchange,) = board_after(WeightUsed("toy", 5, 6000), 3.0, WeightUsed("toy", 9, 6000)).status().exchanges
    assert (9, 6000, START + 3 * SECOND) == (exchange.weight_used, exchange.weight_limit, exchange.weight_at)


def test_an_event_of_a_store_makes_no_source() -> None:
    assert () == board_after(DiskLow("main", "data", 5, None)).status().sources


def test_a_part_of_a_status_is_what_concerns_some_sources_and_their_store() -> None:
    board = board_after(STORED, evolve(STORED, source="quotes", dataset="quotes"), FAILED, WeightUsed("toy", 1, 2))
    for store in ("main", "other"):
        board.measure(DiskStatus(store, store, 1, 2))
    part = board.status().of(["ticks"], "main")
    assert ["ticks/AAA"] == [line.name for line in part.series]
    assert (["ticks"], ["main"]) == ([each.name for each in part.sources], [each.store for each in part.disks])
    assert ["toy"] == [each.name for each in part.exchanges]


def test_nothing_is_lost_when_many_threads_tell() -> None:
    board = Board(MovingClock())

    def tell() -> None:
        for _ in range(200):
            board.on_event(evolve(STORED, rows=1))

    threads = [Thread(target=tell) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 800 == board.series["ticks/AAA"].rows
