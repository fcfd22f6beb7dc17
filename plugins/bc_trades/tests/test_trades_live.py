"""The live source against an exchange made up here: what its stream says and its REST shows is said by hand.

Threads and waiting are real; the clock runs fast, so that seconds of patience cost little.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from threading import Event as Flag
from threading import Thread
from typing import Any

import pytest
from attrs import define, field

from bc_trades.config import TradesConfig
from bc_trades.datasets import TRADES
from bc_trades.source import TradesSource
from bc_trades.venue import Sink
from bcore.collect import Job
from bcore.errors import BannedError, ExchangeError, RefusedError, Stopped, StoreError, UnreachableError
from bcore.events import BatchStored, Event, GapFound, SourceFailed, SourcePassed, SourceRecovered
from bcore.memory import MemoryStore
from bcore.query import Query
from bcore.records import Appended, Batch, Series

SPEED = 20.0
START = 1_700_000_000_000_000
Refusal = Callable[[str], ExchangeError | None]


@define
class FastClock:
    stopping: Flag = field(factory=Flag)

    def now(self) -> int:
        return START + int(self.monotonic() * 1e6) % 10**12

    def monotonic(self) -> float:
        return time.monotonic() * SPEED

    def sleep(self, seconds: float) -> None:
        if self.stopping.wait(max(seconds, 0.0) / SPEED):
            raise Stopped("asked to stop")


def record(number: int, **changes: Any) -> dict[str, Any]:
    whole = {"a": number, "p": "100.00", "q": "1.000", "f": number, "l": number, "T": START + number * 1000}
    return {**whole, "m": False, "M": True, **changes}


@define
class FakeFeed:
    streams: Sequence[str]
    sink: Sink
    resubscribed: list[str] = field(factory=list)
    closed: bool = False

    def resubscribe(self, streams: Sequence[str]) -> None:
        self.resubscribed += streams

    def close(self) -> None:
        self.closed = True


@define
class FakeVenue:
    """`trades` exist; REST shows those below `shown` and from `kept` on. `refuse` says what REST answers instead."""

    clock: FastClock
    trades: dict[str, list[dict[str, Any]]] = field(factory=dict)
    shown: dict[str, int] = field(factory=dict)
    kept: int = 0
    refuse: Refusal = lambda symbol: None
    asked: list[tuple[str, int | None, bool]] = field(factory=list)
    feeds: list[FakeFeed] = field(factory=list)
    name: str = "fake"

    def now(self) -> int:
        return self.clock.now()

    def measure_clock(self) -> int:
        return 0

    def agg_trades(
        self,
        symbol: str,
        *,
        from_id: int | None = None,
        start: int | None = None,
        limit: int = 1000,
        background: bool = False,
    ) -> list[bytes]:
        self.asked.append((symbol, from_id, background))
        if (error := self.refuse(symbol)) is not None:
            raise error
        top = self.shown.get(symbol, 10**12)
        rows = [each for each in self.trades.get(symbol, []) if self.kept <= each["a"] < top]
        if from_id is not None:
            rows = [each for each in rows if each["a"] >= from_id][:limit]
        elif start is not None:
            rows = [each for each in rows if each["T"] >= start][:limit]
        else:
            rows = rows[-limit:]
        return [json.dumps(each).encode() for each in rows]

    def feed(self, streams: Sequence[str], sink: Sink) -> FakeFeed:
        self.feeds.append(FakeFeed(streams, sink))
        return self.feeds[-1]

    def close(self) -> None:
        pass

    # What the exchange does:

    def happen(self, symbol: str, first: int, last: int) -> None:
        """Trades that exist from now on."""
        self.trades.setdefault(symbol, []).extend(record(number) for number in range(first, last + 1))

    def say(self, symbol: str, first: int, last: int, **changes: Any) -> None:
        """The stream brings them."""
        for number in range(first, last + 1):
            event = {"e": "aggTrade", "E": 1, "s": symbol, **record(number, **changes)}
            self.feeds[-1].sink.message(f"{symbol.lower()}@aggTrade", json.dumps(event).encode(), START + number * 1000)

    def trade(self, symbol: str, first: int, last: int) -> None:
        """They exist, and the stream brings them."""
        self.happen(symbol, first, last)
        self.say(symbol, first, last)

    def join(self) -> None:
        self.feeds[-1].sink.joined(tuple(self.feeds[-1].streams))

    def lose(self) -> None:
        self.feeds[-1].sink.lost(tuple(self.feeds[-1].streams), "reset")


@define
class World:
    """A live source at work, in a thread of its own, and the archive that it fills."""

    venue: FakeVenue
    clock: FastClock
    store: MemoryStore
    events: list[Event] = field(factory=list)
    error: Exception | None = None
    thread: Thread | None = None

    def start(self, *symbols: str, **config: Any) -> None:
        whole = TradesConfig(**{"flush": 0.2, "page": 10, **config})
        source = TradesSource(whole, self.venue, symbols or ("BTCUSDT",), self.clock, emit=self.events.append)
        self.thread = Thread(target=self._run, args=(Job("trades", source, self.store, clock=self.clock),))
        self.thread.start()
        self.until(lambda: self.venue.feeds, "a feed")

    def _run(self, job: Job) -> None:
        try:
            job.run_live(self.events.append)
        except Stopped:
            pass
        except Exception as error:
            self.error = error

    def stop(self) -> None:
        self.clock.stopping.set()
        if self.thread:
            self.thread.join(5.0)
            assert not self.thread.is_alive()

    def until(self, holds: Callable[[], object], what: str = "it") -> None:
        deadline = time.monotonic() + 60.0
        while not holds():
            assert time.monotonic() < deadline, f"not in time: {what}"
            assert self.error is None, repr(self.error)
            time.sleep(0.005)

    def ids(self, symbol: str = "BTCUSDT") -> list[tuple[int, int]]:
        return list(self.store.spans(Series(TRADES, symbol)))

    def holds(self, first: int, last: int, symbol: str = "BTCUSDT") -> None:
        self.until(lambda: self.ids(symbol) == [(first, last)], f"{symbol} {first}..{last}, not {self.ids(symbol)}")
        assert self.store.read(Query(TRADES, symbol)).num_rows == last - first + 1

    def hold(self, first: int, last: int, symbol: str = "BTCUSDT") -> None:
        """The archive has them already."""
        from bc_trades.parsing import to_table

        rows = [json.dumps(record(number)).encode() for number in range(first, last + 1)]
        self.store.append(Batch(TRADES, symbol, to_table(rows, symbol).table))

    def found(self) -> list[tuple[int, int, str]]:
        return [(each.first, each.last, each.state) for each in self.told(GapFound)]

    def finds(self, expected: list[tuple[int, int, str]]) -> None:
        """Waits: rows are seen in the store before the ledger has what was found about them."""
        self.until(lambda: expected == self.found(), f"{expected} found")

    def unfillable(self) -> set[int]:
        return {each for first, last, state in self.found() if state == "unfillable" for each in range(first, last + 1)}

    def told(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def assured(self) -> None:
        """Waits for the word that everything is stored, twice: the first may be of what was before."""
        for _ in range(2):
            told = len(self.told(SourcePassed))
            self.until(lambda told=told: len(self.told(SourcePassed)) > told, "the word that everything is stored")

    def calm(self, seconds: float) -> None:
        """Lets time go by by the source's clock."""
        time.sleep(seconds / SPEED)


@pytest.fixture
def world() -> Iterator[World]:
    clock = FastClock()
    made = World(FakeVenue(clock), clock, MemoryStore())
    yield made
    made.stop()


def test_a_series_that_holds_nothing_begins_with_the_newest_page_and_goes_on_live(world: World) -> None:
    world.venue.happen("BTCUSDT", 0, 99)
    world.start()
    world.venue.join()
    world.holds(90, 99)
    world.venue.trade("BTCUSDT", 100, 120)
    world.holds(90, 120)
    assert ["btcusdt@aggTrade"] == list(world.venue.feeds[-1].streams)


def test_a_series_may_begin_with_an_instant(world: World) -> None:
    world.venue.happen("BTCUSDT", 0, 99)
    world.start(start=START + 35_000)
    world.venue.join()
    world.venue.trade("BTCUSDT", 100, 110)
    world.holds(35, 110)


def test_a_series_without_any_trade_begins_with_its_first_one(world: World) -> None:
    world.start()
    world.venue.join()
    world.calm(1.0)
    world.venue.trade("BTCUSDT", 0, 3)
    world.holds(0, 3)


def test_what_happened_while_the_collector_was_down_is_fetched_before_live_rows_are_stored(world: World) -> None:
    world.hold(0, 9)
    world.venue.happen("BTCUSDT", 0, 59)
    world.start()
    world.venue.join()
    world.venue.trade("BTCUSDT", 60, 70)
    world.holds(0, 70)
    assert [] == world.found()


def test_every_batch_says_where_it_came_from(world: World) -> None:
    origins = []

    class Noting(MemoryStore):
        def append(self, batch: Batch) -> Appended:
            if batch.dataset is TRADES and batch.origin is not None:
                origins.append((batch.origin.kind, batch.table.column("agg_trade_id").to_pylist()))
            return super().append(batch)

    world.store = Noting()
    world.hold(0, 9)
    world.venue.happen("BTCUSDT", 0, 12)
    world.start()
    world.venue.join()
    world.venue.trade("BTCUSDT", 13, 15)
    world.holds(0, 15)
    assert ("rest", [10, 11, 12]) in origins
    assert ("stream", [13, 14, 15]) in origins


def test_a_lost_connection_costs_no_trade_and_the_ledger_tells_of_it(world: World) -> None:
    world.hold(0, 9)
    world.venue.happen("BTCUSDT", 0, 9)
    world.start()
    world.venue.join()
    world.venue.trade("BTCUSDT", 10, 20)
    world.holds(0, 20)
    world.venue.lose()
    world.venue.happen("BTCUSDT", 21, 80)
    world.venue.join()
    world.venue.trade("BTCUSDT", 81, 90)
    world.holds(0, 90)
    world.finds([(21, 80, "filled")])


def test_a_hole_of_one_symbol_does_not_disturb_another(world: World) -> None:
    for symbol in ("BTCUSDT", "ETHUSDT"):
        world.hold(0, 9, symbol)
        world.venue.happen(symbol, 0, 9)
    world.venue.shown["BTCUSDT"] = 10
    world.start("BTCUSDT", "ETHUSDT")
    world.venue.join()
    world.venue.happen("BTCUSDT", 10, 11)
    world.venue.trade("BTCUSDT", 12, 12)
    world.venue.trade("ETHUSDT", 10, 30)
    world.holds(0, 30, "ETHUSDT")
    assert [(0, 9)] == world.ids()
    world.venue.shown.clear()
    world.holds(0, 12)


def test_rest_that_is_behind_is_waited_for(world: World) -> None:
    world.hold(0, 9)
    world.venue.happen("BTCUSDT", 0, 19)
    world.venue.shown["BTCUSDT"] = 10
    world.start()
    world.venue.join()
    world.venue.trade("BTCUSDT", 20, 25)
    world.calm(2.0)
    assert [(0, 9)] == world.ids()
    world.venue.shown["BTCUSDT"] = 15
    world.calm(2.0)
    world.venue.shown.clear()
    world.holds(0, 25)


def test_ids_that_rest_no_longer_has_are_told_after_asking_twice_and_the_rest_goes_on(world: World) -> None:
    world.hold(0, 9)
    world.venue.happen("BTCUSDT", 0, 59)
    world.venue.kept = 40
    world.start()
    world.venue.join()
    world.venue.trade("BTCUSDT", 60, 65)
    world.until(lambda: world.ids() == [(0, 9), (40, 65)], "what there is")
    world.assured()
    world.until(lambda: set(range(10, 40)) == world.unfillable(), "the ledger's word")
    assert 2 == len([asked for asked in world.venue.asked if asked[1] == 10])


def test_a_long_hole_does_not_hold_live_rows_back_and_is_filled_in_the_background(world: World) -> None:
    world.hold(0, 9)
    world.venue.happen("BTCUSDT", 0, 199)
    world.venue.shown["BTCUSDT"] = 10
    world.start(hold=100)
    world.venue.join()
    world.venue.trade("BTCUSDT", 200, 205)
    world.until(lambda: world.ids() == [(0, 9), (200, 205)], "live rows")
    world.until(lambda: world.found() == [(10, 199, "open")], "the ledger's word")
    world.venue.shown.clear()
    world.holds(0, 205)
    world.until(lambda: world.found()[1:] == [(10, 199, "filled")], "the ledger's last word")
    assert {background for _, first, background in world.venue.asked if first == 10} >= {True}


def test_holes_from_an_earlier_life_are_filled(world: World) -> None:
    world.hold(0, 9)
    world.hold(50, 59)
    world.venue.happen("BTCUSDT", 0, 59)
    world.start()
    world.venue.join()
    world.venue.trade("BTCUSDT", 60, 61)
    world.holds(0, 61)
    world.finds([(10, 49, "filled")])


def test_rows_held_back_are_let_go_when_rest_does_not_answer_for_long(world: World) -> None:
    world.hold(0, 9)
    world.venue.refuse = lambda symbol: BannedError("banned", retry_after=3600.0)
    world.start()
    world.venue.join()
    world.venue.happen("BTCUSDT", 0, 14)
    world.venue.trade("BTCUSDT", 15, 20)
    world.until(lambda: world.ids() == [(0, 9), (15, 20)], "live rows in spite of the ban")
    world.finds([(10, 14, "open")])
    assert 1 == len(world.venue.asked), "a ban is waited out"
    assert "banned" in str(world.told(SourceFailed)[0].error)


def test_a_badly_formed_event_is_put_aside_and_filled_by_a_good_copy(world: World) -> None:
    world.hold(0, 9)
    world.venue.happen("BTCUSDT", 0, 20)
    world.start()
    world.venue.join()
    world.venue.say("BTCUSDT", 10, 14)
    world.venue.say("BTCUSDT", 15, 15, p="nan")
    world.venue.say("BTCUSDT", 16, 20)
    world.holds(0, 20)
    (rejected,) = [each for each in world.events if type(each).__name__ == "RowsRejected"]
    assert '"p": "nan"' in rejected.rows[0]


def test_an_event_of_another_symbol_is_put_aside(world: World) -> None:
    world.hold(0, 9)
    world.venue.happen("BTCUSDT", 0, 10)
    world.start()
    world.venue.join()
    world.venue.say("BTCUSDT", 11, 11, s="ETHUSDT")
    world.venue.say("BTCUSDT", 10, 10)
    world.holds(0, 10)
    assert "'ETHUSDT'" in next(each.reason for each in world.events if type(each).__name__ == "RowsRejected")


def test_everything_stored_is_said_only_while_nothing_is_unsure(world: World) -> None:
    world.hold(0, 9)
    world.venue.happen("BTCUSDT", 0, 9)
    world.start()
    world.calm(3.0)
    assert [] == world.told(SourcePassed), "not a single stream is joined"
    world.venue.join()
    world.assured()
    world.venue.lose()
    world.calm(1.5)
    told = len(world.told(SourcePassed))
    world.calm(3.0)
    assert told == len(world.told(SourcePassed))
    world.venue.join()
    world.assured()


def test_everything_stored_is_not_said_while_a_row_waits(world: World) -> None:
    world.hold(0, 9)
    world.venue.happen("BTCUSDT", 0, 11)
    world.venue.shown["BTCUSDT"] = 10
    world.start()
    world.venue.join()
    world.venue.say("BTCUSDT", 11, 11)
    world.calm(6.0)
    assert [] == world.told(SourcePassed)
    world.venue.shown.clear()
    world.assured()
    assert [(0, 11)] == world.ids()


def test_a_silent_symbol_is_checked_once_after_the_join(world: World) -> None:
    world.hold(0, 9)
    world.venue.happen("BTCUSDT", 0, 30)
    world.start()
    world.venue.join()
    world.holds(0, 30)
    world.assured()
    assert [("BTCUSDT", first, False) for first in (10, 20, 30)] == world.venue.asked[:3]
    assert [] == world.venue.feeds[-1].resubscribed


def test_a_stream_that_speaks_costs_no_request(world: World) -> None:
    world.hold(0, 9)
    world.start()
    world.venue.join()
    for number in range(10, 60):
        world.venue.trade("BTCUSDT", number, number)
        world.calm(0.5)
    world.venue.join()  # a connection that took over
    world.holds(0, 59)
    assert [] == world.venue.asked


def test_an_acknowledged_stream_that_never_delivers_is_found_out_and_subscribed_again(world: World) -> None:
    world.hold(0, 9)
    world.venue.happen("BTCUSDT", 0, 9)
    world.start()
    world.venue.join()
    last = 9
    while not world.venue.feeds[-1].resubscribed:
        world.venue.happen("BTCUSDT", last + 1, last + 2)
        last += 2
        world.calm(1.0)
        assert last < 300, "never found out"
    assert ["btcusdt@aggTrade"] == world.venue.feeds[-1].resubscribed
    world.venue.join()
    world.venue.trade("BTCUSDT", last + 1, last + 1)
    world.holds(0, last + 1)


def test_without_a_stream_trades_are_taken_from_rest(world: World) -> None:
    world.hold(0, 9)
    world.venue.happen("BTCUSDT", 0, 25)
    world.start()
    world.holds(0, 25)
    world.venue.happen("BTCUSDT", 26, 30)
    world.holds(0, 30)
    assert [] == world.told(SourcePassed)


def test_a_symbol_that_rest_refuses_is_reported_and_disturbs_nobody(world: World) -> None:
    def refuse(symbol: str) -> ExchangeError | None:
        return RefusedError("lists no symbol 'BTCUSTD'", code=-1121) if symbol == "BTCUSTD" else None

    world.venue.refuse = refuse
    world.venue.happen("ETHUSDT", 0, 9)
    world.start("BTCUSTD", "ETHUSDT")
    world.venue.join()
    world.holds(0, 9, "ETHUSDT")
    world.venue.trade("ETHUSDT", 10, 15)
    world.holds(0, 15, "ETHUSDT")
    world.assured()
    assert "BTCUSTD" in str(world.told(SourceFailed)[0].error)


def test_a_symbol_in_the_wrong_case_does_not_take_the_stream_of_the_right_one(world: World) -> None:
    world.venue.refuse = lambda symbol: RefusedError("lists no such symbol") if symbol.islower() else None
    world.hold(0, 9)
    world.venue.happen("BTCUSDT", 0, 9)
    world.start("BTCUSDT", "btcusdt")
    world.venue.join()
    world.venue.trade("BTCUSDT", 10, 20)
    world.holds(0, 20)
    assert [] == [asked for asked in world.venue.asked if asked[0] == "BTCUSDT"]


def test_trouble_with_rest_is_told_and_so_is_its_end(world: World) -> None:
    world.venue.refuse = lambda symbol: UnreachableError("nobody there")
    world.venue.happen("BTCUSDT", 0, 9)
    world.start()
    world.venue.join()
    world.until(lambda: len(world.told(SourceFailed)) > 2, "several failures")
    assert [] == world.told(SourceRecovered)
    world.venue.refuse = lambda symbol: None
    world.holds(0, 9)
    world.until(lambda: world.told(SourceRecovered), "the recovery")


def test_an_impossible_symbol_name_does_not_cost_the_others_their_streams(world: World) -> None:
    world.venue.refuse = lambda symbol: RefusedError("no") if " " in symbol else None
    world.start("BTC USDT", "ETHUSDT")
    assert ["ethusdt@aggTrade"] == list(world.venue.feeds[-1].streams)


def test_stopping_stores_what_has_come(world: World) -> None:
    world.hold(0, 9)
    world.venue.shown["BTCUSDT"] = 10
    world.start(flush=3600.0)
    world.venue.join()
    world.venue.trade("BTCUSDT", 10, 30)
    world.venue.trade("BTCUSDT", 35, 40)
    world.stop()
    assert [(0, 30), (35, 40)] == world.ids()
    world.finds([(31, 34, "open")])
    assert world.venue.feeds[-1].closed


def test_stopping_before_the_beginning_is_found_stores_no_later_row(world: World) -> None:
    world.venue.refuse = lambda symbol: UnreachableError("nobody there")
    world.start(start=START)
    world.venue.join()
    world.venue.trade("BTCUSDT", 35, 40)
    world.calm(0.5)
    world.stop()
    assert [] == world.ids(), "the next start would go on after 40 and never fetch what is before 35"


def test_a_store_that_fails_ends_the_stream_and_loses_nothing_for_the_next_one(world: World) -> None:
    class Full(MemoryStore):
        full = False

        def append(self, batch: Batch) -> Appended:
            if self.full:
                raise StoreError("no space left")
            return super().append(batch)

    world.store = store = Full()
    world.hold(0, 9)
    world.start()
    world.venue.join()
    store.full = True
    world.venue.trade("BTCUSDT", 10, 30)
    assert world.thread
    world.thread.join(5.0)
    assert isinstance(world.error, StoreError)
    assert world.venue.feeds[-1].closed
    store.full, world.error = False, None
    world.start()
    world.until(lambda: len(world.venue.feeds) == 2, "another feed")
    world.venue.join()
    world.venue.trade("BTCUSDT", 31, 31)
    world.holds(0, 31)


def test_too_many_waiting_rows_are_dropped_counted_and_refilled(world: World, caplog: pytest.LogCaptureFixture) -> None:
    class Slow(MemoryStore):
        slow = Flag()

        def append(self, batch: Batch) -> Appended:
            self.slow.wait(5.0)
            return super().append(batch)

    world.store = store = Slow()
    store.slow.set()
    world.hold(0, 9)
    world.venue.happen("BTCUSDT", 0, 9)
    world.start(queue=100)
    world.venue.join()
    store.slow.clear()
    world.venue.trade("BTCUSDT", 10, 10)
    world.calm(2.0)
    world.venue.trade("BTCUSDT", 11, 400)
    store.slow.set()
    world.venue.trade("BTCUSDT", 401, 402)
    world.holds(0, 402)
    assert "dropped, to be asked for again" in caplog.text


def test_batches_tell_when_their_newest_row_was_received(world: World) -> None:
    world.hold(0, 9)
    world.start()
    world.venue.join()
    world.venue.trade("BTCUSDT", 10, 20)
    newest = START + 20_000
    world.until(lambda: newest in [event.observed for event in world.told(BatchStored)], "told of the newest row")
    assert newest == max(event.observed for event in world.told(BatchStored) if event.observed)
