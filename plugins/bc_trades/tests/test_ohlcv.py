"""The view: how many trades it reads, and that a candle does not depend on where the query begins."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from attrs import define, field
from hypothesis import given, settings
from hypothesis import strategies as st

from bc_trades import TRADES, to_table
from bc_trades.ohlcv import OHLCV, OhlcvParams, needs
from bcore.errors import RequestError
from bcore.instants import DAY, HOUR, MINUTE, parse_instant
from bcore.local import StoreReader
from bcore.memory import MemoryStore
from bcore.query import Query, Request, clip
from bcore.records import Batch

Record = dict[str, Any]
Trade = Callable[..., Record]
START = parse_instant("2023-11-14T22:00:00")


def query(**bounds: Any) -> Query:
    return Query(TRADES, "BTCUSDT", **bounds)


def needed(timeframe: str, **bounds: Any) -> tuple[int | None, int | None]:
    need = needs(query(**bounds), OhlcvParams(timeframe))
    assert (None, None, 0) == (need.limit, need.tail, need.offset)
    return need.start, need.end


def test_a_window_is_widened_to_whole_bars() -> None:
    assert (START, START + 2 * HOUR) == needed("1h", start=START + 1, end=START + HOUR + 1)
    assert (START, START + HOUR) == needed("1h", start=START, end=START + HOUR)


def test_an_open_window_stays_open() -> None:
    assert (None, None) == needed("1h")


def test_the_newest_bars_need_no_more_than_themselves() -> None:
    assert (START - 23 * HOUR, START + HOUR) == needed("1h", tail=24, end=START + 5 * MINUTE)
    assert (START - 26 * HOUR, START + HOUR) == needed("1h", tail=24, offset=3, end=START + 5 * MINUTE)


def test_the_newest_bars_after_a_start_need_nothing_before_it() -> None:
    assert (START - 2 * HOUR, START + HOUR) == needed("1h", tail=24, start=START - 2 * HOUR, end=START + 1)


def test_the_oldest_bars_need_nothing_far_after_them() -> None:
    assert (START, START + 6 * HOUR) == needed("1h", start=START, limit=5)
    assert (START, START + 2 * HOUR) == needed("1h", start=START, limit=5, end=START + 2 * HOUR)


def test_months_are_counted_in_months() -> None:
    start, end = (parse_instant(day) for day in ("2023-09-01", "2023-12-01"))
    assert (start, end) == needed("1M", tail=3, end=parse_instant("2023-11-14"))


@pytest.mark.parametrize("timeframe", ["1s", "1w", "1M"])
def test_more_bars_than_time_has_need_everything(timeframe: str) -> None:
    assert None is needed(timeframe, tail=10**15, end=START)[0]
    assert None is needed(timeframe, start=START, limit=10**15)[1]


@define
class Counting(MemoryStore):
    """Counts the rows that are read."""

    rows: int = field(default=0, init=False)

    def read(self, query: Query) -> pa.Table:
        table = super().read(query)
        self.rows += table.num_rows
        return table


def stored(records: list[Record]) -> Counting:
    store = Counting()
    table = to_table([json.dumps(record).encode() for record in records], "BTCUSDT").table
    store.append(Batch(TRADES, "BTCUSDT", table))
    return store


def read(store: MemoryStore, timeframe: str = "1m", **bounds: Any) -> list[Record]:
    reader = StoreReader((store,), (TRADES,), (OHLCV,))
    table = reader.read(Request("ohlcv", "BTCUSDT", params={"timeframe": timeframe}, **bounds))
    assert OHLCV.schema == table.schema
    return list(table.to_pylist())


def test_a_day_of_hours_reads_about_a_day(trade: Trade) -> None:
    store = stored([trade(number, T=START + number * 10 * MINUTE) for number in range(6 * 24 * 30)])
    assert 24 == len(read(store, "1h", limit=24))
    assert 6 * 24 <= store.rows <= 6 * 25 + 2


def test_the_newest_bars_are_found_across_a_long_silence(trade: Trade) -> None:
    times = [START, START + MINUTE, START + 400 * DAY, START + 800 * DAY]
    store = stored([trade(number, T=time) for number, time in enumerate(times)])
    made = read(store, limit=3)
    assert times[1:] == [int(each["timestamp"].timestamp()) * 1_000_000 for each in made]


def test_asking_for_more_bars_than_there_are_ends(trade: Trade) -> None:
    store = stored([trade(number, T=START + number * MINUTE) for number in range(5)])
    assert 5 == len(read(store, limit=1000))
    assert 3 == len(read(store, start=START + 2 * MINUTE, limit=1000))
    assert 2 == len(read(store, start=START + 1 * MINUTE, end=START + 3 * MINUTE, limit=1000))
    assert 2 == len(read(store, start=START + MINUTE + 1, end=START + 3 * MINUTE + 1, tail=1000))


def test_the_bars_of_a_window_are_those_that_open_in_it(trade: Trade) -> None:
    store = stored([trade(number, T=START + number * 20_000_000) for number in range(30)])
    made = read(store, start=START + 30_000_000, end=START + 3 * MINUTE)
    assert [1, 2] == [each["timestamp"].minute for each in made]
    assert [3, 3] == [each["trade_count"] for each in made]


def test_an_unknown_timeframe_is_told_with_the_known_ones(trade: Trade) -> None:
    with pytest.raises(RequestError, match="timeframe must be one of 1s, 1m"):
        read(stored([trade(0)]), "7m")


@st.composite
def archives(draw: st.DrawFn) -> list[Record]:
    """Ids with holes, times that wander back and forth over some minutes."""
    number, seconds, records = draw(st.sampled_from([0, 3])), 600, []
    for _ in range(draw(st.integers(1, 30))):
        seconds = max(seconds + draw(st.sampled_from([0, 1, 20, 61, -30, -90, 300])), 0)
        time = START + seconds * 1_000_000
        record = {"a": number, "p": "2.5", "q": "1", "f": number, "l": number, "T": time, "m": True}
        records.append(record)
        number += draw(st.sampled_from([1, 1, 1, 1, 2]))
    return records


@settings(deadline=None)
@given(archives(), st.integers(0, 40), st.integers(0, 40), st.sampled_from(["1m", "5m"]))
def test_a_window_gives_what_everything_gives_cut_to_it(
    records: list[Record], begin: int, length: int, timeframe: str
) -> None:
    store = stored(records)
    everything = OHLCV.apply(store.read(query()), OhlcvParams(timeframe))
    start = START + begin * 30_000_000
    end = start + length * 30_000_000
    assert clip(everything, "timestamp", start, end).to_pylist() == read(store, timeframe, start=start, end=end)
    assert everything.to_pylist() == read(store, timeframe)
    for count in (1, 3):
        assert everything.to_pylist()[-count:] == read(store, timeframe, limit=count)
        assert clip(everything, "timestamp", start, end).to_pylist()[:count] == read(
            store, timeframe, start=start, end=end, limit=count
        )
