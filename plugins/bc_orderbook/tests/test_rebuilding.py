from __future__ import annotations

import pyarrow as pa
import pytest
from attrs import define
from hypothesis import given
from hypothesis import strategies as st

from bc_orderbook.booktesting import Event, HandWritten, Reference, Shown
from bc_orderbook.diffs import DEPTH, DEPTH_SNAPSHOTS, DEPTH_STATES
from bc_orderbook.rebuilding import Rebuilt, rebuilt
from bc_orderbook.tape import AHEAD, DISORDER, Tape
from bcore.computing import Access
from bcore.errors import NotFoundError
from bcore.instants import HOUR, SECOND
from bcore.memory import MemoryStore
from bcore.query import Query

T0 = 1_700_000_000 * SECOND
BIDS, ASKS = {99.0: 1.0, 98.5: 2.0}, {100.0: 1.5, 101.0: 4.0}
Levels = list[tuple[float, float]]


def access_of(archive: HandWritten) -> Access:
    return Access("AAA", {each.name: (archive.store, each) for each in (DEPTH, DEPTH_SNAPSHOTS, DEPTH_STATES)})


def at(archive: HandWritten, instant: int) -> Rebuilt:
    (book,) = rebuilt(access_of(archive), [instant], instant)
    return book


def levels(book: Rebuilt) -> tuple[Levels, Levels]:
    (bid_prices, bid_quantities), (ask_prices, ask_quantities) = book.levels.bids, book.levels.asks
    bids = list(zip(bid_prices.tolist(), bid_quantities.tolist(), strict=True))
    return bids, list(zip(ask_prices.tolist(), ask_quantities.tolist(), strict=True))


@pytest.fixture
def archive() -> HandWritten:
    """A verified book of id 10 at T0, an event each second until T0 + 5 s, and one that is missing: 15."""
    written = HandWritten()
    written.snapshot(Shown(10, T0, BIDS, ASKS, horizon=(98.0, 102.0)))
    written.state(T0, 10, "verified")
    written.events(
        Event(10 + number, 10 + number, T0 + number * SECOND, bids={99.0: 1.0 + number})
        for number in (1, 2, 3, 4, 6, 7)
    )
    return written


def test_it_is_the_snapshot_and_the_changes_up_to_the_instant(archive: HandWritten) -> None:
    book = at(archive, T0 + 2 * SECOND + 1)
    assert ([(99.0, 3.0), (98.5, 2.0)], [(100.0, 1.5), (101.0, 4.0)]) == levels(book)
    assert (12, T0 + 2 * SECOND, "verified") == (book.update_id, book.event_time, book.state)
    assert (98.0, 102.0) == book.horizon


def test_an_event_belongs_to_its_own_time(archive: HandWritten) -> None:
    assert [11, 12] == [at(archive, T0 + 2 * SECOND - 1).update_id, at(archive, T0 + 2 * SECOND).update_id]


def test_nothing_is_glued_over_a_missing_event(archive: HandWritten) -> None:
    book = at(archive, T0 + 7 * SECOND)
    assert (14, T0 + 4 * SECOND, "suspect") == (book.update_id, book.event_time, book.state)
    assert (99.0, 5.0) == levels(book)[0][0]


def test_a_book_is_suspect_as_soon_as_the_next_event_does_not_follow(archive: HandWritten) -> None:
    assert ["verified", "suspect"] == [at(archive, T0 + second * SECOND).state for second in (3, 4)]


def test_the_next_event_is_the_one_with_the_next_id_though_another_has_an_earlier_time() -> None:
    """Also where the times lie on either side of what is read at first."""
    for tenths in range(-30, 31):
        written = HandWritten()
        written.snapshot(Shown(10, T0, BIDS, ASKS))
        written.state(T0, 10, "verified")
        time = T0 + DISORDER + AHEAD + tenths * SECOND // 10
        early = (Event(last, last, time - SECOND // 2, {99.0: 3.0}) for last in range(12, 20))
        written.events([Event(11, 11, time, {99.0: 2.0}), *early])
        assert (10, "verified") == (at(written, T0).update_id, at(written, T0).state)


def test_a_snapshot_after_a_break_is_where_it_goes_on(archive: HandWritten) -> None:
    archive.snapshot(Shown(16, T0 + 6 * SECOND, {99.0: 9.0}, ASKS))
    book = at(archive, T0 + 7 * SECOND)
    assert (17, "verified") == (book.update_id, book.state)
    assert [(99.0, 8.0)] == levels(book)[0]


def test_a_snapshot_that_lags_the_stream_is_joined_by_id() -> None:
    written = HandWritten()
    written.state(T0, 5, "verified")
    written.events(Event(n, n, T0 + (n - 300) * SECOND, asks={100.0 + n: 1.0}) for n in range(1, 301))
    written.snapshot(Shown(5, T0, BIDS, ASKS, kind="rest"))
    book = at(written, T0)
    assert (300, T0) == (book.update_id, book.event_time)
    assert 295 + 2 == len(book.levels.asks[0])


def test_beyond_the_last_event_it_is_unknown_whether_the_book_still_stands(archive: HandWritten) -> None:
    archive.snapshot(Shown(17, T0 + 7 * SECOND, BIDS, ASKS))
    assert ["verified", "unknown"] == [at(archive, T0 + 7 * SECOND + later).state for later in (0, 1)]


def test_events_that_are_missing_because_nobody_looked_leave_the_book_unknown(archive: HandWritten) -> None:
    assert "suspect" == at(archive, T0 + 5 * SECOND).state
    archive.state(T0 + 4 * SECOND, 14, "unknown")
    assert "unknown" == at(archive, T0 + 5 * SECOND).state


def test_what_the_collector_doubted_is_not_verified(archive: HandWritten) -> None:
    archive.state(T0 + 2 * SECOND, 12, "suspect")
    archive.state(T0 + 3 * SECOND, 13, "verified")
    seconds = [2.0, 2.5, 3.0]
    assert ["verified", "suspect", "verified"] == [at(archive, T0 + int(each * SECOND)).state for each in seconds]


def test_without_any_note_it_is_unknown() -> None:
    written = HandWritten()
    written.snapshot(Shown(10, T0, BIDS, ASKS))
    assert "unknown" == at(written, T0).state


def test_before_the_first_snapshot_there_is_no_book(archive: HandWritten) -> None:
    with pytest.raises(
        NotFoundError, match=r"no book of AAA is known at .*: the first snapshot is of 2023-11-14T22:13:20"
    ):
        at(archive, T0 - 1)


def test_a_book_without_levels_is_a_book() -> None:
    written = HandWritten()
    written.snapshot(Shown(10, T0, {}, {}))
    assert ([], []) == levels(at(written, T0))
    written.events([Event(11, 11, T0 + 1), Event(12, 12, T0 + 2, bids={5.0: 1.0})])
    assert ([(5.0, 1.0)], []) == levels(at(written, T0 + 2))


def on_the_way(archive: HandWritten, *instants: int) -> list[tuple[int, str]]:
    return [(each.update_id, each.state) for each in rebuilt(access_of(archive), instants, instants[-1])]


def test_on_the_way_a_snapshot_after_a_break_is_where_it_goes_on(archive: HandWritten) -> None:
    archive.snapshot(Shown(16, T0 + 8 * SECOND, {99.0: 9.0}, ASKS))
    times = [T0 + second * SECOND for second in (1, 7, 8)]
    assert [(11, "verified"), (14, "suspect"), (17, "verified")] == on_the_way(archive, *times)


def test_on_the_way_a_snapshot_that_lags_is_joined_by_id(archive: HandWritten) -> None:
    archive.snapshot(Shown(11, T0 + 3 * SECOND, BIDS, ASKS, kind="rest"))
    times = [T0 + second * SECOND for second in (2, 3)]
    assert [(12, "verified"), (13, "verified")] == on_the_way(archive, *times)


def test_on_the_way_a_snapshot_that_leads_the_events_is_taken_at_its_time(archive: HandWritten) -> None:
    archive.snapshot(Shown(13, T0 + 2 * SECOND + 1, BIDS, ASKS, kind="rest"))
    times = [T0 + 2 * SECOND + later for later in (0, 1, SECOND, 2 * SECOND - 1)]
    assert [12, 13, 13, 13] == [update_id for update_id, _ in on_the_way(archive, *times)]


def test_levels_come_and_go(archive: HandWritten) -> None:
    archive.snapshot(Shown(20, T0 + HOUR, BIDS, ASKS))
    archive.events([Event(21, 30, T0 + HOUR + 1, bids={99.0: 0.0, 99.5: 3.0}, asks={100.0: 0.0, 500.0: 0.0})])
    assert ([(99.5, 3.0), (98.5, 2.0)], [(101.0, 4.0)]) == levels(at(archive, T0 + HOUR + 1))


def test_an_event_that_two_connections_brought_is_one() -> None:
    written = HandWritten()
    written.snapshot(Shown(10, T0, BIDS, ASKS))
    written.events([Event(11, 13, T0 + 1, bids={99.0: 7.0}), Event(13, 13, T0 + 1, asks={100.0: 8.0})])
    book = at(written, T0 + 1)
    assert (13, (99.0, 7.0), (100.0, 8.0)) == (book.update_id, levels(book)[0][0], levels(book)[1][0])


@define
class InSmallBatches(MemoryStore):
    rows: int = 50

    def scan(self, query: Query) -> pa.RecordBatchReader:
        table = self.read(query).combine_chunks()
        return pa.RecordBatchReader.from_batches(table.schema, table.to_batches(max_chunksize=self.rows))


def test_a_long_way_is_gone_in_small_pieces() -> None:
    written = HandWritten(InSmallBatches())
    written.snapshot(Shown(0, T0, BIDS, ASKS))
    written.events(Event(n, n, T0 + n * SECOND, bids={98.0: 1.0, 99.0: float(n)}) for n in range(1, 1001))
    end = T0 + 1000 * SECOND
    pieces = list(Tape.since(access_of(written), T0, end).until(end))
    assert 2000 == sum(map(len, pieces))
    assert max(map(len, pieces)) <= 52
    assert 1000.0 == levels(at(written, end))[0][0][1]


PRICES = st.integers(1, 12)


@st.composite
def side(draw: st.DrawFn, low: int, *, gone: bool) -> dict[float, float]:
    prices = draw(st.sets(PRICES, max_size=4))
    return {float(low + price): float(draw(st.integers(0 if gone else 1, 5))) for price in prices}


@st.composite
def recordings(draw: st.DrawFn) -> tuple[list[Event], list[Shown]]:
    """Events with holes, overlaps and times that now and then run backwards; snapshots that may lag."""
    events, update_id, time = [], draw(st.integers(0, 3)), T0
    for _ in range(draw(st.integers(0, 25))):
        first = update_id + draw(st.sampled_from([1, 1, 1, 1, 1, 1, 0, 2, 3]))
        last = max(first, update_id + 1) + draw(st.integers(0, 2))
        time += draw(st.sampled_from([SECOND // 10, SECOND // 10, 0, -SECOND // 5, 3 * SECOND, 20 * SECOND]))
        bids, asks = draw(side(0, gone=True)), draw(side(20, gone=True))
        events.append(Event(max(first, 0), last, time, bids, asks))
        update_id = last
    snapshots = {}
    for number in range(draw(st.integers(1, 4))):
        last = draw(st.integers(0, update_id + 1))
        seen = max((each.time for each in events if each.last <= last), default=T0 - SECOND)
        when = seen + draw(st.sampled_from([0, 0, SECOND // 3, 2 * SECOND, 9 * SECOND]))
        kind = draw(st.sampled_from(["rest", "book"]))
        bids, asks = draw(side(0, gone=False)), draw(side(20, gone=False))
        snapshots[last, kind] = Shown(last, when, bids, asks, kind, (float(number), 100.0))
    return events, list(snapshots.values())


def written_as(recording: tuple[list[Event], list[Shown]]) -> HandWritten:
    written = HandWritten(InSmallBatches(rows=3))
    written.events(recording[0])
    for shown in recording[1]:
        written.snapshot(shown)
    written.state(T0 - 100 * SECOND, 0, "verified")
    return written


def compared(book: Rebuilt, reference: Reference) -> None:
    assert (reference.bids, reference.asks) == levels(book)
    assert reference.update_id == book.update_id
    if reference.broken:
        assert "suspect" == book.state
    assert reference.proven == (book.state == "verified")


@given(recordings(), st.integers(-20, 300))
def test_at_any_instant_it_is_what_plain_python_makes_of_it(
    recording: tuple[list[Event], list[Shown]], tenths: int
) -> None:
    instant = T0 + tenths * SECOND // 10
    reference = Reference.at(instant, *recording)
    if reference is None:
        with pytest.raises(NotFoundError):
            at(written_as(recording), instant)
    else:
        compared(at(written_as(recording), instant), reference)


@given(recordings(), st.lists(st.integers(0, 400), min_size=1, max_size=8))
def test_law_a_book_on_the_way_is_the_book_at_its_instant(
    recording: tuple[list[Event], list[Shown]], tenths: list[int]
) -> None:
    archive, first = written_as(recording), min(each.time for each in recording[1])
    instants = [max(first, T0) + each * SECOND // 10 for each in sorted(tenths)]
    for book in rebuilt(access_of(archive), instants, instants[-1]):
        alone = at(archive, book.time)
        assert (alone.update_id, alone.state, levels(alone)) == (book.update_id, book.state, levels(book))
        assert (alone.event_time, alone.horizon) == (book.event_time, book.horizon)
