"""Candles against the exchange's own klines, and against a slow reference that is plainly right."""

from __future__ import annotations

import csv
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bc_trades import to_table
from bc_trades.ohlcv import SCHEMA, OhlcvParams, to_candles
from bc_trades.timeframes import TIMEFRAMES
from bcore.instants import MINUTE

Record = dict[str, Any]
HOUR_DATA = Path(__file__).parents[4] / "shared" / "data" / "deep_orderbook_20201101_09h"
START = 1_700_000_000_000_000 // MINUTE * MINUTE


def recorded(symbol: str) -> pa.Table:
    path = HOUR_DATA / symbol / "2020-11-01T09-00-00_trades.json"
    if not path.exists():
        pytest.skip(f"the recording {path.name} of {symbol} is not here")
    events = json.loads(path.read_bytes())
    parsed = to_table([json.dumps(event).encode() for event in events], symbol)
    assert () == parsed.rejected
    return parsed.table


def kline(symbol: str) -> dict[str, str]:
    with (HOUR_DATA / f"klines_1h_{symbol}.csv").open() as file:
        return next(csv.DictReader(file))


def candle(records: list[Record], timeframe: str = "1m") -> list[Record]:
    table = to_table([json.dumps(record).encode() for record in records], "BTCUSDT").table
    assert len(records) == table.num_rows
    made = to_candles(table, OhlcvParams(timeframe))
    assert SCHEMA == made.schema
    return list(made.to_pylist())


def row(number: int, seconds: float, price: str = "10.0", quantity: str = "1.0", **changes: Any) -> Record:
    """An aggregate of one trade at so many seconds after START, a whole minute."""
    time = START + int(seconds * 1_000_000)
    return {"a": number, "p": price, "q": quantity, "f": number, "l": number, "T": time, "m": False, **changes}


def void(number: int, seconds: float) -> Record:
    return row(number, seconds, "0", "0", f=-1, l=-1)


def test_an_hour_of_btcusdt_equals_the_exchanges_kline_to_the_last_digit() -> None:
    (made,) = to_candles(recorded("BTCUSDT"), OhlcvParams("1h")).to_pylist()
    theirs = kline("BTCUSDT")
    assert "2020-11-01T09:00:00+00:00" == made["timestamp"].isoformat()
    for mine, name in [("open", "open"), ("high", "high"), ("low", "low"), ("close", "close")]:
        assert theirs[name] == f"{made[mine]:.8f}"
    assert theirs["Volume BTC"] == f"{made['volume']:.8f}"
    assert theirs["Volume USDT"] == f"{made['quote_volume']:.8f}"
    assert theirs["tradecount"] == str(made["trade_count"])


def test_an_hour_that_was_captured_late_is_not_passed_off_as_complete() -> None:
    first, _ = to_candles(recorded("ETHUSDT"), OhlcvParams("1h")).to_pylist()
    assert ("5471", 5468, False) == (kline("ETHUSDT")["tradecount"], first["trade_count"], first["complete"])


def test_inner_minutes_of_an_unbroken_hour_are_complete_and_add_up_to_it() -> None:
    table = recorded("BTCUSDT")
    minutes = to_candles(table, OhlcvParams("1m")).to_pylist()
    (hour,) = to_candles(table, OhlcvParams("1h")).to_pylist()
    assert [False, *[True] * 58, False] == [each["complete"] for each in minutes]
    for name in ("volume", "quote_volume", "taker_buy_volume", "taker_buy_quote_volume"):
        assert f"{hour[name]:.8f}" == f"{sum(Decimal(f'{each[name]:.8f}') for each in minutes):.8f}"


def test_a_bar_is_what_traded_in_it() -> None:
    records = [
        row(0, 1, "10.5", "2", m=True),
        row(1, 59.999999, "9.5", "1", f=1, l=3),
        row(2, 60, "11", "0.5", f=4, l=4),
    ]
    one, two = candle(records)
    assert {
        "symbol": "BTCUSDT",
        "open": 10.5,
        "high": 10.5,
        "low": 9.5,
        "close": 9.5,
        "volume": 3.0,
        "quote_volume": 30.5,
        "trade_count": 4,
        "taker_buy_volume": 1.0,
        "taker_buy_quote_volume": 9.5,
        "complete": True,
    } == {name: value for name, value in one.items() if name != "timestamp"}
    assert (11.0, 1) == (two["open"], two["trade_count"])


def test_a_bar_in_which_nothing_traded_is_no_row() -> None:
    assert [0, 5] == [(each["timestamp"].minute - 13) % 60 for each in candle([row(0, 0), row(1, 300)])]


def test_no_trades_make_no_candles() -> None:
    assert [] == candle([])


def test_times_that_run_backwards_put_rows_into_the_bar_of_their_own_time() -> None:
    records = [row(0, 10, "1"), row(1, 61, "2"), row(2, 59, "3"), row(3, 62, "4"), row(4, 130, "5")]
    one, two, _ = candle(records)
    assert (1.0, 3.0, 2.0) == (one["open"], one["close"], one["volume"])
    assert (2.0, 4.0, 2.0) == (two["open"], two["close"], two["volume"])
    assert [True, True] == [one["complete"], two["complete"]]


def test_voided_aggregates_count_for_nothing_but_their_id() -> None:
    records = [row(0, 1, f=0, l=1), void(1, 2), row(2, 3, f=2, l=2), row(3, 61, f=3, l=3)]
    one, _ = candle(records)
    assert (10.0, 2.0, 3, True) == (one["low"], one["volume"], one["trade_count"], one["complete"])


def test_a_bar_of_voided_aggregates_alone_is_no_row() -> None:
    made = candle([row(0, 1), void(1, 61), row(2, 121)])
    assert 2 == len(made)


@pytest.mark.parametrize(
    ("records", "complete"),
    [
        ([row(0, 1), row(1, 61), row(2, 121)], [True, True, False]),
        ([row(1, 1), row(2, 61), row(3, 121)], [False, True, False]),
        ([row(0, 1), row(2, 61), row(3, 121)], [False, False, False]),
        ([row(0, 1), row(1, 61), row(3, 121), row(4, 181), row(5, 241)], [True, False, False, True, False]),
        ([row(0, 1), row(1, 2), row(3, 3), row(4, 61), row(5, 121)], [False, True, False]),
        ([row(0, 1), row(1, 61, f=2, l=2), row(2, 121, f=3, l=3), row(3, 181, f=4, l=4)], [False, False, True, False]),
        ([row(0, 1), void(2, 61), row(3, 62), row(4, 121)], [False, False, False]),
        ([row(0, 1), void(1, 2), row(2, 61), row(3, 121)], [True, True, False]),
    ],
    ids=["whole", "late start", "lost id", "lost id later", "lost within", "lost trade", "lost by void", "void joins"],
)
def test_a_bar_is_complete_where_every_neighbour_is_there(records: list[Record], complete: list[bool]) -> None:
    assert complete == [each["complete"] for each in candle(records)]


def reference(records: list[Record], timeframe: str) -> list[dict[str, float]]:
    """Plain Python over decimals, bar by bar, with 8 decimals as the exchange prints them, then as floats."""
    bars: dict[int, list[Record]] = {}
    for each in records:
        if each["f"] >= 0:
            bars.setdefault(TIMEFRAMES[timeframe].floor(each["T"]), []).append(each)
    return [_bar(opened, rows) for opened, rows in sorted(bars.items())]


def _bar(opened: int, rows: list[Record]) -> dict[str, float]:
    prices, bought = [Decimal(each["p"]) for each in rows], [each for each in rows if not each["m"]]
    return {
        "timestamp": opened / 1_000_000,
        "open": float(prices[0]),
        "high": float(max(prices)),
        "low": float(min(prices)),
        "close": float(prices[-1]),
        "volume": _sum(Decimal(each["q"]) for each in rows),
        "quote_volume": _sum(Decimal(each["p"]) * Decimal(each["q"]) for each in rows),
        "trade_count": sum(each["l"] - each["f"] + 1 for each in rows),
        "taker_buy_volume": _sum(Decimal(each["q"]) for each in bought),
        "taker_buy_quote_volume": _sum(Decimal(each["p"]) * Decimal(each["q"]) for each in bought),
    }


def _sum(values: Any) -> float:
    return float(f"{sum(values, Decimal()):.8f}")


@st.composite
def histories(draw: st.DrawFn) -> list[Record]:
    """Unbroken ids with wandering times, prices of 4 and quantities of 4 decimals, some voided."""
    records: list[Record] = []
    trade, seconds = 0, 0.0
    for number in range(draw(st.integers(0, 40))):
        seconds = max(seconds + draw(st.sampled_from([0, 0.5, 7, 40, -20, 3600])), 0.0)
        if draw(st.integers(0, 9)) == 0:
            records.append(void(number, seconds))
            continue
        price, quantity = (f"{draw(st.integers(1, 10**9)) / 10**4:.4f}" for _ in range(2))
        last = trade + draw(st.integers(0, 3))
        records.append(row(number, seconds, price, quantity, f=trade, l=last, m=draw(st.booleans())))
        trade = last + 1
    return records


@settings(deadline=None)
@given(histories(), st.sampled_from(["1s", "1m", "15m", "1h", "1M"]))
def test_candles_equal_the_slow_reference(records: list[Record], timeframe: str) -> None:
    made = candle(records, timeframe)
    for each in made:
        each["timestamp"] = each["timestamp"].timestamp()
    names = [name for name in SCHEMA.names if name not in ("symbol", "complete")]
    assert reference(records, timeframe) == [{name: each[name] for name in names} for each in made]
