"""Candles, sums and rolling statistics as of an instant."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bc_replay.candles import DAY, FIXED, HOUR, INTERVALS, MINUTE, SECOND, next_open, open_time
from bc_replay.columns import AggTrades, Columns, Trades
from bc_replay.decimals import scaled, text
from bc_replay.records import DepthUpdate
from bc_replay.sums import TradeSums
from bc_replay.tape import Tape

BASE = 1_700_000_040_000_000  # a whole minute


def agg(columns: Columns, id: int, at: int, price: str = "10", quantity: str = "1", **more: int) -> None:
    time, fills, maker = more.get("time", at), more.get("fills", 1), bool(more.get("maker", 0))
    columns.add_agg(id, scaled(price), scaled(quantity), id * 10, id * 10 + fills - 1, time, maker, True, at)


def void(columns: Columns, id: int, at: int) -> None:
    columns.add_agg(id, 0, 0, -1, -1, at, False, True, at)


def tape(columns: Columns, **kinds: object) -> Tape:
    return Tape("BTCUSDT", AggTrades(columns.settled()), Trades(Columns()), **kinds)  # type: ignore[arg-type]


def update(first: int, last: int, at: int, bids: tuple = (), asks: tuple = ()) -> DepthUpdate:  # type: ignore[type-arg]
    return DepthUpdate(first, last, at, bids, asks, at)


@pytest.fixture
def trades() -> Columns:
    columns = Columns()
    for id, seconds in ((1, 0), (2, 1), (3, 1), (4, 5), (7, 9)):
        agg(columns, id, BASE + seconds * SECOND, str(10 + id))
    return columns


def test_a_candle_sums_exactly_and_counts_fills() -> None:
    columns = Columns()
    agg(columns, 1, BASE, "10.00000001", "0.3", fills=3)
    agg(columns, 2, BASE + SECOND, "9", "0.1", maker=1)
    (candle,) = tape(columns).happened(BASE + 2 * SECOND).candles("1m")
    assert ("10.00000001", "10.00000001", "9.00000000", "9.00000000") == (
        candle.open,
        candle.high,
        candle.low,
        candle.close,
    )
    assert ("0.40000000", "3.90000000", "0.30000000", "3.00000000") == (
        candle.volume,
        candle.quote_volume,
        candle.taker_volume,
        candle.taker_quote_volume,
    )
    assert (4, 10, 20, BASE, BASE + MINUTE - 1) == (
        candle.count,
        candle.first,
        candle.last,
        candle.open_time,
        candle.close_time,
    )


def test_an_empty_interval_inside_the_recording_is_flat() -> None:
    columns = Columns()
    agg(columns, 1, BASE, "10")
    agg(columns, 2, BASE + 2 * MINUTE, "11")
    flat = tape(columns).happened(BASE + 2 * MINUTE).candles("1m")[1]
    assert ("10.00000000", "10.00000000", "10.00000000", "10.00000000") == (flat.open, flat.high, flat.low, flat.close)
    assert ("0.00000000", 0, -1, -1) == (flat.volume, flat.count, flat.first, flat.last)


def test_a_flat_candle_that_opens_the_answer_knows_the_close_before_it() -> None:
    columns = Columns()
    agg(columns, 1, BASE, "10")
    agg(columns, 2, BASE + 2 * MINUTE, "11")
    (flat,) = tape(columns).happened(BASE + 2 * MINUTE).candles("1m", BASE + MINUTE, BASE + MINUTE)
    assert ("10.00000000", 0) == (flat.open, flat.count)


def test_nothing_stands_before_the_first_trade(trades: Columns) -> None:
    whole = tape(trades, updates=[update(1, 1, BASE - HOUR)])
    assert [] == whole.happened(BASE - 1).candles("1m")
    assert [BASE] == [candle.open_time for candle in whole.happened(BASE).candles("1m", BASE - HOUR)]


def test_nothing_stands_after_the_recording(trades: Columns) -> None:
    assert 1 == len(tape(trades).happened(BASE + DAY).candles("1m"))


def test_voided_aggregates_count_in_no_candle_and_no_statistic() -> None:
    columns = Columns()
    void(columns, 1, BASE)
    agg(columns, 2, BASE + 1, "10")
    void(columns, 3, BASE + 2)
    seen = tape(columns).happened(BASE + 2)
    (candle,) = seen.candles("1m")
    assert ("10.00000000", "10.00000000", 1) == (candle.low, candle.close, candle.count)
    assert (1, "10.00000000", 3) == (seen.stats_24h().count, seen.stats_24h().last_price, len(seen.agg_trades))


def test_a_trade_that_straggles_falls_into_the_candle_of_its_own_time() -> None:
    columns = Columns()
    agg(columns, 1, BASE, "10")
    agg(columns, 2, BASE + MINUTE, "11")
    agg(columns, 3, BASE + MINUTE + 1, "12", time=BASE + 1)
    first, second = tape(columns).happened(BASE + 2 * MINUTE).candles("1m")
    assert (("12.00000000", 2), ("11.00000000", 1)) == ((first.close, first.count), (second.close, second.count))


def test_limits_take_the_oldest_from_a_start_and_the_newest_without() -> None:
    columns = Columns()
    for minute in range(5):
        agg(columns, minute + 1, BASE + minute * MINUTE)
    seen = tape(columns).happened(BASE + DAY)
    oldest, newest = seen.candles("1m", BASE + 1, None, 2), seen.candles("1m", None, BASE + 4 * MINUTE - 1, 2)
    assert [1, 2] == [(candle.open_time - BASE) // MINUTE for candle in oldest]
    assert [2, 3] == [(candle.open_time - BASE) // MINUTE for candle in newest]


def test_weeks_open_on_monday_and_months_on_the_first() -> None:
    thursday = 1_704_326_400_000_000  # 2024-01-04
    assert (1_704_067_200_000_000, 1_704_067_200_000_000) == (open_time(thursday, "1w"), open_time(thursday, "1M"))


def test_a_month_ends_where_the_next_begins() -> None:
    february = 1_706_745_600_000_000  # 2024-02-01
    assert 29 * DAY == next_open(february, "1M") - february


def test_a_time_zone_shifts_the_boundaries() -> None:
    day = open_time(BASE, "1d", 8 * HOUR)
    assert (16 * HOUR, True) == (day % DAY, day <= BASE < day + DAY)


def test_an_unknown_interval_is_a_key_error(trades: Columns) -> None:
    with pytest.raises(KeyError):
        tape(trades).happened(BASE + DAY).candles("7m")


@given(st.integers(BASE - 400 * DAY, BASE + 400 * DAY), st.sampled_from(INTERVALS), st.integers(-12 * 60, 14 * 60))
def test_every_instant_lies_in_exactly_its_interval(time: int, interval: str, minutes: int) -> None:
    tz = minutes * MINUTE
    opened = open_time(time, interval, tz)
    assert opened <= time < next_open(opened, interval, tz)
    assert opened == open_time(opened, interval, tz) == open_time(next_open(opened, interval, tz) - 1, interval, tz)


TRADE = st.tuples(st.integers(-3, 4), st.integers(0, 5), st.integers(1, 9), st.booleans())


@settings(max_examples=60)
@given(st.lists(TRADE, min_size=1, max_size=40), st.integers(1, 20), st.data())
def test_sums_over_blocks_equal_a_walk_over_all_trades(
    rows: list[tuple[int, int, int, bool]], repeat: int, data: st.DataObject
) -> None:
    columns, now = Columns(), 100
    for id, (step, price, quantity, maker) in enumerate(rows * repeat, 1):
        now = max(0, now + step)
        if price == 0:
            void(columns, id, now)
        else:
            agg(columns, id, now, str(price), str(quantity), maker=maker)
    columns = columns.settled()
    trades = AggTrades(columns)
    low, count = data.draw(st.integers(0, 120)), data.draw(st.integers(0, len(trades)))
    high = low + data.draw(st.integers(0, 60))
    chosen = [trade for trade in trades[:count] if low <= trade.time < high and not trade.voided]
    total = TradeSums(trades).between(low, high, count)
    assert bool(chosen) == (total is not None)
    if total is not None:
        assert (chosen[0].price, chosen[-1].price) == (text(total.open), text(total.close))
        assert sum(Decimal(trade.quantity) for trade in chosen) == Decimal(text(total.volume))
        assert max(Decimal(trade.price) for trade in chosen) == Decimal(text(total.high))
        assert min(Decimal(trade.price) for trade in chosen) == Decimal(text(total.low))
        assert (chosen[0].first, chosen[-1].last, len(chosen)) == (total.first, total.last, total.count)
    before = [trade for trade in trades[:count] if trade.time < low and not trade.voided]
    assert (before[-1].price if before else text(0)) == text(TradeSums(trades).price_before(low, count))


def test_all_fixed_intervals_nest_in_a_day_or_are_whole_days() -> None:
    assert [] == [name for name, length in FIXED.items() if DAY % length and length % DAY]


def test_the_24h_ticker_leaves_out_what_is_older_and_knows_the_close_before() -> None:
    columns = Columns()
    agg(columns, 1, BASE, "8")
    agg(columns, 2, BASE + 1, "10", "2")
    agg(columns, 3, BASE + 2, "11", "1")
    stats = tape(columns).happened(BASE + DAY).stats_24h()
    assert ("8.00000000", "10.00000000", "11.00000000", 2) == (
        stats.previous_close,
        stats.open,
        stats.last_price,
        stats.count,
    )
    assert ("1.00000000", "10.000", "10.33333333") == (stats.change, stats.change_percent, stats.weighted_average)


def test_a_falling_price_has_a_negative_change() -> None:
    columns = Columns()
    agg(columns, 1, BASE, "3")
    agg(columns, 2, BASE + 1, "2")
    stats = tape(columns).happened(BASE + 1).stats_24h()
    assert ("-1.00000000", "-33.333") == (stats.change, stats.change_percent)


def test_statistics_before_the_first_trade_are_zero(trades: Columns) -> None:
    stats = tape(trades).happened(BASE - 1).stats_24h()
    assert ("0.00000000", "0.000", -1, 0) == (stats.last_price, stats.change_percent, stats.first, stats.count)


def test_the_average_price_weighs_five_minutes_by_volume() -> None:
    columns = Columns()
    agg(columns, 1, BASE, "100", "50")
    agg(columns, 2, BASE + 5 * MINUTE, "10", "1")
    agg(columns, 3, BASE + 5 * MINUTE + 1, "20", "3")
    assert ("17.50000000", BASE + 5 * MINUTE + 1) == tape(columns).happened(BASE + 6 * MINUTE).average_price()


def test_the_average_price_of_a_quiet_spell_is_the_last_price(trades: Columns) -> None:
    assert ("17.00000000", BASE + 9 * SECOND) == tape(trades).happened(BASE + HOUR).average_price()


def test_there_is_no_average_price_before_the_first_trade(trades: Columns) -> None:
    assert None is tape(trades).happened(BASE - 1).average_price()


def test_three_day_bars_open_where_the_exchange_opens_them() -> None:
    day = 86_400_000_000
    opened = 17395 * day  # 2017-08-17
    assert [opened, opened, opened + 3 * day] == [open_time(opened + n * day, "3d") for n in (0, 2, 3)]
