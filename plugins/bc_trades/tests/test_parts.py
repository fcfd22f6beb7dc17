"""Candles in parts: however the trades are cut, and whichever columns are read, the candles are the same to the bit."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bc_trades import TRADES
from bc_trades import pieces as pieces_module
from bc_trades.exact import Scaled, Scratch, Whole
from bc_trades.ohlcv import OHLCV, SCHEMA, OhlcvParams, merge, part, to_candles
from bcore import deriving
from bcore.instants import MINUTE, parse_instant
from bcore.local import StoreReader
from bcore.memory import MemoryStore
from bcore.query import Request
from bcore.records import Batch

START = parse_instant("2023-11-14T22:00:00")
FRAMES = st.sampled_from(["1s", "1m", "1h", "1M"])


@st.composite
def trades(draw: st.DrawFn, least: int = 1) -> pa.Table:
    """Ids and trade ids with holes, times that wander, voided rows, quantities of up to 10 decimals and 12 digits."""
    count = draw(st.integers(least, 60))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    ids = np.cumsum(random.choice([1, 1, 1, 1, 2], count)) - draw(st.sampled_from([0, 1]))
    last = np.cumsum(random.integers(1, 4, count) + (random.random(count) < 0.05))
    first = last - np.diff(last, prepend=0) + 1
    seconds = np.maximum.accumulate(np.cumsum(random.choice([0, 0.5, 20, 70], count)))
    seconds += random.choice([0, 0, 0, -30], count) * draw(st.sampled_from([0, 1]))
    price = random.integers(1, 10 ** draw(st.sampled_from([4, 9])), count) / 10.0 ** draw(st.integers(0, 8))
    quantity = random.integers(1, 10 ** draw(st.sampled_from([3, 12])), count) / 10.0 ** draw(st.integers(0, 10))
    voided = random.random(count) < draw(st.sampled_from([0, 0.2, 1]))
    price[voided], quantity[voided], first[voided], last[voided] = 0, 0, -1, -1
    columns = {
        "agg_trade_id": ids,
        "timestamp": START + (seconds * 1_000_000).astype(np.int64),
        "symbol": ["BTCUSDT"] * count,
        "price": price,
        "quantity": quantity,
        "first_trade_id": first,
        "last_trade_id": last,
        "is_buyer_maker": random.random(count) < 0.5,
        "is_best_match": np.ones(count, bool),
    }
    return pa.table([pa.array(columns[each.name], each.type) for each in TRADES.schema], schema=TRADES.schema)


def parted(table: pa.Table, cuts: list[int], params: OhlcvParams) -> pa.Table:
    edges = sorted({0, table.num_rows, *(cut for cut in cuts if cut < table.num_rows)})
    tables = [table.slice(one, other - one) for one, other in pairwise(edges)]
    return merge([part(each, params) for each in tables], params)


@settings(deadline=None)
@given(trades(), st.lists(st.integers(0, 60), max_size=6), FRAMES)
def test_candles_in_parts_are_the_candles_of_all(table: pa.Table, cuts: list[int], timeframe: str) -> None:
    params = OhlcvParams(timeframe)
    assert to_candles(table, params) == parted(table, cuts, params)


@settings(deadline=None)
@given(trades(), FRAMES, st.integers(1, 20))
def test_the_size_of_blocks_changes_nothing(table: pa.Table, timeframe: str, size: int) -> None:
    params = OhlcvParams(timeframe)
    whole = to_candles(table, params)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces_module, "BLOCK", size)
        assert whole == to_candles(table, params)


def stored(table: pa.Table) -> StoreReader:
    store = MemoryStore()
    store.append(Batch(TRADES, "BTCUSDT", table))
    return StoreReader((store,), (TRADES,), (OHLCV,))


def asked(timeframe: str, **more: Any) -> Request:
    return Request("ohlcv", "BTCUSDT", params={"timeframe": timeframe}, **more)


@settings(deadline=None)
@given(trades(), FRAMES, st.integers(1, 30), st.none() | st.integers(-2, 20), st.none() | st.integers(-2, 30))
def test_a_scan_in_windows_brings_what_is_read_at_once(
    table: pa.Table, timeframe: str, rows: int, begin: int | None, end: int | None
) -> None:
    begin, end = (None if number is None else START + number * MINUTE // 2 for number in (begin, end))
    if begin is not None and end is not None:
        begin, end = min(begin, end), max(begin, end)
    reader, request = stored(table), asked(timeframe, start=begin, end=end)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deriving, "WINDOW_ROWS", rows)
        assert reader.read(request) == reader.scan(request).read_all()


@settings(deadline=None)
@given(trades(), st.sets(st.sampled_from(SCHEMA.names), min_size=1), FRAMES)
def test_columns_asked_for_alone_are_what_they_are_among_all(
    table: pa.Table, columns: set[str], timeframe: str
) -> None:
    reader, names = stored(table), tuple(sorted(columns))
    assert reader.read(asked(timeframe)).select(names) == reader.read(asked(timeframe, columns=names))
    assert reader.read(asked(timeframe)).select(names) == reader.scan(asked(timeframe, columns=names)).read_all()


def test_only_the_columns_that_a_candle_needs_are_read() -> None:
    read: list[tuple[str, ...] | None] = []

    class Noting(MemoryStore):
        def scan(self, query: Any) -> Any:
            read.append(query.columns)
            return super().scan(query)

    store = Noting()
    row = [1, START, "BTCUSDT", 2.5, 1.0, 7, 7, True, True]
    table = pa.table([pa.array([v], each.type) for v, each in zip(row, TRADES.schema, strict=True)], TRADES.schema)
    store.append(Batch(TRADES, "BTCUSDT", table))
    made = StoreReader((store,), (TRADES,), (OHLCV,)).read(asked("1m", columns=("symbol", "high", "volume")))
    assert [{"symbol": "BTCUSDT", "high": 2.5, "volume": 1.0}] == made.to_pylist()
    assert [("agg_trade_id", "timestamp", "price", "quantity")] == read


def test_a_hole_in_the_store_makes_the_bars_beside_it_incomplete() -> None:
    seconds = np.arange(0, 600, 10)
    keep = np.flatnonzero((seconds < 290) | (seconds > 310))
    count = len(keep)
    columns: list[Any] = [keep, START + seconds[keep] * 1_000_000, ["BTCUSDT"] * count, np.full(count, 2.5)]
    columns += [np.ones(count), keep, keep, np.ones(count, bool), np.ones(count, bool)]
    arrays = [pa.array(values, each.type) for values, each in zip(columns, TRADES.schema, strict=True)]
    reader = stored(pa.table(arrays, schema=TRADES.schema))
    whole = [True] * 4 + [False] * 2 + [True] * 3 + [False]
    assert 1 == len(reader.stores[0].spans(next(iter(reader.stores[0].series()))).gaps().runs)
    assert whole == reader.read(asked("1m")).column("complete").to_pylist()
    for minute, complete in enumerate(whole):
        one = asked("1m", start=START + minute * MINUTE, end=START + (minute + 1) * MINUTE)
        assert [complete] == reader.read(one).column("complete").to_pylist()


@given(st.lists(st.integers(0, 2**53 - 1), min_size=1), st.integers(0, 8))
def test_sums_in_floats_are_exact_or_refused(units: list[int], decimals: int) -> None:
    values = np.array([number / 10**decimals for number in units])
    quick, starts = Whole.of(values), np.array([0], np.intp)
    total = None if quick is None else quick.totals(starts)
    assert total is None or Scaled.of(values).totals(starts).nearest().tolist() == total.nearest().tolist()


def test_everyday_sums_are_made_in_floats() -> None:
    quick = Whole.of(np.array([0.1] * 10 + [0.3]))
    assert quick is not None
    total = quick.totals(np.array([0], np.intp))
    assert total is not None
    assert [1.3] == total.nearest().tolist()


@settings(deadline=None)
@given(trades(), st.sets(st.sampled_from(SCHEMA.names), min_size=1), FRAMES)
def test_candles_of_chosen_columns_are_those_of_all(table: pa.Table, columns: set[str], timeframe: str) -> None:
    params = OhlcvParams(timeframe)
    chosen = [name for name in SCHEMA.names if name in columns]
    assert to_candles(table, params).select(chosen) == to_candles(table, params, columns).select(chosen)


def test_what_is_not_asked_for_is_not_made() -> None:
    columns = {"timestamp", "open", "volume"}
    row = [1, START, "BTCUSDT", 2.5, 1.0, 7, 7, True, True]
    table = pa.table([pa.array([v], each.type) for v, each in zip(row, TRADES.schema, strict=True)], TRADES.schema)
    (piece,) = part(table, OhlcvParams("1m"), columns).pieces
    assert ({"open"}, {"volume"}, None) == (set(piece.values), set(piece.sums), piece.head.id)


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(0, 2**53 - 1), min_size=1, max_size=9), min_size=1), st.integers(0, 8))
def test_memory_that_is_used_again_leaves_nothing_behind(blocks: list[list[int]], decimals: int) -> None:
    scratch, starts = Scratch(), np.array([0], np.intp)
    for units in blocks:
        values = np.array([number / 10**decimals for number in units])
        quick = Whole.of(values, scratch, "units")
        total = None if quick is None else quick.totals(starts)
        assert total is None or Scaled.of(values).totals(starts).nearest().tolist() == total.nearest().tolist()


@pytest.mark.parametrize("column", ["price", "quantity"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_price_or_quantity_that_is_no_number_is_refused(column: str, value: float) -> None:
    row = dict(zip(TRADES.schema.names, [1, START, "BTCUSDT", 2.5, 1.0, 7, 7, True, True], strict=True))
    table = pa.table({each.name: pa.array([{**row, column: value}[each.name]], each.type) for each in TRADES.schema})
    for columns in (SCHEMA.names, [{"price": "high", "quantity": "volume"}[column]]):
        with pytest.raises(ValueError, match="missing or not finite"):
            to_candles(table, OhlcvParams("1m"), columns)


@pytest.mark.parametrize("offset", range(10))
def test_flags_of_a_slice_are_those_of_its_rows(offset: int) -> None:
    random = np.random.default_rng(5)
    flags = random.random(40) < 0.5
    rows = np.arange(40)
    columns: list[Any] = [rows, START + rows, ["BTCUSDT"] * 40, np.full(40, 2.0), np.ones(40), rows, rows, flags, flags]
    arrays = [pa.array(values, each.type) for values, each in zip(columns, TRADES.schema, strict=True)]
    made = to_candles(pa.table(arrays, schema=TRADES.schema).slice(offset, 25), OhlcvParams("1d"))
    assert [float(np.count_nonzero(~flags[offset : offset + 25]))] == made.column("taker_buy_volume").to_pylist()
