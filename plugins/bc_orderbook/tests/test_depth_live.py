"""The sources `depth` and `orderbook` following a made-up exchange: real threads, a clock that runs fast."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from threading import Event as Flag
from threading import Thread
from typing import Any

import pytest
from attrs import define, evolve, field, frozen

from bc_orderbook.config import OrderBookConfig
from bc_orderbook.depth_config import DepthConfig
from bc_orderbook.depth_source import DepthSource
from bc_orderbook.diffs import DEPTH, DEPTH_SNAPSHOTS, DEPTH_STATES
from bc_orderbook.source import OrderBookSource
from bc_orderbook.venue import Sink
from bcore.clock import SystemClock
from bcore.collect import Job
from bcore.errors import ConfigError, ExchangeError, RefusedError, Stopped, StoreError, SymbolsError, UnreachableError
from bcore.events import Event, GapFound, RowsRejected, SourceFailed, SourcePassed, SourceRecovered
from bcore.memory import MemoryStore
from bcore.query import Query
from bcore.records import Appended, Batch, Context, Dataset, Series, SeriesStats

SPEED = 20.0
START = 1_700_000_000_000_000
DEADLINE = 60.0  # seconds of real time
PRICE = 60_000


@define
class FastClock:
    stopping: Flag = field(factory=Flag)
    _born: float = field(factory=time.monotonic)

    def now(self) -> int:
        return START + int(self.monotonic() * 1e6)

    def monotonic(self) -> float:
        return (time.monotonic() - self._born) * SPEED

    def sleep(self, seconds: float) -> None:
        if self.stopping.wait(max(seconds, 0.0) / SPEED):
            raise Stopped("asked to stop")


@frozen
class Shown:
    last_update_id: int
    bids: list[tuple[str, str]]
    asks: list[tuple[str, str]]
    received: int
    body: bytes = b""


@define
class FakeFeed:
    streams: Sequence[str]
    sink: Sink
    resubscribed: list[str] = field(factory=list)
    closed: bool = False

    def resubscribe(self, streams: Sequence[str]) -> None:
        self.resubscribed += streams
        self.sink.lost(tuple(streams), "subscribed again")
        self.sink.joined(tuple(streams))

    def close(self) -> None:
        self.closed = True


@frozen
class Rules:
    symbols: tuple[Any, ...] = ()


@define
class FakeExchange:
    """Books of some symbols: update n puts n on the bid that stands n % 10 below 60,000."""

    clock: FastClock
    ids: dict[str, int] = field(factory=dict)
    lag: int = 0
    refuse: Callable[[str], ExchangeError | None] = lambda symbol: None
    asked: list[tuple[str, int]] = field(factory=list)
    feeds: list[FakeFeed] = field(factory=list)
    name: str = "fake"

    def now(self) -> int:
        return self.clock.now()

    def close(self) -> None:
        pass

    def measure_clock(self) -> int:
        return 0

    def exchange_info(self, symbols: tuple[str, ...] = ()) -> Rules:
        return Rules()

    def depth(self, symbol: str, limit: int = 100, *, background: bool = False) -> Shown:
        self.asked.append((symbol, limit))
        if (error := self.refuse(symbol)) is not None:
            raise error
        number = max(self.ids.get(symbol, 0) - self.lag, 0)
        bids = sorted(book_at(number).items(), reverse=True)
        levels = [(f"{price:.8f}", f"{quantity:.8f}") for price, quantity in bids]
        return Shown(number, levels, [("60001.00000000", "1.00000000")], self.clock.now())

    def feed(self, streams: Sequence[str], sink: Sink) -> FakeFeed:
        self.feeds.append(FakeFeed(streams, sink))
        return self.feeds[-1]

    def join(self) -> None:
        self.feeds[-1].sink.joined(tuple(self.feeds[-1].streams))

    def happen(self, symbol: str, count: int = 1, *, said: bool = True) -> None:
        """So many updates; each is an event of its own."""
        for _ in range(count):
            self.ids[symbol] = number = self.ids.get(symbol, 0) + 1
            if said:
                self.say(symbol, number)

    def say(self, symbol: str, number: int, **changes: Any) -> None:
        bids = [[f"{PRICE - number % 10}.00000000", f"{number}.00000000"]]
        event = {"e": "depthUpdate", "E": self.clock.now(), "s": symbol, "U": number, "u": number, "b": bids, "a": []}
        data = json.dumps({**event, **changes}).encode()
        stream = next(each for each in self.feeds[-1].streams if each.startswith(symbol.lower() + "@"))
        self.feeds[-1].sink.message(stream, data, self.clock.now())


def book_at(number: int) -> dict[float, float]:
    return {float(PRICE - each % 10): float(each) for each in range(max(number - 9, 1), number + 1)}


@define
class Shelf(MemoryStore):
    """A store that can be told to fail."""

    broken: bool = False

    def append(self, batch: Batch) -> Appended:
        if self.broken:
            raise StoreError("the disk is full")
        return super().append(batch)


@define
class Scene:
    exchange: FakeExchange
    job: Job
    clock: FastClock
    told: list[Event] = field(factory=list)
    error: Exception | None = None
    _thread: Thread | None = None

    def run(self) -> None:
        self._thread = Thread(target=self._run, daemon=True)
        before = len(self.exchange.feeds)
        self._thread.start()
        self.until(lambda: len(self.exchange.feeds) > before)
        self.exchange.join()

    def _run(self) -> None:
        try:
            self.job.run_live(self.told.append)
        except Exception as error:
            self.error = error

    def stop(self) -> None:
        assert self._thread is not None
        self.clock.stopping.set()
        self._thread.join(DEADLINE)
        assert not self._thread.is_alive()

    def until(self, what: Callable[[], object]) -> None:
        deadline = time.monotonic() + DEADLINE
        while not what():
            assert time.monotonic() < deadline, f"it did not come about; told: {self.told[-5:]}, {self.error!r}"
            time.sleep(0.005)

    def rows(self, dataset: Dataset, symbol: str = "AAA") -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.job.store.read(Query(dataset, symbol)).to_pylist()
        return rows

    def states(self, symbol: str = "AAA") -> list[str]:
        return [row["state"] for row in self.rows(DEPTH_STATES, symbol)]

    def passed(self) -> int:
        return sum(isinstance(event, SourcePassed) for event in self.told)

    def settle(self) -> None:
        """Until everything is stored that has happened by now."""
        before = self.passed()
        self.until(lambda: self.passed() > before + 1)


@pytest.fixture
def clock() -> Iterator[FastClock]:
    made = FastClock()
    yield made
    made.stopping.set()


@pytest.fixture
def exchange(clock: FastClock) -> FakeExchange:
    return FakeExchange(clock)


Open = Callable[..., Scene]


@pytest.fixture
def depth(exchange: FakeExchange, clock: FastClock) -> Open:
    def open_one(*symbols: str, **config: Any) -> Scene:
        told: list[Event] = []
        source = DepthSource(DepthConfig(**config), exchange, symbols or ("AAA",), clock, emit=told.append)
        return Scene(exchange, Job("depth", source, Shelf(), clock=clock), clock, told)

    return open_one


@pytest.fixture
def scene(depth: Open, exchange: FakeExchange) -> Scene:
    """A source that has caught up with three updates."""
    made = depth()
    made.run()
    exchange.happen("AAA", 3)
    made.until(lambda: made.states() == ["verified"])
    return made


def test_every_event_is_stored_with_a_snapshot_to_begin_with(scene: Scene, exchange: FakeExchange) -> None:
    exchange.happen("AAA", 20)
    scene.settle()
    scene.stop()

    rows = scene.rows(DEPTH)
    assert list(range(1, 24)) == [row["last_update_id"] for row in rows]
    assert [float(number) for number in range(1, 24)] == [row["quantity"] for row in rows]
    assert {"start"} == {row["reason"] for row in scene.rows(DEPTH_SNAPSHOTS)}
    assert (["verified", "unknown"], Stopped) == (scene.states(), type(scene.error))


def test_a_snapshot_and_the_events_after_it_make_the_exchange_s_book(scene: Scene, exchange: FakeExchange) -> None:
    exchange.happen("AAA", 40)
    scene.settle()
    snapshot = [row for row in scene.rows(DEPTH_SNAPSHOTS) if row["side"] == 1]
    made = {row["price"]: row["quantity"] for row in snapshot}
    made |= {
        r["price"]: r["quantity"] for r in scene.rows(DEPTH) if r["last_update_id"] > snapshot[0]["last_update_id"]
    }

    assert book_at(43) == made


def test_whoever_has_a_gap_is_asked_for_alone(depth: Open, exchange: FakeExchange) -> None:
    scene = depth("AAA", "BBB")
    scene.run()
    for symbol in ("AAA", "BBB"):
        exchange.happen(symbol, 3)
    scene.until(lambda: scene.states("AAA") == scene.states("BBB") == ["verified"])
    exchange.asked.clear()
    exchange.happen("AAA", 2, said=False)
    exchange.happen("AAA", 1)
    exchange.happen("BBB", 1)
    scene.until(lambda: scene.states() == ["verified", "suspect", "verified"])

    assert ([("AAA", 5000)], ["verified"]) == (exchange.asked, scene.states("BBB"))
    assert [("AAA", 4, 5)] == [
        (each.symbol, each.first, each.last) for each in scene.told if isinstance(each, GapFound)
    ]
    assert {"start", "resync: gap 4..5"} == {row["reason"] for row in scene.rows(DEPTH_SNAPSHOTS)}


def test_all_is_well_only_when_every_symbol_is_verified(depth: Open, exchange: FakeExchange) -> None:
    scene = depth("AAA", "BBB")
    exchange.refuse = lambda symbol: UnreachableError("gone") if symbol == "BBB" else None
    scene.run()
    for symbol in ("AAA", "BBB"):
        exchange.happen(symbol, 3)
    scene.until(lambda: scene.states("AAA") == ["verified"])
    assert 0 == scene.passed()
    exchange.refuse = lambda symbol: None
    scene.settle()

    assert ["verified"] == scene.states("BBB")
    assert any(isinstance(each, SourceRecovered) for each in scene.told)


def test_a_symbol_that_the_exchange_does_not_know_is_said_and_holds_nobody_up(
    depth: Open, exchange: FakeExchange
) -> None:
    scene = depth("AAA", "NONE", "not a word")
    exchange.refuse = lambda symbol: None if symbol == "AAA" else RefusedError("no such symbol")
    scene.run()
    exchange.happen("AAA", 3)
    scene.settle()
    failed = [each.error for each in scene.told if isinstance(each, SourceFailed)]

    assert {"NONE", "not a word"} == set().union(*(each.failures for each in failed if isinstance(each, SymbolsError)))
    assert ("aaa@depth@100ms", "none@depth@100ms") == exchange.feeds[0].streams


def test_a_stream_that_was_lost_is_suspect_until_it_goes_on(scene: Scene, exchange: FakeExchange) -> None:
    exchange.feeds[-1].sink.lost(exchange.feeds[-1].streams, "reset")  # type: ignore[arg-type]
    scene.until(lambda: scene.states() == ["verified", "suspect"])
    exchange.join()
    exchange.happen("AAA", 1)
    scene.until(lambda: scene.states() == ["verified", "suspect", "verified"])

    assert 1 == len({row["last_update_id"] for row in scene.rows(DEPTH_SNAPSHOTS)})


def test_a_stream_that_is_acknowledged_and_silent_is_subscribed_again(depth: Open, exchange: FakeExchange) -> None:
    scene = depth()
    exchange.happen("AAA", 5, said=False) if exchange.feeds else exchange.ids.update(AAA=5)
    scene.run()
    scene.until(lambda: exchange.asked)
    deadline = time.monotonic() + DEADLINE
    while not exchange.feeds[-1].resubscribed and time.monotonic() < deadline:
        exchange.happen("AAA", 1, said=False)
        time.sleep(0.01)

    assert ["aaa@depth@100ms"] == exchange.feeds[-1].resubscribed
    assert "verified" not in scene.states()
    exchange.happen("AAA", 3)
    scene.until(lambda: scene.states()[-1:] == ["verified"])


def test_snapshots_behind_the_stream_are_asked_for_again(depth: Open, exchange: FakeExchange) -> None:
    scene = depth()
    exchange.ids["AAA"] = 100
    exchange.lag = 50
    scene.run()
    exchange.happen("AAA", 3)
    scene.until(lambda: len(exchange.asked) > 1)
    exchange.lag = 0

    scene.until(lambda: scene.states() == ["verified"])


def test_checkpoints_are_the_book_as_it_stood(depth: Open, exchange: FakeExchange) -> None:
    scene = depth(checkpoint=2.0)
    scene.run()
    deadline = time.monotonic() + DEADLINE
    kinds: set[str] = set()
    while kinds != {"rest", "book"} and time.monotonic() < deadline:
        exchange.happen("AAA", 1)
        time.sleep(0.01)
        kinds = {row["kind"] for row in scene.rows(DEPTH_SNAPSHOTS)}
    books = [row for row in scene.rows(DEPTH_SNAPSHOTS) if row["kind"] == "book" and row["side"] == 1]
    first = [row for row in books if row["last_update_id"] == books[0]["last_update_id"]]

    assert book_at(first[0]["last_update_id"]) == {row["price"]: row["quantity"] for row in first}


def test_what_cannot_be_read_is_put_aside_and_mended_by_a_snapshot(scene: Scene, exchange: FakeExchange) -> None:
    exchange.happen("AAA", 1, said=False)
    exchange.say("AAA", 4, b=[["nan", "1"]])
    exchange.happen("AAA", 1)
    scene.until(lambda: scene.states() == ["verified", "suspect", "verified"])

    assert 1 == sum(isinstance(each, RowsRejected) for each in scene.told)


def test_after_a_restart_the_time_between_is_unknown(depth: Open, exchange: FakeExchange, clock: FastClock) -> None:
    first = depth()
    first.run()
    exchange.happen("AAA", 3)
    first.until(lambda: first.states() == ["verified"])
    first.job.store.broken = True  # type: ignore[attr-defined]
    exchange.happen("AAA", 1)
    first.until(lambda: first.error)
    first.job.store.broken = False  # type: ignore[attr-defined]
    stats = [first.job.store.stats(Series(each, "AAA")) for each in (DEPTH, DEPTH_SNAPSHOTS, DEPTH_STATES)]
    first.job.source.resume({"AAA": stats})  # type: ignore[attr-defined]
    first.run()
    exchange.happen("AAA", 2)
    first.until(lambda: first.states() == ["verified", "unknown", "verified"])

    assert isinstance(first.error, StoreError)
    assert (
        max(each.last_time or 0 for each in stats) == first.job.store.stats(Series(DEPTH_STATES, "AAA")).first_time
        or len(first.states()) == 3
    )


def test_one_pass_is_one_snapshot_of_every_symbol(depth: Open, exchange: FakeExchange) -> None:
    exchange.ids.update(AAA=5, BBB=7)
    scene = depth("AAA", "BBB", snapshot_levels=500)
    scene.job.run_once(scene.told.append)

    assert [("AAA", 500), ("BBB", 500)] == exchange.asked
    assert {(7, "rest", "once")} == {
        (row["last_update_id"], row["kind"], row["reason"]) for row in scene.rows(DEPTH_SNAPSHOTS, "BBB")
    }


def test_the_streams_of_the_wanted_speed_are_followed(depth: Open, exchange: FakeExchange) -> None:
    depth(speed="1000ms").run()

    assert ("aaa@depth",) == exchange.feeds[-1].streams


def test_an_exchange_without_streams_is_refused() -> None:
    @define
    class Plain:
        name: str = "plain"

    context = Context("sources.depth", SystemClock(), Plain, lambda event: None, ("AAA",))  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"sources\.depth\.exchange: plain streams no order books"):
        DepthSource.build(DepthConfig(), context)


def test_the_feed_is_closed_at_the_end(scene: Scene, exchange: FakeExchange) -> None:
    scene.stop()

    assert [True] == [feed.closed for feed in exchange.feeds]


# The source `orderbook` from the book


@pytest.fixture
def orderbook(exchange: FakeExchange, clock: FastClock) -> Open:
    def open_one(*symbols: str, **config: Any) -> Scene:
        told: list[Event] = []
        settings = OrderBookConfig(**{"interval": 0.5, "tick_sizes": (10.0, 100.0), **config})
        source = OrderBookSource(settings, exchange, symbols or ("AAA",), clock, emit=told.append)
        return Scene(exchange, Job("orderbook", source, Shelf(), clock=clock), clock, told)

    return open_one


def snapshots(scene: Scene) -> list[tuple[int, float, float]]:
    table = scene.job.store.read(Query(scene.job.source.datasets[0], "AAA"))
    times = table["timestamp"].cast("int64").to_pylist()
    return list(zip(times, table["tick_size"].to_pylist(), table["best_bid"].to_pylist(), strict=True))


def grow(scene: Scene, count: int) -> None:
    """Updates come until there are `count` rows."""
    deadline = time.monotonic() + DEADLINE
    while len(snapshots(scene)) < count:
        assert time.monotonic() < deadline
        scene.exchange.happen("AAA", 1)
        time.sleep(0.01)


def test_snapshots_of_the_live_book_stand_on_the_clock_at_every_tick_size(orderbook: Open) -> None:
    scene = orderbook()
    scene.run()
    grow(scene, 12)
    rows = snapshots(scene)
    times = sorted({time for time, _, _ in rows})

    assert {0} == {time % 500_000 for time in times}
    assert {500_000} == {later - earlier for earlier, later in pairwise(times)}
    assert [(time, tick) for time in times for tick in (10.0, 100.0)] == [(time, tick) for time, tick, _ in rows]
    assert [("AAA", 5000)] == scene.exchange.asked


def test_a_quiet_book_is_shown_all_the_same(orderbook: Open, exchange: FakeExchange) -> None:
    scene = orderbook()
    scene.run()
    exchange.happen("AAA", 3)

    scene.until(lambda: len(snapshots(scene)) >= 12)


def test_no_snapshot_is_made_while_the_book_is_suspect(orderbook: Open, exchange: FakeExchange) -> None:
    scene = orderbook()
    scene.run()
    grow(scene, 4)
    lost_at = exchange.clock.now()
    exchange.feeds[-1].sink.lost(exchange.feeds[-1].streams, "reset")  # type: ignore[arg-type]
    time.sleep(3.0 / SPEED)
    exchange.happen("AAA", 2, said=False)
    exchange.join()
    back_at = exchange.clock.now()
    held = len(snapshots(scene))
    grow(scene, held + 6)

    assert [] == [time for time, _, _ in snapshots(scene) if lost_at < time < back_at]


class OlderShelf(Shelf):
    """Says that it holds snapshots whose widest tick size is 500."""

    def stats(self, series: Series) -> SeriesStats:
        return evolve(super().stats(series), last_key=(0, 500.0))


def test_tick_sizes_are_chosen_by_the_first_book_and_kept_over_a_restart(orderbook: Open) -> None:
    scene = orderbook(tick_sizes=None)
    scene.run()
    grow(scene, 5)
    assert [10.0, 50.0, 100.0, 500.0, 1000.0] == sorted({tick for _, tick, _ in snapshots(scene)})
    scene.stop()
    fresh = OrderBookSource(scene.job.source.config, scene.exchange, ("AAA",), FastClock())  # type: ignore[attr-defined]
    job = Job("orderbook", fresh, OlderShelf(), clock=fresh.clock)
    again = Scene(scene.exchange, job, fresh.clock)  # type: ignore[arg-type]
    again.run()
    grow(again, 5)

    assert [5.0, 10.0, 50.0, 100.0, 500.0] == sorted({tick for _, tick, _ in snapshots(again)})
    again.stop()


def test_rest_is_still_what_one_pass_asks(orderbook: Open, exchange: FakeExchange) -> None:
    exchange.ids["AAA"] = 5
    scene = orderbook(depth=100)
    scene.job.run_once(scene.told.append)

    assert ([("AAA", 100)], 2) == (exchange.asked, len(snapshots(scene)))


def test_a_source_from_rest_does_not_stream(orderbook: Open) -> None:
    assert (False, True) == (orderbook(from_="rest").job.live, orderbook().job.live)


def test_an_interval_below_a_tenth_of_a_second_is_refused_from_the_book_only() -> None:
    with pytest.raises(ValueError, match=r"interval must be 0\.1 seconds or more"):
        OrderBookConfig(interval=0.05)
    assert 0.05 == OrderBookConfig(interval=0.05, from_="rest").interval
