"""vwap and taker flow: against a slow reference over Decimals, and the window law through a real reader."""

from __future__ import annotations

import json
from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bc_trades import TRADES, to_table
from bc_trades.exact import Scaled
from bc_trades.ohlcv import OHLCV
from bc_trades.quotients import averages
from bc_trades.sessions import SessionParams
from bc_trades.taker_flow import TAKER_FLOW
from bc_trades.vwap import VWAP
from bcore import deriving
from bcore.errors import RequestError
from bcore.instants import DAY, HOUR, MINUTE, SECOND, parse_instant
from bcore.local import StoreReader
from bcore.memory import MemoryStore
from bcore.query import Query, Request, clip
from bcore.records import Batch, Derivation

Record = dict[str, Any]
HOUR_DATA = Path(__file__).parents[4] / "shared" / "data" / "deep_orderbook_20201101_09h"
MIDNIGHT = parse_instant("2023-11-15")
VIEWS = st.sampled_from([VWAP, TAKER_FLOW])
FRAMES = {"15m": 15 * MINUTE, "1h": HOUR, "8h": 8 * HOUR, "1d": DAY}
TIMEFRAMES = st.sampled_from(list(FRAMES))
UNIT = Decimal("0.00000001")
ZERO = Decimal(0)


def number(value: float) -> Decimal:
    return Decimal(repr(value))


def cut(total: Decimal) -> float:
    """To 8 decimals, towards 0."""
    return float(int(total / UNIT) * UNIT)


def micros(row: Record) -> int:
    return int(row["timestamp"].timestamp()) * SECOND + int(row["timestamp"].microsecond)


def voided(row: Record) -> bool:
    return bool(row["price"] == row["quantity"] == 0 and row["first_trade_id"] == -1)


def follows(one: Record, other: Record) -> bool:
    if one["agg_trade_id"] + 1 != other["agg_trade_id"]:
        return False
    return voided(one) or voided(other) or bool(one["last_trade_id"] + 1 == other["first_trade_id"])


def lacking(rows: list[Record], length: int) -> set[int]:
    """Open times of the bars beside a hole."""
    beside = [rows[-1]] if rows[0]["agg_trade_id"] == 0 else [rows[0], rows[-1]]
    for one, other in pairwise(rows):
        beside += [] if follows(one, other) else [one, other]
    return {micros(row) // length * length for row in beside}


def reference(rows: list[Record], view: str, timeframe: str) -> list[Record]:
    """The bars of all rows there are, in order of id."""
    length, made = FRAMES[timeframe], []
    broken = lacking(rows, length)
    real = [row for row in rows if not voided(row)]
    with localcontext(prec=80):
        for opened in sorted({micros(row) // length * length for row in real}):
            midnight = opened // DAY * DAY
            bar = [row for row in real if opened <= micros(row) < opened + length]
            day = [row for row in real if midnight <= micros(row) < opened + length]
            numbers = vwap_of(bar, day) if view == "vwap" else flow_of(bar, day)
            flags = {
                "complete": opened not in broken,
                "day_complete": not any(midnight <= each <= opened for each in broken),
            }
            made.append({"timestamp": opened, "symbol": "BTCUSDT", **numbers, **flags})
    return made


def volumes(rows: list[Record]) -> tuple[Decimal, Decimal]:
    quote = sum((number(row["price"]) * number(row["quantity"]) for row in rows), ZERO)
    return sum((number(row["quantity"]) for row in rows), ZERO), quote


def count(rows: list[Record]) -> int:
    return sum(row["last_trade_id"] - row["first_trade_id"] + 1 for row in rows)


def vwap_of(bar: list[Record], day: list[Record]) -> Record:
    made: Record = {}
    for prefix, rows in (("", bar), ("day_", day)):
        volume, quote = volumes(rows)
        made[f"{prefix}vwap"] = float(Fraction(quote) / Fraction(volume)) if volume else None
        made |= {f"{prefix}volume": cut(volume), f"{prefix}quote_volume": cut(quote)}
    return {**made, "trade_count": count(bar)}


def flow_of(bar: list[Record], day: list[Record]) -> Record:
    buys, sells = ([row for row in bar if row["is_buyer_maker"] is sold] for sold in (False, True))
    made: Record = {"buy_count": count(buys), "sell_count": count(sells)}
    for side, rows in (("buy", buys), ("sell", sells)):
        volume, quote = volumes(rows)
        made |= {f"{side}_volume": cut(volume), f"{side}_quote_volume": cut(quote)}
    for prefix, rows in (("", bar), ("day_", day)):
        bought = volumes([row for row in rows if not row["is_buyer_maker"]])
        sold = volumes([row for row in rows if row["is_buyer_maker"]])
        made |= {f"{prefix}delta": cut(bought[0] - sold[0]), f"{prefix}quote_delta": cut(bought[1] - sold[1])}
    return made


@st.composite
def archives(draw: st.DrawFn) -> pa.Table:
    """Some days, ids and trade ids with holes, times that wander also over midnight, voided rows, long numbers."""
    rows = draw(st.integers(1, 50))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    ids = np.cumsum(random.choice([1] * draw(st.sampled_from([4, 40])) + [2], rows)) - draw(st.sampled_from([0, 1]))
    last = np.cumsum(random.integers(1, 4, rows) + (random.random(rows) < draw(st.sampled_from([0, 0.05]))))
    first = last - np.diff(last, prepend=0) + 1
    hours = np.cumsum(random.choice([0, 0.2, 3, 30], rows, p=[0.3, 0.4, 0.25, 0.05])) - draw(st.integers(0, 30))
    hours += random.choice([0, 0, 0, -4, 2], rows) * draw(st.sampled_from([0, 1]))
    price = random.integers(1, 10 ** draw(st.sampled_from([1, 9])), rows) / 10.0 ** draw(st.integers(0, 8))
    quantity = random.integers(1, 10 ** draw(st.sampled_from([1, 3, 12])), rows) / 10.0 ** draw(st.integers(0, 10))
    empty = random.random(rows) < draw(st.sampled_from([0, 0.2, 1]))
    price[empty], quantity[empty], first[empty], last[empty] = 0, 0, -1, -1
    maker, best = random.random(rows) < draw(st.sampled_from([0, 0.5, 1])), np.ones(rows, bool)
    times = MIDNIGHT + (hours * HOUR).astype(np.int64)
    columns = [ids, times, ["BTCUSDT"] * rows, price, quantity, first, last, maker, best]
    return pa.table(
        [pa.array(each, kind.type) for each, kind in zip(columns, TRADES.schema, strict=True)], TRADES.schema
    )


def stored(table: pa.Table) -> MemoryStore:
    store = MemoryStore()
    store.append(Batch(TRADES, "BTCUSDT", table))
    return store


def reader(store: MemoryStore) -> StoreReader:
    return StoreReader((store,), (TRADES,), (VWAP, TAKER_FLOW))


def read(store: MemoryStore, view: Derivation, timeframe: str, **more: Any) -> list[Record]:
    table = reader(store).read(Request(view.name, "BTCUSDT", params={"timeframe": timeframe}, **more))
    assert view.schema == table.schema
    return list(table.to_pylist())


@settings(deadline=None, max_examples=200)
@given(archives(), VIEWS, TIMEFRAMES)
def test_the_sums_of_bars_and_days_are_what_decimals_make_of_them(
    table: pa.Table, view: Derivation, timeframe: str
) -> None:
    made = view.apply(table, SessionParams(timeframe)).to_pylist()
    assert reference(table.to_pylist(), view.name, timeframe) == [{**bar, "timestamp": micros(bar)} for bar in made]


@settings(deadline=None)
@given(archives(), VIEWS, TIMEFRAMES, st.integers(-60, 100), st.integers(0, 60))
def test_a_window_gives_what_everything_gives_cut_to_it(
    table: pa.Table, view: Derivation, timeframe: str, begin: int, hours: int
) -> None:
    everything, store = view.apply(table, SessionParams(timeframe)), stored(table)
    start, end = MIDNIGHT + begin * HOUR, MIDNIGHT + (begin + hours) * HOUR
    window = clip(everything, "timestamp", start, end).to_pylist()
    assert window == read(store, view, timeframe, start=start, end=end)
    assert everything.to_pylist() == read(store, view, timeframe)
    for number_of_bars in (1, 4):
        assert everything.to_pylist()[-number_of_bars:] == read(store, view, timeframe, limit=number_of_bars)
        assert window[:number_of_bars] == read(store, view, timeframe, start=start, end=end, limit=number_of_bars)
        assert window[-number_of_bars:] == read(store, view, timeframe, start=start, end=end, tail=number_of_bars)


@settings(deadline=None)
@given(archives(), VIEWS, TIMEFRAMES, st.integers(1, 20))
def test_a_scan_in_windows_brings_what_is_read_at_once(
    table: pa.Table, view: Derivation, timeframe: str, rows: int
) -> None:
    store = stored(table)
    request = Request(view.name, "BTCUSDT", params={"timeframe": timeframe})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deriving, "WINDOW_ROWS", rows)
        assert reader(store).read(request).to_pylist() == reader(store).scan(request).read_all().to_pylist()


@settings(deadline=None)
@given(archives(), VIEWS, TIMEFRAMES, st.integers(0, 50))
def test_in_parts_it_is_what_it_is_of_all(table: pa.Table, view: Derivation, timeframe: str, where: int) -> None:
    params = SessionParams(timeframe)
    halves = [half for half in (table.slice(0, where), table.slice(where)) if half.num_rows]
    assert view.part is not None
    assert view.merge is not None
    whole = view.apply(table, params).to_pylist()
    assert whole == view.merge([view.part(half, params) for half in halves], params).to_pylist()


@pytest.mark.parametrize("view", [VWAP, TAKER_FLOW], ids=lambda view: view.name)
def test_no_trades_make_no_rows(view: Derivation) -> None:
    made = view.apply(TRADES.schema.empty_table(), SessionParams())
    assert (0, view.schema) == (made.num_rows, made.schema)


def trade(at: int, time: int, price: str = "10", quantity: str = "1", **changes: Any) -> Record:
    return {"a": at, "p": price, "q": quantity, "f": at, "l": at, "T": time, "m": False, **changes}


def table_of(*records: Record) -> pa.Table:
    return to_table([json.dumps(record).encode() for record in records], "BTCUSDT").table


def test_sums_of_the_day_begin_anew_at_midnight() -> None:
    table = table_of(
        trade(0, MIDNIGHT - HOUR, "10", "1"),
        trade(1, MIDNIGHT - 1, "20", "3", m=True),
        trade(2, MIDNIGHT, "30", "1"),
        trade(3, MIDNIGHT + HOUR, "60", "2"),
    )
    averaged = VWAP.apply(table, SessionParams("1h")).select(["vwap", "day_vwap", "day_volume"])
    assert {"vwap": [17.5, 30.0, 60.0], "day_vwap": [17.5, 30.0, 50.0], "day_volume": [4.0, 1.0, 3.0]} == (
        averaged.to_pydict()
    )
    flow = TAKER_FLOW.apply(table, SessionParams("1h")).select(["delta", "day_delta", "day_quote_delta"])
    assert {"delta": [-2.0, 1.0, 2.0], "day_delta": [-2.0, 1.0, 3.0], "day_quote_delta": [-50.0, 30.0, 150.0]} == (
        flow.to_pydict()
    )


def test_a_day_may_sum_up_to_more_than_64_bits_hold() -> None:
    table = table_of(*(trade(at, MIDNIGHT + at * HOUR, "9999999.12345678", "4000") for at in range(3)))
    price = Decimal("9999999.12345678")
    made = VWAP.apply(table, SessionParams("1h")).to_pylist()
    assert 3 * 4000 * price / UNIT > 2**63
    assert [float(bars * 4000 * price) for bars in (1, 2, 3)] == [bar["day_quote_volume"] for bar in made]
    assert [float(price)] * 3 == [bar["day_vwap"] for bar in made]


def test_only_the_day_so_far_is_read_and_no_history() -> None:
    class Noting(MemoryStore):
        def scan(self, query: Query) -> pa.RecordBatchReader:
            table = self.read(query)
            if table.num_columns > 1:
                rows.append(table.num_rows)
            return table.to_reader()

    rows: list[int] = []
    store = Noting()
    store.append(Batch(TRADES, "BTCUSDT", table_of(*(trade(at, MIDNIGHT + at * HOUR) for at in range(40 * 24)))))
    (bar,) = read(store, VWAP, "1h", start=MIDNIGHT + 20 * DAY + 3 * HOUR, end=MIDNIGHT + 20 * DAY + 4 * HOUR)
    assert (1.0, 4.0, True) == (bar["volume"], bar["day_volume"], bar["day_complete"])
    assert [4 + 2] == rows


@pytest.mark.parametrize(("timeframe", "says"), [("3d", "1d or shorter"), ("1M", "1d or shorter"), ("7m", "one of 1s")])
def test_a_bar_longer_than_its_session_is_refused(timeframe: str, says: str) -> None:
    store = stored(table_of(trade(0, MIDNIGHT)))
    with pytest.raises(RequestError, match=f"timeframe must be {says}"):
        read(store, TAKER_FLOW, timeframe)


@given(
    st.integers(0, 8),
    st.lists(st.tuples(st.integers(1, 10**9), st.integers(1, 10**6)), min_size=1, max_size=30),
    st.integers(0, 3),
)
def test_an_average_is_the_nearest_float_however_many_decimals_are_written(
    decimals: int, trades: list[tuple[int, int]], more: int
) -> None:
    quote, volume = sum(price * amount for price, amount in trades), sum(amount for _, amount in trades)
    expected = float(Fraction(quote, volume * 10**decimals))
    for longer in (0, more):
        units = np.array([quote * 10**longer]), np.array([volume])
        assert [expected] == averages(Scaled(units[0], 5 + decimals + longer), Scaled(units[1], 5)).tolist()


def test_a_recorded_hour_adds_up_to_the_candle_of_the_hour() -> None:
    path = HOUR_DATA / "BTCUSDT" / "2020-11-01T09-00-00_trades.json"
    if not path.exists():
        pytest.skip(f"the recording {path.name} of BTCUSDT is not here")
    table = to_table([json.dumps(event).encode() for event in json.loads(path.read_bytes())], "BTCUSDT").table
    (hour,) = OHLCV.apply(table, OHLCV.params("1h")).to_pylist()
    averaged = VWAP.apply(table, SessionParams("5m")).to_pylist()
    flow = TAKER_FLOW.apply(table, SessionParams("5m")).to_pylist()
    assert (12, 12) == (len(averaged), len(flow))
    assert (hour["volume"], hour["quote_volume"]) == (averaged[-1]["day_volume"], averaged[-1]["day_quote_volume"])
    assert hour["trade_count"] == sum(each["buy_count"] + each["sell_count"] for each in flow)
    assert hour["taker_buy_volume"] == float(sum(number(each["buy_volume"]) for each in flow))
    assert cut(2 * number(hour["taker_buy_volume"]) - number(hour["volume"])) == flow[-1]["day_delta"]
    assert all(
        bar["low"] <= each["vwap"] <= bar["high"]
        for bar, each in zip(OHLCV.apply(table, OHLCV.params("5m")).to_pylist(), averaged, strict=True)
    )
