from __future__ import annotations

import os
import signal
from collections.abc import Callable, Generator, Iterator, Mapping
from threading import Event as Flag
from threading import Thread
from threading import enumerate as threads
from time import monotonic
from typing import Any

import pytest
from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st

from bc_toy import ToySource, tick_batch, ticks
from bcore.app import App
from bcore.backoff import Backoff
from bcore.clock import SystemClock
from bcore.collect import Job
from bcore.errors import ExchangeError, RateLimitedError, Stopped, StoreError
from bcore.events import (
    BatchStored,
    Event,
    SourceFailed,
    SourcePassed,
    SourceRecovered,
    SourceStarted,
    SourceStopped,
)
from bcore.memory import MemoryStore
from bcore.protocols import Key
from bcore.records import Appended, Batch
from bcore.registry import Registry
from bcore.runner import Runner, stop_on_signals
from bcore.spans import Spans

WaitFor = Callable[..., None]
SHORT = Backoff(first=0.001, cap=0.002)


class Bench:
    """A runner with its app, and the events it told."""

    def __init__(self, registry: Registry) -> None:
        self.clock, self.events = SystemClock(), list[Event]()
        self.app = App.of({}, registry, self.clock)
        self.app.listeners.append(self.events.append)
        self.runner = Runner(self.app, self.clock, SHORT)

    def of(self, kind: type[Event], source: str = "ticks") -> list[Any]:
        return [event for event in self.events if isinstance(event, kind) and event.source == source]

    def run(self, *jobs: Job, until: Callable[[], object]) -> None:
        deadline = monotonic() + 10
        self.runner.run(list(jobs), until=lambda: bool(until()) or monotonic() > deadline)
        assert until()


@pytest.fixture
def bench(registry: Registry) -> Bench:
    return Bench(registry)


@pytest.fixture
def gate() -> Iterator[Flag]:
    """What a hanging source waits for; open after the test, so that no thread is left."""
    flag = Flag()
    yield flag
    flag.set()


def job(source: ToySource, name: str = "ticks") -> Job:
    return Job(name, source, MemoryStore())


@given(st.integers(1, 10**6), st.floats(0, 1), st.floats(0.01, 5), st.floats(5, 300))
def test_backoff_lies_between_half_and_the_whole_of_its_doubling(n: int, draw: float, first: float, cap: float) -> None:
    seconds = Backoff(first, cap, lambda: draw).seconds(n, ValueError())
    full = min(first * 2.0 ** min(n - 1, 60), cap)
    assert full / 2 <= seconds <= full


@given(st.integers(1, 100), st.floats(0, 10**6), st.floats(0, 1))
def test_what_the_exchange_asks_for_is_a_lower_bound(failures: int, asked: float, draw: float) -> None:
    error = RateLimitedError("slow down", retry_after=asked)
    assert asked <= Backoff(draw=lambda: draw).seconds(failures, error) <= asked + 60


def test_an_exchange_error_without_a_wish_backs_off_as_any_other() -> None:
    backoff = Backoff(draw=lambda: 1.0)
    assert 4.0 == backoff.seconds(4, ExchangeError("no")) == backoff.seconds(4, ValueError())


def test_a_source_runs_until_stopped_and_says_so(bench: Bench) -> None:
    bench.run(job(ToySource()), until=lambda: len(bench.of(BatchStored)) >= 3)
    assert [SourceStarted("ticks", ("AAA",))] == bench.of(SourceStarted)
    assert [SourceStopped("ticks")] == bench.of(SourceStopped)


def test_a_failing_source_does_not_stop_another(bench: Bench) -> None:
    bad = job(ToySource(error=ValueError("broken")), "bad")
    bench.run(job(ToySource()), bad, until=lambda: bench.of(BatchStored) and len(bench.of(SourceFailed, "bad")) >= 3)
    assert [] == bench.of(SourceFailed)
    assert {"bad"} == set(bench.runner.errors)
    assert [1, 2, 3] == [event.failures for event in bench.of(SourceFailed, "bad")][:3]


def test_a_failure_says_when_it_is_tried_again(bench: Bench) -> None:
    bench.run(job(ToySource(error=ValueError("broken"))), until=lambda: bench.of(SourceFailed))
    event = bench.of(SourceFailed)[0]
    assert "broken" == str(event.error)
    assert 0.0005 <= event.retry_in <= 0.002


def test_recovery_is_told_once_with_the_number_of_failures(bench: Bench) -> None:
    source = ToySource(error=ValueError("broken"))
    failures: list[int] = []

    def heal() -> None:
        failures.append(1)
        if len(failures) > 2:
            source.error = None

    source.before_page = heal
    bench.run(job(source), until=lambda: bench.of(SourceRecovered) and len(bench.of(BatchStored)) >= 3)
    assert [SourceRecovered("ticks", 2)] == bench.of(SourceRecovered)
    assert {} == bench.runner.errors


def test_after_a_recovery_the_count_starts_anew(bench: Bench) -> None:
    passes: list[int] = []

    @define
    class Flaky(ToySource):
        def catch_up(self, after: Mapping[str, Key]) -> Iterator[Batch]:
            passes.append(1)
            if len(passes) % 2:
                raise ValueError("broken")
            yield tick_batch([len(passes)])

    bench.run(job(Flaky()), until=lambda: len(bench.of(SourceFailed)) >= 3)
    assert [1, 1, 1] == [event.failures for event in bench.of(SourceFailed)][:3]


@define
class LiveSource(ToySource):
    """Follows live: plays a script of batches, of None for `all is stored`, and of errors, one script a connection."""

    scripts: list[list[Any]] = field(factory=list)
    held: list[dict[str, Spans]] = field(factory=list)
    closed: list[int] = field(factory=list)
    streaming: bool = True
    clock: SystemClock = field(factory=SystemClock)

    def stream(self, held: Mapping[str, Spans]) -> Generator[Batch | None, None, None]:
        self.held.append(dict(held))
        try:
            for step in self.scripts.pop(0) if self.scripts else []:
                if isinstance(step, Exception):
                    raise step
                yield step
            self.clock.sleep(60)
        finally:
            self.closed.append(1)


def test_a_source_that_streams_is_followed_and_not_asked_in_passes(bench: Bench) -> None:
    source = LiveSource(error=ValueError("asked"), clock=bench.clock, scripts=[[tick_batch([1, 2]), None]])
    bench.run(job(source), until=lambda: bench.of(SourcePassed))
    assert [SourcePassed("ticks", 2)] == bench.of(SourcePassed)
    assert [] == bench.of(SourceFailed)
    assert [1] == source.closed


def test_a_stream_that_ends_badly_is_joined_to_what_is_held(bench: Bench) -> None:
    scripts = [[tick_batch([1, 2]), None, ValueError("cut")], [tick_batch([3]), None]]
    source = LiveSource(clock=bench.clock, scripts=scripts)
    bench.run(job(source), until=lambda: len(bench.of(SourcePassed)) == 2)
    assert [{}, {"AAA": Spans(((1, 2),))}] == source.held
    assert [1] == [event.failures for event in bench.of(SourceFailed)]
    assert [SourceRecovered("ticks", 1)] == bench.of(SourceRecovered)


def test_streams_that_never_catch_up_fail_in_a_row(bench: Bench) -> None:
    scripts = [[ValueError("cut")], [tick_batch([1]), ValueError("cut")], [ValueError("cut")]]
    source = LiveSource(clock=bench.clock, scripts=scripts)
    bench.run(job(source), until=lambda: len(bench.of(SourceFailed)) == 3)
    assert [1, 2, 3] == [event.failures for event in bench.of(SourceFailed)]


def test_a_store_that_fails_closes_the_stream_which_is_joined_again(bench: Bench) -> None:
    store = FullStore(failing=1)
    source = LiveSource(clock=bench.clock, scripts=[[tick_batch([1])], [tick_batch([1]), None]])
    bench.run(Job("ticks", source, store), until=lambda: bench.of(SourcePassed))
    assert 2 == len(source.closed)
    assert ["no space"] == [str(event.error) for event in bench.of(SourceFailed)]


def test_a_source_that_may_stream_but_is_not_to_is_asked_in_passes(bench: Bench) -> None:
    source = LiveSource(clock=bench.clock, streaming=False)
    bench.run(job(source), until=lambda: bench.of(BatchStored))
    assert [] == source.held


@define
class FullStore(MemoryStore):
    """Refuses the first so many appends."""

    failing: int = 0

    def append(self, batch: Batch) -> Appended:
        if self.failing:
            self.failing -= 1
            raise StoreError("no space")
        return MemoryStore.append(self, batch)


def test_it_stops_within_seconds_while_a_source_hangs(bench: Bench, gate: Flag) -> None:
    hanging = job(ToySource(before_page=gate.wait), "hanging")
    started = monotonic()
    bench.run(job(ToySource()), hanging, until=lambda: bench.of(BatchStored))
    assert monotonic() - started < 8
    assert [SourceStopped("ticks")] == bench.of(SourceStopped)
    assert ["hanging"] == [thread.name for thread in bench.runner.left]


def test_a_wait_of_an_hour_ends_at_once_when_asked_to_stop(bench: Bench) -> None:
    started = monotonic()
    bench.run(job(ToySource(interval=3600)), until=lambda: bench.of(BatchStored))
    assert [SourceStopped("ticks")] == bench.of(SourceStopped)
    assert monotonic() - started < 8


def test_a_source_that_waits_through_the_clock_is_stopped_too(bench: Bench) -> None:
    source = ToySource(before_page=lambda: bench.clock.sleep(3600))
    bench.runner.run([job(source)], until=lambda: bool(bench.of(SourceStarted)))
    assert ([SourceStopped("ticks")], []) == (bench.of(SourceStopped), bench.of(SourceFailed))


def test_a_failing_listener_fails_nobody_else(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    def explode(event: Event) -> None:
        raise RuntimeError("listener")

    bench.app.listeners.insert(0, explode)
    bench.run(job(ToySource()), until=lambda: bench.of(BatchStored))
    assert "a listener failed on SourceStarted" in caplog.text


def test_once_makes_one_pass_of_every_job(bench: Bench) -> None:
    jobs = [job(ToySource()), job(ToySource(newest=5), "more")]
    bench.runner.once(jobs)
    assert (26, 6) == (jobs[0].rows, jobs[1].rows)
    assert {} == bench.runner.errors


def test_once_keeps_the_error_of_what_failed(bench: Bench) -> None:
    jobs = [job(ToySource()), job(ToySource(error=ValueError("broken")), "bad")]
    bench.runner.once(jobs)
    assert 26 == jobs[0].rows
    assert ["broken"] == [str(error) for error in bench.runner.errors.values()]


def test_once_can_be_stopped_while_a_source_hangs(bench: Bench, gate: Flag) -> None:
    hanging = Flag()

    def hang() -> None:
        hanging.set()
        gate.wait()

    def stop() -> None:
        hanging.wait(10)
        bench.clock.stopping.set()

    stopper = Thread(target=stop)
    stopper.start()
    started = monotonic()
    bench.runner.once([job(ToySource(before_page=hang))])
    stopper.join()
    assert monotonic() - started < 8


def test_no_thread_is_left_behind(bench: Bench) -> None:
    before = set(threads())
    bench.run(job(ToySource()), job(ToySource(), "more"), until=lambda: bench.of(BatchStored))
    assert set() == set(threads()) - before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_asks_to_stop_and_the_old_handlers_come_back(number: signal.Signals, wait_for: WaitFor) -> None:
    before, flag = signal.getsignal(number), Flag()
    with stop_on_signals(flag):
        os.kill(os.getpid(), number)
        wait_for(flag.is_set)
    assert before == signal.getsignal(number)


def test_a_second_interrupt_is_a_plain_one() -> None:
    with stop_on_signals(Flag()):
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_sleeping_after_being_asked_to_stop_raises_at_once() -> None:
    clock = SystemClock()
    clock.sleep(-1)
    clock.stopping.set()
    with pytest.raises(Stopped):
        clock.sleep(3600)


def test_every_source_of_the_app_is_a_job_with_its_own_store(registry: Registry) -> None:
    sources = {"ticks": {"store": "two"}}
    stores = {"one": {"kind": "memory"}, "two": {"kind": "memory"}}
    app = App.of({"symbols": ["AAA"], "exchanges": {"toyex": {}}, "stores": stores, "sources": sources}, registry)
    (made,) = app.jobs()
    assert app.stores()["two"] is made.store
    assert (ticks(),) == made.datasets()


def test_sources_share_one_exchange_which_is_closed_with_the_app(registry: Registry) -> None:
    sources = {"ticks": {}, "us": {"kind": "ticks", "dataset": "us_ticks"}}
    tree = {"symbols": ["AAA"], "exchanges": {"toyex": {}}, "stores": {"memory": {}}, "sources": sources}
    app = App.of(tree, registry)
    one, other = (made.source.exchange for made in app.jobs())  # type: ignore[attr-defined]
    assert one is other
    app.close()
    assert one.closed


def test_a_part_that_cannot_be_closed_keeps_no_other_open(
    registry: Registry, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = {"symbols": ["AAA"], "exchanges": {"toyex": {}}, "stores": {"memory": {}}, "sources": {"ticks": {}}}
    app = App.of(tree, registry)
    (made,) = app.jobs()

    def explode(exchange: object) -> None:
        raise OSError("no")

    monkeypatch.setattr(type(made.source.exchange), "close", explode)  # type: ignore[attr-defined]
    app.close()
    assert "closing toyex failed" in caplog.text
    with pytest.raises(Exception, match="closed"):
        made.store.append(next(ToySource().catch_up({})))
