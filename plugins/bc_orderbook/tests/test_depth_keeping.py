"""One symbol's book: when it is verified, when it is suspect, and what is asked for to mend it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from attrs import define, field

from bc_orderbook.booktables import Turning
from bc_orderbook.events import Arrival, DepthEvent, Run
from bc_orderbook.inbox import Turn
from bc_orderbook.journal import NEVER
from bc_orderbook.keeping import GRACE, INSPECTION, UNJOINED, Keeper
from bc_orderbook.localbook import BookSide, LocalBook, Seed
from bc_orderbook.need import FIRST
from bc_orderbook.ordering import AHEAD
from bc_orderbook.reconciling import CALM
from bc_orderbook.resyncs import Ask, Purpose, Reply
from bc_orderbook.silence import SETTLE, Watch
from bcore.errors import RefusedError, UnreachableError
from bcore.records import Batch

START = 1_700_000_000_000_000
BIDS, ASKS = {99.0: 1.0, 98.0: 2.0}, {101.0: 1.0, 102.0: 2.0}


def moment(number: int) -> int:
    """When the update happened."""
    return START + number * 1000


@define
class Notebook:
    """A journal that can be read."""

    due: int = NEVER
    kept: list[int] = field(factory=list)
    states: list[tuple[int, str, str]] = field(factory=list)
    seeds: list[tuple[int, str]] = field(factory=list)
    taken: list[tuple[int, int]] = field(factory=list)
    rows: int = 0
    laden: bool = False

    def events(self, events: Sequence[DepthEvent], run: Run) -> None:
        self.kept += [event.last for event in events]

    def seeded(self, seed: Seed, time: int, reason: str) -> None:
        self.seeds.append((seed.last_update_id, reason))

    def take(self, book: LocalBook, until: int) -> None:
        self.taken.append((book.id, until))
        self.due = NEVER

    def turned(self, turning: Turning) -> None:
        self.states.append((turning.time - START, turning.state, turning.reason))

    def batches(self, observed: int | None) -> Iterator[Batch]:
        yield from ()


def said(first: int, last: int, bids: Any = (), asks: Any = ()) -> Arrival:
    body = {"e": "depthUpdate", "E": moment(last), "s": "X", "U": first, "u": last, "b": bids, "a": asks}
    return Arrival(json.dumps(body).encode(), moment(last))


@define
class Scene:
    """A keeper and what it goes through, step by step, each a tenth of a second."""

    keeper: Keeper
    notes: Notebook
    now: float = 1000.0
    asked: Ask | None = None

    @classmethod
    def opened(cls, **options: Any) -> Scene:
        notes = Notebook()
        return cls(Keeper("X", notes, 5000, watch=Watch(draw=lambda: 0.0), **options), notes)

    def hear(self, *arrivals: Arrival | Turn) -> None:
        self.now += 0.1
        self.keeper.take_in(arrivals, self.now)

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.keeper.tend(self.now, None)

    def ask(self) -> Purpose | None:
        self.asked = self.keeper.ask(self.now) or self.asked
        return None if self.asked is None else self.asked.purpose

    def show(self, number: int, bids: dict[float, float] = BIDS, asks: dict[float, float] = ASKS) -> None:
        """REST answers what was asked."""
        assert self.asked is not None, "nothing was asked"
        asked, self.asked = self.asked, None
        assert self.keeper.wants(asked)
        self.keeper.answer(Reply(asked, Seed(number, moment(number), bids, asks, asked.limit)), self.now)

    @property
    def states(self) -> list[tuple[int, str]]:
        return [(time // 1000, state) for time, state, _ in self.notes.states]

    @property
    def gaps(self) -> list[str]:
        """What states were told to be for."""
        return [reason for _, _, reason in self.notes.states if reason.startswith("gap")]


@pytest.fixture
def scene() -> Scene:
    return Scene.opened()


@pytest.fixture
def going(scene: Scene) -> Scene:
    """Verified since update 10, and on to 20."""
    return begun(scene)


def begun(scene: Scene) -> Scene:
    scene.hear(Turn(True), said(5, 10))
    scene.wait(1.0)
    scene.ask()
    scene.show(10)
    scene.hear(said(11, 20, [["99", "5"]]))
    return scene


def test_a_snapshot_is_asked_for_a_second_after_the_first_event(scene: Scene) -> None:
    scene.hear(Turn(True), said(5, 10))

    assert scene.ask() is None
    scene.wait(1.0)
    assert scene.ask() is Purpose.SEED


def test_where_no_event_comes_a_snapshot_is_asked_for_all_the_same(scene: Scene) -> None:
    scene.hear(Turn(True))
    scene.wait(FIRST - 0.1)

    assert scene.ask() is None
    scene.wait(0.2)
    assert scene.ask() is Purpose.SEED


def test_nothing_is_asked_before_the_stream_is_followed(scene: Scene) -> None:
    scene.wait(1.0)

    assert scene.ask() is None


def test_events_in_the_snapshot_are_dropped_and_those_after_it_applied(scene: Scene) -> None:
    scene.hear(Turn(True), said(1, 4), said(5, 8, [["97", "1"]]), said(9, 12, [["99", "0"]]), said(13, 14))
    scene.wait(1.0)
    scene.ask()
    scene.show(10)

    assert scene.keeper.book is not None
    assert (14, 98.0) == (scene.keeper.book.id, scene.keeper.book.bids.best)
    assert [(10, "verified")] == scene.states
    assert [4, 8, 12, 14] == scene.notes.kept


@pytest.mark.parametrize("shown", [3, 0])
def test_a_snapshot_behind_the_stream_is_asked_for_again(scene: Scene, shown: int) -> None:
    scene.hear(Turn(True), said(5, 10))
    scene.wait(1.0)
    scene.ask()
    scene.show(shown)

    assert (None, []) == (scene.ask(), scene.states)
    scene.wait(0.5)
    assert scene.ask() is Purpose.SEED
    scene.show(4)
    assert [(4, "verified")] == scene.states


def test_a_book_is_not_verified_before_the_stream_has_said_anything(scene: Scene) -> None:
    scene.hear(Turn(True))
    scene.wait(FIRST)
    scene.ask()
    scene.show(10)

    assert [] == scene.states
    scene.hear(said(11, 12))
    assert [(10, "verified")] == scene.states


def test_a_quiet_book_is_verified_when_rest_has_nothing_newer(scene: Scene) -> None:
    scene.hear(Turn(True))
    scene.wait(FIRST)
    scene.ask()
    scene.show(10)
    scene.wait(SETTLE)

    assert scene.ask() is Purpose.LOOK
    scene.show(10)
    assert [(10, "verified")] == scene.states


def test_a_gap_makes_it_suspect_from_the_last_good_event_until_a_snapshot(going: Scene) -> None:
    going.hear(said(25, 30), said(31, 32))
    assert [(10, "verified")] == going.states
    going.wait(GRACE + 0.1)

    assert [(10, "verified"), (20, "suspect")] == going.states
    assert (["gap 21..24"], Purpose.SEED) == (going.gaps, going.ask())
    going.show(30)
    assert [(10, "verified"), (20, "suspect"), (30, "verified")] == going.states
    assert (30, "resync: gap 21..24") == going.notes.seeds[-1]
    assert going.keeper.book is not None
    assert 32 == going.keeper.book.id


def test_events_are_kept_while_it_is_suspect(going: Scene) -> None:
    going.hear(said(25, 30))
    going.wait(GRACE + 0.1)
    going.hear(said(31, 32), said(40, 41))

    assert [10, 20, 30, 32, 41] == going.notes.kept


def test_a_snapshot_before_the_gap_is_of_no_use(going: Scene) -> None:
    going.hear(said(25, 30))
    going.wait(GRACE + 0.1)
    going.ask()
    going.show(22)

    assert "suspect" == going.states[-1][1]


def test_a_snapshot_in_the_gap_that_joins_its_end_is_enough(going: Scene) -> None:
    going.hear(said(25, 30))
    going.wait(GRACE + 0.1)
    going.ask()
    going.show(24)

    assert (24, "verified") == going.states[-1]
    assert going.keeper.sure


def test_what_comes_in_the_wrong_order_within_a_moment_is_no_gap(going: Scene) -> None:
    going.hear(said(25, 30))
    going.hear(said(21, 24))
    going.wait(1.0)

    assert ([(10, "verified")], 30) == (going.states, going.keeper.book.id if going.keeper.book else None)
    assert [10, 20, 30, 24] == going.notes.kept


def test_a_gap_that_closes_by_itself_needs_no_snapshot(going: Scene) -> None:
    going.hear(said(25, 30))
    going.wait(GRACE + 0.1)
    asked = going.ask()
    going.hear(said(21, 24))

    assert [(10, "verified"), (20, "suspect"), (30, "verified")] == going.states
    assert (Purpose.SEED, False) == (asked, going.keeper.wants(Ask("X", Purpose.SEED, 5000)))


def test_what_comes_twice_is_kept_once(going: Scene) -> None:
    going.hear(said(11, 20), said(21, 22), said(21, 22), said(5, 10))
    going.wait(1.0)

    assert [10, 20, 22] == going.notes.kept
    assert [(10, "verified")] == going.states


def test_a_snapshot_before_a_second_gap_is_of_no_use(going: Scene) -> None:
    going.hear(said(25, 30), said(35, 40))
    going.wait(GRACE + 0.1)
    going.ask()
    going.show(30)
    assert (20, "suspect") == going.states[-1]
    going.wait(0.5)
    going.ask()
    going.show(36)

    assert ((36, "verified"), 40) == (going.states[-1], going.keeper.book.id if going.keeper.book else None)


def test_a_gap_after_the_snapshot_is_one_of_its_own(going: Scene) -> None:
    going.hear(said(25, 30))
    going.wait(GRACE + 0.1)
    going.ask()
    going.show(30)
    going.hear(said(35, 40))
    going.wait(GRACE + 0.1)

    assert (["gap 21..24", "gap 31..34"], "suspect") == (going.gaps, going.states[-1][1])


def test_a_stream_that_was_lost_is_suspect_until_the_next_event_follows(going: Scene) -> None:
    going.hear(Turn(False, "reset"))
    assert (20, "suspect") == going.states[-1]
    going.hear(Turn(True), said(21, 25))

    assert (25, "verified") == going.states[-1]
    assert [(10, "start")] == going.notes.seeds


def test_a_stream_that_was_lost_and_missed_something_is_mended_by_a_snapshot(going: Scene) -> None:
    going.hear(Turn(False, "reset"), Turn(True), said(23, 25))
    going.wait(GRACE + 0.1)

    assert ("suspect", Purpose.SEED) == (going.states[-1][1], going.ask())
    going.show(25)
    assert (25, "verified") == going.states[-1]


def test_what_came_before_the_loss_proves_nothing(going: Scene) -> None:
    going.hear(said(21, 22), Turn(False, "reset"), Turn(True))

    assert [(10, "verified"), (22, "suspect")] == going.states


def test_old_events_after_a_loss_prove_nothing(going: Scene) -> None:
    going.hear(Turn(False, "reset"), Turn(True), said(11, 20))

    assert (20, "suspect") == going.states[-1]


def test_a_quiet_stream_after_a_loss_is_proven_by_the_id_that_rest_has(going: Scene) -> None:
    going.hear(Turn(False, "reset"), Turn(True))
    going.wait(SETTLE)

    assert going.ask() is Purpose.LOOK
    assert going.asked is not None
    assert 1 == going.asked.limit
    going.show(20)
    assert "verified" == going.states[-1][1]


def test_what_was_missed_before_a_quiet_stream_is_found_and_mended(going: Scene) -> None:
    going.hear(Turn(False, "reset"), Turn(True))
    going.wait(SETTLE)
    going.ask()
    going.show(25)
    going.wait(SETTLE)

    assert (Purpose.SEED, False) == (going.ask(), going.keeper.deaf)
    going.show(25)
    going.wait(SETTLE)
    going.ask()
    going.show(25)
    assert "verified" == going.states[-1][1]


def test_a_stream_that_says_nothing_while_the_book_changes_is_deaf(going: Scene) -> None:
    going.wait(2000.0)
    assert going.ask() is Purpose.LOOK
    going.show(25)
    assert False is going.keeper.deaf
    going.wait(SETTLE)

    assert (True,) == (going.keeper.deaf,)
    going.keeper.renew(going.now)
    assert [(10, "verified"), (20, "suspect")] == going.states


@pytest.mark.parametrize("told", [False, True], ids=["moved beside the old connection", "subscribed again"])
def test_a_deaf_stream_that_speaks_again_is_mended_at_once(going: Scene, told: bool) -> None:
    """A feed that moves it to another connection has nothing to say: the old one carries it until then."""
    going.wait(2000.0)
    going.ask()
    going.show(25)
    going.wait(SETTLE)
    going.keeper.renew(going.now)
    if told:
        going.hear(Turn(False, "it is subscribed again"), Turn(True))
    going.hear(said(31, 40))
    going.wait(GRACE + 0.1)

    assert going.ask() is Purpose.SEED
    going.show(40)
    assert (40, "verified") == going.states[-1]


def test_few_books_are_spent_on_a_stream_that_says_nothing(going: Scene) -> None:
    """The exchange gives 24 a minute for all symbols, and they are needed when the stream speaks again."""
    asked: list[Purpose | None] = []
    going.wait(2000.0)
    for number in range(25, 145):
        asked.append(going.ask())
        if asked[-1] is not None:
            going.show(number)
        going.wait(0.5)
        if going.keeper.deaf:
            going.keeper.renew(going.now)
            going.hear(Turn(False, "it is subscribed again"), Turn(True))

    assert asked.count(Purpose.SEED) <= 2 < asked.count(Purpose.LOOK)
    going.hear(said(150, 151))
    going.wait(GRACE + 0.1)
    assert going.ask() is Purpose.SEED


def test_a_stream_that_brings_in_time_what_rest_had_first_is_not_deaf(going: Scene) -> None:
    going.wait(2000.0)
    going.ask()
    going.show(25)
    going.hear(said(21, 25))
    going.wait(SETTLE)

    assert (False, [(10, "verified")]) == (going.keeper.deaf, going.states)


def test_a_stream_that_never_spoke_is_deaf_in_the_end(scene: Scene) -> None:
    scene.hear(Turn(True))
    scene.wait(FIRST)
    scene.ask()
    scene.show(10)
    scene.wait(SETTLE)
    scene.ask()
    scene.show(15)
    scene.wait(SETTLE)

    assert (True, []) == (scene.keeper.deaf, scene.states)


def test_a_crossed_book_is_suspect_since_it_was_last_seen_sound(going: Scene) -> None:
    going.wait(0.1)
    going.hear(said(21, 30, [["101", "1"]]))
    going.wait(INSPECTION)

    assert (20, "suspect") == going.states[-1]
    assert "crossed" in going.notes.states[-1][2]
    assert going.ask() is Purpose.SEED
    going.hear(said(31, 32))
    going.show(30)
    assert ((30, "verified"), 32) == (going.states[-1], going.keeper.book.id if going.keeper.book else None)


def compared() -> Scene:
    """Verified up to update 20, and due to be compared with the exchange's book."""
    scene = Scene.opened(reconcile=9.0)
    begun(scene)
    scene.wait(9.0)
    return scene


def test_a_book_that_equals_the_exchange_s_is_adopted_without_a_word() -> None:
    going = compared()
    assert going.ask() is Purpose.RECONCILE
    going.hear(said(21, 25, [["98", "7"]]), said(26, 30, [["97", "1"]]))
    going.show(27, {99.0: 5.0, 98.0: 7.0, 97.0: 9.0})

    assert [(10, "verified")] == going.states
    assert (27, "reconciled") == going.notes.seeds[-1]
    assert going.keeper.book is not None
    assert (30, [(99.0, 5.0), (98.0, 7.0), (97.0, 1.0)]) == (going.keeper.book.id, going.keeper.book.bids.levels())


def test_a_snapshot_ahead_of_the_stream_is_compared_when_the_stream_is_there() -> None:
    going = compared()
    going.ask()
    going.show(25, {99.0: 5.0, 98.0: 2.0})
    assert [(10, "start")] == going.notes.seeds
    going.hear(said(21, 26))

    assert (25, "reconciled") == going.notes.seeds[-1]


def test_a_book_that_differs_is_suspect_since_it_was_last_the_exchange_s() -> None:
    going = compared()
    going.ask()
    going.show(20, {99.0: 4.0, 98.0: 2.0})

    assert ["verified", "suspect", "verified"] == [state for _, state in going.states]
    assert [10, 10, 20] == [time for time, _ in going.states]
    assert "1 levels differ, first bid 99.0: 5.0 and not 4.0" in going.notes.states[1][2]
    assert going.keeper.book is not None
    assert 4.0 == dict(going.keeper.book.bids.levels())[99.0]


def test_a_snapshot_older_than_the_question_compares_nothing() -> None:
    going = compared()
    going.ask()
    going.hear(said(21, 25))
    going.show(15, {99.0: 4.0})

    assert ([(10, "start")], [(10, "verified")]) == (going.notes.seeds, going.states)


def test_nothing_is_compared_unless_wanted(going: Scene) -> None:
    for _ in range(100):
        going.hear(said(*[(going.keeper.book.id + 1) if going.keeper.book else 0] * 2))
        going.wait(60.0)

        assert going.ask() is not Purpose.RECONCILE


def test_a_book_close_to_its_horizon_is_compared_early() -> None:
    scene = Scene.opened()
    scene.keeper.limit = 4
    scene.hear(Turn(True), said(5, 10))
    scene.wait(1.0)
    scene.ask()
    scene.show(10, {99.0: 1.0, 98.0: 1.0, 97.0: 1.0, 96.0: 1.0}, {101.0: 1.0})
    scene.hear(said(11, 12, [["99", "0"], ["98", "0"], ["97", "0"]]))
    scene.wait(1.0)
    assert scene.ask() is None
    scene.wait(CALM)
    scene.hear(said(13, 14))

    assert scene.ask() is Purpose.RECONCILE


def test_changes_are_worked_in_no_more_often_than_a_book_is_inspected(
    going: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Working them in takes more time than all else that is done with an event."""
    going.wait(CALM)
    settled, settle = [], BookSide._settle
    monkeypatch.setattr(BookSide, "_settle", lambda side: settled.append(going.now) or settle(side))
    began = going.now
    for number in range(21, 121):
        going.hear(said(number, number, [["97", str(number)]]))
        going.wait(0.0)

    assert settled
    assert len(set(settled)) <= (going.now - began) / INSPECTION + 1


def test_a_checkpoint_is_of_the_book_before_the_event_after_it_is_due(going: Scene) -> None:
    going.notes.due = moment(25)
    going.hear(said(21, 25), said(26, 30))

    assert [(25, moment(30))] == going.notes.taken


def test_nothing_is_taken_of_a_suspect_book(going: Scene) -> None:
    going.hear(Turn(False, "reset"))
    going.notes.due = moment(15)
    going.keeper.tend(going.now, moment(100))
    going.hear(said(21, 25))

    assert [] == going.notes.taken


def test_time_alone_makes_a_snapshot_due(going: Scene) -> None:
    going.notes.due = moment(25)
    going.keeper.tend(going.now, moment(25))
    assert [] == going.notes.taken
    going.keeper.tend(going.now, moment(26))

    assert [(20, moment(26))] == going.notes.taken


def test_after_a_restart_nothing_is_known_since_the_last_that_is_stored(scene: Scene) -> None:
    scene.keeper.resume(moment(3))
    begun(scene)

    assert [(3, "unknown"), (10, "verified")] == scene.states


def test_at_the_end_nothing_is_known_after_the_last_event(going: Scene) -> None:
    going.keeper.finish()

    assert [(10, "verified"), (20, "unknown")] == going.states


def test_no_two_states_share_a_time(scene: Scene) -> None:
    scene.hear(Turn(True), said(5, 10))
    scene.wait(1.0)
    scene.ask()
    scene.show(10)
    scene.hear(Turn(False, "reset"))
    scene.keeper.finish()

    assert [10_000, 10_001, 10_002] == [time for time, _, _ in scene.notes.states]


def test_a_symbol_that_the_exchange_refuses_holds_nobody_up(scene: Scene) -> None:
    scene.hear(Turn(True))
    scene.wait(FIRST)
    scene.ask()
    assert scene.asked is not None
    assert (False,) == (scene.keeper.sure,)
    scene.keeper.fail(Reply(scene.asked, error=RefusedError("no such symbol")), scene.now, 30.0)

    assert scene.keeper.sure
    scene.asked = None
    assert scene.ask() is None
    scene.wait(30.0)
    assert scene.ask() is Purpose.SEED


def test_a_symbol_whose_stream_is_not_granted_is_looked_up(scene: Scene) -> None:
    scene.ask()
    scene.wait(UNJOINED)

    assert scene.ask() is Purpose.LOOK
    assert scene.asked is not None
    assert scene.keeper.wants(scene.asked)


def test_a_question_without_an_answer_is_put_again_after_its_pause(going: Scene) -> None:
    going.hear(said(25, 30))
    going.wait(GRACE + 0.1)
    going.ask()
    assert going.asked is not None
    going.keeper.fail(Reply(going.asked, error=UnreachableError("gone")), going.now, 5.0)
    going.asked = None
    going.wait(4.0)

    assert going.ask() is None
    going.wait(1.1)
    assert going.ask() is Purpose.SEED


def test_a_book_that_the_exchange_does_not_show_while_its_stream_speaks_is_not_done_with(scene: Scene) -> None:
    scene.hear(Turn(True), said(5, 10))
    scene.wait(1.0)
    scene.ask()
    assert scene.asked is not None
    scene.keeper.fail(Reply(scene.asked, error=RefusedError("no orders on book")), scene.now, 1.0)

    assert not scene.keeper.sure


def test_more_events_than_may_wait_are_made_up_for_by_a_later_snapshot(scene: Scene) -> None:
    scene.hear(Turn(True), *(said(number, number) for number in range(1, 2 * AHEAD)))
    scene.wait(1.0)
    scene.ask()
    scene.show(AHEAD // 2)
    assert [] == scene.states
    scene.wait(0.5)
    scene.ask()
    scene.show(2 * AHEAD - 100)

    assert ([(2 * AHEAD - 100, "verified")], 2 * AHEAD - 1) == (scene.states, len(scene.notes.kept))
