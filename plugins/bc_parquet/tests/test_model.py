"""The store against the reference model, through random appends and questions."""

from __future__ import annotations

import tempfile

from conftest import BEGIN, BOOKS, TRADES, books, trades
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bc_parquet import ParquetStore
from bcore.memory import MemoryStore
from bcore.query import Query
from bcore.records import Series

IDS = st.integers(0, 400)
MOMENT = st.none() | st.integers(-5, 410).map(lambda id_: BEGIN + id_ * 1000)
BATCHES = st.lists(st.sets(IDS, min_size=1, max_size=40), min_size=1, max_size=12)
COUNTS = (
    st.fixed_dictionaries({})
    | st.integers(0, 60).map(lambda n: {"limit": n})
    | st.integers(0, 60).map(lambda n: {"tail": n})
)
COLUMNS = st.none() | st.sampled_from([("price",), ("agg_trade_id", "symbol"), ("timestamp", "agg_trade_id")])
slow = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@slow
@given(
    BATCHES,
    st.lists(
        st.tuples(MOMENT, MOMENT, st.none() | IDS, st.none() | IDS, COUNTS, st.integers(0, 9), COLUMNS), max_size=6
    ),
)
def test_trades_are_held_and_answered_as_by_the_model(batches: list, questions: list) -> None:
    series, model = Series(TRADES, "BTCUSDT"), MemoryStore()
    with tempfile.TemporaryDirectory() as folder:
        store = ParquetStore(folder)
        for ids in batches:
            assert model.append(trades(ids)) == store.append(trades(ids))
            assert model.spans(series) == store.spans(series)
            assert model.last(series) == store.last(series)
        for start, end, first, last, counts, offset, columns in questions:
            query = Query(
                TRADES,
                "BTCUSDT",
                start=start,
                end=end,
                first=first,
                last=last,
                offset=offset,
                columns=columns,
                **counts,
            )
            assert model.read(query).equals(store.read(query))
            assert model.read(query).equals(store.scan(query).read_all())
        assert model.stats(series).rows == store.stats(series).rows
        assert model.stats(series).first_time == store.stats(series).first_time
        assert model.stats(series).gaps == store.stats(series).gaps
        store.compact(series)
        assert model.read(Query(TRADES, "BTCUSDT")).equals(store.read(Query(TRADES, "BTCUSDT")))
        store.close()


@slow
@given(
    st.lists(st.sets(st.integers(0, 60), min_size=1, max_size=8), min_size=1, max_size=12),
    st.none() | st.sampled_from([(1.0,), (10.0,), (1.0, 10.0), (3.0,)]),
    COUNTS,
)
def test_rows_with_a_composite_key_are_held_and_answered_as_by_the_model(
    batches: list, ticks: tuple, counts: dict
) -> None:
    series, model = Series(BOOKS, "BTCUSDT"), MemoryStore()
    where = {} if ticks is None else {"tick_size": ticks}
    with tempfile.TemporaryDirectory() as folder:
        store = ParquetStore(folder)
        for number, seconds in enumerate(batches):
            batch = books(seconds, ticks=(1.0, 10.0) if number % 2 else (10.0,))
            assert model.append(batch) == store.append(batch)
            assert model.last(series) == store.last(series)
        query = Query(BOOKS, "BTCUSDT", where=where, **counts)
        assert str(model.read(query).to_pylist()) == str(store.read(query).to_pylist())
        hot = Query(BOOKS, "BTCUSDT", where=where, tail=7)
        assert str(model.read(hot).to_pylist()) == str(store.hot(hot).to_pylist())
        store.close()
