"""The weight budget and the pause that all users of one exchange object share."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event as Flag

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bc_binance import Binance, BinanceConfig
from bc_binance.budget import WeightBudget
from bc_binance.gate import Gate
from bc_binance.telling import WeightTeller
from bc_binance.testing import Answer, LocalVenue, ManualClock, answer
from bcore.errors import BannedError, RateLimitedError, RefusedError, Stopped
from bcore.events import Event, WeightUsed

Open = Callable[..., Binance]
MINUTE = 60_000_000
START = 28_333_333 * MINUTE + 10_000_000


class QueueClock(ManualClock):
    """Whoever sleeps stays asleep until woken by number, in the order of going to sleep; each wake is a minute."""

    def __init__(self, at: int) -> None:
        super().__init__(at)
        self.sleepers: list[Flag] = []
        self.open = False

    def sleep(self, seconds: float) -> None:
        flag = Flag()
        self.sleepers.append(flag)
        if self.open:
            super().sleep(seconds)
        else:
            assert flag.wait(5)

    def await_sleepers(self, count: int) -> None:
        deadline = time.monotonic() + 60
        while len(self.sleepers) < count:
            assert time.monotonic() < deadline
            time.sleep(0.001)

    def wake(self, number: int) -> None:
        self.at += MINUTE
        self.sleepers[number].set()

    def wake_for_good(self) -> None:
        self.open = True
        for each in self.sleepers:
            each.set()


def budget(clock: ManualClock, limit: int = 100, share: float = 0.8) -> WeightBudget:
    return WeightBudget(clock, clock.now, share, limit)


def spend(held: WeightBudget, weight: int, used: int | None = None) -> None:
    held.settle(held.reserve(weight), used)


def test_what_fits_is_not_made_to_wait() -> None:
    clock = ManualClock(START)
    held = budget(clock)
    spend(held, 50)
    spend(held, 30)
    assert [] == clock.slept
    assert 80 == held.used


def test_what_does_not_fit_waits_for_the_next_minute_of_the_exchange() -> None:
    clock = ManualClock(START)
    held = budget(clock)
    spend(held, 80)
    spend(held, 1)
    assert [pytest.approx(50.25)] == clock.slept
    assert 1 == held.used


def test_the_exchanges_clock_and_not_ours_begins_the_minute() -> None:
    clock = ManualClock(START)
    held = WeightBudget(clock, lambda: clock.now() + 20_000_000, 0.8, 100)
    spend(held, 80)
    spend(held, 1)
    assert [pytest.approx(30.25)] == clock.slept


def test_what_is_sent_just_after_the_seam_does_not_count_on_an_empty_minute() -> None:
    clock = ManualClock(START)
    held = budget(clock)
    spend(held, 80)
    clock.at += 50_100_000
    spend(held, 1)
    assert [pytest.approx(0.15)] == clock.slept


def test_what_other_programs_use_counts() -> None:
    clock = ManualClock(START)
    held = budget(clock)
    spend(held, 4, used=79)
    spend(held, 4)
    assert 1 == len(clock.slept)


def test_an_overtaken_reply_does_not_lower_the_count() -> None:
    held = budget(ManualClock(START))
    early, late = held.reserve(4), held.reserve(4)
    held.settle(late, 48)
    held.settle(early, 44)
    assert 52 == held.used


def test_what_is_still_under_way_counts_on_top_of_what_the_exchange_says() -> None:
    held = budget(ManualClock(START))
    held.reserve(30)
    spend(held, 4, used=40)
    assert 70 == held.used


def test_a_request_across_the_seam_counts_in_the_new_minute_too() -> None:
    clock = ManualClock(START)
    held = budget(clock)
    reservation = held.reserve(30)
    clock.at += MINUTE
    assert 30 == held.used
    held.settle(reservation, 79)
    assert 30 == held.used


def test_a_request_that_never_fits_is_refused_at_once() -> None:
    clock = ManualClock(START)
    with pytest.raises(RefusedError, match="weight 250 does not fit a budget of 80 per 60 s"):
        budget(clock).reserve(250)
    assert [] == clock.slept


def test_waiting_for_the_budget_ends_when_the_work_is_stopped() -> None:
    clock = ManualClock(START)
    held = budget(clock)
    spend(held, 80)
    clock.stopping = True
    with pytest.raises(Stopped):
        held.reserve(1)


@given(st.lists(st.tuples(st.integers(1, 80), st.integers(0, 20_000_000)), max_size=40))
def test_no_minute_of_the_exchange_ever_holds_more_than_the_share(requests: list[tuple[int, int]]) -> None:
    clock = ManualClock(START)
    held = budget(clock)
    spent: dict[int, int] = {}
    for weight, pause in requests:
        reservation = held.reserve(weight)
        minute = clock.now() // MINUTE
        spent[minute] = spent.get(minute, 0) + weight
        held.settle(reservation, spent[minute])
        clock.at += pause
    assert all(used <= 80 for used in spent.values())


def test_background_work_leaves_a_quarter_to_live_work() -> None:
    clock = ManualClock(START)
    held = budget(clock)
    for _ in range(15):
        held.settle(held.reserve(4, background=True), None)
    assert (60, []) == (held.used, clock.slept)
    spend(held, 20)
    assert (80, []) == (held.used, clock.slept)
    held.reserve(4, background=True)
    assert [pytest.approx(50.3)] == clock.slept


def test_background_work_waits_where_live_work_uses_its_share() -> None:
    clock = ManualClock(START)
    held = budget(clock)
    spend(held, 60)
    held.reserve(1, background=True)
    assert 1 == len(clock.slept)


def test_a_background_request_that_never_fits_is_refused_at_once() -> None:
    with pytest.raises(RefusedError, match="weight 61 does not fit a budget of 60"):
        budget(ManualClock(START)).reserve(61, background=True)


def test_live_work_that_waits_goes_before_background_work() -> None:
    clock = QueueClock(START)
    held = WeightBudget(clock, clock.now, 0.8, 100)
    spend(held, 80)
    served: list[str] = []

    def take(name: str, weight: int, background: bool) -> None:
        reservation = held.reserve(weight, background)
        served.append(name)
        held.settle(reservation, None)

    with ThreadPoolExecutor(2) as pool:
        pool.submit(take, "background", 4, True)
        clock.await_sleepers(1)
        live = pool.submit(take, "live", 80, False)
        clock.await_sleepers(2)
        clock.wake(0)
        clock.await_sleepers(3)
        clock.wake(1)
        live.result(5)
        clock.wake_for_good()
    assert ["live", "background"] == served


def test_the_used_weight_is_told_at_most_once_a_second() -> None:
    clock = ManualClock(START)
    held, told = budget(clock), list[Event]()
    teller = WeightTeller("binance", held, told.append)
    for pause in (0, 400_000, 400_000, 400_000, 400_000):
        clock.at += pause
        spend(held, 4)
        teller.tell()
    assert [WeightUsed("binance", 4, 100), WeightUsed("binance", 16, 100)] == told


def test_every_request_tells_the_used_weight(venue: LocalVenue) -> None:
    told: list[Event] = []
    exchange = Binance(BinanceConfig(rest_url=venue.url), ManualClock(START), "us", told.append)
    exchange.server_time()
    assert [WeightUsed("us", 1, 6000)] == told
    exchange.close()


def test_a_page_asked_for_in_the_background_is_counted_so(open_exchange: Open, venue: LocalVenue) -> None:
    clock = ManualClock(START)
    venue.on("aggTrades", lambda _: Answer(b"[]"))
    venue.on("klines", lambda _: Answer(b"[]"))
    exchange = open_exchange(clock)
    exchange.agg_trades("BTCUSDT")
    spend(exchange.budget, 4, used=3600)
    exchange.agg_trades("BTCUSDT")
    assert [] == clock.slept
    exchange.agg_trades("BTCUSDT", background=True)
    assert 1 == len(clock.slept)
    spend(exchange.budget, 4, used=3600)
    exchange.klines("BTCUSDT", "1m", background=True)
    assert 2 == len(clock.slept)


def test_threads_together_stay_below_the_share() -> None:
    clock = ManualClock(START)
    held = budget(clock)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: spend(held, 1), range(80)))
    assert (80, []) == (held.used, clock.slept)


def test_the_limit_is_read_once_before_the_first_request_that_costs(open_exchange: Open, venue: LocalVenue) -> None:
    venue.weight_limit = 1200
    venue.on("aggTrades", lambda _: Answer(b"[]"))
    exchange = open_exchange(budget=0.5)
    assert 6000 == exchange.budget.limit
    exchange.agg_trades("BTCUSDT")
    exchange.agg_trades("ETHUSDT")
    assert 600 == exchange.budget.allowance
    assert ["BTCUSDT"] == [asked.params["symbol"] for asked in venue.asked_of("exchangeInfo")]


def test_a_venue_without_limits_is_gone_by_the_usual_ones(exchange: Binance, venue: LocalVenue) -> None:
    venue.on("exchangeInfo", lambda _: Answer(status=404))
    venue.on("aggTrades", lambda _: Answer(b"[]"))
    exchange.agg_trades("BTCUSDT")
    exchange.agg_trades("BTCUSDT")
    assert 6000 == exchange.budget.limit
    assert 1 == len(venue.asked_of("exchangeInfo"))


def test_the_used_weight_that_replies_tell_is_believed(exchange: Binance, venue: LocalVenue) -> None:
    venue.on("time", lambda _: Answer(b'{"serverTime":1700000000000000}', headers={"x-mbx-used-weight-1m": "4711"}))
    exchange.server_time()
    assert 4711 == exchange.budget.used


def test_a_full_budget_sends_nothing_until_the_minute_is_over(open_exchange: Open, venue: LocalVenue) -> None:
    clock = ManualClock(START)
    venue.on("aggTrades", lambda _: Answer(b"[]", headers={"X-MBX-USED-WEIGHT-1M": "4798"}))
    exchange = open_exchange(clock)
    exchange.agg_trades("BTCUSDT")
    exchange.agg_trades("BTCUSDT")
    assert [pytest.approx(50.25)] == clock.slept


@pytest.mark.parametrize(("status", "kind"), [(429, RateLimitedError), (418, BannedError)])
def test_after_a_limit_nobody_sends_anything_until_the_wait_is_over(
    open_exchange: Open, venue: LocalVenue, status: int, kind: type[Exception]
) -> None:
    clock = ManualClock(START)
    venue.on("aggTrades", lambda _: Answer(b"[]"))
    venue.on("depth", lambda _: Answer(b"[]"))
    exchange = open_exchange(clock)
    exchange.agg_trades("BTCUSDT")
    venue.once("aggTrades", answer({}, status, Retry_After="30"))
    with pytest.raises(kind):
        exchange.agg_trades("BTCUSDT")
    sent = len(venue.asked)
    clock.at += 20_000_000
    with pytest.raises(kind) as caught:
        exchange.depth("ETHUSDT")
    assert sent == len(venue.asked)
    assert pytest.approx(10.0) == caught.value.retry_after  # type: ignore[attr-defined]
    clock.at += 10_000_000
    assert [] == exchange.agg_trades("BTCUSDT")


def test_the_shorter_of_two_waits_does_not_open_the_gate() -> None:
    clock = ManualClock(START)
    gate = Gate(clock)
    gate.close(BannedError("banned", retry_after=120.0))
    gate.close(RateLimitedError("slower", retry_after=5.0))
    clock.at += 60_000_000
    with pytest.raises(BannedError, match="banned") as caught:
        gate.check()
    assert pytest.approx(60.0) == caught.value.retry_after


def test_the_longer_of_two_waits_keeps_the_gate_closed() -> None:
    clock = ManualClock(START)
    gate = Gate(clock)
    gate.close(RateLimitedError("slower", retry_after=5.0))
    gate.close(BannedError("banned", retry_after=120.0))
    clock.at += 60_000_000
    with pytest.raises(BannedError):
        gate.check()


def test_the_clock_is_not_asked_for_while_the_gate_is_closed(open_exchange: Open, venue: LocalVenue) -> None:
    exchange = open_exchange(ManualClock(START))
    venue.once("time", answer({}, 418, Retry_After="120"))
    for _ in range(2):
        with pytest.raises(BannedError):
            exchange.now()
    assert 1 == len(venue.asked)
