"""Bars against a slow reference over Decimals that is plainly right, and the window law through a real reader."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal, localcontext
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from attrs import define, field
from hypothesis import given, settings
from hypothesis import strategies as st

from bc_trades import TRADES, to_table
from bc_trades.bar_views import DOLLAR_BARS, IMBALANCE_BARS, SCHEMA, TICK_BARS, VOLUME_BARS
from bc_trades.ohlcv import OHLCV
from bcore import deriving
from bcore.errors import RequestError
from bcore.instants import DAY, HOUR, parse_instant
from bcore.local import StoreReader
from bcore.memory import MemoryStore
from bcore.query import Query, Request, clip
from bcore.records import Batch, Derivation

Record = dict[str, Any]
HOUR_DATA = Path(__file__).parents[4] / "shared" / "data" / "deep_orderbook_20201101_09h"
MIDNIGHT = parse_instant("2023-11-15")
BARS = (TICK_BARS, VOLUME_BARS, DOLLAR_BARS, IMBALANCE_BARS)
VIEWS = st.sampled_from(BARS)
SIZES = st.sampled_from([1, 2, 5, 12, 10**9])
UNIT = Decimal("0.00000001")


def number(value: float) -> Decimal:
    return Decimal(repr(value))


def signed(row: Record) -> Decimal:
    return number(row["quantity"]) * (-1 if row["is_buyer_maker"] else 1)


AMOUNTS: dict[str, Callable[[Record], Decimal]] = {
    "tick_bars": lambda row: Decimal(row["last_trade_id"] - row["first_trade_id"] + 1),
    "volume_bars": lambda row: number(row["quantity"]),
    "dollar_bars": lambda row: number(row["price"]) * number(row["quantity"]),
    "imbalance_bars": signed,
}


def voided(row: Record) -> bool:
    return bool(row["price"] == row["quantity"] == 0 and row["first_trade_id"] == -1)


def follows(one: Record | None, other: Record) -> bool:
    """Whether no trade is missing between."""
    if one is None:
        return bool(other["agg_trade_id"] == 0)
    if one["agg_trade_id"] + 1 != other["agg_trade_id"]:
        return False
    return voided(one) or voided(other) or bool(one["last_trade_id"] + 1 == other["first_trade_id"])


def day_of(row: Record) -> int:
    return int(row["timestamp"].timestamp() // 86_400)


def reference(rows: list[Record], view: str, size: float) -> list[Record]:
    """The bars of all rows there are, in order of id."""
    made = []
    with localcontext(prec=80):
        for day in sorted({day_of(row) for row in rows}):
            made += reference_day(rows, [at for at, row in enumerate(rows) if day_of(row) == day], view, size)
    return sorted(made, key=lambda bar: bar["timestamp"])


def reference_day(rows: list[Record], places: list[int], view: str, size: float) -> list[Record]:
    made, bar, held = [], [], Decimal(0)
    for place in places:
        if voided(rows[place]):
            continue
        bar.append(place)
        held += AMOUNTS[view](rows[place])
        if abs(held) >= number(size):
            made.append(reference_bar(rows, bar, places[0], bar[-1]))
            bar, held = [], Decimal(0)
    if bar:
        made.append(reference_bar(rows, bar, places[0], places[-1] + 1))
    return made


def reference_bar(rows: list[Record], places: list[int], begin: int, end: int) -> Record:
    """`complete` if each of the places from `begin` to `end` follows the one before it."""
    bar = [rows[place] for place in places]
    complete = end < len(rows) and all(
        follows(rows[place - 1] if place else None, rows[place]) for place in range(begin, end + 1)
    )
    bought = [row for row in bar if not row["is_buyer_maker"]]
    volume, quote = (sum(map(AMOUNTS[each], bar), Decimal(0)) for each in ("volume_bars", "dollar_bars"))
    return {
        "timestamp": bar[0]["timestamp"],
        "symbol": "BTCUSDT",
        "close_time": bar[-1]["timestamp"],
        "first_agg_trade_id": bar[0]["agg_trade_id"],
        "last_agg_trade_id": bar[-1]["agg_trade_id"],
        "open": bar[0]["price"],
        "high": max(row["price"] for row in bar),
        "low": min(row["price"] for row in bar),
        "close": bar[-1]["price"],
        "volume": cut(volume),
        "quote_volume": cut(quote),
        "trade_count": int(sum(map(AMOUNTS["tick_bars"], bar))),
        "taker_buy_volume": cut(sum(map(AMOUNTS["volume_bars"], bought), Decimal(0))),
        "taker_buy_quote_volume": cut(sum(map(AMOUNTS["dollar_bars"], bought), Decimal(0))),
        "vwap": float(Fraction(quote) / Fraction(volume)) if volume else None,
        "complete": complete,
    }


def cut(total: Decimal) -> float:
    return float(total // UNIT * UNIT)


@st.composite
def archives(draw: st.DrawFn) -> pa.Table:
    """Some days, ids and trade ids with holes, times that wander also over midnight, voided rows, long numbers."""
    count = draw(st.integers(1, 60))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    ids = np.cumsum(random.choice([1] * draw(st.sampled_from([4, 40])) + [2], count)) - draw(st.sampled_from([0, 1]))
    last = np.cumsum(random.integers(1, 4, count) + (random.random(count) < draw(st.sampled_from([0, 0.05]))))
    first = last - np.diff(last, prepend=0) + 1
    hours = np.cumsum(random.choice([0, 0.5, 3, 30], count, p=[0.3, 0.4, 0.25, 0.05])) - draw(st.integers(0, 30))
    hours += random.choice([0, 0, 0, -4, 2], count) * draw(st.sampled_from([0, 1]))
    price = random.integers(1, 10 ** draw(st.sampled_from([1, 9])), count) / 10.0 ** draw(st.integers(0, 8))
    quantity = random.integers(1, 10 ** draw(st.sampled_from([1, 3, 12])), count) / 10.0 ** draw(st.integers(0, 10))
    empty = random.random(count) < draw(st.sampled_from([0, 0.2, 1]))
    price[empty], quantity[empty], first[empty], last[empty] = 0, 0, -1, -1
    maker, best = random.random(count) < 0.5, np.ones(count, bool)
    times = MIDNIGHT + (hours * HOUR).astype(np.int64)
    columns = [ids, times, ["BTCUSDT"] * count, price, quantity, first, last, maker, best]
    return pa.table(
        [pa.array(each, kind.type) for each, kind in zip(columns, TRADES.schema, strict=True)], TRADES.schema
    )


@define
class Counting(MemoryStore):
    """Counts the rows that are read."""

    rows: int = field(default=0, init=False)

    def read(self, query: Query) -> pa.Table:
        table = super().read(query)
        self.rows += table.num_rows
        return table


def stored(table: pa.Table) -> Counting:
    store = Counting()
    store.append(Batch(TRADES, "BTCUSDT", table))
    return store


def read(store: MemoryStore, view: Derivation, size: float, **more: Any) -> list[Record]:
    reader = StoreReader((store,), (TRADES,), (*BARS, OHLCV))
    table = reader.read(Request(view.name, "BTCUSDT", params={"size": size}, **more))
    assert SCHEMA == table.schema
    return list(table.to_pylist())


def made(table: pa.Table, view: Derivation, size: float) -> pa.Table:
    return view.apply(table, view.params(size))


@settings(deadline=None, max_examples=200)
@given(archives(), VIEWS, SIZES)
def test_bars_are_what_decimals_make_of_them(table: pa.Table, view: Derivation, size: int) -> None:
    assert reference(table.to_pylist(), view.name, size) == made(table, view, size).to_pylist()


@settings(deadline=None)
@given(archives(), VIEWS, SIZES, st.integers(-60, 100), st.integers(0, 60))
def test_a_window_gives_what_everything_gives_cut_to_it(
    table: pa.Table, view: Derivation, size: int, begin: int, hours: int
) -> None:
    everything, store = made(table, view, size), stored(table)
    start, end = MIDNIGHT + begin * HOUR, MIDNIGHT + (begin + hours) * HOUR
    window = clip(everything, "timestamp", start, end).to_pylist()
    assert window == read(store, view, size, start=start, end=end)
    assert everything.to_pylist() == read(store, view, size)
    assert clip(everything, "timestamp", start, None).to_pylist() == read(store, view, size, start=start)
    assert clip(everything, "timestamp", None, end).to_pylist() == read(store, view, size, end=end)
    for count in (1, 4):
        assert everything.to_pylist()[-count:] == read(store, view, size, limit=count)
        assert everything.to_pylist()[:-1][-count:] == read(store, view, size, limit=count, offset=1)
        assert window[:count] == read(store, view, size, start=start, end=end, limit=count)
        assert window[-count:] == read(store, view, size, start=start, end=end, tail=count)


@settings(deadline=None)
@given(archives(), VIEWS, SIZES, st.integers(1, 20))
def test_a_scan_in_windows_brings_what_is_read_at_once(table: pa.Table, view: Derivation, size: int, rows: int) -> None:
    reader = StoreReader((stored(table),), (TRADES,), BARS)
    request = Request(view.name, "BTCUSDT", params={"size": size})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deriving, "WINDOW_ROWS", rows)
        assert reader.read(request).to_pylist() == reader.scan(request).read_all().to_pylist()


@settings(deadline=None)
@given(archives(), VIEWS, SIZES)
def test_every_trade_is_in_one_bar_only(table: pa.Table, view: Derivation, size: int) -> None:
    rows = [row for row in table.to_pylist() if not voided(row)]
    bars = made(table, view, size)
    assert sum(AMOUNTS["tick_bars"](row) for row in rows) == sum(bars.column("trade_count").to_pylist())


def trade(number: int, time: int, price: str = "10", quantity: str = "1", **changes: Any) -> Record:
    return {"a": number, "p": price, "q": quantity, "f": number, "l": number, "T": time, "m": False, **changes}


def table_of(*records: Record) -> pa.Table:
    return to_table([json.dumps(record).encode() for record in records], "BTCUSDT").table


def test_a_bar_is_what_traded_in_it() -> None:
    table = table_of(
        trade(0, MIDNIGHT + 5, "10.5", "2"),
        trade(1, MIDNIGHT + 6, "9.5", "1", m=True, l=3),
        trade(2, MIDNIGHT + 7, "11", "4", f=4, l=4),
    )
    one, two = made(table, VOLUME_BARS, 3.0).to_pylist()
    assert {
        "symbol": "BTCUSDT",
        "first_agg_trade_id": 0,
        "last_agg_trade_id": 1,
        "open": 10.5,
        "high": 10.5,
        "low": 9.5,
        "close": 9.5,
        "volume": 3.0,
        "quote_volume": 30.5,
        "trade_count": 4,
        "taker_buy_volume": 2.0,
        "taker_buy_quote_volume": 21.0,
        "vwap": 30.5 / 3,
        "complete": True,
    } == {name: value for name, value in one.items() if "time" not in name}
    assert (5, 6) == (one["timestamp"].microsecond, one["close_time"].microsecond)
    assert (2, 2, 11.0, 1, True) == tuple(
        two[name] for name in ("first_agg_trade_id", "last_agg_trade_id", "vwap", "trade_count", "complete")
    )


@pytest.mark.parametrize("view", BARS, ids=lambda view: view.name)
def test_midnight_ends_every_bar(view: Derivation) -> None:
    table = table_of(*(trade(number, MIDNIGHT + number * HOUR) for number in range(50)))
    bars = made(table, view, 10**9).to_pylist()
    assert [(0, 23), (24, 47), (48, 49)] == [(each["first_agg_trade_id"], each["last_agg_trade_id"]) for each in bars]
    assert [True, True, False] == [each["complete"] for each in bars]


@pytest.mark.parametrize("view", BARS, ids=lambda view: view.name)
def test_a_single_trade_makes_a_bar(view: Derivation) -> None:
    for size, complete in ((1, True), (1000, False)):
        (bar,) = made(table_of(trade(0, MIDNIGHT)), view, size).to_pylist()
        assert (10.0, 10.0, 10.0, 1, complete) == tuple(
            bar[name] for name in ("open", "close", "vwap", "trade_count", "complete")
        )


@pytest.mark.parametrize("view", BARS, ids=lambda view: view.name)
def test_no_trades_make_no_bars(view: Derivation) -> None:
    void = trade(0, MIDNIGHT, "0", "0", f=-1, l=-1)
    for table in (TRADES.schema.empty_table(), table_of(void)):
        bars = made(table, view, 5)
        assert (0, SCHEMA) == (bars.num_rows, bars.schema)


def test_imbalance_bars_end_on_either_side() -> None:
    sides = [True, False, True, True, False, False, False]
    table = table_of(*(trade(number, MIDNIGHT + number, m=sold) for number, sold in enumerate(sides)))
    bars = made(table, IMBALANCE_BARS, 2.0).to_pylist()
    assert [(0, 3), (4, 5), (6, 6)] == [(each["first_agg_trade_id"], each["last_agg_trade_id"]) for each in bars]


def test_after_a_hole_no_bar_is_complete_until_midnight() -> None:
    numbers = [*range(10), *range(11, 60)]
    table = table_of(*(trade(number, MIDNIGHT + number * HOUR) for number in numbers))
    complete = {each["first_agg_trade_id"]: each["complete"] for each in made(table, TICK_BARS, 5).to_pylist()}
    assert {0: True, 5: True, 11: False, 16: False, 21: False} == {k: v for k, v in complete.items() if k < 24}
    assert [24, 29, 34, 39, 44] == [k for k, v in complete.items() if v and 24 <= k < 48]


def test_a_quantity_of_nothing_has_no_average_price() -> None:
    (bar,) = made(table_of(trade(0, MIDNIGHT, "10", "0")), TICK_BARS, 1).to_pylist()
    assert (None, 0.0, 10.0) == (bar["vwap"], bar["volume"], bar["close"])


def test_times_that_run_backwards_are_of_their_own_day_and_bars_in_order_of_time() -> None:
    times = [MIDNIGHT - 3, MIDNIGHT + 9, MIDNIGHT - 2, MIDNIGHT + 8]
    table = table_of(*(trade(number, time) for number, time in enumerate(times)))
    bars = made(table, TICK_BARS, 1).to_pylist()
    assert [0, 2, 3, 1] == [each["first_agg_trade_id"] for each in bars]
    two = made(table, TICK_BARS, 2).to_pylist()
    assert [(0, 2), (1, 3)] == [(each["first_agg_trade_id"], each["last_agg_trade_id"]) for each in two]


def test_few_bars_read_few_days_and_not_the_history() -> None:
    """40 days of 48 trades; what else is read are the neighbours by id, and the ends of the id range."""
    store = stored(table_of(*(trade(number, MIDNIGHT + number * HOUR // 2) for number in range(40 * 48))))
    assert 5 == len(read(store, TICK_BARS, 5, limit=5))
    assert 48 <= store.rows <= 48 + 4
    store.rows = 0
    assert 48 == len(read(store, TICK_BARS, 10, start=MIDNIGHT + 3 * DAY, limit=48))
    assert 10 * 48 <= store.rows < 40 * 48


def test_the_newest_bars_are_found_across_a_long_silence() -> None:
    times = [MIDNIGHT, MIDNIGHT + DAY, MIDNIGHT + 400 * DAY, MIDNIGHT + 900 * DAY]
    store = stored(table_of(*(trade(number, time) for number, time in enumerate(times))))
    assert [1, 2, 3] == [each["first_agg_trade_id"] for each in read(store, TICK_BARS, 100, limit=3)]
    assert 4 == len(read(store, TICK_BARS, 100, limit=1000))


@pytest.mark.parametrize(
    ("view", "params", "says"),
    [
        (TICK_BARS, {"size": 0}, "size must be above 0"),
        (TICK_BARS, {"size": 2.5}, "size must be a whole number"),
        (VOLUME_BARS, {"size": -1}, "size must be above 0"),
        (DOLLAR_BARS, {"size": "much"}, "size must be a number"),
        (DOLLAR_BARS, {"size": "inf"}, "size must be a number"),
        (IMBALANCE_BARS, {"sise": 5}, "sise is not known .did you mean size"),
        (IMBALANCE_BARS, {"timeframe": "1m"}, "timeframe is not known; known: size"),
    ],
)
def test_a_wrong_parameter_is_told_in_a_sentence(view: Derivation, params: Record, says: str) -> None:
    reader = StoreReader((stored(table_of(trade(0, MIDNIGHT))),), (TRADES,), BARS)
    with pytest.raises(RequestError, match=says):
        reader.read(Request(view.name, "BTCUSDT", params=params))


@pytest.mark.parametrize(
    ("view", "size"), [(TICK_BARS, 500), (VOLUME_BARS, 12.5), (DOLLAR_BARS, 250e3), (IMBALANCE_BARS, 7.0)]
)
def test_a_recorded_hour_is_cut_as_decimals_cut_it(view: Derivation, size: float) -> None:
    path = HOUR_DATA / "BTCUSDT" / "2020-11-01T09-00-00_trades.json"
    if not path.exists():
        pytest.skip(f"the recording {path.name} of BTCUSDT is not here")
    table = to_table([json.dumps(event).encode() for event in json.loads(path.read_bytes())], "BTCUSDT").table
    bars = made(table, view, size).to_pylist()
    assert 20 < len(bars)
    assert reference(table.to_pylist(), view.name, size) == bars
    (hour,) = OHLCV.apply(table, OHLCV.params("1h")).to_pylist()
    assert Decimal(repr(hour["quote_volume"])) == sum(Decimal(repr(bar["quote_volume"])) for bar in bars)
    assert (hour["trade_count"], hour["open"], hour["close"]) == (
        sum(bar["trade_count"] for bar in bars),
        bars[0]["open"],
        bars[-1]["close"],
    )
